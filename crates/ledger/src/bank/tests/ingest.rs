//! How journals are taken in.

use domain::{
    AccountId, JournalId,
    account::{AccountCommand, AccountEvent, Flag, LeaseEnd, Scope, Settlement},
};
use proptest::{prelude::*, test_runner::TestRunner};
use uuid::Uuid;

use super::{grant, granted, scope};
use crate::{
    Broken, Cursor, IngestError, LedgerPort, Link,
    fixtures::{JOURNAL, LIMIT, Ledger, PAYER, facts, lease, nanos, settlement},
    journal::Framed,
    record::Record,
};

const OTHER: JournalId = JournalId(Uuid::from_u128(33));

/// Records as a journal has them, from the first on.
pub(super) fn journal(records: &[Record]) -> Vec<Framed> {
    let mut link = Link::default();
    let mut framed = Vec::new();
    for (record, seq) in records.iter().zip(1..) {
        let payload = record.encode().unwrap();
        link = link.next(&payload);
        framed.push(Framed { seq, payload, link });
    }
    framed
}

/// Call `n`, charged to the payer's lease 1.
pub(super) fn settled(n: u128, amount: u64) -> Record {
    Record::Settle(Box::new(Settlement { facts: facts(n, 100), ..settlement(amount) }))
}

pub(super) fn close(account_id: AccountId, n: u128) -> Record {
    Record::Close { account_id, lease_id: lease(n) }
}

fn at(records: &[Framed]) -> Cursor {
    records.last().map_or_else(Cursor::default, |last| Cursor { seq: last.seq, link: last.link })
}

pub(super) async fn take(ledger: &Ledger, records: &[Framed]) -> Result<Cursor, IngestError> {
    ledger.bank.ingest(JOURNAL, records.to_vec()).await
}

/// The flags of each charge, in order.
async fn flags(ledger: &Ledger) -> Vec<Vec<Flag>> {
    ledger.charges().await.into_iter().map(|charge| charge.flags).collect()
}

#[tokio::test]
async fn a_charge_moves_what_was_leased_and_the_cursor_moves_with_it() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    let records = journal(&[settled(1, 25), settled(2, 5)]);
    assert_eq!(take(&ledger, &records).await.unwrap(), at(&records));
    assert_eq!(ledger.bank.cursor(JOURNAL).await.unwrap().cursor, at(&records));
    let payer = ledger.account(PAYER).await;
    assert_eq!((payer.posted_nanos, payer.pending_nanos, payer.available_nanos()), (30, 30, 40));
    let seqs: Vec<_> = ledger.charges().await.iter().map(|charge| (charge.journal_id, charge.seq)).collect();
    assert_eq!(seqs, [(JOURNAL, 1), (JOURNAL, 2)]);
    ledger.is_sound().await;
}

#[test]
fn each_record_is_taken_once_in_whatever_overlap_it_is_sent() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let records = journal(&(0..20).map(|n| settled(n, 1)).collect::<Vec<_>>());
    let sends = prop::collection::vec((0_usize..20, 1_usize..20), 1..12);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) };
    TestRunner::new(config)
        .run(&sends, |sends| {
            runtime.block_on(async {
                let ledger = Ledger::with(100).await;
                granted(&ledger, scope(PAYER, 1, 60)).await;
                let mut known = 0;
                for (from, length) in sends {
                    let to = (from + length).min(records.len());
                    let answer = take(&ledger, &records[from..to]).await;
                    if from > known {
                        assert!(matches!(answer, Err(IngestError::Gap { .. })), "{answer:?}");
                    } else {
                        known = known.max(to);
                        assert_eq!(answer.unwrap(), at(&records[..known]));
                    }
                    assert_eq!(ledger.account(PAYER).await.posted_nanos, known as u64);
                }
                let seqs: Vec<u64> = ledger.charges().await.iter().map(|charge| charge.seq).collect();
                assert_eq!(seqs, (1..=known as u64).collect::<Vec<_>>());
                ledger.is_sound().await;
            });
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_gap_is_refused_and_changes_nothing() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    let records = journal(&[settled(1, 1), settled(2, 1), settled(3, 1), settled(4, 1)]);
    take(&ledger, &records[..1]).await.unwrap();
    let refused = take(&ledger, &records[2..]).await.unwrap_err();
    assert!(matches!(refused, IngestError::Gap { known: 1, first: 3, .. }), "{refused}");
    // Nor does what stands before a gap inside the upload.
    let holed = [records[1].clone(), records[3].clone()];
    let refused = take(&ledger, &holed).await.unwrap_err();
    assert!(matches!(refused, IngestError::Gap { known: 2, first: 4, .. }), "{refused}");
    assert_eq!(ledger.bank.cursor(JOURNAL).await.unwrap().cursor, at(&records[..1]));
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 1);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_fork_is_refused_and_changes_nothing() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    let records = journal(&[settled(1, 1), settled(2, 1), settled(3, 1)]);
    take(&ledger, &records[..2]).await.unwrap();
    let other = journal(&[settled(1, 1), settled(2, 9), settled(3, 1)]);
    for sent in [&other[..], &other[..2], &other[1..], &other[2..]] {
        let refused = take(&ledger, sent).await.unwrap_err();
        assert!(matches!(refused, IngestError::Fork { .. }), "{refused}");
    }
    let mut changed = records.clone();
    changed[2].payload = settled(3, 0).encode().unwrap();
    let refused = take(&ledger, &changed).await.unwrap_err();
    assert!(matches!(refused, IngestError::Fork { seq: 3, .. }), "{refused}");
    assert_eq!(ledger.bank.cursor(JOURNAL).await.unwrap().cursor, at(&records[..2]));
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 2);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named_and_nothing_of_the_upload_stays() {
    let ledger = Ledger::with(100).await;
    let mut records = journal(&[settled(1, 1)]);
    let link = records[0].link.next(b"?");
    records.push(Framed { seq: 2, payload: b"?".to_vec(), link });
    let refused = take(&ledger, &records).await.unwrap_err();
    assert!(matches!(refused, IngestError::Unreadable { seq: 2, .. }), "{refused}");
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 0);
}

#[tokio::test]
async fn a_second_end_of_a_call_is_left_out_whichever_journal_brings_it() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    take(&ledger, &journal(&[settled(1, 10), settled(1, 11)])).await.unwrap();
    let theirs = journal(&[settled(1, 12), settled(2, 7)]);
    let cursor = ledger.bank.ingest(OTHER, theirs.clone()).await.unwrap();
    assert_eq!(cursor, at(&theirs), "the journal goes on all the same");
    let amounts: Vec<u64> = ledger.charges().await.iter().map(|charge| charge.amount_nanos.get()).collect();
    assert_eq!(amounts, [10, 7]);
    ledger.is_sound().await;
}

#[tokio::test]
async fn two_parts_of_a_call_are_two_charges() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    let mut second = settlement(7);
    second.facts.part = 1;
    take(&ledger, &journal(&[settled(1, 5), Record::Settle(Box::new(second))])).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 12);
    ledger.is_sound().await;
}

#[tokio::test]
async fn what_an_unknown_or_closed_account_should_pay_stands_on_suspense() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    ledger.decide(PAYER, AccountCommand::Close).await.unwrap();
    let nobody = AccountId(Uuid::from_u128(77));
    let mut unknown = settlement(5);
    unknown.facts = facts(2, 100);
    unknown.facts.scopes = vec![Scope { account_id: nobody, lease_id: None }];
    take(&ledger, &journal(&[settled(1, 25), Record::Settle(Box::new(unknown))])).await.unwrap();
    assert_eq!(flags(&ledger).await, [[Flag::Suspense], [Flag::Suspense]]);
    let meant: Vec<_> = ledger.charges().await.iter().map(|charge| charge.charges[0].suspense_of).collect();
    assert_eq!(meant, [Some(PAYER), Some(nobody)]);
    assert_eq!(ledger.account(AccountId::SUSPENSE).await.posted_nanos, 30);
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_call_on_an_open_and_a_closed_account_is_charged_to_both() {
    let ledger = Ledger::with(100).await;
    ledger.prepaid(LIMIT, 100).await;
    grant(&ledger, [scope(PAYER, 1, 60), scope(LIMIT, 2, 60)]).await.unwrap();
    ledger.decide(LIMIT, AccountCommand::Close).await.unwrap();
    let mut both = settlement(25);
    both.facts.scopes.push(Scope { account_id: LIMIT, lease_id: Some(lease(2)) });
    take(&ledger, &journal(&[Record::Settle(Box::new(both))])).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.posted_nanos, 25);
    assert_eq!(ledger.account(AccountId::SUSPENSE).await.posted_nanos, 25);
    assert_eq!(ledger.account(LIMIT).await.posted_nanos, 0);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_charge_after_its_lease_was_closed_is_late_and_stands() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 60)).await;
    let records = journal(&[close(PAYER, 1), settled(1, 25)]);
    take(&ledger, &records[..1]).await.unwrap();
    take(&ledger, &records).await.unwrap();
    assert_eq!(flags(&ledger).await, [[Flag::Late]]);
    let payer = ledger.account(PAYER).await;
    assert_eq!((payer.posted_nanos, payer.pending_nanos), (25, 0));
    // Its node gave back what a call was still on: the audit says so.
    let broken = ledger.audit().await.broken;
    let deficit = Broken::Deficit { account_id: PAYER, lease_id: lease(1), deficit: 25, explained: 0 };
    assert_eq!(broken, [deficit]);
}

#[tokio::test]
async fn late_charges_alone_may_overdraw_an_account_and_the_audit_knows_why() {
    let ledger = Ledger::with(30).await;
    granted(&ledger, scope(PAYER, 1, 30)).await;
    let end = AccountCommand::EndLease { lease_id: lease(1), end: LeaseEnd::Reclaimed };
    ledger.decide(PAYER, end).await.unwrap();
    granted(&ledger, scope(PAYER, 2, 30)).await;
    take(&ledger, &journal(&[settled(1, 25)])).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.available_nanos(), -25);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_charge_above_what_was_reserved_is_whole_and_flagged() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 100)).await;
    take(&ledger, &journal(&[settled(1, 130)])).await.unwrap();
    assert_eq!(flags(&ledger).await, [[Flag::Overshoot]]);
    let payer = ledger.account(PAYER).await;
    assert_eq!((payer.posted_nanos, payer.pending_nanos, payer.available_nanos()), (130, 0, -30));
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_release_and_a_close_free_what_no_charge_took() {
    let ledger = Ledger::with(100).await;
    granted(&ledger, scope(PAYER, 1, 80)).await;
    let release = Record::Release { account_id: PAYER, lease_id: lease(1), amount: nanos(30) };
    let records = journal(&[settled(1, 10), release, close(PAYER, 1), close(PAYER, 1)]);
    take(&ledger, &records[..2]).await.unwrap();
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 40);
    assert_eq!(ledger.bank.open_leases(JOURNAL).await.unwrap(), [(PAYER, lease(1))]);
    take(&ledger, &records).await.unwrap();
    let freed: Vec<u64> = ledger
        .events()
        .await
        .iter()
        .filter_map(|(_, event)| match event {
            AccountEvent::LeaseReleased { freed_nanos, .. }
            | AccountEvent::LeaseClosed { freed_nanos, .. } => Some(freed_nanos.get()),
            _ => None,
        })
        .collect();
    assert_eq!(freed, [30, 40], "and a second close frees nothing");
    assert_eq!(ledger.account(PAYER).await.available_nanos(), 90);
    assert_eq!(ledger.bank.open_leases(JOURNAL).await.unwrap(), []);
    ledger.is_sound().await;
}

#[tokio::test]
async fn a_release_or_close_of_what_nobody_knows_changes_nothing() {
    let ledger = Ledger::with(100).await;
    let nobody = AccountId(Uuid::from_u128(77));
    let before = ledger.events().await.len();
    take(&ledger, &journal(&[close(nobody, 1), close(PAYER, 1)])).await.unwrap();
    assert_eq!(ledger.events().await.len(), before);
    ledger.is_sound().await;
}
