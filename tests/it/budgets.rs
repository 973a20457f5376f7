//! Budgets over HTTP: what a window has is spent once, the next one begins anew, and every call stands in the ledger on
//! its account and on the windows that it was reserved in.
//!
//! No window is waited for: the build of these tests reads from a file how far its clock is ahead.

use std::{fs, path::PathBuf, time::Duration};

use domain::{AccountId, TimeStamp, account::Deduction};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    ApiClient, Launch, Received, Reply, World,
    admin::text,
    binary,
    client::{chat, streamed_chat},
    price::{self, MODEL},
    provider::Answer,
};

/// Covers the reservation of a call once, but not what is left of it after such a call was charged.
const FOR_ONE: u64 = 100 * price::OUTPUT_NANOS + 70 * price::INPUT_NANOS;
const ONE: (u64, u64) = (10, 100);
const DAY_MS: u64 = 86_400_000;
/// Longer than any of these tests.
const CALM_MS: u64 = 1_800_000;

/// A gateway and the hands of its clock.
struct Days {
    world: World,
    folder: TempDir,
    ahead_ms: u64,
}

fn answer(request: &Received) -> Reply {
    let answer = Answer::words(8, ONE.0, ONE.1);
    Reply::Answer(if request.text() == "slowly" { answer.paced(Duration::from_millis(100)) } else { answer })
}

impl Days {
    async fn start(launch: Launch) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let launch = launch.build(binary::with_faults()).set("CLOCK_AHEAD", clock(&folder).display());
        Self { world: World::launched(launch, answer).await, folder, ahead_ms: 0 }
    }

    fn pass_ms(&mut self, ms: u64) {
        self.ahead_ms += ms;
        // Whole at every look.
        let new = clock(&self.folder).with_extension("new");
        fs::write(&new, self.ahead_ms.to_string()).unwrap();
        fs::rename(new, clock(&self.folder)).unwrap();
    }

    /// Makes a budget whose window does not end by itself while a test runs.
    async fn budget(&mut self, holder: Value, limit: u64) -> Value {
        let body = json!({ "holder": holder, "period": "day", "limit_nanos": limit });
        let made = self.world.admin().create("/budgets", body).await;
        let stamp = |value: &Value| TimeStamp::parse(&text(value)).unwrap();
        let now = stamp(&made["created_at"]).plus_ms(self.ahead_ms);
        if now.plus_ms(CALM_MS) >= stamp(&made["window"]["ends_at"]) {
            self.pass_ms(CALM_MS);
        }
        self.read(&made).await
    }

    async fn read(&self, budget: &Value) -> Value {
        self.world.admin().get(&format!("/budgets/{}", text(&budget["id"]))).await
    }

    async fn posted(&self, account_id: &str) -> Value {
        self.world.admin().get(&format!("/accounts/{account_id}")).await["posted_nanos"].clone()
    }
}

fn clock(folder: &TempDir) -> PathBuf {
    folder.path().join("ahead")
}

/// Asks once; gives the refusal's words where it is one for want of quota.
async fn asked(client: &ApiClient) -> Result<(), String> {
    let answer = client.chat(&chat(MODEL, "Hello")).await.unwrap();
    if answer.status == StatusCode::OK {
        return Ok(());
    }
    let error = answer.json()["error"].clone();
    assert_eq!((answer.status.as_u16(), &error["code"]), (429, &json!("insufficient_quota")), "{error}");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    Err(text(&error["message"]))
}

fn charged(charge: &Deduction) -> Vec<AccountId> {
    charge.charges.iter().map(|charge| charge.account_id).collect()
}

async fn a_spent_day(launch: Launch) {
    let mut days = Days::start(launch).await;
    let admin = days.world.admin();
    let token = admin.token("for one call a day", None).await;
    let client = days.world.client(&token.key);
    let today = days.budget(json!({ "kind": "token", "id": token.id }), FOR_ONE).await;
    assert_eq!(asked(&client).await, Ok(()));
    days.world.charges(1).await;
    let message = asked(&client).await.unwrap_err();
    let until = format!("it begins anew at {}", text(&today["window"]["ends_at"]));
    for part in ["the budget of this key for a day", &until, &text(&today["id"])] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(asked(&days.world.api()).await, Ok(()), "another token goes on");
    days.world.charges(2).await;

    days.pass_ms(DAY_MS);
    assert_eq!(asked(&client).await, Ok(()), "the next day begins anew");
    let charges = days.world.charges(3).await;
    asked(&client).await.unwrap_err();
    let tomorrow = days.read(&today).await;
    assert_ne!(today["window"]["name"], tomorrow["window"]["name"]);
    let (payer, one) = (admin.own_account().await, price::nanos(ONE.0, ONE.1));
    for (budget, charge) in [(&today, &charges[0]), (&tomorrow, &charges[2])] {
        let window = text(&budget["window"]["account_id"]);
        assert_eq!(days.posted(&window).await, one);
        assert_eq!(charged(charge), [payer.parse().unwrap(), window.parse().unwrap()]);
        assert!(charge.flags.is_empty(), "{charge:?}");
    }
    assert_eq!(days.posted(&payer).await, 3 * one);
    assert_eq!(tomorrow["window"]["spent_nanos"], one);
    let shown = admin.get(&format!("/tokens/{}", token.id)).await;
    assert_eq!(shown["budgets"][0]["window"]["spent_nanos"], one);
    days.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_refused_when_its_day_is_spent_and_goes_on_in_the_next() {
    a_spent_day(Launch::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_so_it_is_on_a_server() {
    let database = servers::postgres().database().await;
    a_spent_day(Launch::default().on(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_outlasts_its_day_is_charged_to_the_day_in_which_it_began() {
    let mut days = Days::start(Launch::default()).await;
    let token = days.world.admin().token("for one call a day", None).await;
    let client = days.world.client(&token.key);
    let today = days.budget(json!({ "kind": "token", "id": token.id }), FOR_ONE).await;
    let mut stream = client.open(&streamed_chat(MODEL, "slowly")).await.unwrap();
    stream.next().await.unwrap();
    days.pass_ms(DAY_MS);
    assert_eq!(asked(&client).await, Ok(()), "the next day is not touched by it");
    let streamed = stream.read_on().await;
    assert_eq!(streamed.status, 200);
    let charges = days.world.charges(2).await;
    let tomorrow = days.read(&today).await;
    for budget in [&today, &tomorrow] {
        let window = text(&budget["window"]["account_id"]);
        assert_eq!(days.posted(&window).await, price::nanos(ONE.0, ONE.1), "{budget}");
        let named = charges.iter().filter(|charge| charged(charge).contains(&window.parse().unwrap()));
        assert_eq!(named.count(), 1);
    }
    days.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_groups_spend_their_budgets_together_and_admins_change_and_close_them() {
    let mut days = Days::start(Launch::default()).await;
    let admin = days.world.admin();
    let me = text(&admin.get("/me").await["id"]);
    let first = days.world.client(&admin.token("first", None).await.key);
    let second = days.world.client(&admin.token("second", None).await.key);
    let of_user = days.budget(json!({ "kind": "user", "id": me }), FOR_ONE).await;
    let of_group = days.budget(json!({ "kind": "group", "id": "default" }), 10 * FOR_ONE).await;
    assert_eq!(asked(&first).await, Ok(()));
    days.world.charges(1).await;
    let message = asked(&second).await.unwrap_err();
    assert!(message.contains("the budget of this key's user for a day"), "{message}");
    let path = format!("/budgets/{}", text(&of_user["id"]));
    admin.must(Method::PATCH, &path, Some(&json!({ "limit_nanos": 2 * FOR_ONE })), StatusCode::OK).await;
    assert_eq!(asked(&second).await, Ok(()), "more may be spent at once");
    days.world.charges(2).await;
    asked(&first).await.unwrap_err();
    admin.delete(&path).await;
    assert_eq!(asked(&first).await, Ok(()), "a closed budget limits nobody");
    let spent = days.world.charges(3).await.len() as u64 * price::nanos(ONE.0, ONE.1);
    let path = format!("/budgets/{}", text(&of_group["id"]));
    admin.must(Method::PATCH, &path, Some(&json!({ "limit_nanos": spent })), StatusCode::OK).await;
    let message = asked(&second).await.unwrap_err();
    assert!(message.contains("the budget of this key's group for a day"), "{message}");
    assert_eq!(days.read(&of_group).await["window"]["left_nanos"], 0);
    days.world.close().await;
}
