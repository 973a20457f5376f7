//! The ordered end: what runs comes to its end, and nothing is lost.

use std::time::Duration;

use tests::{
    Launch, Reply, World,
    client::{chat, streamed_chat},
    price::MODEL,
    provider::{Answer, Break},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_runs_comes_to_its_good_end() {
    let mut world =
        World::start(|_| Reply::Answer(Answer::words(20, 30, 20).paced(Duration::from_millis(50)))).await;
    let client = world.api();
    let mut stream = client.open(&streamed_chat(MODEL, "Hello")).await.unwrap();
    stream.next().await.unwrap();
    world.veloera.terminate();
    let stream = stream.read_on().await;
    assert_eq!(stream.end, tests::End::Done, "{stream:?}");
    assert!(stream.text().ends_with("word19"), "{stream:?}");
    let status = world.veloera.ended().await;
    assert!(status.success(), "it ended with {status}");
    // The charge came home before the end: it is there without another start.
    assert_eq!(world.veloera.verified()["charges"], 1);
    world.veloera.restart().await;
    let charge = world.charges(1).await.remove(0);
    assert_eq!(charge.amount_nanos.get(), world.provider.bills()[0].nanos());
    assert!(charge.flags.is_empty(), "{charge:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_end_is_ended_in_time_and_accounted_for() {
    let launch = Launch::default().set("DRAIN_TIMEOUT_MS", 1_000);
    let mut world =
        World::launched(launch, |_| Reply::Answer(Answer::words(9, 30, 9).breaking(Break::StallAfter(3))))
            .await;
    let client = world.api();
    let mut stream = client.open(&streamed_chat(MODEL, "Hello")).await.unwrap();
    stream.next().await.unwrap();
    world.veloera.terminate();
    let stream = stream.read_on().await;
    assert_ne!(stream.end, tests::End::Done, "it must not look whole: {stream:?}");
    let status = world.veloera.ended().await;
    assert!(status.success(), "it ended with {status}");
    world.veloera.restart().await;
    world.charges(1).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_the_end_was_asked_for_is_not_left_hanging() {
    let mut world = World::start(|_| Reply::Answer(Answer::words(3, 20, 3))).await;
    let client = world.api();
    assert_eq!(client.chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    world.veloera.terminate();
    let status = world.veloera.ended().await;
    assert!(status.success(), "it ended with {status}");
    assert!(client.chat(&chat(MODEL, "Hello")).await.is_err(), "nobody answers any more");
    world.veloera.restart().await;
    assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    world.charges(2).await;
    world.close().await;
}
