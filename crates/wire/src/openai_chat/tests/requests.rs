use super::*;

#[test]
fn a_request_is_read_as_the_api_means_it() {
    let request = read(REQUEST).unwrap();
    assert_eq!(request.model(), "gpt-5-mini");
    assert!(request.stream());
    assert!(!request.wants_usage());
    assert_eq!(request.output_limit(), Some(300));
    assert_eq!(request.choices(), 2);
    assert_eq!(request.service_tier(), Some("flex"));
}

#[test]
fn text_is_counted_unescaped_and_schemas_as_they_are_written() {
    let texts = ["Be brief.\n", "ann", "What is é?", "look", r#"{"at":1}"#, "ok"];
    let schemas =
        [r#"[{"type":"function","function":{"name":"look","parameters":{}}}]"#, r#"{"type":"json_object"}"#];
    let text_bytes = texts.iter().chain(&schemas).map(|text| text.len() as u64).sum();
    let expected = Input { text_bytes, messages: 4, images: 1, ..Input::default() };
    assert_eq!(read(REQUEST).unwrap().input(), expected);
}

#[test]
fn what_has_no_size_that_we_know_is_uncountable() {
    let input = |message: &str| read(&format!(r#"{{"model":"m","messages":[{message}]}}"#)).unwrap().input();
    for message in [
        r#"{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}"#,
        r#"{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}"#,
        r#"{"role":"user","content":[{"type":"hologram"}]}"#,
        r#"{"role":"user","content":[{}]}"#,
        r#"{"role":"user","content":{"text":"hi"}}"#,
        r#"{"role":"user","content":7}"#,
        r#"{"role":"assistant","audio":{"id":"audio_1"}}"#,
        r#"{"role":"user","thoughts":"long"}"#,
        r#""hi""#,
        "null",
    ] {
        assert!(input(message).uncountable, "{message}");
    }
    for message in [r#"{"role":"assistant","content":null,"audio":null,"function_call":null}"#, "{}"] {
        assert_eq!(input(message), Input { messages: 1, ..Input::default() });
    }
}

#[test]
fn what_is_not_said_has_the_apis_own_meaning() {
    for members in ["", r#","stream":null,"n":null,"max_tokens":null,"stream_options":null,"tools":null"#] {
        let request = read(&with(members)).unwrap();
        assert!(!request.stream() && !request.wants_usage());
        assert_eq!((request.choices(), request.output_limit(), request.service_tier()), (1, None, None));
    }
    assert!(read(&with(r#","stream_options":{"include_usage":true}"#)).unwrap().wants_usage());
    assert_eq!(read(&with(r#","max_completion_tokens":5"#)).unwrap().output_limit(), Some(5));
}

#[test]
fn a_wrong_member_is_named() {
    for (members, param) in [
        (r#","stream":"true""#, "stream"),
        (r#","stream":1"#, "stream"),
        (r#","stream_options":[]"#, "stream_options"),
        (r#","stream_options":{"include_usage":1}"#, "stream_options.include_usage"),
        (r#","stream_options":{"include_usage":true,"include_usage":false}"#, "stream_options.include_usage"),
        (r#","stream_options":{"Include_usage":true}"#, "stream_options.include_usage"),
        (r#","n":0"#, "n"),
        (r#","n":129"#, "n"),
        (r#","n":1.5"#, "n"),
        (r#","n":"2""#, "n"),
        (r#","max_tokens":0"#, "max_tokens"),
        (r#","max_tokens":-1"#, "max_tokens"),
        (r#","max_completion_tokens":1e3"#, "max_completion_tokens"),
        (r#","max_completion_tokens":"9""#, "max_completion_tokens"),
        (r#","max_completion_tokens":9,"max_tokens":90"#, "max_completion_tokens"),
        (r#","max_tokens":9,"max_completion_tokens":90"#, "max_completion_tokens"),
        (r#","max_tokens":9,"max_output_tokens":90"#, "max_completion_tokens"),
        (r#","max_new_tokens":9,"max_output_tokens":90"#, "max_completion_tokens"),
        (r#","max_new_tokens":"9""#, "max_new_tokens"),
        (r#","best_of":0"#, "best_of"),
        (r#","service_tier":1"#, "service_tier"),
        (r#","store":"yes""#, "store"),
        (r#","tools":{}"#, "tools"),
    ] {
        let error = read(&with(members)).unwrap_err();
        assert_eq!(error.param(), Some(param), "{members}");
        assert!(error.to_string().contains(param), "{error}");
    }
}

#[test]
fn a_request_names_a_model_and_says_something() {
    let long = format!(r#"{{"model":"{}","messages":[1]}}"#, "m".repeat(257));
    for (body, param) in [
        (r#"{"messages":[{}]}"#, "model"),
        (r#"{"model":"","messages":[{}]}"#, "model"),
        (r#"{"model":null,"messages":[{}]}"#, "model"),
        (r#"{"model":7,"messages":[{}]}"#, "model"),
        (r#"{"model":"a\u0000b","messages":[{}]}"#, "model"),
        (&long, "model"),
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":[]}"#, "messages"),
        (r#"{"model":"m","messages":null}"#, "messages"),
        (r#"{"model":"m","messages":"hi"}"#, "messages"),
    ] {
        assert_eq!(read(body).unwrap_err().param(), Some(param), "{body}");
    }
}

#[test]
fn a_member_that_routes_or_prices_comes_once_however_it_is_written() {
    for (members, param) in [
        (r#","model":"m""#, "model"),
        (r#","mod\u0065l":"m""#, "model"),
        (r#","stream":true,"stream":true"#, "stream"),
        (r#","n":null,"n":2"#, "n"),
        (r#","tools":[],"tools":[]"#, "tools"),
    ] {
        assert_eq!(read(&with(members)), Err(RequestError::Repeated { param }), "{members}");
    }
    for (members, param, found) in [
        (r#","Model":"x""#, "model", "Model"),
        (r#","STREAM":true"#, "stream", "STREAM"),
        (r#","N":9"#, "n", "N"),
        (r#","ma\u0058_tokens":9"#, "max_tokens", "maX_tokens"),
        (r#","max_to\u212aens":9"#, "max_tokens", "max_to\u{212a}ens"),
        (r#","\u017ftore":true"#, "store", "\u{17f}tore"),
    ] {
        let error = RequestError::OtherCase { param, found: found.to_owned() };
        assert_eq!(read(&with(members)), Err(error), "{members}");
    }
    assert!(read(&with(r#","x":1,"x":2,"metadata":{"model":"x"}"#)).is_ok());
}

#[test]
fn every_answer_that_is_written_counts_and_a_foreign_limit_is_no_promise() {
    let choices = |members: &str| read(&with(members)).unwrap().choices();
    assert_eq!(choices(r#","best_of":5,"n":2"#), 5);
    assert_eq!(choices(r#","n":4,"best_of":3"#), 4);
    // A provider that does not know the name writes on: nothing less than the model's own limit is set aside.
    assert_eq!(read(&with(r#","max_output_tokens":5"#)).unwrap().output_limit(), None);
    let both = with(r#","max_output_tokens":5,"max_tokens":5,"max_completion_tokens":5"#);
    assert_eq!(read(&both).unwrap().output_limit(), Some(5));
}

/// Every member that the API documents for this request.
const MEMBERS: &str = r#"{"audio":{"voice":"alloy","format":"mp3"},"frequency_penalty":0.50,"function_call":"auto",
    "functions":[{"name":"f"}],"logit_bias":{"50256":-100},"logprobs":true,"max_completion_tokens":7,"max_tokens":7,
    "messages":[{"role":"user","content":"hi"}],"metadata":{"a":"b"},"modalities":["text","audio"],"model":"m",
    "moderation":{"x":1},"n":1,"parallel_tool_calls":false,"prediction":{"type":"content","content":"x"},
    "presence_penalty":-1e-1,"prompt_cache_key":"k","prompt_cache_options":{"x":[]},"prompt_cache_retention":"24h",
    "reasoning_effort":"low","response_format":{"type":"json_object"},"safety_identifier":"s","seed":-7,
    "service_tier":"auto","stop":["\u0041",null],"store":true,"stream":true,"stream_options":{"include_usage":true},
    "temperature":1.0,"tool_choice":"none","tools":[],"top_logprobs":3,"top_p":0.1,"user":"u","verbosity":"high",
    "web_search_options":{}}"#;

#[test]
fn every_member_of_the_api_passes_byte_for_byte() {
    let request = read(MEMBERS).unwrap();
    assert_eq!(request.rewritten(&Edits::default()), MEMBERS);
    let edits = Edits { model: Some("up"), ask_for_usage: true, output_limit: Some(9), ..Edits::default() };
    assert_eq!(request.rewritten(&edits), MEMBERS.replace(r#""model":"m""#, r#""model":"up""#));
}

#[test]
fn what_is_no_json_object_is_refused() {
    let whole = with("");
    for body in ["", " ", "{", "nul", "{} {}", r#"{"a":1,}"#, "{'a':1}", &whole[..whole.len() - 1]] {
        assert_eq!(read(body), Err(RequestError::Json), "{body}");
    }
    assert_eq!(read(&format!("{whole} x")), Err(RequestError::Json));
    assert_eq!(read(&with(r#","\ud800":1"#)), Err(RequestError::Json));
    assert_eq!(super::super::read(Bytes::from_static(b"{\"model\":\"\xff\"}")), Err(RequestError::Json));
    for body in ["[]", "null", "7", r#""model""#, " true "] {
        assert_eq!(read(body), Err(RequestError::NotObject), "{body}");
    }
}

#[test]
fn nesting_has_a_limit_that_brackets_in_texts_do_not_touch() {
    let nested = |depth: usize| with(&format!(r#","x":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
    assert!(read(&nested(127)).is_ok());
    assert_eq!(read(&nested(128)), Err(RequestError::TooDeep));
    assert_eq!(read(&nested(100_000)), Err(RequestError::TooDeep));
    assert!(read(&with(&format!(r#","x":"\"{}""#, "[{".repeat(200)))).is_ok());
}

#[test]
fn members_have_a_limit() {
    let many = |count: usize| with(&r#","x":0"#.repeat(count));
    assert!(read(&many(MEMBERS_MAX - 2)).is_ok());
    assert_eq!(read(&many(MEMBERS_MAX - 1)), Err(RequestError::TooManyMembers));
}
