use bytes::Bytes;

use super::*;
use crate::{
    CHOICES_MAX, Edits, Input,
    openai_chat::{StreamDecoder, read_answer},
};

fn body(members: &str) -> Result<Request, RequestError> {
    read(Bytes::from(format!(r#"{{"model":"m"{members}}}"#)))
}

#[test]
fn prompts_come_as_texts_as_tokens_and_as_lists_of_them() {
    for (prompt, text_bytes, tokens, choices) in [
        (r#""h\u00e9""#, 3, 0, 1),
        (r#"["ab","c"]"#, 3, 0, 2),
        ("[1,2,50256]", 0, 3, 1),
        ("[[1,2],[3]]", 0, 3, 2),
        ("null", 0, 0, 1),
    ] {
        let request = body(&format!(r#","prompt":{prompt}"#)).unwrap();
        assert_eq!(request.input(), Input { text_bytes, tokens, ..Input::default() }, "{prompt}");
        assert_eq!(request.choices(), choices, "{prompt}");
    }
    assert_eq!(body("").unwrap().choices(), 1, "a model may begin from nothing");
}

#[test]
fn a_prompt_that_is_none_is_refused_by_name() {
    let many = format!("[{}]", vec!["\"\""; 2_049].join(","));
    let others = ["7", "{}", "[]", "[[]]", r#"["a",1]"#, "[1,[2]]", "[-1]", "[1.5]", "[null]", r#"[["a"]]"#];
    for prompt in others.into_iter().chain([many.as_str()]) {
        let error = body(&format!(r#","prompt":{prompt}"#)).unwrap_err();
        assert_eq!(error.param(), Some("prompt"), "{prompt:.20}");
    }
}

#[test]
fn every_answer_that_is_written_is_counted_for_every_prompt() {
    let choices = |members: &str| body(members).unwrap().choices();
    assert_eq!(choices(r#","prompt":["a","b","c"],"n":2,"best_of":4"#), 12);
    assert!(body(&format!(r#","best_of":{}"#, CHOICES_MAX + 1)).is_err());
}

#[test]
fn a_limit_that_is_added_has_the_formats_own_name() {
    let request = body(r#","prompt":"a","best_of":1"#).unwrap();
    let edits = Edits { output_limit: Some(9), ..Edits::default() };
    assert_eq!(request.rewritten(&edits), r#"{"model":"m","prompt":"a","best_of":1,"max_tokens":9}"#);
    let error = body(r#","max_tokens":1,"max_completion_tokens":2"#).unwrap_err();
    assert_eq!(error, RequestError::TwoLimits { param: "max_tokens" });
}

#[test]
fn what_routes_or_prices_comes_once() {
    for (members, param) in
        [(r#","prompt":"a","prompt":"b""#, "prompt"), (r#","best_of":1,"best_of":2"#, "best_of")]
    {
        assert_eq!(body(members), Err(RequestError::Repeated { param }));
    }
    assert!(matches!(body(r#","Prompt":"a""#), Err(RequestError::OtherCase { param: "prompt", .. })));
}

const ANSWER: &str = r#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[
    {"text":"\n\nHi.","index":0,"logprobs":null,"finish_reason":"length"},{"text":"Ho","index":1}],
    "usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}"#;

#[test]
fn an_answer_is_counted_by_its_texts() {
    let answer = read_answer(ANSWER.as_bytes()).unwrap();
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, answer.text_bytes), (5, 7, 7));
}

#[test]
fn a_stream_passes_and_is_counted() {
    let frames = "data: {\"choices\":[{\"text\":\"He\",\"index\":0,\"finish_reason\":null}]}\n\n\
                  data: {\"choices\":[{\"text\":\"llo\",\"index\":0,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let mut decoder = StreamDecoder::new(true);
    assert_eq!(decoder.push(Bytes::from_static(frames.as_bytes())).unwrap(), frames);
    assert!(decoder.is_done());
    assert_eq!((decoder.text_bytes(), decoder.frames()), (5, 2));
}
