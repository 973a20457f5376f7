//! The ledger behind a line: what a node without a database has of it.

use cluster::RemoteLedger;
use domain::{
    AccountId, JournalId, LeaseId, Nanos, Refusal,
    account::{AccountCommand, AccountRefusal},
};
use eventlog::Metadata;
use futures_util::StreamExt;
use ledger::{
    Ask, Cursor, GrantError, IngestError, LedgerPort, Link, ScopeAsk, accounts, journal::Framed,
    record::Record, step::Grant,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::rig::Rig;

pub(super) const JOURNAL: JournalId = JournalId(Uuid::from_u128(0x70));
const OTHER: JournalId = JournalId(Uuid::from_u128(0x71));

impl Rig {
    pub(super) async fn ledger(&self) -> RemoteLedger {
        RemoteLedger::new(self.enrolled().await)
    }

    pub(super) fn payer(&self) -> AccountId {
        self.node.ada.account_id
    }

    pub(super) async fn asked_of_account(&self, command: AccountCommand) {
        let account_id = self.payer();
        let done = self.node.log.transact::<_, Refusal, _>(Metadata::default(), move |tx| {
            Box::pin(async move { accounts::decide::<Refusal>(tx, account_id, command).await })
        });
        done.await.unwrap();
    }

    pub(super) async fn deposit(&self, amount: u64) {
        let amount = Nanos::new(amount).unwrap();
        self.asked_of_account(AccountCommand::Deposit { amount, reason: "more".into() }).await;
    }

    pub(super) fn ask(&self, journal_id: JournalId, lease: u128, need: u64) -> Ask {
        let need = Nanos::new(need).unwrap();
        let scope = ScopeAsk {
            account_id: self.payer(),
            lease_id: LeaseId(Uuid::from_u128(lease)),
            need,
            floor: need,
            rate: Nanos::ZERO,
            budget: None,
        };
        Ask { journal_id, scopes: vec![scope] }
    }
}

/// Records that give leases back, as a journal after `before` has them.
pub(super) fn closing(before: Cursor, account_id: AccountId, leases: &[u128]) -> Vec<Framed> {
    let mut cursor = before;
    let framed = leases.iter().map(|lease| {
        let record = Record::Close { account_id, lease_id: LeaseId(Uuid::from_u128(*lease)) };
        let payload = record.encode().unwrap();
        cursor = Cursor { seq: cursor.seq + 1, link: cursor.link.next(&payload) };
        Framed { seq: cursor.seq, payload, link: cursor.link }
    });
    framed.collect()
}

#[track_caller]
pub(super) fn leased(grants: &[Grant]) -> (LeaseId, u64, u64) {
    match grants {
        [Grant::Leased { lease_id, amount, usable_ms, .. }] => (*lease_id, amount.get(), *usable_ms),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn quota_is_granted_once_for_a_lease_and_refused_as_the_bank_refuses_it() {
    let rig = Rig::new().await;
    rig.deposit(100).await;
    let ledger = rig.ledger().await;
    let (lease_id, amount, usable_ms) = leased(&ledger.grant(rig.ask(JOURNAL, 1, 60)).await.unwrap());
    assert_eq!((lease_id, usable_ms), (LeaseId(Uuid::from_u128(1)), 55_000));
    // The answer was lost: asked again it is the same lease.
    let again = leased(&ledger.grant(rig.ask(JOURNAL, 1, 60)).await.unwrap());
    assert_eq!((again.0, again.1), (lease_id, amount));
    assert_eq!(ledger.open_leases(JOURNAL).await.unwrap(), [(rig.payer(), lease_id)]);
    let refused = ledger.grant(rig.ask(JOURNAL, 2, 500)).await.unwrap_err();
    let available_nanos = 100 - i64::try_from(amount).unwrap();
    let expected = AccountRefusal::Insufficient { available_nanos, needed_nanos: 500 };
    assert_eq!(refused.refusal(), Some(&expected));
}

#[tokio::test]
async fn an_account_that_nothing_limits_is_said_to_be_so() {
    let rig = Rig::new().await;
    rig.asked_of_account(AccountCommand::ChangeLimit(domain::account::Limit::Unlimited)).await;
    let grants = rig.ledger().await.grant(rig.ask(JOURNAL, 1, 60)).await.unwrap();
    let account_id = rig.payer();
    assert_eq!(grants, [Grant::Unlimited { account_id, usable_ms: 55_000 }]);
}

#[tokio::test]
async fn records_are_taken_in_once_and_what_does_not_continue_them_is_told() {
    let rig = Rig::new().await;
    let ledger = rig.ledger().await;
    let first = closing(Cursor::default(), rig.payer(), &[1, 2]);
    let cursor = ledger.ingest(JOURNAL, first.clone()).await.unwrap();
    assert_eq!((cursor.seq, cursor.link), (2, first[1].link));
    assert_eq!(ledger.ingest(JOURNAL, first).await.unwrap(), cursor);
    let standing = ledger.cursor(JOURNAL).await.unwrap();
    let log_id = rig.node.log.reader().log_id(domain::Log::Ledger);
    assert_eq!((standing.cursor, standing.log_id), (cursor, log_id));

    let later = closing(Cursor { seq: 5, link: Link::default() }, rig.payer(), &[3]);
    let told = ledger.ingest(JOURNAL, later).await.unwrap_err();
    assert!(matches!(told, IngestError::Gap { journal_id: JOURNAL, known: 2, first: 6 }), "{told}");
    let forked = closing(Cursor { seq: 2, link: Link([7; 32]) }, rig.payer(), &[3]);
    let told = ledger.ingest(JOURNAL, forked).await.unwrap_err();
    assert!(matches!(told, IngestError::Fork { journal_id: JOURNAL, seq: 3 }), "{told}");
    let payload = b"no record".to_vec();
    let link = cursor.link.next(&payload);
    let told = ledger.ingest(JOURNAL, vec![Framed { seq: 3, payload, link }]).await.unwrap_err();
    assert!(matches!(told, IngestError::Unreadable { journal_id: JOURNAL, seq: 3, .. }), "{told}");
}

#[tokio::test]
async fn a_journal_belongs_to_the_first_node_that_names_it() {
    let rig = Rig::new().await;
    rig.deposit(100).await;
    let one = rig.ledger().await;
    let other = RemoteLedger::new(rig.enrolled_as("other").await);
    one.cursor(JOURNAL).await.unwrap();
    let foreign = |error: &IngestError| matches!(error, IngestError::Foreign { journal_id: JOURNAL });
    assert!(foreign(&other.cursor(JOURNAL).await.unwrap_err()));
    assert!(foreign(&other.open_leases(JOURNAL).await.unwrap_err()));
    let records = closing(Cursor::default(), rig.payer(), &[1]);
    assert!(foreign(&other.ingest(JOURNAL, records.clone()).await.unwrap_err()));
    let refused = other.grant(rig.ask(JOURNAL, 1, 10)).await.unwrap_err();
    assert!(matches!(refused, GrantError::Unavailable(_)), "{refused}");
    assert_eq!(one.cursor(JOURNAL).await.unwrap().cursor.seq, 0);
    one.ingest(JOURNAL, records).await.unwrap();
}

#[tokio::test]
async fn no_node_takes_the_journal_of_a_process_on_the_database() {
    let rig = Rig::new().await;
    rig.deposit(100).await;
    let ledger = rig.ledger().await;
    // One has brought records home, the other has only been granted quota so far.
    rig.node.bank.ingest(JOURNAL, closing(Cursor::default(), rig.payer(), &[1])).await.unwrap();
    rig.node.bank.grant(rig.ask(OTHER, 2, 10)).await.unwrap();
    for journal_id in [JOURNAL, OTHER, JournalId::HOLDS] {
        let told = ledger.cursor(journal_id).await.unwrap_err();
        assert!(matches!(told, IngestError::Foreign { .. }), "{told}");
    }
}

#[tokio::test]
async fn a_node_is_told_what_others_would_like_to_have_and_they_get_it() {
    let rig = Rig::new().await;
    rig.deposit(100).await;
    let ledger = rig.ledger().await;
    ledger.grant(rig.ask(JOURNAL, 1, 100)).await.unwrap();
    let mut recalls = ledger.recalls(JOURNAL);
    let mut others = JoinSet::new();
    // What nobody listens for is refused: until this node does, the other asks again.
    let (bank, ask) = (rig.node.bank.clone(), rig.ask(OTHER, 2, 80));
    others.spawn(async move {
        loop {
            match bank.grant(ask.clone()).await {
                Ok(grants) => return grants,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    assert_eq!(recalls.next().await, Some(rig.payer()));
    ledger.ingest(JOURNAL, closing(Cursor::default(), rig.payer(), &[1])).await.unwrap();
    leased(&others.join_next().await.unwrap().unwrap());
}

#[tokio::test]
async fn a_recall_between_two_questions_is_told_at_the_second() {
    let rig = Rig::new().await;
    rig.deposit(100).await;
    let control = rig.enrolled().await;
    let ledger = RemoteLedger::new(control.clone());
    ledger.grant(rig.ask(JOURNAL, 1, 100)).await.unwrap();
    let mut recalls = ledger.recalls(JOURNAL);
    let mut others = JoinSet::new();
    for lease in [2, 3] {
        let (bank, ask) = (rig.node.bank.clone(), rig.ask(OTHER, lease, 80));
        others.spawn(async move {
            while bank.grant(ask.clone()).await.is_err() {
                tokio::task::yield_now().await;
            }
        });
        // Between this and the next question nobody waits at the control node.
        assert_eq!(recalls.next().await, Some(rig.payer()));
    }
}

#[tokio::test]
async fn what_is_said_of_accounts_is_told_and_what_is_not_of_them_is_not() {
    let rig = Rig::new().await;
    let ledger = rig.ledger().await;
    rig.deposit(100).await;
    let begun = ledger.news(None).await.unwrap();
    assert_eq!((begun.head, ledger.head()), (rig.node.bank.head(), begun.head));
    // Granting says nothing that a node must heed: the news is what comes after it.
    rig.node.bank.grant(rig.ask(OTHER, 2, 10)).await.unwrap();
    let (news, ()) = tokio::join!(ledger.news(Some(begun.head)), rig.deposit(5));
    let news = news.unwrap();
    assert!(news.stopped.is_empty());
    assert_eq!(news.raised, Some([rig.payer()].into()));
    rig.asked_of_account(AccountCommand::Close).await;
    let news = ledger.news(Some(news.head)).await.unwrap();
    assert_eq!((news.stopped, news.head), ([rig.payer()].into(), rig.node.bank.head()));
    // A ledger that has fallen back says so: nothing that was said before is relied upon.
    let fallen = ledger.news(Some(news.head + 1_000)).await.unwrap();
    assert_eq!((fallen.head, fallen.raised), (news.head, None));
}
