//! The other endpoints: plain completions and embeddings, whole, streamed, in every form of their input, and charged.

use serde_json::{Value, json};
use tests::{Admin, Received, Reply, World, price, provider::Answer};

const COMPLETES: &str = "gpt-3.5-turbo-instruct";
const EMBEDS: &str = "text-embedding-3-small";

fn answer(request: &Received) -> Reply {
    match request.text().as_str() {
        "untold" => Reply::Answer(Answer::words(3, 20, 3).telling(Vec::new())),
        _ => Reply::Answer(Answer::words(3, 20, 3)),
    }
}

async fn world() -> (World, Admin) {
    let world = World::start(answer).await;
    let admin = world.admin();
    admin.channel(&world.provider.base_url(), &[COMPLETES, EMBEDS], 0).await;
    (world, admin)
}

async fn post(world: &World, path: &str, body: &Value) -> Value {
    let answer = world.api().post(path, body.to_string()).await.unwrap();
    assert_eq!(answer.status, 200, "{body}: {answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_come_in_every_form_and_cost_their_input() {
    let (world, _) = world().await;
    let numbers = json!([0.5, -0.25]);
    for (input, count) in
        [(json!("hello"), 1), (json!(["a", "b", "c"]), 3), (json!([1, 2, 3]), 1), (json!([[1, 2], [3]]), 2)]
    {
        let body = json!({ "model": EMBEDS, "input": input, "dimensions": 2 });
        let list = post(&world, "/v1/embeddings", &body).await;
        assert_eq!(list["data"].as_array().unwrap().len(), count, "{list}");
        assert_eq!(list["data"][0]["embedding"], numbers);
        assert_eq!(world.provider.received().last().unwrap().json, body, "as it was sent");
    }
    let body = json!({ "model": EMBEDS, "input": "hello", "encoding_format": "base64" });
    assert_eq!(post(&world, "/v1/embeddings", &body).await["data"][0]["embedding"], "AAAAPwAAgL4=");
    for charge in world.charges(5).await {
        // 0.02 dollars a million tokens.
        assert_eq!((charge.amount_nanos.get(), charge.usage.output_tokens), (20 * 20, 3));
        assert_eq!(charge.model.as_str(), EMBEDS);
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_pass_whole_and_streamed_and_are_charged() {
    let (world, _) = world().await;
    let whole = json!({ "model": COMPLETES, "prompt": "Once", "max_tokens": 10 });
    let answer = post(&world, "/v1/completions", &whole).await;
    assert_eq!(answer["object"], "text_completion");
    assert_eq!(answer["choices"][0]["text"], "word0 word1 word2");
    let streamed = json!({ "model": COMPLETES, "prompt": ["Once"], "max_tokens": 10, "stream": true });
    let stream = world.api().open_at("/v1/completions", &streamed).await.unwrap().read_on().await;
    assert_eq!(stream.end, tests::End::Done);
    let text: String =
        stream.events.iter().filter_map(|event| event["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, "word0 word1 word2");
    assert_eq!(stream.usage(), None, "nobody asked for it");
    for charge in world.charges(2).await {
        // 1.5 and 2 dollars a million tokens.
        assert_eq!(charge.amount_nanos.get(), 20 * 1_500 + 3 * 2_000, "{charge:?}");
        assert!(charge.flags.is_empty(), "{charge:?}");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_routes_or_prices_in_two_ways_is_refused() {
    let (world, _) = world().await;
    for (path, body) in [
        ("/v1/completions", format!(r#"{{"model":"{COMPLETES}","prompt":"a","prompt":"b"}}"#)),
        ("/v1/completions", format!(r#"{{"model":"{COMPLETES}","prompt":"a","best_of":1,"Best_Of":9}}"#)),
        ("/v1/completions", format!(r#"{{"model":"{COMPLETES}","prompt":{{}}}}"#)),
        ("/v1/embeddings", format!(r#"{{"model":"{EMBEDS}","input":"a","input":["b"]}}"#)),
        ("/v1/embeddings", format!(r#"{{"model":"{EMBEDS}","input":[]}}"#)),
        ("/v1/embeddings", format!(r#"{{"model":"{EMBEDS}","input":"a","stream":true}}"#)),
    ] {
        let answer = world.api().post(path, body.clone()).await.unwrap();
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    assert!(world.provider.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedding_whose_usage_is_not_told_is_counted() {
    let (world, _) = world().await;
    post(&world, "/v1/embeddings", &json!({ "model": EMBEDS, "input": "untold" })).await;
    let charge = world.charges(1).await.remove(0);
    assert_eq!((charge.usage.input_tokens, charge.usage.output_tokens), (2, 0), "six bytes");
    assert_eq!(charge.flags, [domain::account::Flag::Counted]);
    assert!(price::nanos(2, 0) > charge.amount_nanos.get(), "at its own model's price");
    world.close().await;
}
