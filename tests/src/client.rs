//! An API client: what an application does, seen as closely as a test wants it.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    Http, Response,
    http::{EXCHANGE_MAX, Failure, request},
    sse,
};

/// Whoever holds an API token.
#[derive(Clone, Debug)]
pub struct ApiClient {
    http: Http,
    base_url: String,
    key: String,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With `[DONE]`, as it should.
    Done,
    /// The body ended, but nothing said that the answer had.
    Bare,
    /// With an event that tells an error.
    Error,
    /// The connection broke.
    Broken,
}

/// A stream that was read to its end.
#[derive(Debug)]
pub struct Streamed {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The data of each event, `[DONE]` left out.
    pub events: Vec<Value>,
    pub end: End,
}

/// A stream that is being read. Dropping it is leaving.
#[derive(Debug)]
pub struct OpenStream {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Incoming,
    reader: sse::Reader,
    waiting: VecDeque<String>,
}

impl ApiClient {
    /// A client of the gateway at `base_url`.
    pub fn new(base_url: String, key: &str) -> Self {
        Self { http: Http::default(), base_url, key: key.to_owned() }
    }

    /// Posts any bytes to `path`.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Response, Failure> {
        self.http.exchange(self.request(Method::POST, path, Some(body.into()))).await
    }

    /// Gets `path`.
    pub async fn get(&self, path: &str) -> Result<Response, Failure> {
        self.http.exchange(self.request(Method::GET, path, None)).await
    }

    /// A chat completion.
    pub async fn chat(&self, body: &Value) -> Result<Response, Failure> {
        self.post("/v1/chat/completions", body.to_string()).await
    }

    /// A chat completion that belongs to a trace.
    pub async fn chat_in_trace(&self, parent: &str, body: &Value) -> Result<Response, Failure> {
        let mut request = self.request(Method::POST, "/v1/chat/completions", Some(body.to_string().into()));
        request.headers_mut().insert("traceparent", parent.parse().expect("a header's value"));
        self.http.exchange(request).await
    }

    /// A streamed chat completion, opened.
    pub async fn open(&self, body: &Value) -> Result<OpenStream, Failure> {
        self.open_at("/v1/chat/completions", body).await
    }

    /// A stream at `path`, opened.
    pub async fn open_at(&self, path: &str, body: &Value) -> Result<OpenStream, Failure> {
        let request = self.request(Method::POST, path, Some(body.to_string().into()));
        let (parts, body) = self.http.open(request).await?.into_parts();
        Ok(OpenStream {
            status: parts.status,
            headers: parts.headers,
            body,
            reader: sse::Reader::default(),
            waiting: VecDeque::new(),
        })
    }

    /// A streamed chat completion, read to its end.
    pub async fn stream(&self, body: &Value) -> Result<Streamed, Failure> {
        Ok(self.open(body).await?.read_on().await)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> http::Request<http_body_util::Full<Bytes>> {
        request(method, &format!("{}{path}", self.base_url), &self.key, body)
    }
}

impl OpenStream {
    /// The data of the next event, or how the stream ended without one.
    pub async fn next(&mut self) -> Result<String, End> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            match timeout(EXCHANGE_MAX, self.body.frame()).await.expect("a stream does not stall") {
                Some(Ok(frame)) => {
                    let chunk = frame.into_data().unwrap_or_default();
                    self.waiting.extend(self.reader.push(&chunk));
                }
                Some(Err(_)) => return Err(End::Broken),
                None => return Err(End::Bare),
            }
        }
    }

    /// Reads on to the end.
    pub async fn read_on(mut self) -> Streamed {
        let mut events = Vec::new();
        let end = loop {
            match self.next().await {
                Ok(data) if data == "[DONE]" => break End::Done,
                Ok(data) => events.push(serde_json::from_str(&data).expect("an event is JSON")),
                Err(end) => break end,
            }
        };
        let told = events.iter().any(|event: &Value| event.get("error").is_some());
        Streamed {
            status: self.status,
            headers: self.headers,
            events,
            // A stream that tells an error and then ends as if all were well has not told it.
            end: if told && end != End::Done { End::Error } else { end },
        }
    }
}

impl Streamed {
    /// All text of the first choice.
    pub fn text(&self) -> String {
        self.events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
    }

    /// The usage that the stream told, if it did.
    pub fn usage(&self) -> Option<&Value> {
        self.events.iter().rev().find_map(|event| event.get("usage").filter(|usage| !usage.is_null()))
    }
}

/// The body of a plain chat call.
pub fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "max_tokens": 100, "messages": [{ "role": "user", "content": text }] })
}

/// The body of a plain streamed chat call.
pub fn streamed_chat(model: &str, text: &str) -> Value {
    let mut body = chat(model, text);
    body["stream"] = true.into();
    body
}
