//! Streams that go on beyond what was set aside for them, through the real binary.

use std::time::Duration;

use domain::account::Flag;
use tests::{
    End, Received, Reply, World,
    client::streamed_chat,
    price::{self, MODEL},
    provider::Answer,
};

/// What the client asks for at most is what is set aside at first.
const LIMIT: u64 = 100;
/// Covers that for a short input, and not what a provider sends that heeds no limit.
const QUOTA_FOR_ONE: u64 = LIMIT * price::OUTPUT_NANOS + 70 * price::INPUT_NANOS;

/// A provider that heeds no limit: some 4 700 bytes, which are 780 tokens or more.
fn heedless(_: &Received) -> Reply {
    Reply::Answer(Answer::words(600, 15, 1_200).paced(Duration::from_millis(1)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_outgrows_a_quota_is_cut_with_an_error_that_its_client_can_read() {
    let world = World::start(heedless).await;
    let token = world.admin().token("for one call", Some(QUOTA_FOR_ONE)).await;
    let stream = world.client(&token.key).stream(&streamed_chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(stream.status, 200);
    assert_eq!(stream.end, End::Error);
    assert_eq!(stream.events.last().unwrap()["error"]["code"], "insufficient_quota");
    let charge = world.charges(1).await.remove(0);
    for flag in [Flag::Cut, Flag::Counted, Flag::Overshoot] {
        assert!(charge.flags.contains(&flag), "{charge:?}");
    }
    // Of what it sent, no more is charged than what came until it was noticed: not the 780 tokens and more.
    assert!(charge.usage.output_tokens < 4 * LIMIT, "{charge:?}");
    assert!(charge.amount_nanos > charge.reserved_nanos, "{charge:?}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_outgrows_its_reservation_is_extended_where_there_is_more() {
    let world = World::start(heedless).await;
    let token = world.admin().token("rich", Some(100 * QUOTA_FOR_ONE)).await;
    let stream = world.client(&token.key).stream(&streamed_chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(stream.end, End::Done, "{stream:?}");
    let charge = world.charges(1).await.remove(0);
    assert_eq!((charge.flags.len(), charge.part), (0, 0), "{charge:?}");
    assert_eq!(charge.amount_nanos.get(), price::nanos(15, 1_200));
    assert!(charge.reserved_nanos >= charge.amount_nanos, "{charge:?}");
    let limit = world.admin().get(&format!("/accounts/{}", token.limit_account_id)).await;
    assert_eq!(limit["posted_nanos"], price::nanos(15, 1_200));
    let report = world.close().await;
    assert_eq!(report["charges"], 1);
}
