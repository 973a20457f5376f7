//! Every call that a provider bills stands in the ledger exactly once, with the amount that it costs.

use std::time::Duration;

use domain::account::{AttemptOutcome, Flag, Mode};
use http::{Method, StatusCode};
use serde_json::json;
use tests::{
    ApiClient, End, Received, Reply, World,
    client::{chat, streamed_chat},
    price::{self, MODEL},
    provider::{Answer, usage},
    wait,
};
use tokio::task::JoinSet;

fn answer(request: &Received) -> Reply {
    Reply::Answer(match request.text().as_str() {
        "missing" => Answer::words(3, 20, 5).telling(vec![]),
        "zero" => Answer::words(3, 0, 0),
        "negative" => Answer::words(3, 0, 0)
            .telling(vec![json!({ "prompt_tokens": -5, "completion_tokens": -7, "total_tokens": -12 })]),
        "doubled" => Answer::words(3, 20, 5).telling(vec![usage(20, 5), usage(20, 5)]),
        "cached" => Answer::words(3, 100, 5).telling(vec![json!({
            "prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105,
            "prompt_tokens_details": { "cached_tokens": 60 }
        })]),
        _ => Answer::words(3, 20, 5),
    })
}

/// Sends one call, read to its end.
async fn call(client: &ApiClient, text: &str, mode: Mode) {
    match mode {
        Mode::Whole => {
            let answer = client.chat(&chat(MODEL, text)).await.unwrap();
            assert_eq!(answer.status, 200, "{text}: {answer:?}");
        }
        Mode::Stream => {
            let stream = client.stream(&streamed_chat(MODEL, text)).await.unwrap();
            assert_eq!(stream.end, End::Done, "{text}: {stream:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_stands_exactly_once_on_every_account_it_concerns() {
    let world = World::start(answer).await;
    let admin = world.admin();
    let token = admin.token("limited", Some(1_000_000_000)).await;
    let payer = format!("/accounts/{}", admin.own_account().await);
    let limit = format!("/accounts/{}", token.limit_account_id);
    let client = world.client(&token.key);
    call(&client, "Hello", Mode::Whole).await;
    call(&client, "Hello", Mode::Stream).await;
    let charges = world.charges(2).await;
    let nanos = price::nanos(20, 5);
    for (charge, mode) in charges.iter().zip([Mode::Whole, Mode::Stream]) {
        assert_eq!((charge.amount_nanos.get(), charge.mode, charge.part), (nanos, mode, 0));
        assert_eq!((charge.usage.input_tokens, charge.usage.output_tokens), (20, 5));
        assert_eq!(charge.token_id.to_string(), token.id);
        assert!(charge.flags.is_empty(), "{charge:?}");
        assert_eq!(charge.attempts.len(), 1);
        assert_eq!(charge.attempts[0].outcome, AttemptOutcome::Billed);
        assert_eq!(charge.charges.len(), 2, "the payer's account and the token's: {charge:?}");
    }
    for account in [&payer, &limit] {
        assert_eq!(admin.get(account).await["posted_nanos"], 2 * nanos, "{account}");
    }
    // The usage log follows the ledger; it does not hold charges up.
    wait::until("both calls in the usage log", Duration::from_secs(10), async || {
        (admin.list("/calls").await.len() == 2).then_some(())
    })
    .await;
    let report = world.close().await;
    assert_eq!((&report["charges"], &report["in_doubt"]), (&json!(2), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bill_follows_the_usage_however_it_is_told() {
    let world = World::start(answer).await;
    let cached = 40 * price::INPUT_NANOS + 60 * price::CACHE_READ_NANOS + 5 * price::OUTPUT_NANOS;
    let told = [("zero", 0), ("negative", 0), ("doubled", price::nanos(20, 5)), ("cached", cached)];
    let mut count = 0;
    for (text, nanos) in told {
        for mode in [Mode::Whole, Mode::Stream] {
            call(&world.api(), text, mode).await;
            count += 1;
            let charge = world.charges(count).await.pop().unwrap();
            assert_eq!(charge.amount_nanos.get(), nanos, "{text}, {mode:?}: {charge:?}");
            assert!(!charge.flags.contains(&Flag::Counted), "{text}, {mode:?}: {charge:?}");
        }
    }
    for mode in [Mode::Whole, Mode::Stream] {
        call(&world.api(), "missing", mode).await;
        count += 1;
        let charge = world.charges(count).await.pop().unwrap();
        assert!(charge.flags.contains(&Flag::Counted), "{mode:?}: {charge:?}");
        assert!(charge.usage.input_tokens > 0 && charge.usage.output_tokens > 0, "{mode:?}: {charge:?}");
        assert!(!charge.amount_nanos.is_zero(), "{mode:?}: {charge:?}");
    }
    world.close().await;
}

/// Covers the reservation for a hundred tokens of output and a short input once, but not what is left of it
/// after such a call was charged.
const QUOTA_FOR_ONE: u64 = 100 * price::OUTPUT_NANOS + 70 * price::INPUT_NANOS;
const AT_ONCE: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_calls_at_once_a_quota_for_one_admits_one() {
    let world =
        World::start(|_| Reply::Answer(Answer::words(3, 15, 100).paced(Duration::from_millis(200)))).await;
    let token = world.admin().token("for one call", Some(QUOTA_FOR_ONE)).await;
    let client = world.client(&token.key);
    let mut calls = JoinSet::new();
    for _ in 0..AT_ONCE {
        let client = client.clone();
        calls.spawn(async move { client.chat(&chat(MODEL, "Hello")).await.unwrap() });
    }
    let answers = calls.join_all().await;
    let (admitted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((admitted.len(), refused.len()), (1, AT_ONCE - 1));
    for answer in refused {
        assert_eq!(answer.status, 429, "{answer:?}");
        assert_eq!(answer.json()["error"]["code"], "insufficient_quota");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
    assert_eq!(world.provider.bills().len(), 1);
    let charge = world.charges(1).await.remove(0);
    assert_eq!(charge.amount_nanos.get(), price::nanos(15, 100));
    let account = world.admin().get(&format!("/accounts/{}", token.limit_account_id)).await;
    assert_eq!(account["posted_nanos"], price::nanos(15, 100));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_in_the_middle_pays_for_what_was_made() {
    let world =
        World::start(|_| Reply::Answer(Answer::words(20, 30, 40).paced(Duration::from_millis(20)))).await;
    let mut stream = world.api().open(&streamed_chat(MODEL, "Hello")).await.unwrap();
    for _ in 0..3 {
        stream.next().await.unwrap();
    }
    drop(stream);
    let charge = world.charges(1).await.remove(0);
    assert_eq!(charge.amount_nanos.get(), price::nanos(30, 40), "{charge:?}");
    assert!(charge.flags.contains(&Flag::ClientLeft), "{charge:?}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_provably_not_billed_is_given_back() {
    let world = World::start(|request| match request.text().parse() {
        Ok(status) => Reply::status(status),
        Err(_) => answer(request),
    })
    .await;
    let token = world.admin().token("for one call", Some(QUOTA_FOR_ONE)).await;
    for status in ["400", "429", "401", "404"] {
        let refused = world.client(&token.key).chat(&chat(MODEL, status)).await.unwrap();
        assert_ne!(refused.json()["error"]["code"], "insufficient_quota", "{status}: nothing came back");
        world.admin().delete_channels().await;
        world.admin().channel(&world.provider.base_url(), &[MODEL], 0).await;
    }
    // The quota is for one call, and is there for it after all that.
    call(&world.client(&token.key), "Hello", Mode::Whole).await;
    let charge = world.charges(1).await.remove(0);
    assert_eq!(charge.amount_nanos.get(), price::nanos(20, 5));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_billed_without_an_answer_is_not_the_customers() {
    let world = World::start(|_| Reply::HangUp).await;
    assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 502);
    let charge = world.charges(1).await.remove(0);
    assert!(charge.amount_nanos.is_zero(), "{charge:?}");
    assert!(charge.flags.contains(&Flag::Unanswered), "{charge:?}");
    assert!(charge.attempts.iter().all(|attempt| attempt.outcome == AttemptOutcome::Unknown), "{charge:?}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_is_served_no_more_although_its_quota_is_at_hand() {
    let world = World::start(answer).await;
    let admin = world.admin();
    call(&world.api(), "Hello", Mode::Whole).await;
    let account = format!("/accounts/{}", admin.own_account().await);
    admin.must(Method::PATCH, &account, Some(&json!({ "status": "closed" })), StatusCode::OK).await;
    let refused = wait::until("the refusal", Duration::from_secs(10), async || {
        let answer = world.api().chat(&chat(MODEL, "Hello")).await.unwrap();
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].clone()),
        (StatusCode::FORBIDDEN, json!("forbidden"))
    );
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    world.close().await;
}
