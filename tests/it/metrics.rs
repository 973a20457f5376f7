//! What the node says of itself to Prometheus.

use std::collections::HashMap;

use serde_json::Value;
use tests::{
    ApiClient, FakeProvider, Launch, Received, Reply, World,
    client::chat,
    price::{self, MODEL},
    provider::Answer,
    veloera::STOP_MAX,
    wait,
};

const KEY: &str = "a-key-for-prometheus";

fn answer(_: &Received) -> Reply {
    Reply::Answer(Answer::words(3, 20, 3))
}

/// Every line by its name and labels, each of them a number, as the text format has it.
fn lines(text: &str) -> HashMap<String, f64> {
    let mut described = Vec::new();
    let mut lines = HashMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            described.push(rest.split(' ').next().unwrap().to_owned());
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no metric: {line}"));
        let family = name.split('{').next().unwrap();
        assert!(described.iter().any(|known| family.starts_with(known.as_str())), "{family} has no type");
        let former =
            lines.insert(name.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")));
        assert!(former.is_none(), "told twice: {line}");
    }
    lines
}

async fn metrics(api: &ApiClient) -> HashMap<String, f64> {
    let answer = api.get("/metrics").await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type").unwrap()),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    lines(std::str::from_utf8(&answer.body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_tokens_money_and_lags_are_told() {
    let world = World::start(answer).await;
    for _ in 0..3 {
        assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 200);
    }
    assert_eq!(world.api().chat(&chat("no-such-model", "Hello")).await.unwrap().status, 404);
    let of_model = |name: &str| format!("{name}{{model=\"{MODEL}\",mode=\"whole\"}}");
    let charged = of_model("veloera_calls_charged_total");
    let found = wait::until("three charges", STOP_MAX, async || {
        let found = metrics(&world.api()).await;
        (found.get(&charged) == Some(&3.0)).then_some(found)
    })
    .await;
    assert_eq!(found[&of_model("veloera_input_tokens_total")], 60.0);
    assert_eq!(found[&of_model("veloera_output_tokens_total")], 9.0);
    let nanos = u32::try_from(3 * price::nanos(20, 3)).unwrap();
    assert_eq!(found[&of_model("veloera_charged_nanos_total")], f64::from(nanos));
    let chats = |status| {
        format!(
            "veloera_http_requests_total{{method=\"POST\",route=\"/v1/chat/completions\",status=\"{status}\"}}"
        )
    };
    assert_eq!((found[&chats(200)], found[&chats(404)]), (3.0, 1.0));
    assert_eq!(found["veloera_http_first_byte_seconds_count{route=\"/v1/chat/completions\"}"], 4.0);
    for (name, value) in [
        ("veloera_journal_admits", 1.0),
        ("veloera_calls_open", 0.0),
        ("veloera_append_waiting", 0.0),
        ("veloera_projection_lag_events{projection=\"calls\"}", 0.0),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    for name in [
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
        "veloera_journal_bytes",
        "veloera_journal_bytes_max",
        "process_start_time_seconds",
    ] {
        assert!(found[name] > 0.0, "{name}");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_circuit_is_told_here_and_to_admins() {
    let world = World::start(answer).await;
    let admin = world.admin();
    admin.delete_channels().await;
    let failing = FakeProvider::deciding(|_| Reply::status(500)).await;
    let id = admin.channel(&failing.base_url(), &[MODEL], 0).await;
    let path = format!("/channels/{id}/circuits");
    assert_eq!(admin.get(&path).await["open"], Value::Array(Vec::new()));
    for _ in 0..5 {
        assert_eq!(world.api().chat(&chat(MODEL, "Hello")).await.unwrap().status, 502);
    }
    let open = admin.get(&path).await["open"].clone();
    assert_eq!(
        (&open[0]["model"], &open[0]["why"], &open[0]["state"]),
        (&MODEL.into(), &"failing".into(), &"open".into())
    );
    let told = format!("channel_id=\"{id}\",key_id={},model=\"{MODEL}\",why=\"failing\"", open[0]["key_id"]);
    assert_eq!(metrics(&world.api()).await[&format!("veloera_circuit_state{{{told}}}")], 2.0);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_key_is_set_nobody_reads_without_it() {
    let world = World::launched(Launch::default().set("METRICS_KEY", KEY), answer).await;
    let answer = world.api().get("/metrics").await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (401, "unauthenticated".into()));
    assert!(metrics(&world.client(KEY)).await.contains_key("veloera_journal_admits"));
    world.close().await;
}
