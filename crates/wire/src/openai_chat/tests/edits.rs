use super::*;

fn edited(members: &str, edits: &Edits<'_>) -> String {
    String::from_utf8(read(&with(members)).unwrap().rewritten(edits).to_vec()).unwrap()
}

fn pair(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

#[test]
fn without_edits_it_is_the_same_body_and_no_copy() {
    let body = Bytes::from_static(REQUEST.as_bytes());
    let rename = [pair("absent", "present")];
    let edits = Edits { rename: &rename, drop: &["gone".to_owned()], ..Edits::default() };
    let same = super::super::read(body.clone()).unwrap().rewritten(&edits);
    assert_eq!((same.as_ptr(), same.len()), (body.as_ptr(), body.len()));
}

#[test]
fn all_but_the_edits_survives_byte_for_byte() {
    let rename = [pair("max_tokens", "max_completion_tokens")];
    let drop = ["service_tier".to_owned(), "store".to_owned()];
    let edits = Edits {
        model: Some("up/\"x\""),
        ask_for_usage: true,
        output_limit: Some(9),
        rename: &rename,
        drop: &drop,
    };
    let expected = REQUEST
        .replace(r#""gpt-5-mini""#, r#""up/\"x\"""#)
        .replace(r#""include_obfuscation": false}"#, r#""include_obfuscation": false,"include_usage":true}"#)
        .replace("max_tokens", "max_completion_tokens")
        .replace(r#", "service_tier": "flex", "store": false"#, "");
    assert_eq!(read(REQUEST).unwrap().rewritten(&edits), expected);
}

#[test]
fn usage_is_asked_for_beside_the_other_options() {
    let edits = Edits { ask_for_usage: true, ..Edits::default() };
    for (before, after) in [
        ("", r#","stream_options":{"include_usage":true}"#),
        (r#","stream_options": null"#, r#","stream_options": {"include_usage":true}"#),
        (r#","stream_options":{ }"#, r#","stream_options":{"include_usage":true }"#),
        (
            r#","stream_options":{"include_usage":false, "x":1}"#,
            r#","stream_options":{"include_usage":true, "x":1}"#,
        ),
        (r#","stream_options":{"include_usage":null}"#, r#","stream_options":{"include_usage":true}"#),
        (r#","stream_options":{"include_usage" : true}"#, r#","stream_options":{"include_usage" : true}"#),
    ] {
        assert_eq!(edited(before, &edits), with(after), "{before}");
    }
}

#[test]
fn a_limit_is_added_only_where_there_is_none() {
    let edits = Edits { output_limit: Some(9), ..Edits::default() };
    assert_eq!(edited("", &edits), with(r#","max_completion_tokens":9"#));
    assert_eq!(edited(r#","max_tokens":5"#, &edits), with(r#","max_tokens":5"#));
    assert_eq!(edited(r#","max_completion_tokens":null"#, &edits), with(r#","max_completion_tokens":9"#));
}

#[test]
fn an_added_limit_has_the_providers_name_or_is_left_out() {
    let rename = [pair("max_completion_tokens", "max_tokens")];
    let edits = Edits { output_limit: Some(9), rename: &rename, ..Edits::default() };
    assert_eq!(edited("", &edits), with(r#","max_tokens":9"#));
    assert_eq!(edited(r#","max_tokens":null,"x":1"#, &edits), with(r#","x":1,"max_tokens":9"#));
    let drop = ["max_completion_tokens".to_owned()];
    assert_eq!(edited("", &Edits { output_limit: Some(9), drop: &drop, ..Edits::default() }), with(""));
}

#[test]
fn a_renamed_member_never_stands_beside_another_of_its_name() {
    let rename = [pair("max_tokens", "max_completion_tokens")];
    let edits = Edits { rename: &rename, ..Edits::default() };
    for (before, after) in [
        (r#","max_tokens":7,"max_completion_tokens":7"#, r#","max_completion_tokens":7"#),
        (r#","max_tokens":7,"max_completion_tokens":null"#, r#","max_completion_tokens":7"#),
        (r#","max_tokens":null,"max_completion_tokens":7"#, r#","max_completion_tokens":7"#),
        (r#","max_tokens":null,"max_completion_tokens":null"#, r#","max_completion_tokens":null"#),
        (r#","max\u005ftokens":7"#, r#","max_completion_tokens":7"#),
    ] {
        assert_eq!(edited(before, &edits), with(after), "{before}");
    }
}

#[test]
fn the_first_member_can_be_dropped() {
    let body = r#"{ "user":"u", "model":"m","messages":[1]}"#;
    let edits = Edits { drop: &["user".to_owned()], ..Edits::default() };
    assert_eq!(read(body).unwrap().rewritten(&edits), r#"{ "model":"m","messages":[1]}"#);
}
