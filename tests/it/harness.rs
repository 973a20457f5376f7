//! The harness itself: the provider does what it is told, and the client sees it.

use std::time::Duration;

use tests::{
    ApiClient, End, FakeProvider, Reply,
    client::{chat, streamed_chat},
    price::MODEL,
    provider::{Answer, Break},
};

/// A client that speaks to the provider with nothing in between.
async fn direct(reply: Reply) -> (FakeProvider, ApiClient) {
    let provider = FakeProvider::deciding(move |_| reply.clone()).await;
    let base_url = provider.base_url();
    let client = ApiClient::new(base_url.trim_end_matches("/v1").to_owned(), "sk-test");
    (provider, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_whole_and_in_pieces_and_is_billed_each_time() {
    let (provider, client) = direct(Reply::Answer(Answer::words(4, 20, 4))).await;
    let whole = client.chat(&chat(MODEL, "one")).await.unwrap().json();
    assert_eq!(whole["choices"][0]["message"]["content"], "word0 word1 word2 word3");
    assert_eq!(whole["usage"]["prompt_tokens"], 20);
    let stream = client.stream(&streamed_chat(MODEL, "two")).await.unwrap();
    assert_eq!((stream.text().as_str(), stream.end), ("word0 word1 word2 word3", End::Done));
    assert_eq!(stream.usage(), None, "it was not asked for");
    let bills = provider.bills();
    assert_eq!(bills.iter().map(|bill| bill.text.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(bills[1].nanos(), 20 * 150 + 4 * 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_breaks_where_it_is_told() {
    for (breaks, end) in [(Break::CutAfter(2), End::Broken), (Break::EndAfter(2), End::Bare)] {
        let (_provider, client) = direct(Reply::Answer(Answer::words(4, 20, 4).breaking(breaks))).await;
        let stream = client.stream(&streamed_chat(MODEL, "Hello")).await.unwrap();
        assert_eq!((stream.events.len(), stream.end), (2, end));
        let whole = client.chat(&chat(MODEL, "Hello")).await;
        assert!(whole.is_err() || !whole.unwrap().body.ends_with(b"}"), "{breaks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_answered_is_not_billed() {
    let (provider, client) = direct(Reply::HangUp).await;
    assert!(client.chat(&chat(MODEL, "Hello")).await.is_err());
    assert!(provider.bills().is_empty());
    assert!(!provider.received().is_empty());
    let (provider, client) = direct(Reply::Status { status: 429, retry_after: Some(3) }).await;
    let refused = client.chat(&chat(MODEL, "Hello")).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("3")));
    assert!(provider.bills().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_a_stream_does_not_stop_the_provider() {
    let pace = Duration::from_millis(5);
    let (provider, client) = direct(Reply::Answer(Answer::words(50, 20, 50).paced(pace))).await;
    let mut stream = client.open(&streamed_chat(MODEL, "Hello")).await.unwrap();
    stream.next().await.unwrap();
    drop(stream);
    assert_eq!(client.chat(&chat(MODEL, "again")).await.unwrap().status, 200);
    assert_eq!(provider.bills().len(), 2);
}
