//! Look-ups over tiers that are away, slow, old, forged, or too new.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{
    Log,
    api_token::{ApiToken, ApiTokenCommand},
};
use eventlog::{PAGE_MAX, Recorded};
use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;

use super::{LookupOutcome, TierError, TokenLookup, TokenOutOfReach, TokenTier};
use crate::{
    Directory, Versioned,
    fixtures::{House, hashed, issue_token, token_id, unread},
    tokens::{self, TokenRow},
};

const HASH: [u8; 32] = [0xa1; 32];

/// What a tier does.
#[derive(Clone)]
enum Does {
    Says(Option<Box<Versioned<TokenRow>>>),
    Forges,
    Fails,
    Hangs,
}

struct Fake {
    does: Mutex<Does>,
    asked: AtomicUsize,
}

#[derive(Clone)]
struct Tier(&'static str, Arc<Fake>);

impl TokenTier for Tier {
    fn name(&self) -> &'static str {
        self.0
    }

    fn token<'a>(&'a self, _: &'a [u8; 32]) -> BoxFuture<'a, Result<Option<Versioned<TokenRow>>, TierError>> {
        self.1.asked.fetch_add(1, Ordering::SeqCst);
        let does = self.1.does.lock().clone();
        Box::pin(async move {
            match does {
                Does::Says(said) => {
                    tokio::task::yield_now().await;
                    Ok(said.map(|said| *said))
                }
                Does::Forges => Err(TierError::Forged),
                Does::Fails => Err(TierError::Away("away".into())),
                Does::Hangs => std::future::pending().await,
            }
        })
    }
}

fn says(row: Versioned<TokenRow>) -> Does {
    Does::Says(Some(Box::new(row)))
}

fn tier(name: &'static str, does: Does) -> Tier {
    Tier(name, Arc::new(Fake { does: Mutex::new(does), asked: AtomicUsize::new(0) }))
}

impl Tier {
    fn asked(&self) -> usize {
        self.1.asked.load(Ordering::SeqCst)
    }
}

/// A token whose row nobody has kept here, and its log.
struct Rig {
    house: House,
    directory: Arc<Directory>,
}

impl Rig {
    async fn open() -> Self {
        let house = House::open().await;
        issue_token(&house, 1, 1, 0xa1).await;
        let directory = unread(&house, 1, 0xa1);
        Self { house, directory }
    }

    /// The row as the tables have it.
    async fn row(&self) -> Versioned<TokenRow> {
        let stored = tokens::find(self.house.log.read_pool(), token_id(1)).await.unwrap().unwrap();
        Versioned { version: stored.version, row: stored.row }
    }

    async fn rotate_to(&self, key: u8) {
        let rotate = ApiTokenCommand::Rotate(hashed(key));
        self.house.ask::<ApiToken>(&token_id(1).to_string(), rotate).await.unwrap();
    }

    async fn disable(&self) {
        let id = token_id(1).to_string();
        self.house.ask::<ApiToken>(&id, ApiTokenCommand::Disable).await.unwrap();
    }

    async fn unheard(&self) -> Vec<Recorded> {
        let reader = self.house.log.reader();
        reader.read(Log::Control, self.directory.position(), PAGE_MAX).await.unwrap()
    }

    async fn hear(&self) {
        self.directory.take(&self.unheard().await).unwrap();
    }

    fn lookup(&self, tiers: &[&Tier]) -> Arc<TokenLookup> {
        let tiers = tiers.iter().map(|tier| Box::new((*tier).clone()) as Box<dyn TokenTier>);
        TokenLookup::new(self.directory.clone(), tiers.collect())
    }
}

fn counted(lookup: &TokenLookup, tier: &str, outcome: LookupOutcome) -> u64 {
    let counts = lookup.counts();
    counts.iter().find(|count| count.tier == tier && count.outcome == outcome).map_or(0, |count| count.count)
}

#[tokio::test]
async fn one_tier_after_another_is_asked_until_one_has_the_row_that_is_known() {
    let rig = Rig::open().await;
    let row = rig.row().await;
    for first in [Does::Says(None), Does::Forges, Does::Fails] {
        let rig = Rig::open().await;
        let (one, two) = (tier("one", first), tier("two", says(row.clone())));
        let lookup = rig.lookup(&[&one, &two]);
        for _ in 0..3 {
            assert_eq!(lookup.find(&HASH).await.unwrap().unwrap().token_id, token_id(1));
        }
        assert_eq!((one.asked(), two.asked()), (1, 1), "it is at hand afterwards");
        assert_eq!(counted(&lookup, "memory", LookupOutcome::Found), 2);
        assert_eq!(lookup.find(&[0xee; 32]).await, Ok(None));
        assert_eq!((one.asked(), two.asked()), (1, 1), "nobody is asked of a key that no token has");
    }
}

#[tokio::test]
async fn a_row_that_is_old_is_passed_over_and_where_nobody_has_another_the_token_is_out_of_reach() {
    let rig = Rig::open().await;
    let old = rig.row().await;
    rig.disable().await;
    rig.hear().await;
    let (one, two) = (tier("one", says(old)), tier("two", Does::Says(None)));
    let lookup = rig.lookup(&[&one, &two]);
    assert_eq!(lookup.find(&HASH).await, Err(TokenOutOfReach));
    assert_eq!(counted(&lookup, "one", LookupOutcome::Older), 1);
    *two.1.does.lock() = says(rig.row().await);
    assert_eq!(lookup.find(&HASH).await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn a_row_of_another_key_is_not_used_whoever_says_so() {
    let rig = Rig::open().await;
    let mut other = rig.row().await;
    other.row.key = hashed(0xee);
    let lookup = rig.lookup(&[&tier("one", says(other))]);
    assert_eq!(lookup.find(&HASH).await, Err(TokenOutOfReach));
    assert_eq!(counted(&lookup, "one", LookupOutcome::Forged), 1);
}

#[tokio::test]
async fn a_row_that_is_newer_than_what_was_heard_waits_for_that_and_no_longer_than_a_look_up_may_take() {
    let rig = Rig::open().await;
    rig.disable().await;
    let one = tier("one", says(rig.row().await));
    let (lookup, unheard) = (rig.lookup(&[&one]), rig.unheard().await);
    // From here on the clock is the test's: the database is done with.
    tokio::time::pause();
    assert_eq!(lookup.find(&HASH).await, Err(TokenOutOfReach));
    let (found, ()) = tokio::join!(lookup.find(&HASH), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        rig.directory.take(&unheard).unwrap();
    });
    assert_eq!(found.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn a_key_that_is_replaced_while_it_is_looked_up_is_nobodys() {
    let rig = Rig::open().await;
    rig.disable().await;
    let one = tier("one", says(rig.row().await));
    rig.rotate_to(0xb1).await;
    let (lookup, unheard) = (rig.lookup(&[&one]), rig.unheard().await);
    tokio::time::pause();
    let (found, ()) = tokio::join!(lookup.find(&HASH), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        rig.directory.take(&unheard).unwrap();
    });
    assert_eq!(found, Ok(None));
}

#[tokio::test]
async fn many_who_ask_for_one_key_are_one_and_none_of_them_is_forgotten_when_the_first_goes_away() {
    let rig = Rig::open().await;
    let one = tier("one", Does::Hangs);
    let (lookup, row) = (rig.lookup(&[&one]), rig.row().await);
    tokio::time::pause();
    {
        let first = lookup.find(&HASH);
        tokio::pin!(first);
        let gone = tokio::time::timeout(Duration::from_millis(10), &mut first).await;
        assert!(gone.is_err());
        assert_eq!((one.asked(), lookup.flights.len()), (1, 1));
        *one.1.does.lock() = says(row);
    }
    assert_eq!(lookup.flights.len(), 0);
    let found = join_all((0..50).map(|_| lookup.find(&HASH))).await;
    assert!(found.into_iter().all(|found| found.unwrap().is_some()));
    assert_eq!((one.asked(), lookup.flights.len()), (2, 0));
}

#[tokio::test]
async fn a_tier_that_never_answers_holds_nobody_longer_than_a_look_up_may_take() {
    let rig = Rig::open().await;
    let lookup = rig.lookup(&[&tier("one", Does::Hangs)]);
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    assert_eq!(lookup.find(&HASH).await, Err(TokenOutOfReach));
    assert!(begun.elapsed() <= super::LOOKUP_MAX + Duration::from_millis(10));
}
