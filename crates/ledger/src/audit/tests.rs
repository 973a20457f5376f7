//! What the audit finds, when a fact is broken by hand.

mod charge;
mod journal;

use std::{collections::BTreeSet, str::FromStr};

use domain::{
    AccountId, Log, StoredEvent,
    account::{AccountCommand, AccountEvent, Settlement},
};
use eventlog::{LogFault, Recorded};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{Broken, FAULTS_MAX};
use crate::{
    Ask, LedgerPort, Link, ScopeAsk,
    fixtures::{JOURNAL, Ledger, PAYER, call, facts, lease, nanos, settlement},
    journal::Framed,
    record::Record,
};

/// A ledger with a deposit (event 3), a lease of 60 (event 4), a charge of 25 on it (event 5).
async fn charged() -> Ledger {
    let ledger = Ledger::with(100).await;
    let scope = ScopeAsk {
        account_id: PAYER,
        lease_id: lease(1),
        need: nanos(60),
        floor: nanos(60),
        rate: nanos(0),
        budget: None,
    };
    ledger.bank.grant(Ask { journal_id: JOURNAL, scopes: vec![scope] }).await.unwrap();
    let payload = Record::Settle(Box::new(settlement(25))).encode().unwrap();
    let link = Link::default().next(&payload);
    ledger.bank.ingest(JOURNAL, vec![Framed { seq: 1, payload, link }]).await.unwrap();
    ledger.is_sound().await;
    ledger
}

/// Somebody with the database in hand and no respect for triggers.
async fn tampered(ledger: &Ledger, statements: &[&str]) -> Vec<Broken> {
    let mut intruder = intruder(ledger).await;
    for sql in statements {
        assert_eq!(sqlx::query(sql).execute(&mut intruder).await.unwrap().rows_affected(), 1, "{sql}");
    }
    ledger.audit().await.broken
}

async fn intruder(ledger: &Ledger) -> SqliteConnection {
    let path = ledger.dir.path().join("ledger.db");
    let options = SqliteConnectOptions::from_str("sqlite://").unwrap().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for trigger in ["ledger_events_no_update", "ledger_events_no_delete"] {
        sqlx::query(&format!("DROP TRIGGER {trigger}")).execute(&mut connection).await.unwrap();
    }
    connection
}

/// An event rewritten as its log would have it: payload and hash agree.
async fn rewritten(ledger: &Ledger, position: u64, with: impl FnOnce(&mut AccountEvent)) -> Vec<Broken> {
    let reader = ledger.log.reader();
    let mut recorded: Recorded = reader.read(Log::Ledger, position - 1, 1).await.unwrap().remove(0);
    let mut event: AccountEvent = eventlog::decode(&recorded).unwrap();
    with(&mut event);
    recorded.payload = serde_json::to_string(&event).unwrap();
    event.tag().clone_into(&mut recorded.event_type);
    let hash = recorded.expected_hash(reader.log_id(Log::Ledger));
    let mut intruder = intruder(ledger).await;
    let done =
        sqlx::query("UPDATE ledger_events SET event_type = ?, payload = ?, leaf_hash = ? WHERE position = ?")
            .bind(recorded.event_type)
            .bind(recorded.payload)
            .bind(hash.as_slice())
            .bind(i64::try_from(position).unwrap())
            .execute(&mut intruder)
            .await
            .unwrap();
    assert_eq!(done.rows_affected(), 1);
    ledger.audit().await.broken
}

fn kinds(broken: &[Broken]) -> BTreeSet<&'static str> {
    broken
        .iter()
        .map(|fault| match fault {
            Broken::Log(_) => "log",
            Broken::Model(_) => "model",
            Broken::Balance { .. } => "balance",
            Broken::Pending { .. } => "pending",
            Broken::Lease { .. } => "lease",
            Broken::Hold { .. } => "hold",
            Broken::Overdrawn { .. } => "overdrawn",
            Broken::Deficit { .. } => "deficit",
            Broken::Flags { .. } => "flags",
            Broken::EndedTwice { .. } => "ended twice",
            Broken::Unlisted { .. } => "unlisted",
            Broken::Listed { .. } => "listed",
            Broken::Cursor { .. } => "cursor",
            Broken::Order { .. } => "order",
            Broken::JournalDamaged { .. }
            | Broken::JournalLacks { .. }
            | Broken::JournalShort { .. }
            | Broken::JournalDiffers { .. } => "journal",
            Broken::Record { .. } => "record",
            Broken::Uncharged { .. } => "uncharged",
            Broken::Bill { .. } => "bill",
            Broken::Ahead { .. } => "ahead",
            Broken::Price { .. } => "price",
            Broken::Ratio { .. } => "ratio",
            Broken::Attempts { .. } => "attempts",
        })
        .collect()
}

#[tokio::test]
async fn what_was_charged_is_counted_and_nothing_is_wrong() {
    let audit = charged().await.audit().await;
    assert_eq!((audit.events.ledger, audit.charges, audit.in_doubt), (5, 1, 0));
    assert_eq!(audit.broken, []);
    let json = serde_json::to_value(&audit).unwrap();
    assert_eq!(json["events"]["ledger"], 5);
}

#[tokio::test]
async fn a_changed_balance_is_found() {
    let ledger = charged().await;
    let sql = format!(
        "UPDATE accounts SET state = json_set(state, '$.credit_nanos', 1000) WHERE account_id = '{PAYER}'"
    );
    let broken = tampered(&ledger, &[&sql]).await;
    let [Broken::Balance { account_id: PAYER, stored, folded }] = &broken[..] else { panic!("{broken:?}") };
    assert!(stored.starts_with("credit 1000 ") && folded.starts_with("credit 100 "), "{stored}; {folded}");
}

#[tokio::test]
async fn a_changed_lease_is_found_even_where_the_sums_are_right() {
    let ledger = charged().await;
    let path = format!("$.leases.{}", serde_json::to_string(&lease(1)).unwrap());
    let sql =
        format!("UPDATE accounts SET state = json_remove(state, '{path}') WHERE account_id = '{PAYER}'");
    assert_eq!(kinds(&tampered(&ledger, &[&sql]).await), BTreeSet::from(["balance"]));
}

#[tokio::test]
async fn a_missing_and_an_invented_account_are_found() {
    let ledger = charged().await;
    let missing = format!("DELETE FROM accounts WHERE account_id = '{PAYER}'");
    let invented = format!(
        "INSERT INTO accounts SELECT '{}', version, state, opened_at, updated_at FROM accounts LIMIT 1",
        AccountId(uuid::Uuid::from_u128(99))
    );
    let broken = tampered(&ledger, &[&missing, &invented]).await;
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert_eq!(kinds(&broken), BTreeSet::from(["balance"]));
    assert!(broken[0].to_string().contains("missing"), "{}", broken[0]);
}

#[tokio::test]
async fn an_open_lease_that_no_table_lists_is_found_and_so_is_one_that_nobody_granted() {
    for sql in [
        format!("DELETE FROM leases WHERE lease_id = '{}'", lease(1)),
        format!("UPDATE leases SET journal_id = '{PAYER}' WHERE lease_id = '{}'", lease(1)),
        format!("INSERT INTO leases VALUES ('{}', '{PAYER}', '{JOURNAL}', 0, 0)", lease(2)),
    ] {
        let ledger = charged().await;
        assert_eq!(kinds(&tampered(&ledger, &[&sql]).await), BTreeSet::from(["lease"]), "{sql}");
    }
}

#[tokio::test]
async fn a_cursor_that_fell_back_is_found() {
    for sql in ["DELETE FROM journals", "UPDATE journals SET seq = 0"] {
        let ledger = charged().await;
        let broken = tampered(&ledger, &[sql]).await;
        assert_eq!(broken, [Broken::Cursor { journal_id: JOURNAL, cursor: 0, seq: 1 }]);
    }
}

#[tokio::test]
async fn a_changed_payload_is_found_by_its_hash() {
    let ledger = charged().await;
    let sql =
        "UPDATE ledger_events SET payload = replace(payload, '\"test\"', '\"best\"') WHERE position = 3";
    let broken = tampered(&ledger, &[sql]).await;
    // What was changed says nothing any more: what it did is missed, too.
    assert_eq!(broken[0], Broken::Log(LogFault::Changed { log: Log::Ledger, position: 3 }));
    assert_eq!(kinds(&broken), BTreeSet::from(["log", "balance", "overdrawn"]));
}

#[tokio::test]
async fn a_payload_changed_with_its_hash_is_found_by_what_it_does_to_the_balance() {
    let ledger = charged().await;
    let broken = rewritten(&ledger, 3, |event| {
        *event = AccountEvent::Deposited { amount_nanos: nanos(70), reason: "test".into() };
    })
    .await;
    assert_eq!(kinds(&broken), BTreeSet::from(["balance"]));
}

#[tokio::test]
async fn a_charge_that_is_not_what_its_price_says_is_found() {
    let ledger = charged().await;
    let broken = rewritten(&ledger, 5, |event| {
        if let AccountEvent::QuotaDeducted(deduction) = event {
            deduction.usage.output_tokens = 7;
        }
    })
    .await;
    assert_eq!(broken, [Broken::Bill { position: 5, charged: 25, billed: 32 }]);
}

#[tokio::test]
async fn what_is_pending_beyond_the_open_leases_is_found() {
    let ledger = charged().await;
    let broken = rewritten(&ledger, 5, |event| {
        if let AccountEvent::QuotaDeducted(deduction) = event {
            deduction.charges[0].lease_id = None;
        }
    })
    .await;
    assert!(kinds(&broken).contains("pending"), "{broken:?}");
}

#[tokio::test]
async fn an_account_that_is_overdrawn_without_a_reason_is_found() {
    let ledger = charged().await;
    let broken = rewritten(&ledger, 3, |event| {
        *event = AccountEvent::Deposited { amount_nanos: nanos(50), reason: "test".into() };
    })
    .await;
    assert!(
        broken.contains(&Broken::Overdrawn { account_id: PAYER, overdrawn: 10, explained: 0 }),
        "{broken:?}"
    );
}

#[tokio::test]
async fn a_call_that_ended_twice_is_found() {
    let ledger = charged().await;
    let mut intruder = intruder(&ledger).await;
    // The memory of ended calls is lost: nothing else keeps a second journal from ending the call again.
    sqlx::query("DELETE FROM ended_calls").execute(&mut intruder).await.unwrap();
    let payload = Record::Settle(Box::new(settlement(5))).encode().unwrap();
    let link = Link::default().next(&payload);
    let other = domain::JournalId(uuid::Uuid::from_u128(33));
    ledger.bank.ingest(other, vec![Framed { seq: 1, payload, link }]).await.unwrap();
    let broken = ledger.audit().await.broken;
    let expected = Broken::EndedTwice { call_id: settlement(5).facts.call_id, part: 0, position: 6 };
    assert_eq!(broken, [expected]);
}

#[tokio::test]
async fn an_end_that_is_not_listed_is_found_and_so_is_one_that_never_happened() {
    let ledger = charged().await;
    let call_id = settlement(25).facts.call_id;
    let broken = tampered(&ledger, &["DELETE FROM ended_calls"]).await;
    assert_eq!(broken, [Broken::Unlisted { call_id, part: 0, position: 5 }]);
    for (id, part) in [(call(0), 0), (call_id, 1), (call(2), 0)] {
        let ledger = charged().await;
        let sql = format!("INSERT INTO ended_calls VALUES (x'{}', {part})", id.0.simple());
        let broken = tampered(&ledger, &[&sql]).await;
        assert_eq!(broken, [Broken::Listed { call_id: id, part }]);
    }
}

#[tokio::test]
async fn a_record_that_is_charged_behind_one_that_follows_it_is_found() {
    let ledger = charged().await;
    let broken = rewritten(&ledger, 5, |event| {
        if let AccountEvent::QuotaDeducted(charge) = event {
            charge.seq = 0;
        }
    })
    .await;
    assert_eq!(broken, [Broken::Order { position: 5, journal_id: JOURNAL, seq: 0 }]);
}

#[tokio::test]
async fn no_more_is_listed_than_an_audit_lists_however_much_is_wrong() {
    let ledger = Ledger::with(1_000).await;
    let mut link = Link::default();
    let records = (0..2 * FAULTS_MAX as u64).map(|n| {
        let facts = facts(u128::from(n), 100);
        let wrong = Settlement { facts, amount: nanos(2), ..settlement(1) };
        let payload = Record::Settle(Box::new(wrong)).encode().unwrap();
        link = link.next(&payload);
        Framed { seq: n + 1, payload, link }
    });
    ledger.bank.ingest(JOURNAL, records.collect()).await.unwrap();
    let audit = ledger.audit().await;
    assert_eq!((audit.charges, audit.broken.len()), (2 * FAULTS_MAX as u64, FAULTS_MAX));
}

#[tokio::test]
async fn a_missing_event_and_a_false_head_are_found() {
    let ledger = charged().await;
    let broken = tampered(&ledger, &["DELETE FROM ledger_events WHERE position = 3"]).await;
    let hole = LogFault::Hole { log: Log::Ledger, expected: 3, found: 4 };
    assert!(broken.contains(&Broken::Log(hole)), "{broken:?}");
    let ledger = charged().await;
    let broken = tampered(&ledger, &["UPDATE heads SET position = 6 WHERE log = 'ledger'"]).await;
    assert_eq!(broken, [Broken::Log(LogFault::Head { log: Log::Ledger, head: 6, last: 5 })]);
}

#[tokio::test]
async fn what_is_written_meanwhile_does_not_disturb_an_audit() {
    let ledger = charged().await;
    let deposits = async {
        for _ in 0..50 {
            let deposit = AccountCommand::Deposit { amount: nanos(1), reason: "test".into() };
            ledger.decide(PAYER, deposit).await.unwrap();
        }
    };
    let audits = async {
        for _ in 0..10 {
            assert_eq!(ledger.audit().await.broken, []);
        }
    };
    tokio::join!(deposits, audits);
    ledger.is_sound().await;
}
