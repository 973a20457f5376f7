//! Limits of groups, models and channels, as whole calls meet them.

use std::num::NonZeroU32;

use domain::{CallLimits, ChannelId, settings::CallRules};
use uuid::Uuid;
use wire::openai_chat::error::ErrorCode;

use super::{
    provider::{Act, USAGE, completion, good_stream, status},
    rig::{RESERVE_WHOLE, Rig, STREAM, WHOLE, route},
};
use crate::{CallError, Limiter, RelayConfig, Retry, limits::Subject};

const fn requests(max: u32) -> CallLimits {
    CallLimits { requests_per_minute: NonZeroU32::new(max), ..CallLimits::NONE }
}

const fn at_once(max: u32) -> CallLimits {
    CallLimits { concurrent_calls: NonZeroU32::new(max), ..CallLimits::NONE }
}

fn good() -> Vec<Act> {
    vec![status(200, "", &completion("hi", USAGE))]
}

/// Two channels of one provider, of which the first is tried first and takes no more than that.
async fn limited(scripts: Vec<Vec<Act>>, first: CallLimits, second: CallLimits) -> Rig {
    Rig::over(scripts, RelayConfig::default(), |provider| {
        let url = || Some(format!("http://{}/v1", provider.address));
        let of = |at, limits| {
            let mut route = route("openai_compatible", url(), at);
            route.limits = limits;
            route
        };
        vec![of(0, first), of(1, second)]
    })
    .await
}

#[tokio::test]
async fn a_group_and_a_model_that_were_asked_too_much_refuse_before_any_money_is_set_aside() {
    let group = CallRules { group_limits: requests(1), ..CallRules::default() };
    let model = CallRules { model_limits: requests(1), ..CallRules::default() };
    for (rules, whose) in [(group, "the group `default`"), (model, "the model `m`")] {
        let rig = Rig::new(vec![good()]).await;
        *rig.rules.lock() = rules;
        rig.text(WHOLE).await;
        let error = rig.chat(WHOLE).await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.code()), (429, ErrorCode::RateLimitExceeded));
        assert!(error.to_string().contains(whose) && matches!(error.retry(), Retry::After(_)), "{error}");
        assert_eq!(rig.records().await.iter().filter(|record| *record == RESERVE_WHOLE).count(), 1);
    }
}

#[tokio::test]
async fn a_channel_that_takes_no_more_is_passed_over_and_when_none_is_left_the_client_is_told_when() {
    let rig = limited(vec![good(), good()], requests(1), requests(1)).await;
    rig.text(WHOLE).await;
    rig.text(WHOLE).await;
    let error = rig.chat(WHOLE).await.unwrap_err();
    let CallError::RateLimited { retry_after: Some(pause) } = &error else { panic!("{error:?}") };
    assert!((1..=65).contains(&pause.as_secs()), "{pause:?}");
    let limits = rig.relay.limits();
    assert_eq!(
        limits.refused.into_iter().map(|((kind, _), count)| (kind, count)).collect::<Vec<_>>(),
        [(Limiter::Channel.kind(), 3)]
    );
    let records = rig.records().await;
    assert_eq!(records.last().unwrap(), "void", "{records:?}");
}

#[tokio::test]
async fn a_channel_counts_a_call_as_open_until_its_stream_has_ended() {
    let rig = limited(vec![good_stream()], at_once(1), at_once(1)).await;
    let first = vec![(Subject::Channel(ChannelId(Uuid::from_u128(9))), at_once(1))];
    let stream = rig.chat(STREAM).await.unwrap();
    assert!(rig.relay.limits.admit(first.clone(), 0).is_err());
    super::rig::text(stream).await;
    rig.records().await;
    assert!(rig.relay.limits.admit(first, 0).is_ok());
}

#[tokio::test]
async fn a_try_that_failed_makes_room_for_the_next_at_the_same_channel() {
    let failed = || vec![status(500, "", "{}")];
    let rig = limited(vec![failed(), good(), good()], at_once(1), at_once(1)).await;
    rig.text(WHOLE).await;
    rig.text(WHOLE).await;
    assert_eq!(rig.relay.limits().refused.values().sum::<u64>(), 0);
}
