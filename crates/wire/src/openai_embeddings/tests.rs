use bytes::Bytes;

use super::*;
use crate::{Edits, Input};

fn body(members: &str) -> Result<Request, RequestError> {
    read(Bytes::from(format!(r#"{{"model":"m"{members}}}"#)))
}

#[test]
fn texts_and_tokens_are_counted_and_nothing_is_written() {
    for (input, text_bytes, tokens) in
        [(r#""hello""#, 5, 0), (r#"["a","bc"]"#, 3, 0), ("[1,2]", 0, 2), ("[[1],[2,3]]", 0, 3)]
    {
        let request = body(&format!(r#","input":{input}"#)).unwrap();
        assert_eq!(request.input(), Input { text_bytes, tokens, ..Input::default() }, "{input}");
        assert_eq!((request.output_limit(), request.stream()), (Some(0), false));
    }
}

#[test]
fn what_can_be_no_request_is_refused_by_name() {
    for (members, param) in [
        ("", "input"),
        (r#","input":null"#, "input"),
        (r#","input":[]"#, "input"),
        (r#","input":{"text":"a"}"#, "input"),
        (r#","input":"a","input":"b""#, "input"),
        (r#","input":"a","stream":true"#, "stream"),
        (r#","input":"a","dimensions":0"#, "dimensions"),
        (r#","input":"a","dimensions":"8""#, "dimensions"),
        (r#","input":"a","encoding_format":1"#, "encoding_format"),
    ] {
        assert_eq!(body(members).unwrap_err().param(), Some(param), "{members}");
    }
}

#[test]
fn no_limit_is_added_where_there_is_none_to_set() {
    let request = body(r#","input":"a","dimensions":8,"encoding_format":"base64","user":"u""#).unwrap();
    let edits = Edits { model: Some("up"), output_limit: Some(9), ..Edits::default() };
    let expected = r#"{"model":"up","input":"a","dimensions":8,"encoding_format":"base64","user":"u"}"#;
    assert_eq!(request.rewritten(&edits), expected);
}

#[test]
fn an_answer_states_its_input_alone() {
    for data in
        [r#"[{"object":"embedding","index":0,"embedding":[0.1,-2e-3]}]"#, r#"[{"embedding":"AACAPw=="}]"#]
    {
        let answer =
            format!(r#"{{"object":"list","data":{data},"usage":{{"prompt_tokens":8,"total_tokens":8}}}}"#);
        let answer = read_answer(answer.as_bytes()).unwrap();
        let usage = answer.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens, answer.is_empty), (8, 0, false));
    }
    assert!(read_answer(br#"{"data":[]}"#).unwrap().is_empty);
    assert_eq!(read_answer(br#"{"choices":[]}"#), Err(AnswerError::NoData));
    assert_eq!(read_answer(br#"{"data":{}}"#), Err(AnswerError::NoData));
    assert_eq!(read_answer(b"{\"data\":["), Err(AnswerError::Json));
}
