use super::*;
use crate::Usage;

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1741569952,"model":"gpt-5-mini",
"choices":[{"index":0,"message":{"role":"assistant","content":"Hello \"you\"","refusal":null,"annotations":[]},
"logprobs":null,"finish_reason":"stop"}],
"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":1,"cache_write_tokens":2},
"completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":3,"accepted_prediction_tokens":0}},
"service_tier":"default"}"#;

fn answer(choice: &str, usage: &str) -> Answer {
    read_answer(format!(r#"{{"choices":[{choice}]{usage}}}"#).as_bytes()).unwrap()
}

#[test]
fn an_answer_tells_its_usage_and_its_text() {
    let usage = Usage {
        input_tokens: 19,
        output_tokens: 10,
        cache_read_tokens: 4,
        cache_write_tokens: 2,
        reasoning_tokens: 5,
        audio_input_tokens: 1,
        audio_output_tokens: 3,
    };
    // An empty array of annotations counts as it is written.
    let text_bytes = "Hello \"you\"".len() as u64 + 2;
    let expected = Answer { usage: Some(usage), text_bytes, is_empty: false };
    assert_eq!(read_answer(ANSWER.as_bytes()), Ok(expected));
}

#[test]
fn zero_is_told_and_nothing_is_not() {
    let usage = |usage: &str| answer("", &format!(r#","usage":{usage}"#)).usage;
    assert_eq!(usage(r#"{"prompt_tokens":0,"completion_tokens":0}"#), Some(Usage::default()));
    assert_eq!(usage(r#"{"prompt_tokens":-3,"completion_tokens":-1}"#), Some(Usage::default()));
    for nothing in
        ["null", "{}", "[]", "7", r#""many""#, r#"{"prompt_tokens":null}"#, r#"{"total_tokens":5}"#]
    {
        assert_eq!(usage(nothing), None, "{nothing}");
    }
    assert_eq!(answer("", "").usage, None);
}

#[test]
fn details_of_another_kind_say_nothing() {
    let usage = r#","usage":{"prompt_tokens":3.0,"completion_tokens":"4","prompt_tokens_details":null,
        "completion_tokens_details":[1]}"#;
    assert_eq!(answer("", usage).usage, Some(Usage { input_tokens: 3, ..Usage::default() }));
}

#[test]
fn all_that_was_written_is_counted() {
    for (message, text_bytes) in [
        (r#"{"content":"four"}"#, 4),
        (r#"{"content":null,"refusal":"no"}"#, 2),
        (r#"{"reasoning_content":"hmm","reasoning":"hmm","content":"a"}"#, 4),
        (r#"{"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}"#, 3),
        (r#"{"tool_calls":[{"type":"custom","custom":{"name":"f","input":"abc"}}]}"#, 4),
        (r#"{"function_call":{"name":"f","arguments":"{}"}}"#, 3),
        (r#"{"content":[{"type":"text","text":"é"}]}"#, 2),
    ] {
        let read = answer(&format!(r#"{{"message":{message}}}"#), "");
        assert_eq!((read.text_bytes, read.is_empty), (text_bytes, false), "{message}");
    }
}

#[test]
fn an_answer_without_anything_written_is_empty() {
    for choice in
        ["", "{}", "null", r#"{"message":{"role":"assistant","content":""}}"#, r#"{"message":null}"#]
    {
        assert!(answer(choice, "").is_empty, "{choice}");
    }
    assert!(!answer(r#"{"message":{"content":null,"audio":{"id":"a","data":"AA"}}}"#, "").is_empty);
}

#[test]
fn what_is_no_chat_completion_is_told_apart() {
    assert_eq!(read_answer(b"<html>"), Err(AnswerError::Json));
    assert_eq!(read_answer(b""), Err(AnswerError::Json));
    assert_eq!(read_answer(b"{\"choices\":[]"), Err(AnswerError::Json));
    assert_eq!(read_answer(b"{\"choices\":[\"\xff\"]}"), Err(AnswerError::Json));
    assert_eq!(read_answer(b"[]"), Err(AnswerError::NotObject));
    assert_eq!(read_answer(br#"{"error":{"message":"no"}}"#), Err(AnswerError::NoChoices));
    assert_eq!(read_answer(br#"{"choices":null}"#), Err(AnswerError::NoChoices));
}
