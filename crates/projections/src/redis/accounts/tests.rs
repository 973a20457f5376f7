//! What accounts come to, at a real Redis server.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Aggregate, Nanos,
    account::{Account, AccountEvent, Owner},
};
use eventlog::decode;
use parking_lot::Mutex;

use super::{
    super::{RedisModelError, RedisReader, tests::Rig},
    projector::Step,
    *,
};
use crate::fixtures::{account_id, user_id};

/// Accounts as their own streams make them, with nothing but deposits.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<BTreeMap<AccountId, (Account, u64)>>>);

impl AccountSource for Book {
    fn touched(&self, events: &[Recorded]) -> Result<BTreeSet<AccountId>, StoreError> {
        let own = |event: &Recorded| event.id().parse::<AccountId>().unwrap();
        let each = events.iter().map(|event| (own(event), decode::<AccountEvent>(event).unwrap()));
        Ok(each.flat_map(|(own, event)| event.touched(own).collect::<Vec<_>>()).collect())
    }

    fn rows<'a>(
        &'a self,
        _: &'a Pool,
        ids: &'a BTreeSet<AccountId>,
    ) -> BoxFuture<'a, Result<Vec<Versioned<AccountSummary>>, StoreError>> {
        let book = self.0.lock();
        let row = |id| {
            let (account, version) = book.get(id)?;
            Some(Versioned { version: *version, row: AccountSummary::of(account, TimeStamp::default())? })
        };
        let rows = ids.iter().filter_map(row).collect();
        Box::pin(async { Ok(rows) })
    }

    fn ids<'a>(
        &'a self,
        _: &'a Pool,
        after: Option<AccountId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, StoreError>> {
        let book = self.0.lock();
        let ids =
            book.keys().copied().filter(|id| after.is_none_or(|after| *id > after)).take(limit).collect();
        Box::pin(async { Ok(ids) })
    }
}

struct Kept {
    rig: Rig,
    book: Book,
}

impl Kept {
    async fn open() -> Self {
        Self { rig: Rig::open().await, book: Book::default() }
    }

    fn projector(&self, node: &str) -> AccountProjector {
        let source = Box::new(self.book.clone());
        AccountProjector::new(self.rig.client.clone(), self.rig.sealer.clone(), source, node.into())
    }

    /// Appends to the log and takes into the book, as one transaction does elsewhere.
    async fn happens(&self, n: u128, event: AccountEvent) {
        {
            let mut book = self.book.0.lock();
            let (account, version) = book.entry(account_id(n)).or_default();
            account.evolve(&event);
            *version += 1;
        }
        self.rig.house.append::<Account>(&account_id(n).to_string(), &[event]).await;
    }

    async fn open_account(&self, n: u128) {
        let owner = Owner::User(user_id(n));
        let opened = AccountEvent::Opened { account_id: account_id(n), owner, limit: Limit::Prepaid };
        self.happens(n, opened).await;
    }

    async fn deposit(&self, n: u128, nanos: u64) {
        let amount_nanos = Nanos::new(nanos).unwrap();
        self.happens(n, AccountEvent::Deposited { amount_nanos, reason: "paid".into() }).await;
    }

    async fn step(&self, projector: &AccountProjector) -> Step {
        projector.step(self.rig.house.log.reader()).await.unwrap()
    }

    fn reader(&self) -> RedisReader {
        self.rig.reader()
    }

    /// What is left on an account, as the server says.
    async fn available(&self, n: u128) -> Option<String> {
        let found = self.reader().account(account_id(n)).await.unwrap();
        found.map(|found| found.row.available_nanos)
    }
}

#[tokio::test]
async fn what_an_account_comes_to_is_brought_once_however_often_it_changed() {
    let kept = Kept::open().await;
    let projector = kept.projector("a");
    kept.open_account(1).await;
    // Together more than a number in JSON is sure to be read as.
    kept.deposit(1, 9_007_199_254_740_991).await;
    kept.deposit(1, 2).await;
    assert_eq!(kept.step(&projector).await, Step::Anew);
    assert_eq!(kept.available(1).await.as_deref(), Some("9007199254740993"));
    assert_eq!((kept.step(&projector).await, kept.available(2).await), (Step::Idle, None));

    kept.open_account(2).await;
    for _ in 0..30 {
        kept.deposit(2, 7).await;
    }
    assert_eq!(kept.step(&projector).await, Step::Brought);
    assert_eq!(kept.available(2).await.as_deref(), Some("210"));
    assert_eq!(kept.step(&projector).await, Step::Idle);
    assert_eq!(projector.position(), 34);
}

#[tokio::test]
async fn after_a_wipe_and_after_another_log_all_of_it_is_made_anew_and_two_at_once_leave_what_one_would() {
    let kept = Kept::open().await;
    let (a, b) = (kept.projector("a"), kept.projector("b"));
    kept.open_account(1).await;
    kept.deposit(1, 5).await;
    kept.step(&a).await;
    kept.rig.redis.wipe().await;
    assert_eq!(kept.available(1).await, None);
    let reader = kept.rig.house.log.reader();
    let (one, other) = tokio::join!(a.step(reader), b.step(reader));
    one.unwrap();
    other.unwrap();
    kept.deposit(1, 5).await;
    for _ in 0..3 {
        let (one, other) = tokio::join!(a.step(reader), b.step(reader));
        one.unwrap();
        other.unwrap();
    }
    assert_eq!((kept.step(&a).await, kept.step(&b).await), (Step::Idle, Step::Idle));
    assert_eq!(kept.available(1).await.as_deref(), Some("10"));

    let keys = AccountKeys::of(&kept.rig.sealer);
    kept.rig.raw(&["HSET", &keys.place, "event", "another event"]).await;
    assert_eq!(kept.step(&a).await, Step::Anew);
    assert_eq!(kept.available(1).await.as_deref(), Some("10"));
}

#[tokio::test]
async fn an_older_row_never_takes_the_place_of_a_newer_one_and_a_forged_one_is_refused() {
    let kept = Kept::open().await;
    let projector = kept.projector("a");
    kept.open_account(1).await;
    kept.step(&projector).await;
    kept.deposit(1, 5).await;
    kept.step(&projector).await;
    // Whoever read it earlier is late.
    let before = kept.book.0.lock().get(&account_id(1)).cloned().unwrap();
    kept.book.0.lock().insert(account_id(1), (Account { credit_nanos: 0, ..before.0.clone() }, 1));
    kept.rig.house.append::<Account>(&account_id(1).to_string(), &[AccountEvent::Closed {}]).await;
    kept.step(&projector).await;
    assert_eq!(kept.available(1).await.as_deref(), Some("5"));

    let (keys, field) = (AccountKeys::of(&kept.rig.sealer), account_id(1).to_string());
    let value = kept.rig.text(&["HGET", &keys.rows, &field]).await;
    kept.rig.raw(&["HSET", &keys.rows, &field, &value.replace("\"5\"", "\"6\"")]).await;
    let read = kept.reader().account(account_id(1)).await;
    assert!(matches!(read, Err(RedisModelError::Forged)), "{read:?}");
}
