use std::sync::Arc;

use bytes::Bytes;
use domain::{Nanos, TimeStamp};

use super::{
    provider::{USAGE, completion, status},
    rig::{BUDGET, CALL, RESERVE_WHOLE, Rig, WHOLE, model},
};
use crate::{CallError, Format, Incoming, ReserveError, Retry, Spent};

#[tokio::test]
async fn what_cannot_be_relayed_is_refused_before_any_money_is_set_aside() {
    let rig = Rig::new(Vec::new()).await;
    for (body, status, param) in [
        ("{", 400, None),
        (r#"{"messages":[{"role":"user","content":"x"}]}"#, 400, Some("model")),
        (r#"{"model":"other","messages":[{"role":"user","content":"x"}]}"#, 404, Some("model")),
        (r#"{"model":"unpriced","messages":[{"role":"user","content":"x"}]}"#, 404, Some("model")),
    ] {
        let error = rig.chat(body).await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.param()), (status, param), "{body}: {error}");
    }
    assert!(rig.records().await.is_empty());
}

#[tokio::test]
async fn a_service_tier_that_is_no_name_is_refused_for_the_ledger_keeps_it() {
    let rig = Rig::new(vec![vec![status(200, "", &completion("hi", USAGE))]]).await;
    let body = |bytes: usize| {
        WHOLE.replace("{\"model\"", &format!("{{\"service_tier\":\"{}\",\"model\"", "x".repeat(bytes)))
    };
    let error = rig.chat(&body(65)).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.param()), (400, Some("service_tier")), "{error}");
    rig.text(&body(64)).await;
    assert_eq!(rig.records().await[0], RESERVE_WHOLE);
}

#[tokio::test]
async fn a_model_that_the_token_may_not_use_looks_like_none() {
    let rig = Rig::new(Vec::new()).await;
    let mut caller = Rig::caller();
    caller.models = Some(Arc::new([model("other")].into()));
    let chat = rig.relay.call(
        Format::OpenaiChat,
        CALL,
        caller,
        Bytes::from_static(WHOLE.as_bytes()),
        Incoming::default(),
    );
    assert!(matches!(chat.await.unwrap_err(), CallError::ModelNotFound(_)));
}

#[tokio::test]
async fn who_has_too_little_is_told_not_to_try_again() {
    let rig = Rig::new(Vec::new()).await;
    *rig.ledger.room.lock() = Some(Nanos::new(1_010).unwrap());
    let error = rig.chat(WHOLE).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.retry()), (429, Retry::Never));
    assert!(rig.records().await.is_empty());
}

#[tokio::test]
async fn who_has_spent_a_budget_is_told_which_and_when_it_begins_anew() {
    let rig = Rig::new(Vec::new()).await;
    let until = TimeStamp::parse("2026-11-25T00:00:00Z").ok();
    *rig.ledger.refusal.lock() = Some(ReserveError::Budget(Spent { budget: BUDGET, until }));
    let error = rig.chat(WHOLE).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.retry()), (429, Retry::Never));
    assert_eq!(
        error.to_string(),
        "the budget of this key for a day has too little left for this call; it begins anew at \
         2026-11-25T00:00:00Z (budget 00000000-0000-0000-0000-000000000005)"
    );
    let spent = Spent { budget: BUDGET, until: None };
    assert!(spent.to_string().contains("; it does not begin anew ("));
}

#[tokio::test]
async fn what_is_left_becomes_the_providers_limit_where_the_client_named_none() {
    let rig = Rig::new(vec![vec![status(200, "", &completion("hi", USAGE))]]).await;
    *rig.ledger.room.lock() = Some(Nanos::new(5_011).unwrap());
    rig.text(&WHOLE.replace("\"max_tokens\":100,", "")).await;
    assert!(rig.provider.requests.lock()[0].contains(r#""max_completion_tokens":500"#));
    assert_eq!(rig.records().await[0], "reserve 5011 Whole input 11");
}

#[tokio::test]
async fn only_models_that_are_served_priced_and_allowed_are_listed() {
    let rig = Rig::new(Vec::new()).await;
    let group = Rig::caller().group;
    assert_eq!(rig.relay.models(&group, None), [model("m")]);
    assert!(rig.relay.models(&group, Some(&[model("other")].into())).is_empty());
}
