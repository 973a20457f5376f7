use super::*;
use crate::Tuning;

fn nature(of: &[&str]) -> Nature {
    let mut nature = Nature::default();
    for piece in of {
        nature.learn(piece.as_bytes());
    }
    nature
}

fn reasons(nature: &Nature) -> Vec<&str> {
    nature.finish_reasons().collect()
}

#[test]
fn an_answer_says_who_gave_it_and_why_each_choice_ended() {
    let nature = nature(&[
        r#"{"id":"chatcmpl-1","model":"m-2026","choices":[{"index":1,"finish_reason":"length","message":{"content":"no word"}},{"index":0,"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!((nature.id.as_deref(), nature.model.as_deref()), (Some("chatcmpl-1"), Some("m-2026")));
    assert_eq!(reasons(&nature), ["stop", "length"]);
    assert!(!format!("{nature:?}").contains("no word"));
}

#[test]
fn what_is_absent_too_long_or_no_answer_says_nothing() {
    let long = format!(
        r#"{{"id":"{}","model":7,"choices":[{{"index":128,"finish_reason":"stop"}}]}}"#,
        "a".repeat(257)
    );
    for piece in [
        long.as_str(),
        r#"{"id":null,"model":"","choices":[{"finish_reason":null}, 3]}"#,
        "[1]",
        "{",
        "\u{fffd}",
    ] {
        assert_eq!(nature(&[piece]), Nature::default(), "{piece}");
    }
}

#[test]
fn a_stream_is_noted_only_where_somebody_wants_to_know() {
    let stream = concat!(
        r#"data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}"#,
        "\n\n",
        r#"data: {"id":"other","choices":[{"index":0,"delta":{"content":"b"}}]}"#,
        "\n\n",
        r#"data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        "\n\ndata: [DONE]\n\n"
    );
    let mut decoder = StreamDecoder::new(false).noting(Some(Box::default()));
    decoder.push(Bytes::from_static(stream.as_bytes())).unwrap();
    let nature = decoder.take_nature().unwrap();
    assert_eq!((nature.id.as_deref(), nature.model.as_deref()), (Some("c"), Some("m")));
    assert_eq!(reasons(&nature), ["stop"]);
    let mut decoder = StreamDecoder::new(false);
    decoder.push(Bytes::from_static(stream.as_bytes())).unwrap();
    assert_eq!(decoder.take_nature(), None);
}

#[test]
fn what_a_client_sets_is_read_where_it_is_a_number() {
    let asked = read(&with(
        r#","temperature":0.5,"top_p":1,"top_k":"x","presence_penalty":null,"seed":-7,"stop":["secret"]"#,
    ));
    let expected = Tuning { temperature: Some(0.5), top_p: Some(1.0), seed: Some(-7), ..Tuning::default() };
    assert_eq!(asked.unwrap().tuning(), expected);
}
