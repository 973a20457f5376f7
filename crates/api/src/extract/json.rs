//! The one reader of JSON bodies: of every write, together with what makes it safe to repeat.

use std::{error::Error, sync::Arc};

use axum::{
    Json,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{
    Intent,
    body::{self, BodyError},
};
use crate::{
    Edge,
    problem::{Code, Problem},
};

/// A write: what is asked, and what makes it safe to repeat.
#[derive(Debug)]
pub(crate) struct Write<T> {
    pub(crate) body: T,
    pub(crate) intent: Intent,
}

/// The body of a write that needs none: empty, or `{}`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl<T: DeserializeOwned> FromRequest<Arc<Edge>> for Write<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Arc<Edge>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes_max = edge.limits.admin_body_bytes_max;
        let read = body::read(body, bytes_max, edge.limits.body_wait_ms_max).await;
        let bytes = read.map_err(|error| match error {
            BodyError::TooLarge => {
                Problem::new(Code::BodyTooLarge, format!("a body has at most {bytes_max} bytes here"))
            }
            BodyError::TooSlow => Problem::new(Code::RequestTimeout, "the body took too long to come"),
            BodyError::Broken => Problem::new(Code::InvalidJson, "the body ended before its end"),
        })?;
        let intent = Intent::read(&parts, &bytes)?;
        if bytes.is_empty() {
            // What is missing in nothing is named by the reader.
            return Ok(Self { body: parse(b"{}")?, intent });
        }
        said_to_be_json(&parts.headers)?;
        Ok(Self { body: parse(&bytes)?, intent })
    }
}

fn said_to_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json")
        || kind.eq_ignore_ascii_case("application/merge-patch+json")
    {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "send `Content-Type: application/json`"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if holds_nul(bytes) {
        return Err(Problem::new(Code::InvalidBody, "the body holds a NUL character, which no text may"));
    }
    // Of some wrong types the reader says that they are no JSON: whether they are is asked of the text alone.
    let json = |error: &dyn Error| Problem::new(Code::InvalidJson, error.to_string());
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| json(&error))?;
    // The reader takes an array for an object whose fields stand in their order: nobody may pay in like that.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::new(Code::InvalidBody, "the body must be a JSON object"));
    }
    Json::from_bytes(bytes).map(|Json(body)| body).map_err(|rejection| {
        // The path into the body and the place stand in the inner error.
        let detail = innermost(&rejection).unwrap_or_else(|| rejection.body_text());
        Problem::new(Code::InvalidBody, detail)
    })
}

fn innermost(rejection: &axum::extract::rejection::JsonRejection) -> Option<String> {
    rejection.source().and_then(Error::source).map(ToString::to_string)
}

/// Whether a JSON text holds a NUL, bare or as `\u0000`.
fn holds_nul(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == 0 || byte == b'\\' && tail.starts_with(b"u0000") {
            return true;
        }
        if byte == b'\\' {
            // The escaped character is no backslash of its own.
            rest = tail.get(1..).unwrap_or_default();
        }
    }
    false
}

/// Reads a field that may be left out but not be `null`: for serde's `deserialize_with`.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{Nothing, holds_nul, parse};
    use crate::problem::{Code, Problem};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        keys: Vec<String>,
    }

    #[test]
    fn what_is_wrong_with_a_body_is_named_with_its_place() {
        let told = |text: &str| format!("{:?}", parse::<Body>(text.as_bytes()).unwrap_err());
        assert!(told(r#"{"keys":["a",7]}"#).contains("keys[1]: invalid type: integer"));
        assert!(told(r#"{"keys":[],"colour":1}"#).contains("unknown field `colour`"));
        assert!(told("{}").contains("missing field `keys`"));
        assert!(told(r#"{"keys":[]"#).contains("InvalidJson"));
        assert!(told(r#"{"keys":[]} x"#).contains("InvalidJson"));
    }

    #[test]
    fn what_is_no_json_is_told_so_whatever_else_is_wrong_with_it() {
        let told = format!("{:?}", parse::<Body>(br#"{"colour":{"#).unwrap_err());
        assert!(told.contains("InvalidJson") && told.contains("EOF"), "{told}");
    }

    #[test]
    fn only_an_object_is_a_body() {
        let told = |text: &str| parse::<Body>(text.as_bytes()).unwrap_err();
        for text in [r#"[["a"]]"#, "[]", " null", "7", r#""keys""#] {
            assert_eq!(
                told(text),
                Problem::new(Code::InvalidBody, "the body must be a JSON object"),
                "{text}"
            );
        }
        assert_eq!(parse::<Body>(b" \n{\"keys\":[]}").unwrap(), Body { keys: Vec::new() });
    }

    #[test]
    fn a_nul_is_refused_however_it_is_written() {
        assert!(holds_nul(br#"{"name":"a\u0000b"}"#));
        assert!(holds_nul(b"{\"name\":\"a\0b\"}"));
        assert!(!holds_nul(br#"{"name":"a\\u0000b"}"#));
        let nul: Problem = parse::<Nothing>(br#"{"\u0000":1}"#).unwrap_err();
        assert_eq!(nul, Problem::new(Code::InvalidBody, "the body holds a NUL character, which no text may"));
    }
}
