use domain::trace::Sampling;
use http::{HeaderMap, HeaderValue};

use super::{
    provider::{Act, USAGE, completion, good_stream, status},
    rig::{CALL, Rig, STREAM, WHOLE, route, text},
};
use crate::{CallReport, Format, Incoming, RelayConfig};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const ALL: Sampling = Sampling::per_million(1_000_000);

/// A call whose client sends these headers, over two channels that follow the scripts.
async fn called(sampling: Sampling, scripts: Vec<Vec<Act>>, body: &str, said: &[(&str, &str)]) -> Rig {
    let rig = Rig::over(scripts, RelayConfig { sampling, ..RelayConfig::default() }, |provider| {
        let url = Some(format!("http://{}/v1", provider.address));
        vec![route("openai_compatible", url.clone(), 0), route("openai_compatible", url, 1)]
    })
    .await;
    let said =
        said.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()));
    let from = Incoming::read(&said.collect::<HeaderMap>());
    let body = bytes::Bytes::copy_from_slice(body.as_bytes());
    if let Ok(answer) = rig.relay.call(Format::OpenaiChat, CALL, Rig::caller(), body, from).await {
        text(answer).await;
    }
    rig.records().await;
    rig
}

fn told(rig: &Rig, name: &str) -> Vec<String> {
    let requests = rig.provider.requests.lock();
    let lines = requests.iter().flat_map(|request| request.lines());
    lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn each_attempt_tells_its_provider_its_own_span_of_the_clients_trace() {
    let good = completion("hi", USAGE);
    let scripts = vec![vec![status(500, "", "{}")], vec![status(200, "", &good)]];
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let rig = called(ALL, scripts, WHOLE, &[("traceparent", &parent), ("tracestate", "a=1")]).await;
    let reports = rig.reports.0.lock();
    let [report] = &reports[..] else { panic!("{reports:?}") };
    let traced = report.traced.as_deref().unwrap();
    assert!(traced.trace.is_recorded);
    assert_eq!(traced.trace.parent.unwrap().to_string(), parent);
    let spans = [1, 2].map(|attempt| traced.of_attempt(attempt).to_string());
    assert_eq!(told(&rig, "traceparent"), spans);
    assert!(spans.iter().all(|span| span.contains(TRACE) && !span.contains(SPAN)), "{spans:?}");
    assert_ne!(spans[0], spans[1]);
    assert_eq!(told(&rig, "tracestate"), ["a=1", "a=1"]);
    assert_eq!(report.failed[0].error.as_deref(), Some("500"));
    let last = report.last.as_ref().unwrap();
    assert_eq!((last.attempt.attempt, last.attempt.upstream_model.as_str(), &last.error), (2, "up", &None));
    assert_eq!(report.usage.unwrap().output_tokens, 5);
    assert!(report.overhead <= report.took && last.after >= report.failed[0].after + report.failed[0].took);
}

#[tokio::test]
async fn what_is_not_recorded_is_passed_on_as_it_came_and_nothing_is_made_up() {
    let good = || vec![vec![status(200, "", &completion("hi", USAGE))]];
    let (sampled, unsampled) = (format!("00-{TRACE}-{SPAN}-01"), format!("00-{TRACE}-{SPAN}-00"));
    let rig = called(ALL, good(), WHOLE, &[("traceparent", &unsampled)]).await;
    assert_eq!(told(&rig, "traceparent"), [unsampled]);
    let rig = called(Sampling::NONE, good(), WHOLE, &[("traceparent", &sampled)]).await;
    assert_eq!(told(&rig, "traceparent"), [sampled]);
    let none = Sampling::per_million(0);
    let rig = called(none, good(), WHOLE, &[("traceparent", "00-what-01"), ("tracestate", "a=1")]).await;
    assert!(told(&rig, "traceparent").is_empty() && told(&rig, "tracestate").is_empty());
    assert!(rig.reports.0.lock()[0].traced.is_none());
}

#[tokio::test]
async fn a_stream_is_reported_at_its_end_with_the_time_to_its_first_chunk() {
    let rig = called(ALL, vec![good_stream()], STREAM, &[]).await;
    let reports = rig.reports.0.lock();
    let [report] = &reports[..] else { panic!("{reports:?}") };
    let last = report.last.as_ref().unwrap();
    assert!(report.is_streamed && last.first_chunk.is_some_and(|first| first <= last.took));
    assert_eq!(report.model.as_ref().unwrap().as_str(), "m", "it is recorded, for all are");
    assert_eq!(last.route.telemetry_name().as_ref(), "openai_compatible");
}

#[tokio::test]
async fn a_call_that_nobody_answered_is_reported_with_why() {
    let scripts = vec![vec![status(429, "", "{}")], vec![status(503, "", "{}")]];
    let rig = called(Sampling::NONE, scripts, WHOLE, &[]).await;
    let reports = rig.reports.0.lock();
    let [report] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!((report.error.as_deref(), report.usage), (Some("503"), None));
    assert_eq!((report.failed.len(), report.last.as_ref().unwrap().attempt.attempt), (1, 2));
}

/// The only report.
fn report(rig: &Rig) -> CallReport {
    let mut reports = std::mem::take(&mut *rig.reports.0.lock());
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports.remove(0)
}

#[tokio::test]
async fn of_a_recorded_call_it_is_noted_what_the_client_sets_and_what_the_answer_says_of_itself() {
    let whole = WHOLE.replace("\"max_tokens\"", "\"temperature\":0.25,\"seed\":7,\"max_tokens\"");
    let good = || vec![vec![status(200, "", &completion("hi", USAGE))]];
    let called_whole = report(&called(ALL, good(), &whole, &[]).await);
    let noted = called_whole.noted.as_deref().unwrap();
    assert_eq!((noted.tuning.temperature, noted.tuning.seed), (Some(0.25), Some(7)));
    assert_eq!(noted.nature.id.as_deref(), Some("x"));
    assert_eq!(noted.nature.finish_reasons().collect::<Vec<_>>(), ["stop"]);
    assert_eq!(called_whole.status, Some(200));
    let streamed = report(&called(ALL, vec![good_stream()], STREAM, &[]).await);
    let noted = streamed.noted.as_deref().unwrap();
    assert_eq!(noted.nature.finish_reasons().collect::<Vec<_>>(), ["stop"]);
    assert_eq!(streamed.last.as_ref().unwrap().chunks, 4, "two of text, its end, and the usage");
    let other = called(Sampling::per_million(0), vec![good_stream()], STREAM, &[]).await;
    assert!(report(&other).noted.is_none(), "nobody would look at it");
}

#[tokio::test]
async fn a_call_that_is_refused_before_anything_is_set_aside_is_reported_with_why_where_it_is_recorded() {
    for (body, status, error, model) in [
        ("{", 400, "invalid_json", None),
        (&WHOLE.replace("\"m\"", "\"none\""), 404, "model_not_found", Some("none")),
        (&WHOLE.replace("\"m\"", "\"unpriced\""), 404, "model_not_found", Some("unpriced")),
    ] {
        let report = report(&called(ALL, Vec::new(), body, &[]).await);
        assert_eq!((report.status, report.error.as_deref()), (Some(status), Some(error)));
        assert_eq!(report.model.as_ref().map(domain::ModelName::as_str), model);
        assert!(report.last.is_none() && report.is_recorded() && report.is_clients_fault());
        let rig = called(Sampling::per_million(0), Vec::new(), body, &[]).await;
        assert!(rig.reports.0.lock().is_empty());
    }
}

#[tokio::test]
async fn a_call_that_nobody_answers_says_with_which_status_its_client_was_told() {
    let rig = called(ALL, vec![vec![status(503, "", "{}")], vec![status(503, "", "{}")]], WHOLE, &[]).await;
    assert_eq!(report(&rig).status, Some(502));
    let rig = Rig::new(Vec::new()).await;
    *rig.ledger.refusal.lock() = Some(crate::ReserveError::Insufficient);
    assert!(rig.chat(WHOLE).await.is_err());
    assert_eq!(report(&rig).status, Some(429));
}
