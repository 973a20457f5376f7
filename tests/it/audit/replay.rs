//! Accounts as of a moment that has gone by.

use std::{fs, time::Duration};

use domain::TimeStamp;
use serde_json::Value;
use tests::{Admin, admin::text, client::chat, ledger_facts, price::MODEL, wait};

use super::{calls, exported, refused, replay, said, stopped, world};

/// How long the ledger may take until nothing moves between two looks at it.
const STILL_MAX: Duration = Duration::from_secs(30);

/// All accounts, and the ledger's last event of which they are the fold.
async fn accounts(admin: &Admin) -> (Vec<Value>, Value) {
    wait::until("a ledger at rest", STILL_MAX, async || {
        let before = ledger_facts::events(admin, "ledger").await;
        let accounts = admin.list("/accounts").await;
        let after = ledger_facts::events(admin, "ledger").await;
        (before.len() == after.len()).then(|| (accounts, after.last().unwrap().clone()))
    })
    .await
}

/// What was replayed, without what the REST interface does not show.
fn as_listed(replayed: &Value) -> Vec<Value> {
    let mut accounts = replayed["accounts"].as_array().unwrap().clone();
    for account in &mut accounts {
        let account = account.as_object_mut().unwrap();
        let open = |lease: &Value| {
            lease["amount_nanos"].as_u64().unwrap() - lease["settled_nanos"].as_u64().unwrap()
        };
        let leases = account.remove("leases").unwrap();
        let pending: u64 = leases.as_array().unwrap().iter().map(open).sum();
        assert_eq!(account["pending_nanos"], pending, "{account:?}");
    }
    accounts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_to_a_position_says_what_the_accounts_said_then() {
    let world = world().await;
    let (admin, data_dir) = (world.admin(), world.veloera.data_dir());
    let token = admin.token("limited", Some(1_000_000_000)).await;
    assert_eq!(world.client(&token.key).chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    world.charges(1).await;
    calls(&world, 2).await;
    let (then, last) = accounts(&admin).await;
    admin.deposit(&admin.own_account().await, 5).await;
    calls(&world, 2).await;
    let (now, _) = accounts(&admin).await;
    assert_ne!(now, then);
    let position = last["position"].to_string();
    // Beside the running server.
    let replayed = replay(&data_dir, &["--to", &position]);
    assert_eq!(as_listed(&replayed), then);
    assert_eq!((&replayed["log"], &replayed["position"]), (&"ledger".into(), &last["position"]));
    assert_eq!(replayed["recorded_at"], last["recorded_at"]);
    let own = admin.own_account().await;
    let one = replay(&data_dir, &["--to", &position, "--account", &own]);
    let only: Vec<_> = then.iter().filter(|account| account["id"] == *own).cloned().collect();
    assert_eq!(as_listed(&one), only);
    let people = said(&data_dir, &["replay", "--to", &position]);
    assert!(people.contains(&format!("as of ledger event {position}, recorded")), "{people}");
    assert!(people.contains(&own), "{people}");
    let first = replay(&data_dir, &["--to", "0"]);
    assert_eq!((&first["accounts"], &first["recorded_at"]), (&Value::Array(Vec::new()), &Value::Null));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_by_a_control_event_says_what_the_accounts_said_when_it_happened() {
    let mut world = world().await;
    let own = world.admin().own_account().await;
    // The harness makes its channel, then pays in, then issues its token.
    let control = ledger_facts::events(&world.admin(), "control").await;
    let data_dir = stopped(&mut world).await;
    let credit = |event_type: &str| {
        let event = control.iter().rfind(|event| event["event_type"] == event_type).unwrap();
        let position = event["position"].to_string();
        let replayed = replay(&data_dir, &["--log", "control", "--to", &position, "--account", &own]);
        assert_eq!(replayed["control_position"], event["position"]);
        let at = |value: &Value| TimeStamp::parse(&text(&value["recorded_at"])).unwrap();
        assert!(at(&replayed) <= at(event), "{replayed}");
        replayed["accounts"][0]["credit_nanos"].as_u64().unwrap()
    };
    let (before, after) = (credit("channel_created"), credit("token_issued"));
    let paid_in = after - before;
    let events = fs::read_to_string(exported(&data_dir, "paid in", &[]).1).unwrap();
    assert!(events.contains(&format!("\"amount_nanos\":{paid_in},\"reason\":\"for the test\"")), "{paid_in}");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_of_a_moment_the_accounts_are_what_they_were_then() {
    let world = world().await;
    let (admin, data_dir) = (world.admin(), world.veloera.data_dir());
    calls(&world, 2).await;
    let (then, last) = accounts(&admin).await;
    admin.deposit(&admin.own_account().await, 5).await;
    assert_ne!(accounts(&admin).await.0, then);
    let as_of = |arguments: &[&str]| -> Value {
        let said = said(&data_dir, &[&["as-of", "--json"], arguments].concat());
        serde_json::from_str(&said).unwrap()
    };
    // The moment of an event counts it.
    let seen = as_of(&[&text(&last["recorded_at"])]);
    assert_eq!((as_listed(&seen), &seen["position"]), (then, &last["position"]));
    let control = ledger_facts::events(&admin, "control").await;
    assert_eq!(seen["control_position"], control.len());
    let before_all = as_of(&["2020-01-01T00:00:00Z"]);
    let nothing = (&Value::Array(Vec::new()), &Value::from(0), &Value::from(0));
    let found = (&before_all["accounts"], &before_all["position"], &before_all["control_position"]);
    assert_eq!(found, nothing);
    let complaint = refused(&data_dir, &["as-of", "yesterday"], 64);
    assert!(complaint.contains("RFC 3339") && complaint.contains("yesterday"), "{complaint}");
    world.close().await;
}
