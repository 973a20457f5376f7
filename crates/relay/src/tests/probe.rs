use domain::GroupName;

use super::{
    provider::{Act, USAGE, completion, status},
    rig::{Rig, model, route},
};
use crate::{Format, ProbeError};

async fn probed(acts: Vec<Act>, name: &str) -> (Rig, Option<ProbeError>) {
    let rig = Rig::new(vec![acts]).await;
    let route = route("openai_compatible", Some(format!("http://{}/v1", rig.provider.address)), 0);
    let probe = rig.relay.probe(route, &GroupName::default_group(), &model(name), Format::OpenaiChat).await;
    (rig, probe.failure)
}

#[tokio::test]
async fn a_channel_that_answers_passes_and_nobody_is_charged() {
    let (rig, failure) = probed(vec![status(200, "", &completion("hello", USAGE))], "m").await;
    assert!(failure.is_none(), "{failure:?}");
    let request = rig.provider.requests.lock()[0].clone();
    assert!(request.contains("authorization: Bearer sk-secret") && request.contains("\"up\""), "{request}");
    assert!(rig.records().await.is_empty());
}

#[tokio::test]
async fn what_the_provider_says_to_it_is_told() {
    let refusal = r#"{"error":{"message":"no such deployment"}}"#;
    let (_, failure) = probed(vec![status(400, "", refusal)], "m").await;
    let told = failure.unwrap().to_string();
    assert!(told.contains("400") && told.contains("no such deployment"), "{told}");
    let (_, failure) = probed(vec![status(401, "", refusal)], "m").await;
    assert!(failure.unwrap().to_string().contains("refused the channel's key"));
}

#[tokio::test]
async fn what_the_channel_does_not_serve_is_not_asked_for() {
    let (rig, failure) = probed(vec![], "other").await;
    assert!(matches!(failure, Some(ProbeError::NotServed)), "{failure:?}");
    assert!(rig.provider.requests.lock().is_empty());
}
