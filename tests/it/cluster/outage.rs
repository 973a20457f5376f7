//! The database is away for a minute: longer than any quota is kept idle, longer than anybody waits for an answer.

use std::time::Duration;

use futures_util::future::join_all;
use tests::{
    ApiClient, Cluster, End, Launch, Veloera,
    client::{chat, streamed_chat},
    price::MODEL,
    wait,
    world::SEEN_MAX,
};
use tokio::time::{Instant, sleep};

use super::{at, away::everything_billed_is_charged, short, until_status};

const OUTAGE: Duration = Duration::from_mins(1);
/// Up to its last part every caller is answered.
const LAST: Duration = Duration::from_secs(50);
/// More than the outage, for quota that is lost with time is another matter.
const LEASE_MS: u64 = 300_000;
/// How often a caller calls: so rarely that its lease would be given back as idle, were there anybody to give it to.
const PACE: Duration = Duration::from_secs(3);
/// At first more often, until the node has noticed that there is not.
const QUICK_PACE: Duration = Duration::from_millis(500);
const NOTICED: Duration = Duration::from_secs(8);
const CALLERS: usize = 4;
/// What each caller's first call may take: so much is leased for it that it is enough for all the others.
const LARGE_TOKENS: u64 = 10_000;

/// One call; its status where it is what it may be: answered whole, or properly refused.
async fn call(client: &ApiClient, nth: usize) -> u16 {
    let text = format!("call {nth}");
    let status = if nth.is_multiple_of(2) {
        let answer = client.chat(&chat(MODEL, &text)).await.expect("an answer");
        if answer.status != 200 {
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
        answer.status
    } else {
        let stream = client.stream(&streamed_chat(MODEL, &text)).await.expect("an answer");
        assert!(stream.status != 200 || stream.end == End::Done, "{stream:?}");
        stream.status
    };
    assert!([200, 429, 503].contains(&status.as_u16()), "{status}");
    status.as_u16()
}

/// Calls for as long as the outage is; how often, how many were refused, and when one was answered last.
async fn through_it(client: &ApiClient, begun: Instant) -> (usize, usize, Duration) {
    let (mut calls, mut refused, mut last) = (0, 0, Duration::ZERO);
    while begun.elapsed() < OUTAGE {
        match call(client, calls).await {
            200 => last = begun.elapsed(),
            _ => refused += 1,
        }
        calls += 1;
        sleep(if begun.elapsed() < NOTICED { QUICK_PACE } else { PACE }).await;
    }
    (calls, refused, last)
}

async fn journal_is_home(node: &Veloera) {
    let client = at(node, "");
    wait::until("the journal at home", SEEN_MAX, async || {
        let page = client.get("/metrics").await.ok()?;
        let page = String::from_utf8(page.body.to_vec()).ok()?;
        page.lines().any(|line| line == "veloera_journal_lag_records 0").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_for_a_minute_calls_go_on_and_everything_comes_home_once() {
    let postgres = servers::Postgres::start().await;
    let database = postgres.database().await;
    let control = Launch::default().set("LEASE_TTL_MS", LEASE_MS);
    let relay = Launch::default().set("STALE_CALLERS_MS", LEASE_MS);
    let cluster = Cluster::on(database, 2, control, relay, short).await;
    let nodes = [cluster.world.carrier(), &cluster.relays[0]];
    let mut clients = Vec::new();
    for caller in 0..CALLERS {
        let token = cluster.world.token(&format!("caller {caller}"), Some(10_000_000_000)).await;
        let client = at(nodes[caller % nodes.len()], &token.key);
        until_status(&client, 200).await;
        clients.push(client);
    }
    let large = join_all(clients.iter().map(|client| {
        let mut body = chat(MODEL, "large");
        body["max_tokens"] = LARGE_TOKENS.into();
        async move { client.chat(&body).await.expect("an answer").status.as_u16() }
    }));
    assert_eq!(large.await, [200; CALLERS]);
    let begun = Instant::now();
    postgres.kill().await;
    let seen = join_all(clients.iter().map(|client| through_it(client, begun))).await;
    println!("calls, refused, last answered: {seen:?}");
    for (calls, refused, last) in seen {
        assert!(refused == 0 && last > LAST, "of {calls} {refused} were refused; up to {last:?}");
    }
    postgres.restart().await;
    for client in &clients {
        wait::until("an answer", SEEN_MAX, async || (call(client, 0).await == 200).then_some(())).await;
    }
    for node in nodes {
        journal_is_home(node).await;
    }
    everything_billed_is_charged(&cluster).await;
    cluster.close().await;
}
