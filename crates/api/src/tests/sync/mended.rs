//! Control nodes that are away.

use cluster::RemoteLedger;
use domain::Log;
use ledger::{Cursor, GrantError, IngestError, LedgerPort, NewsError};

use super::{
    ledger::{JOURNAL, closing, leased},
    rig::{Line, Rig},
};

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn where_no_control_node_answers_the_ledger_is_not_available() {
    let rig = Rig::new().await;
    let ledger = RemoteLedger::new(rig.control_at("one", NOWHERE));
    let refused = ledger.grant(rig.ask(JOURNAL, 1, 10)).await.unwrap_err();
    assert!(matches!(&refused, GrantError::Unavailable(why) if why.contains(NOWHERE)), "{refused}");
    let records = closing(Cursor::default(), rig.payer(), &[1]);
    assert!(matches!(ledger.ingest(JOURNAL, records).await, Err(IngestError::Unavailable(_))));
    assert!(matches!(ledger.cursor(JOURNAL).await, Err(IngestError::Unavailable(_))));
    assert!(matches!(ledger.news(None).await, Err(NewsError::Unavailable(_))));
}

#[tokio::test]
async fn where_one_control_node_is_away_the_next_takes_over_and_is_asked_first_from_then_on() {
    let rig = Rig::new().await;
    rig.deposit(100).await;
    rig.enrolled().await;
    let second = rig.second().await;
    let urls = format!("{NOWHERE},http://{},http://{second}", rig.address);
    let ledger = RemoteLedger::new(rig.control_at("one", &urls));
    leased(&ledger.grant(rig.ask(JOURNAL, 1, 10)).await.unwrap());
    // One that answers what nobody can believe is as good as away.
    rig.set(Line::ChangesBody);
    let again = leased(&ledger.grant(rig.ask(JOURNAL, 1, 10)).await.unwrap());
    assert_eq!(again.0, ledger.open_leases(JOURNAL).await.unwrap()[0].1);
    rig.set(Line::Good);
    let cursor = ledger.ingest(JOURNAL, closing(Cursor::default(), rig.payer(), &[1])).await.unwrap();
    assert_eq!(ledger.cursor(JOURNAL).await.unwrap().cursor, cursor);
}

#[tokio::test]
async fn a_refusal_is_the_same_at_every_control_node_and_is_asked_for_once() {
    let rig = Rig::new().await;
    let urls = format!("http://{},{NOWHERE}", rig.address);
    let control = rig.control_at("nobody", &urls);
    let told = control.events(Log::Control, 0, 1, 0).await.unwrap_err();
    assert!(told.is_of_a_stranger(), "{told}");
}

#[tokio::test]
async fn how_far_a_node_has_come_is_told_to_each_control_node_that_is_there() {
    let rig = Rig::new().await;
    let known = rig.enrolled().await.node_id();
    for urls in [format!("{NOWHERE},http://{}", rig.address), format!("http://{},{NOWHERE}", rig.address)] {
        rig.control_at("one", &urls).applied(Log::Control, 1).await.unwrap();
    }
    rig.control_at("one", NOWHERE).applied(Log::Control, 1).await.unwrap_err();
    let listed = rig.node.ask("GET", "/api/v1/nodes").by(&rig.node.root).await_answer().await.json();
    let one = &listed["items"][0];
    assert_eq!((&one["id"], &one["applied_position"]), (&known.to_string().into(), &1.into()));
}
