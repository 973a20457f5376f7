//! What an audit finds in a usage log that was changed by hand.

use domain::{Log, account::Account};
use eventlog::{Compare, Heads, LogSnapshot, ModelFault, Recorded, StoreError, verify};

use super::{CallsCompare, fault};
use crate::{
    calls::tests::{back, charged, reached, reconciled},
    fixtures::{House, account_id},
};
/// A usage log of the calls 1 to 12, of which the seventh was corrected, and how far both logs go.
async fn listed() -> (House, Heads) {
    let mut house = House::open().await;
    let calls = house.calls().await;
    for n in 1..=12 {
        charged(&house, n).await;
    }
    let event = reconciled(vec![back(1, 4), back(9, 4)]);
    let position = house.append::<Account>(&account_id(1).to_string(), &[event]).await;
    reached(&calls, position).await;
    let heads = house.log.reader().heads().await.unwrap();
    (house, heads)
}

async fn faults(house: &House) -> Vec<u64> {
    let mut snapshot = house.log.reader().snapshot().await.unwrap();
    let head = snapshot.heads().await.unwrap().ledger;
    let (mut calls, mut found) = (CallsCompare::default(), Vec::new());
    let page = async |snapshot: &mut LogSnapshot, events: &[Recorded]| {
        // In parts, so that what is compared begins and ends anywhere.
        for events in events.chunks(5) {
            found.extend(calls.page(snapshot, events).await?);
        }
        Ok::<_, StoreError>(())
    };
    assert_eq!(verify(&mut snapshot, Log::Ledger, head, 1, page).await.unwrap(), []);
    found.extend(calls.end(&mut snapshot).await.unwrap());
    let position = |found: &ModelFault| {
        assert_eq!(found, &fault(found.position));
        found.position
    };
    found.iter().map(position).collect()
}

#[tokio::test]
async fn a_usage_log_that_follows_its_events_has_no_faults_wherever_it_has_come() {
    let (house, heads) = listed().await;
    assert_eq!((faults(&house).await, heads.ledger), (vec![], 13));
    // It lags: what it has not taken in yet is not missed.
    house.tamper("DELETE FROM calls WHERE position > 9").await;
    house.tamper("UPDATE calls SET corrected_nanos = 0").await;
    let back_to_nine = "UPDATE checkpoints SET (position, event_id) = \
                        (SELECT position, event_id FROM ledger_events WHERE position = 9)";
    house.tamper(back_to_nine).await;
    assert_eq!(faults(&house).await, Vec::<u64>::new());
}

#[tokio::test]
async fn every_changed_missing_or_invented_call_is_found_at_its_event() {
    for (sql, position) in [
        ("UPDATE calls SET amount_nanos = 1 WHERE position = 4", 4),
        ("UPDATE calls SET flags = '[]' WHERE position = 5", 5),
        ("UPDATE calls SET flags = 'no flags' WHERE position = 5", 5),
        ("UPDATE calls SET account_id = NULL WHERE position = 6", 6),
        ("UPDATE calls SET model = 'other' WHERE position = 12", 12),
        ("DELETE FROM calls WHERE position = 1", 1),
        ("UPDATE calls SET position = 13 WHERE position = 12", 12),
        ("UPDATE calls SET corrected_nanos = -4 WHERE position = 7", 7),
        ("UPDATE calls SET corrected_nanos = 0 WHERE position = 7", 7),
        ("UPDATE calls SET corrected_nanos = 1 WHERE position = 8", 8),
        ("UPDATE checkpoints SET event_id = 'b9a35a5f-1f0b-4f8c-9a3c-0a4f6d1c2b3e'", 13),
        ("UPDATE checkpoints SET log_id = 'b9a35a5f-1f0b-4f8c-9a3c-0a4f6d1c2b3e'", 13),
        ("UPDATE checkpoints SET position = 14", 14),
    ] {
        let (house, _) = listed().await;
        house.tamper(sql).await;
        assert!(faults(&house).await.contains(&position), "{sql}: {:?}", faults(&house).await);
    }
    let (house, _) = listed().await;
    house.tamper("UPDATE calls SET position = 99 WHERE position = 12").await;
    assert_eq!(faults(&house).await, [12, 99]);
}
