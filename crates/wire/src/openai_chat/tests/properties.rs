use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value};

use super::{error::read_provider_error, *};

/// Any JSON, not too deep.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((".{0,6}", inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Members that mean nothing to us.
fn strangers() -> impl Strategy<Value = Vec<(String, Value)>> {
    vec(("x_[a-z\"\\\\é]{0,6}", value()), 0..5)
}

fn member((name, value): &(String, Value)) -> String {
    format!("{} :\t{value}", Value::from(name.as_str()))
}

fn parsed(bytes: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(bytes).unwrap()
}

proptest! {
    #[test]
    fn unknown_members_survive_byte_for_byte(before in strangers(), after in strangers()) {
        let known = [r#""model":"m""#, r#""messages":[{"content":"hi"}]"#].map(str::to_owned);
        let members: Vec<_> = before.iter().map(member).chain(known).chain(after.iter().map(member)).collect();
        let body = format!("{{ {} }}", members.join(" ,\n"));
        let edits = Edits { model: Some("other"), ..Edits::default() };
        let expected = body.replacen(r#""model":"m""#, r#""model":"other""#, 1);
        prop_assert_eq!(read(&body).unwrap().rewritten(&edits), expected);
    }

    #[test]
    fn only_the_edits_change_what_is_said(
        strangers in strangers(), limit in proptest::option::of(1_u64..9), ask: bool, drops: bool, added in 1_u64..9,
    ) {
        let mut said = Map::from_iter(strangers);
        said.insert("model".into(), "m".into());
        said.insert("messages".into(), vec![1].into());
        said.insert("seed".into(), 7.into());
        said.extend(limit.map(|limit| ("max_tokens".to_owned(), limit.into())));
        let rename = [("max_completion_tokens".to_owned(), "limit".to_owned()), ("seed".to_owned(), "luck".to_owned())];
        let drop = ["seed".to_owned()];
        let drop = if drops { &drop[..] } else { &[] };
        let edits =
            Edits { model: Some("up"), ask_for_usage: ask, output_limit: Some(added), rename: &rename, drop };
        let rewritten = read(&Value::from(said.clone()).to_string()).unwrap().rewritten(&edits);

        said.insert("model".into(), "up".into());
        if ask {
            said.insert("stream_options".into(), serde_json::json!({"include_usage": true}));
        }
        if limit.is_none() {
            said.insert("limit".into(), added.into());
        }
        let seed = said.remove("seed").filter(|_| !drops);
        said.extend(seed.map(|seed| ("luck".to_owned(), seed)));
        prop_assert_eq!(parsed(&rewritten), said);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..200), values in vec(value(), 0..4)) {
        let written: String = values.iter().map(Value::to_string).collect();
        for bytes in [bytes, written.into_bytes()] {
            let _ = super::super::read(bytes.clone().into());
            let _ = read_answer(&bytes);
            let _ = read_provider_error(&bytes);
        }
    }

    #[test]
    fn a_request_may_say_anything_where_we_do_not_look(messages in vec(value(), 1..4), tools in vec(value(), 0..3)) {
        let body = serde_json::json!({"model": "m", "messages": messages, "tools": tools}).to_string();
        prop_assert_eq!(read(&body).unwrap().input().messages, messages.len() as u64);
    }

    #[test]
    fn any_stream_is_decoded_the_same_however_it_is_cut(
        lines in vec(prop_oneof![
            Just("data: ".to_owned()), Just("\n".to_owned()), Just("\r".to_owned()), Just("\n\n".to_owned()),
            Just(": c\n\n".to_owned()), Just("data: [DONE]\n\n".to_owned()), "[a-z:{}\\[\\]\" ]{0,5}",
            value().prop_map(|value| format!("data: {value}\n\n")),
            value().prop_map(|value| format!("data: {{\"choices\":[{{\"delta\":{value}}}],\"usage\":{value}}}\n\n")),
        ], 0..12),
        cuts in vec(0_usize..400, 0..5), withhold: bool,
    ) {
        let stream = lines.concat().into_bytes();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        prop_assert_eq!(told(withhold, &pieces), told(withhold, &[&stream]));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(pieces in vec(vec(any::<u8>(), 0..40), 0..8), withhold: bool) {
        let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        let _ = told(withhold, &pieces);
    }
}

/// What reaches the client in the end, and what is known of it. Comments right before an error may be lost with it.
fn told(withhold: bool, pieces: &[&[u8]]) -> (Vec<u8>, Option<StreamError>, u64, u64) {
    let (mut decoder, mut passed) = (StreamDecoder::new(withhold), Vec::new());
    let pushed = pieces.iter().try_for_each(|piece| {
        passed.extend(decoder.push(Bytes::copy_from_slice(piece))?);
        Ok(())
    });
    let end = pushed.and_then(|()| decoder.finish()).map(|bytes| passed.extend(bytes));
    if end.is_err() {
        let lines = passed.split(|byte| matches!(byte, b'\r' | b'\n'));
        passed = lines.filter(|line| line.starts_with(b"data: {")).collect::<Vec<_>>().concat();
    }
    (passed, end.err(), decoder.text_bytes(), decoder.frames())
}
