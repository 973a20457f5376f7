use super::*;
use crate::{FRAME_BYTES_MAX, Usage};

/// A stream of the real API, with a comment and a usage that was asked for.
const STREAM: &str = concat!(
    ": ping\n\n",
    r#"data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"Héllo"},"finish_reason":null}],"usage":null}"#,
    "\r\n\r\n",
    r#"data: {"id":"c","choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}"#,
    "\n\n",
    r#"data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"finish_reason":"tool_calls"}]}"#,
    "\n\n",
    r#"data: {"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#,
    "\n\ndata: [DONE]\n\n",
);
const USAGE: Usage = Usage {
    input_tokens: 9,
    output_tokens: 3,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
    audio_input_tokens: 0,
    audio_output_tokens: 0,
};

/// All that a decoder says of a stream that comes in these pieces.
#[derive(Debug, PartialEq)]
struct Told {
    passed: Vec<u8>,
    error: Option<StreamError>,
    usage: Option<Usage>,
    text_bytes: u64,
    frames: u64,
    is_done: bool,
}

fn decoded(withhold: bool, pieces: &[&[u8]]) -> Told {
    let (mut decoder, mut passed) = (StreamDecoder::new(withhold), Vec::new());
    let mut outcome = Ok(());
    for piece in pieces {
        outcome = decoder.push(Bytes::copy_from_slice(piece)).map(|bytes| passed.extend(bytes));
        if outcome.is_err() {
            break;
        }
    }
    let outcome = outcome.and_then(|()| decoder.finish().map(|bytes| passed.extend(bytes)));
    let (usage, text_bytes, frames) = (decoder.usage(), decoder.text_bytes(), decoder.frames());
    Told { passed, error: outcome.err(), usage, text_bytes, frames, is_done: decoder.is_done() }
}

fn whole(withhold: bool, stream: &str) -> Told {
    decoded(withhold, &[stream.as_bytes()])
}

#[test]
fn a_stream_passes_as_it_is_and_is_understood() {
    let told = whole(false, STREAM);
    let expected = Told {
        passed: STREAM.into(),
        error: None,
        usage: Some(USAGE),
        text_bytes: 8,
        frames: 5,
        is_done: true,
    };
    assert_eq!(told, expected);
}

#[test]
fn usage_that_was_not_asked_for_is_left_out() {
    let told = whole(true, STREAM);
    let start = STREAM.find(r#"data: {"id":"c","choices":[],"#).unwrap();
    let end = STREAM.find("data: [DONE]").unwrap();
    assert_eq!(told.passed, [&STREAM[..start], &STREAM[end..]].concat().into_bytes());
    assert_eq!(told.usage, Some(USAGE));
}

#[test]
fn usage_beside_content_is_cut_out_of_its_frame() {
    let frame = |usage: &str| {
        format!(
            "id: 1\ndata: {{\"choices\":[{{\"delta\":{{\"content\":\"a\"}},\"finish_reason\":\"stop\"}}]{usage} }}\n\n"
        )
    };
    let told = whole(true, &frame(r#", "usage": {"prompt_tokens":9,"completion_tokens":3}"#));
    assert_eq!(String::from_utf8(told.passed).unwrap(), frame(""));
    assert_eq!((told.usage, told.error), (Some(USAGE), None));
}

#[test]
fn the_facts_do_not_depend_on_where_the_bytes_are_cut() {
    let beside =
        "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\r\ndata:\"usage\":{\"prompt_tokens\":1}}\r\n\r\n";
    let broken = format!("{}data: {{\"error\":{{\"message\":\"busy\"}}}}\n\n", &STREAM[..200]);
    let returns = STREAM.replace("\r\n", "\n").replace('\n', "\r");
    let unended = &STREAM[..STREAM.len() - 2];
    let garbage = format!("{beside}data: x\n\n");
    for stream in [STREAM, beside, &broken, &returns, unended, &STREAM[..300], &garbage, "\n\n: a\n\n\n"] {
        for withhold in [false, true] {
            let expected = whole(withhold, stream);
            let stream = stream.as_bytes();
            for cut in 0..=stream.len() {
                assert_eq!(decoded(withhold, &[&stream[..cut], &stream[cut..]]), expected, "{cut}");
            }
            let bytes: Vec<_> = stream.chunks(1).collect();
            assert_eq!(decoded(withhold, &bytes), expected);
        }
    }
}

#[test]
fn whole_frames_that_need_no_change_are_not_copied() {
    let chunk = Bytes::from_static(STREAM.as_bytes());
    let passed = StreamDecoder::new(false).push(chunk.clone()).unwrap();
    assert_eq!((passed.as_ptr(), passed.len()), (chunk.as_ptr(), chunk.len()));
}

#[test]
fn the_last_usage_is_the_one_that_counts() {
    let frame = |count| format!("data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":{count}}}}}\n\n");
    let stream = format!("{}{}data: {{\"choices\":[],\"usage\":null}}\n\n", frame(5), frame(7));
    assert_eq!(whole(false, &stream).usage, Some(Usage { input_tokens: 7, ..Usage::default() }));
}

#[test]
fn a_stream_ends_well_with_done_or_when_every_choice_is_finished() {
    let choice = |index, reason: &str| {
        format!("data: {{\"choices\":[{{\"index\":{index},\"finish_reason\":{reason}}}]}}\n\n")
    };
    let (open, closed) = (choice(0, "null"), choice(0, "\"stop\""));
    for (stream, error) in [
        (format!("{open}{closed}"), None),
        (format!("{open}data: [DONE]"), None),
        (format!("{open}data:[DONE]\n"), None),
        (closed.trim_end().to_owned(), None),
        (open.clone(), Some(StreamError::Cut)),
        (format!("{closed}{}", choice(1, "null")), Some(StreamError::Cut)),
        (format!("{open}data: {{\"choi"), Some(StreamError::Cut)),
        (format!("{open}data: [DO"), Some(StreamError::Cut)),
        (String::new(), Some(StreamError::Cut)),
        (": ping\n\n".to_owned(), Some(StreamError::Cut)),
    ] {
        assert_eq!(whole(false, &stream).error, error, "{stream}");
    }
}

#[test]
fn a_last_frame_without_its_empty_line_gets_one() {
    let told = whole(false, "data: [DONE]");
    assert_eq!(told.passed, b"data: [DONE]\n\n");
}

#[test]
fn nothing_goes_on_after_done() {
    let told = whole(false, "data: [DONE]\n\ndata: garbage\n\n");
    assert_eq!((told.passed, told.error), (b"data: [DONE]\n\n".to_vec(), None));
}

#[test]
fn what_came_before_an_error_is_passed_on_first() {
    let good = "data: {\"choices\":[]}\n\n";
    let mut decoder = StreamDecoder::new(false);
    let passed = decoder.push(format!("{good}data: {{\"error\":\"busy\"}}\n\n").into());
    assert_eq!(passed, Ok(good.into()));
    let error = StreamError::Provider { message: "busy".to_owned() };
    assert_eq!(decoder.push(good.into()), Err(error.clone()));
    assert_eq!(decoder.finish(), Err(error));
}

#[test]
fn what_is_no_piece_of_an_answer_is_told_apart() {
    let error = |stream: &str| whole(false, stream).error;
    assert_eq!(error("data: <html>\n\n"), Some(StreamError::Malformed(AnswerError::Json)));
    assert_eq!(error("data: {\"choices\":[}\n\n"), Some(StreamError::Malformed(AnswerError::Json)));
    assert_eq!(error("data: [1]\n\n"), Some(StreamError::Malformed(AnswerError::NotObject)));
    let silent = StreamError::Provider { message: "it does not say why".to_owned() };
    assert_eq!(error("event: error\ndata: {\"error\":{\"code\":5}}\n\n"), Some(silent));
    assert_eq!(error("data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"error\":null}\n\n"), None);
}

#[test]
fn a_frame_has_a_longest_length() {
    let mut decoder = StreamDecoder::new(false);
    assert_eq!(decoder.push(Bytes::from(vec![b'a'; FRAME_BYTES_MAX])), Ok(Bytes::new()));
    assert_eq!(decoder.push(Bytes::from_static(b"a")), Err(StreamError::FrameTooLong));
    assert_eq!(decoder.push(Bytes::from_static(b"\n\n")), Err(StreamError::FrameTooLong));
    let long = format!("data: \"{}\"\n\n", "a".repeat(FRAME_BYTES_MAX));
    assert_eq!(whole(false, &long).error, Some(StreamError::FrameTooLong));
}
