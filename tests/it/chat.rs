//! Chat completions through the real binary: what comes out is what the provider said, and failures stay unseen.

use bytes::Bytes;
use domain::account::Flag;
use serde_json::json;
use tests::{
    End, FakeProvider, Launch, Received, Reply, Veloera, World,
    admin::text,
    client::{chat, streamed_chat},
    price::MODEL,
    provider::{Answer, Break},
};

fn answer(_: &Received) -> Reply {
    Reply::Answer(Answer::words(5, 20, 5))
}

/// With time-outs that a test can wait for.
fn impatient() -> Launch {
    Launch::default().set("FIRST_BYTE_TIMEOUT_MS", 1_000).set("IDLE_TIMEOUT_MS", 1_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_answers_with_what_it_wrote_down() {
    let veloera = Veloera::start(Launch::default()).await;
    let demo = veloera.demo();
    let client = tests::ApiClient::new(text(&demo["base_url"]), &text(&demo["api_key"]));
    let answer = client.chat(&chat(&text(&demo["model"]), "Hello there")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = text(&answer.json()["choices"][0]["message"]["content"]);
    assert!(said.contains("Hello there"), "{said}");
    let stream = client.stream(&streamed_chat(&text(&demo["model"]), "Hello there")).await.unwrap();
    assert_eq!(stream.end, End::Done);
    assert!(stream.text().contains("Hello there"), "{stream:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_passes_byte_for_byte() {
    let body = "{\n \"id\": \"a\", \"object\":\"chat.completion\",\"created\":1, \"model\":\"gpt-4o-mini\",\
        \"vendor_field\":{\"b\":1.50,\"a\":null},\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\
        \"content\":\"h\\u00e9\"},\"finish_reason\":\"stop\"}],\
        \"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10}}\n";
    let world =
        World::start(move |_| Reply::Raw { content_type: "application/json", body: body.into() }).await;
    let answer = world.api().chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, Bytes::from(body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let charge = world.charges(1).await.remove(0);
    assert_eq!(answer.header("x-request-id"), Some(charge.call_id.to_string().as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_passes_event_by_event_and_keeps_its_usage_back() {
    let world = World::start(answer).await;
    let stream = world.api().stream(&streamed_chat(MODEL, "Hello")).await.unwrap();
    assert_eq!((stream.status.as_u16(), stream.end), (200, End::Done));
    assert_eq!(stream.text(), "word0 word1 word2 word3 word4");
    assert!(stream.headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    assert_eq!(stream.usage(), None, "nobody asked for it");
    assert!(world.provider.received()[0].wants_usage(), "but the gateway did");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_its_usage_to_a_client_that_asks() {
    let world = World::start(answer).await;
    let mut body = streamed_chat(MODEL, "Hello");
    body["stream_options"] = json!({ "include_usage": true });
    let stream = world.api().stream(&body).await.unwrap();
    assert_eq!(stream.end, End::Done);
    assert_eq!(stream.usage().unwrap()["completion_tokens"], 5);
    assert_eq!(stream.events.last().unwrap()["choices"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_does_not_know_reaches_the_provider_unchanged() {
    let world = World::start(answer).await;
    let body = "{ \"model\":\"gpt-4o-mini\", \"temperature\":1.0e0, \"max_tokens\": 10,\n\t\"vendor\":{\"z\":1,\"a\":\
        [1E2,-0.0]}, \"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9 \\/\",\"extra\":null}] }";
    let answer = world.api().post("/v1/chat/completions", body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.provider.received()[0].body, Bytes::from(body));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_learns_its_own_key_and_nothing_of_the_client() {
    let world = World::start(answer).await;
    world.api().chat(&chat(MODEL, "Hello")).await.unwrap();
    let received = world.provider.received().remove(0);
    assert_eq!(received.path, "/v1/chat/completions");
    assert_eq!(received.headers["authorization"], "Bearer sk-provider");
    let sent = format!("{:?}", received.headers);
    assert!(!sent.contains(&world.api_key), "{sent}");
}

/// What a channel can do wrong before the first byte of an answer.
fn fail(request: &Received) -> Reply {
    let raw = |body: &'static str| Reply::Raw { content_type: "application/json", body: body.into() };
    match request.text().as_str() {
        "hang up" => Reply::HangUp,
        "silence" => Reply::Silence,
        "no json" => raw("<html>busy</html>"),
        "wrong shape" => raw("{\"choices\":7}"),
        "nothing" => raw(""),
        status => Reply::status(status.parse().unwrap()),
    }
}

const FAILURES: [&str; 12] = [
    "hang up",
    "silence",
    "no json",
    "wrong shape",
    "nothing",
    "500",
    "503",
    "429",
    "401",
    "403",
    "402",
    "404",
];

#[tokio::test(flavor = "multi_thread")]
async fn another_channel_answers_before_the_client_sees_a_byte() {
    let world = World::launched(impatient(), answer).await;
    let broken = FakeProvider::deciding(fail).await;
    let admin = world.admin();
    for (failure, streamed) in FAILURES.into_iter().flat_map(|failure| [(failure, false), (failure, true)]) {
        // A channel of its own each time: what went wrong before must not keep this call away from it.
        let channel = admin.channel(&broken.base_url(), &[MODEL], 10).await;
        let tried = broken.received().len();
        let text = if streamed {
            world.api().stream(&streamed_chat(MODEL, failure)).await.unwrap().text()
        } else {
            let answer = world.api().chat(&chat(MODEL, failure)).await.unwrap().json();
            text(&answer["choices"][0]["message"]["content"])
        };
        assert_eq!(text, "word0 word1 word2 word3 word4", "{failure}, streamed: {streamed}");
        assert!(broken.received().len() > tried, "{failure}: the broken channel was not tried");
        admin.delete(&format!("/channels/{channel}")).await;
    }
    world.charges(2 * FAILURES.len()).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_nobody_listens_at_is_passed_over_and_costs_nothing() {
    let world = World::start(answer).await;
    let gone = FakeProvider::deciding(answer).await.base_url();
    world.admin().channel(&gone, &[MODEL], 10).await;
    let answer = world.api().chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let charge = world.charges(1).await.remove(0);
    assert_eq!(charge.amount_nanos.get(), world.provider.bills()[0].nanos());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_ends_as_an_error() {
    for breaks in [Break::CutAfter(3), Break::EndAfter(3), Break::StallAfter(3)] {
        let world =
            World::launched(impatient(), move |_| Reply::Answer(Answer::words(9, 20, 9).breaking(breaks)))
                .await;
        let stream = world.api().stream(&streamed_chat(MODEL, "Hello")).await.unwrap();
        assert_eq!(stream.status, 200);
        assert_eq!(stream.end, End::Error, "{breaks:?}: {:?}", stream.events);
        assert_eq!(stream.text(), "word0 word1 ", "what came before is not lost");
        let charge = world.charges(1).await.remove(0);
        assert!(charge.flags.contains(&Flag::Cut), "{breaks:?}: {charge:?}");
        world.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_that_breaks_off_never_looks_whole() {
    let world = World::start(|_| Reply::Answer(Answer::words(9, 20, 9).breaking(Break::CutAfter(0)))).await;
    let answer = world.api().chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!(answer.status, 502, "{answer:?}");
    world.charges(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_ten_megabytes_ends_the_call_and_not_the_gateway() {
    let line = format!("data: {{\"choices\":[],\"x\":\"{}\"}}\n\n", "a".repeat(10_000_000));
    let line = Bytes::from(line);
    let world = World::start(move |request| match request.text().as_str() {
        "long" => Reply::Raw { content_type: "text/event-stream", body: line.clone() },
        _ => answer(request),
    })
    .await;
    let failed = world.api().chat(&streamed_chat(MODEL, "long")).await.unwrap();
    assert!(failed.status == 502 || failed.body.windows(9).any(|part| part == b"\"error\":{"), "{failed:?}");
    let stream = world.api().stream(&streamed_chat(MODEL, "short")).await.unwrap();
    assert_eq!(stream.end, End::Done);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_are_those_that_can_be_called() {
    let world = World::start(answer).await;
    let models = world.api().get("/v1/models").await.unwrap().json();
    let ids: Vec<&str> =
        models["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert_eq!(ids, [MODEL]);
    assert_eq!(world.api().get(&format!("/v1/models/{MODEL}")).await.unwrap().json()["id"], MODEL);
    assert_eq!(world.api().get("/v1/models/no-such-model").await.unwrap().status, 404);
}
