use serde_json::{Value, json};

use super::error::*;

const ALL: [ErrorCode; 15] = [
    ErrorCode::InvalidApiKey,
    ErrorCode::Forbidden,
    ErrorCode::InvalidRequest,
    ErrorCode::InvalidJson,
    ErrorCode::BodyTooLarge,
    ErrorCode::RequestTimeout,
    ErrorCode::ModelNotFound,
    ErrorCode::InsufficientQuota,
    ErrorCode::RateLimitExceeded,
    ErrorCode::UpstreamError,
    ErrorCode::UpstreamTimeout,
    ErrorCode::Overloaded,
    ErrorCode::Internal,
    ErrorCode::MethodNotAllowed,
    ErrorCode::NotFound,
];

#[test]
fn an_error_has_the_form_that_sdks_read() {
    for code in ALL {
        let read: Value = serde_json::from_slice(&body(code, "not \"so\"\n", Some("model"))).unwrap();
        let error =
            json!({"message": "not \"so\"\n", "type": code.kind(), "param": "model", "code": code.code()});
        assert_eq!(read, json!({ "error": error }));
    }
    let read: Value = serde_json::from_slice(&body(ErrorCode::NotFound, "", None)).unwrap();
    assert_eq!(read["error"]["param"], Value::Null);
}

#[test]
fn codes_are_told_apart_and_blame_the_right_side() {
    let names: std::collections::HashSet<_> = ALL.iter().map(|code| code.code()).collect();
    assert_eq!(names.len(), ALL.len());
    for code in ALL {
        assert_eq!(code.kind() == "server_error", code.status() >= 500, "{code:?}");
    }
}

#[test]
fn an_error_in_a_stream_is_one_frame_that_the_decoder_takes_for_one() {
    let frame = frame(ErrorCode::UpstreamError, "it\nbroke");
    assert!(frame.starts_with(b"data: {\"error\":{") && frame.ends_with(b"}\n\n"));
    let error = super::StreamDecoder::new(false).push(frame).unwrap_err();
    assert_eq!(error, super::StreamError::Provider { message: "it\nbroke".to_owned() });
}

#[test]
fn a_providers_words_are_found_in_the_forms_in_use() {
    let read = |body: &str| read_provider_error(body.as_bytes());
    let whole = read(r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#);
    let told = |text: &str| Some(text.to_owned());
    assert_eq!(whole, ProviderError { message: told("m"), code: told("c"), kind: told("t") });
    for body in [
        r#"{"error":"m"}"#,
        r#"{"message":"m"}"#,
        r#"{"detail":"m"}"#,
        r#"[{"error":{"message":"m"}}]"#,
        r#"{"error":null,"message":"m"}"#,
        r#" {"error":{"message":"m","code":null}} "#,
    ] {
        assert_eq!(read(body), ProviderError { message: told("m"), ..ProviderError::default() }, "{body}");
    }
    assert_eq!(read(r#"{"error":{"code":404}}"#).code, told("404"));
}

#[test]
fn what_is_not_readable_says_nothing() {
    for body in ["", "<html>busy</html>", "{", "[]", "[[[]]]", "7", "null", r#"{"error":{"message":["m"]}}"#]
    {
        assert_eq!(read_provider_error(body.as_bytes()), ProviderError::default(), "{body}");
    }
    assert_eq!(read_provider_error(b"\xff\xfe"), ProviderError::default());
}

#[test]
fn a_long_message_is_cut_between_letters() {
    let body = json!({"error": {"message": format!("a{}", "é".repeat(5_000))}}).to_string();
    let message = read_provider_error(body.as_bytes()).message.unwrap();
    assert_eq!(message.len(), MESSAGE_BYTES_MAX - 1);
}
