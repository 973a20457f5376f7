//! One trace from the client to the charge, what a collector is sent, and that none is needed.

use http::HeaderValue;
use opentelemetry_proto::tonic::{
    logs::v1::LogRecord,
    metrics::v1::{Metric, metric::Data},
};
use serde_json::{Value, json};
use tests::{
    Admin, ApiClient, Cluster, Collector, Launch, Received, Reply, Veloera, World, binary,
    client::{chat, streamed_chat},
    collector::attribute,
    price::MODEL,
    provider::Answer,
    wait,
    world::SEEN_MAX,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn answer(_: &Received) -> Reply {
    Reply::Answer(Answer::words(3, 20, 3))
}

fn sampled() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}

async fn traced(api: &ApiClient, parent: &str, body: &Value) {
    let answer = api.chat_in_trace(parent, body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn header(received: &Received, name: &str) -> Option<String> {
    received.headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned())
}

/// The metadata of the only charge.
async fn charged(world: &World) -> Value {
    world.charges(1).await;
    let events = world.admin().list("/events?log=ledger&type=quota_deducted").await;
    assert_eq!(events.len(), 1, "{events:#?}");
    events[0]["metadata"].clone()
}

fn metric<'m>(metrics: &'m [Metric], name: &str) -> Option<&'m Metric> {
    metrics.iter().find(|metric| metric.name == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_client_through_the_attempt_to_the_charge() {
    let collector = Collector::start().await;
    let launch =
        Launch::default().set("OTLP_ENDPOINT", collector.url()).set("OTLP_HEADERS", "authorization=Bearer x");
    let world = World::launched(launch, answer).await;
    traced(&world.api(), &sampled(), &chat(MODEL, "Hello")).await;
    let metadata = charged(&world).await;
    assert_eq!(metadata["trace_id"], TRACE);

    let call = collector.span(TRACE, "POST /v1/chat/completions").await;
    assert_eq!(hex::encode(&call.parent_span_id), SPAN);
    let attempt = collector.span(TRACE, &format!("chat {MODEL}")).await;
    assert_eq!(attempt.parent_span_id, call.span_id);
    let told = header(&world.provider.received()[0], "traceparent").unwrap();
    assert_eq!(told, format!("00-{TRACE}-{}-01", hex::encode(&attempt.span_id)));
    let charge = collector.span(TRACE, "quota_deducted").await;
    assert_eq!(charge.parent_span_id, call.span_id);
    assert_eq!(metadata["span_id"], hex::encode(&charge.span_id));
    assert!(call.start_time_unix_nano <= attempt.start_time_unix_nano);
    assert!(attempt.end_time_unix_nano <= call.end_time_unix_nano);
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai_compatible"),
        ("gen_ai.request.model", MODEL),
        ("gen_ai.usage.input_tokens", "20"),
        ("gen_ai.usage.output_tokens", "3"),
        ("gen_ai.usage.prompt_tokens", "20"),
        ("gen_ai.response.model", MODEL),
        ("gen_ai.response.finish_reasons", "[stop]"),
        ("server.address", "127.0.0.1"),
    ] {
        assert_eq!(attribute(&attempt.attributes, key).as_deref(), Some(value), "{key}");
    }
    assert!(attribute(&attempt.attributes, "gen_ai.response.id").is_some());
    let of_call = |key| attribute(&call.attributes, key);
    assert_eq!(of_call("http.response.status_code").as_deref(), Some("200"));
    let applied = collector.span(TRACE, "apply calls").await;
    assert_eq!(applied.parent_span_id, charge.span_id);
    assert_eq!(collector.taken().headers["authorization"], "Bearer x");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_log_lines_reach_the_collector_as_they_are_here() {
    let collector = Collector::start().await;
    let launch = Launch::default().set("OTLP_ENDPOINT", collector.url());
    let world = World::launched(launch, |received| {
        if received.text() == "fail" {
            Reply::Status { status: 503, retry_after: None }
        } else {
            answer(received)
        }
    })
    .await;
    traced(&world.api(), &sampled(), &chat(MODEL, "Hello")).await;
    let stream = world.api().stream(&streamed_chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(stream.status, 200);
    let failed = world.api().chat_in_trace(&sampled(), &chat(MODEL, "fail")).await.unwrap();
    assert_eq!(failed.status, 502);

    let page = world.api().get("/metrics").await.unwrap();
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    let of = format!(
        "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai_compatible\",gen_ai_request_model=\"{MODEL}\""
    );
    for line in [
        format!("gen_ai_client_operation_duration_seconds_count{{{of}}} 2"),
        format!("gen_ai_client_operation_duration_seconds_count{{{of},error_type=\"503\"}} 1"),
        format!("gen_ai_client_operation_time_to_first_chunk_seconds_count{{{of}}} 1"),
        format!("gen_ai_client_operation_time_per_output_chunk_seconds_count{{{of}}} 5"),
        format!("gen_ai_server_request_duration_seconds_count{{{of}}} 2"),
        format!("gen_ai_server_time_to_first_token_seconds_count{{{of}}} 1"),
        format!("gen_ai_server_time_per_output_token_seconds_count{{{of}}} 1"),
        format!(
            "gen_ai_client_inference_usage_input_tokens_total{{{of},gen_ai_token_modality=\"unknown\"}} 40"
        ),
        format!("gen_ai_client_token_usage_sum{{{of},gen_ai_token_type=\"output\"}} 6.0"),
        "veloera_overhead_seconds_count 3".to_owned(),
    ] {
        assert!(page.lines().any(|said| said == line), "{line} is not in {page}");
    }
    let duration = collector.until("the metrics", |taken| {
        let overhead = metric(&taken.metrics, "veloera_overhead_seconds")?;
        let Some(Data::Histogram(histogram)) = &overhead.data else { panic!("{overhead:?}") };
        (histogram.data_points[0].count == 3)
            .then(|| metric(&taken.metrics, "gen_ai.client.operation.duration").cloned())?
    });
    let duration = duration.await;
    assert_eq!(duration.unit, "s");
    let Some(Data::Histogram(histogram)) = &duration.data else { panic!("{duration:?}") };
    let failed =
        histogram.data_points.iter().find(|point| attribute(&point.attributes, "error.type").is_some());
    assert_eq!(failed.unwrap().count, 1);
    assert_eq!(failed.unwrap().explicit_bounds[..2], [0.01, 0.02]);
    let trace_id = hex::decode(TRACE).unwrap();
    let line = collector.until("the log line", |taken| {
        taken.logs.iter().find(|line| line.trace_id == trace_id && line.severity_text == "WARN").cloned()
    });
    assert!(attribute(&line.await.attributes, "call_id").is_some());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_calls_that_are_not_recorded_the_trace_goes_on_and_no_span_is_sent() {
    let collector = Collector::start().await;
    let launch = Launch::default().set("OTLP_ENDPOINT", collector.url()).set("TRACE_SAMPLES_PER_MILLION", 0);
    let world = World::launched(launch, answer).await;
    let (api, body) = (world.api(), chat(MODEL, "Hello"));
    let unsampled = format!("00-{TRACE}-{SPAN}-00");
    traced(&api, &unsampled, &body).await;
    let metadata = charged(&world).await;
    assert_eq!((&metadata["trace_id"], &metadata["span_id"]), (&json!(TRACE), &Value::Null));
    traced(&api, "00-malformed-01", &body).await;
    api.chat(&body).await.unwrap();
    let other = TRACE.replace('4', "5");
    traced(&api, &format!("00-{other}-{SPAN}-01"), &body).await;
    collector.span(&other, "quota_deducted").await;
    let spans = collector.taken().spans;
    assert!(spans.iter().all(|span| hex::encode(&span.trace_id) == other), "{spans:#?}");
    let told: Vec<_> = world.provider.received().iter().map(|asked| header(asked, "traceparent")).collect();
    assert_eq!(told[..3], [Some(unsampled), None, None]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_or_with_one_that_is_gone_calls_go_on() {
    let gone = Collector::start().await.url();
    let launch = Launch::default().set("OTLP_ENDPOINT", gone).set("TRACE_SAMPLES_PER_MILLION", 1_000_000);
    let world = World::launched(launch, answer).await;
    for _ in 0..10 {
        assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    }
    world.charges(10).await;
    wait::until("the loss", SEEN_MAX * 2, async || {
        let page = world.api().get("/metrics").await.unwrap();
        let page = String::from_utf8(page.body.to_vec()).unwrap();
        let lost = page
            .lines()
            .find_map(|line| line.strip_prefix("veloera_telemetry_dropped_total{signal=\"logs\"} "))?;
        (lost.parse::<u64>().unwrap() > 0).then_some(())
    })
    .await;
    world.close().await;
    // Where nothing is recorded, what a client sends is passed on all the same.
    let world = World::start(answer).await;
    traced(&world.api(), &sampled(), &chat(MODEL, "Hello")).await;
    assert_eq!(header(&world.provider.received()[0], "traceparent"), Some(sampled()));
    assert_eq!(charged(&world).await["trace_id"], TRACE);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_an_administrator_keeps_its_trace() {
    let world = World::start(answer).await;
    let body = json!({
        "name": "traced", "provider": "echo", "keys": ["sk-a"], "models": [MODEL], "groups": ["default"],
        "priority": 0, "weight": 1
    });
    world.admin().create_in_trace(&sampled(), "/channels", &body).await;
    let events = world.admin().list("/events?log=control").await;
    let traced: Vec<_> = events.iter().filter(|event| event["metadata"]["trace_id"] == TRACE).collect();
    assert_eq!(traced.len(), 1, "{events:#?}");
    assert_eq!(traced[0]["event_type"], "channel_created");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_an_administrator_has_a_span_and_its_event_is_part_of_that() {
    let collector = Collector::start().await;
    let launch = Launch::default().set("OTLP_ENDPOINT", collector.url()).set("TRACE_SAMPLES_PER_MILLION", 0);
    let world = World::launched(launch, answer).await;
    let group = json!({ "name": "vip", "ratio_millionths": 900_000 });
    world.admin().create_in_trace(&sampled(), "/groups", &group).await;
    let asked = collector.span(TRACE, "POST /api/v1/groups").await;
    assert_eq!(hex::encode(&asked.parent_span_id), SPAN);
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/v1/groups"),
        ("http.response.status_code", "201"),
    ] {
        assert_eq!(attribute(&asked.attributes, key).as_deref(), Some(value), "{key}");
    }
    let events = world.admin().list("/events?log=control&type=group_created").await;
    let of_trace: Vec<_> = events.iter().filter(|event| event["metadata"]["trace_id"] == TRACE).collect();
    assert_eq!(of_trace.len(), 1, "{events:#?}");
    assert_eq!(of_trace[0]["metadata"]["span_id"], hex::encode(&asked.span_id));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_from_the_node_that_carries_a_call_to_the_one_that_charges_it() {
    let collector = Collector::start().await;
    let launch = Launch::default().set("OTLP_ENDPOINT", collector.url());
    let database = servers::postgres().database().await;
    let cluster = Cluster::on(database, 1, launch.clone(), launch, answer).await;
    traced(&cluster.world.api(), &sampled(), &chat(MODEL, "Hello")).await;
    assert_eq!(charged(&cluster.world).await["trace_id"], TRACE);
    let call = collector.span(TRACE, "POST /v1/chat/completions").await;
    let charge = collector.span(TRACE, "quota_deducted").await;
    assert_eq!(charge.parent_span_id, call.span_id);
    // What an administrator decides leads to each relay node that heeds it.
    let other = TRACE.replace('4', "5");
    let group = json!({ "name": "vip", "ratio_millionths": 900_000 });
    let parent = format!("00-{other}-{SPAN}-01");
    cluster.world.admin().create_in_trace(&parent, "/groups", &group).await;
    let asked = collector.span(&other, "POST /api/v1/groups").await;
    let heeded = collector.span(&other, "apply directory").await;
    assert_eq!(heeded.parent_span_id, asked.span_id);
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_refused_has_a_span_that_says_why() {
    let collector = Collector::start().await;
    let launch = Launch::default().set("OTLP_ENDPOINT", collector.url());
    let world = World::launched(launch, answer).await;
    let poor = world.token("poor", Some(1)).await;
    for (nth, (api, model, status, error)) in [
        (world.client("sk-nobody"), MODEL, 401, "invalid_api_key"),
        (world.api(), "no-such-model", 404, "model_not_found"),
        (world.client(&poor.key), MODEL, 429, "insufficient_quota"),
    ]
    .into_iter()
    .enumerate()
    {
        let trace = format!("{nth}{}", &TRACE[1..]);
        let parent = format!("00-{trace}-{SPAN}-01");
        let refused = api.chat_in_trace(&parent, &chat(model, "Hello")).await.unwrap();
        assert_eq!(refused.status, status, "{refused:?}");
        let call = collector.span(&trace, "POST /v1/chat/completions").await;
        assert_eq!(hex::encode(&call.parent_span_id), SPAN);
        let said = |key| attribute(&call.attributes, key);
        assert_eq!(said("http.response.status_code"), Some(status.to_string()));
        assert_eq!(said("error.type").as_deref(), Some(error));
        assert!(call.status.is_none(), "it is no fault of whoever serves: {call:?}");
        assert!(call.start_time_unix_nano <= call.end_time_unix_nano);
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_home_at_the_end_is_told_at_the_end() {
    let collector = Collector::start().await;
    let launch = Launch::default().set("OTLP_ENDPOINT", collector.url());
    let world = World::launched(launch, answer).await;
    let mut traces = Vec::new();
    for nth in 0..5 {
        let trace = format!("{nth}{}", &TRACE[1..]);
        traced(&world.api(), &format!("00-{trace}-{SPAN}-01"), &chat(MODEL, "Hello")).await;
        traces.push(hex::decode(trace).unwrap());
    }
    // It ends before the last of them are anywhere but in the journal and in memory.
    world.close().await;
    let spans = collector.taken().spans;
    for trace in traces {
        for name in ["POST /v1/chat/completions", &format!("chat {MODEL}"), "quota_deducted"] {
            let found = spans.iter().any(|span| span.trace_id == trace && span.name == name);
            assert!(found, "{name} of {} is missing", hex::encode(&trace));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_keeps_its_trace_and_every_line_of_a_request_names_it() {
    let collector = Collector::start().await;
    let launch = Launch::default().set("OTLP_ENDPOINT", collector.url());
    let world = World::launched(launch, |_| Reply::status(500)).await;
    let user = json!({ "name": "Ann", "login": "ann", "password": "correct horse battery staple" });
    world.admin().create("/users", user).await;
    let body = json!({ "login": "ann", "password": "correct horse battery staple" });
    world.admin().create_in_trace(&sampled(), "/auth/login", &body).await;
    let events = world.admin().list("/events?log=control").await;
    let opened: Vec<_> = events.iter().filter(|event| event["metadata"]["trace_id"] == TRACE).collect();
    assert_eq!(opened.len(), 1, "{events:#?}");
    assert_eq!(opened[0]["event_type"], "session_opened");
    let failed = world.api().chat_in_trace(&sampled(), &chat(MODEL, "fail")).await.unwrap();
    assert_eq!(failed.status, 502);
    let trace = hex::decode(TRACE).unwrap();
    for path in ["/api/v1/auth/login", "/v1/chat/completions"] {
        collector
            .until(path, |taken| {
                let of = |line: &&LogRecord| attribute(&line.attributes, "path").as_deref() == Some(path);
                let mut lines = taken.logs.iter().filter(of);
                lines.find(|line| line.trace_id == trace).map(drop)
            })
            .await;
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_applied_in_the_trace_of_whoever_applies_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_owned();
    let wanted = place.join("wanted.toml");
    let apply = |more: &[&str], trace: &str, ratio: u32| {
        std::fs::write(&wanted, format!("[groups.vip]\nratio_millionths = {ratio}\n")).unwrap();
        let parent = format!("00-{trace}-{SPAN}-01");
        let mut command = binary::command();
        command.env("TRACEPARENT", parent).arg("apply").arg(&wanted).args(more);
        let output = command.current_dir(&place).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let data_dir = place.join("data");
    apply(&["--data-dir", data_dir.to_str().unwrap()], TRACE, 700_000);
    let veloera = Veloera::start_in(folder, Launch::default()).await;
    let other = TRACE.replace('4', "5");
    let (key, demo) = (place.join("key"), veloera.demo());
    std::fs::write(&key, demo["admin_key"].as_str().unwrap()).unwrap();
    let url = veloera.url("");
    let server = ["--server", &url, "--admin-key-file", key.to_str().unwrap()];
    apply(&server, &other, 800_000);
    let admin = Admin::new(veloera.url(""), demo["admin_key"].as_str().unwrap());
    let events = admin.list("/events?log=control").await;
    let found = |trace: &str| {
        let mut of = events.iter().filter(|event| event["metadata"]["trace_id"] == trace);
        of.next().map(|event| event["event_type"].clone())
    };
    assert_eq!(found(TRACE).unwrap(), "group_created", "{events:#?}");
    assert_eq!(found(&other).unwrap(), "group_ratio_changed", "{events:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_a_charge_is_part_of_its_trace() {
    let collector = Collector::start().await;
    let nats = servers::Nats::start().await;
    let launch = Launch::default().set("OTLP_ENDPOINT", collector.url()).set("NATS_URL", nats.url());
    let world = World::launched(launch, answer).await;
    traced(&world.api(), &sampled(), &chat(MODEL, "Hello")).await;
    let metadata = charged(&world).await;
    let published = collector.span(TRACE, "publish ledger").await;
    assert_eq!(metadata["span_id"], hex::encode(&published.parent_span_id));
    assert!(attribute(&published.attributes, "veloera.position").is_some());
    world.close().await;
}
