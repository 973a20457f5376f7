//! A node that is gone for good: somebody brings its journal home.

use std::{ffi::OsString, process::Output};

use tests::{
    Cluster, Launch, Received, Reply, Veloera, World, binary,
    client::{chat, streamed_chat},
    ledger_facts,
    price::MODEL,
    provider::{Answer, Break},
    topology::MASTER_KEY,
};

use super::{at, short, until_status};

fn stalling(request: &Received) -> Reply {
    let answer = Answer::words(3, 20, 3);
    Reply::Answer(if request.text() == "stall" { answer.breaking(Break::StallAfter(2)) } else { answer })
}

/// `veloera journal upload` of that node's directory, by one of the two ways.
fn uploaded(node: &Veloera, way: [&str; 2]) -> Output {
    let data_dir = node.data_dir().into_os_string();
    let arguments = ["journal", "upload", way[0], way[1], "--data-dir"].map(OsString::from);
    let mut command = binary::command();
    command.args(arguments).arg(data_dir).env("VELOERA_MASTER_KEY", MASTER_KEY);
    command.output().expect("the binary starts")
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said)).concat()
}

fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

/// Lets the second relay node die with one call under way and others that have not come home; how many were answered.
async fn dies_alone(cluster: &mut Cluster) -> (Veloera, usize) {
    let mut relay = cluster.relays.pop().unwrap();
    let token = cluster.world.token("the orphan's", Some(1_000_000_000)).await;
    let client = at(&relay, &token.key);
    until_status(&client, 200).await;
    let mut open = client.open(&streamed_chat(MODEL, "stall")).await.unwrap();
    open.next().await.unwrap();
    let mut answered = 0;
    for call in 0..6 {
        if call == 3 {
            cluster.world.veloera.kill();
        }
        // Without the control node as many as the lease is good for.
        let answer = client.chat(&chat(MODEL, &format!("call {call}"))).await.unwrap();
        assert!(call >= 3 || answer.status == 200, "{answer:?}");
        answered += usize::from(answer.status == 200);
    }
    relay.kill();
    cluster.world.veloera.restart().await;
    (relay, answered)
}

async fn holds_every_call(world: &World, answered: usize) {
    let charges = world.charges(answered + 1).await;
    let in_doubt = charges.iter().filter(|charge| ledger_facts::is_in_doubt(charge)).count();
    assert_eq!(in_doubt, 1, "{charges:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_a_relay_node_that_is_gone_comes_home_by_a_control_node_and_once() {
    let patient = Launch::default().set("STALE_CALLERS_MS", 3_600_000);
    let mut cluster = Cluster::start(2, patient, stalling).await;
    let way = |cluster: &Cluster| ["--control-url".to_owned(), cluster.world.veloera.url("")];
    let [flag, url] = way(&cluster);
    let running = uploaded(&cluster.relays[0], [&flag, &url]);
    assert!(!running.status.success() && said(&running).contains("in use by another process"), "{running:?}");

    let (relay, answered) = dies_alone(&mut cluster).await;
    let [flag, url] = way(&cluster);
    let told = succeeds(&uploaded(&relay, [&flag, &url]));
    assert!(told.contains("1 of those in doubt") && told.contains("in doubt: call_"), "{told}");
    holds_every_call(&cluster.world, answered).await;
    let told = succeeds(&uploaded(&relay, [&flag, &url]));
    assert!(told.contains(": 0 records were taken in"), "{told}");
    holds_every_call(&cluster.world, answered).await;

    // No other node brings it, and nobody without a key.
    let key = relay.data_dir().join("node.key");
    std::fs::copy(cluster.world.carrier().data_dir().join("node.key"), &key).unwrap();
    let foreign = uploaded(&relay, [&flag, &url]);
    assert!(!foreign.status.success() && said(&foreign).contains("belongs to another node"), "{foreign:?}");
    std::fs::remove_file(key).unwrap();
    let foreign = uploaded(&relay, [&flag, &url]);
    assert!(!foreign.status.success() && said(&foreign).contains("only the node that wrote"), "{foreign:?}");
    assert_eq!(cluster.close().await["in_doubt"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn or_straight_into_the_database_while_the_control_node_runs_and_into_no_other() {
    let patient = Launch::default().set("STALE_CALLERS_MS", 3_600_000);
    let mut cluster = Cluster::start(2, patient, stalling).await;
    let (relay, answered) = dies_alone(&mut cluster).await;
    let other = servers::postgres().database().await;
    let mut migrate = binary::command();
    migrate.args(["migrate", "--database-url", &other.url]).env("VELOERA_MASTER_KEY", MASTER_KEY);
    let folder = tempfile::tempdir().unwrap();
    succeeds(&migrate.current_dir(folder.path()).output().unwrap());
    let foreign = uploaded(&relay, ["--database-url", &other.url]);
    assert!(!foreign.status.success() && said(&foreign).contains("belongs to the ledger"), "{foreign:?}");

    let told = succeeds(&uploaded(&relay, ["--database-url", &cluster.database.url]));
    assert!(told.contains("1 of those in doubt"), "{told}");
    // What it knows of the log moves with its own next write.
    assert_eq!(cluster.world.api().chat(&chat(MODEL, "another")).await.unwrap().status, 200);
    cluster.world.charges(answered + 2).await;
    assert_eq!(cluster.close().await["charges"], answered + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_its_database_in_its_directory_needs_no_more_than_that() {
    let mut world = World::start(short).await;
    for call in 0..3 {
        assert_eq!(world.api().chat(&chat(MODEL, &format!("{call}"))).await.unwrap().status, 200);
    }
    world.veloera.kill();
    let data_dir = world.veloera.data_dir().display().to_string();
    let told = binary::output(["journal", "upload", "--data-dir", &data_dir]);
    assert!(told.contains("records were taken in"), "{told}");
    let report = world.veloera.verified();
    assert_eq!(report["charges"], 3, "{report:#}");
    world.veloera.restart().await;
    world.charges(3).await;
    world.close().await;
}
