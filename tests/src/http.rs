//! A small HTTP client: everything it does is bounded.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::time::timeout;

/// The longest that one exchange may take.
pub const EXCHANGE_MAX: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why there is no answer: the connection, or the time.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A client with its pool of connections.
#[derive(Clone, Debug)]
pub struct Http(Client<HttpConnector, Full<Bytes>>);

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Default for Http {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }
}

impl Http {
    /// Sends a request; the answer's body is still to come.
    pub async fn open(&self, request: Request<Full<Bytes>>) -> Result<http::Response<Incoming>, Failure> {
        Ok(timeout(EXCHANGE_MAX, self.0.request(request)).await??)
    }

    /// Sends a request and reads the whole answer.
    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response, Failure> {
        let (parts, body) = self.open(request).await?.into_parts();
        let body = timeout(EXCHANGE_MAX, Limited::new(body, ANSWER_BYTES_MAX).collect()).await??.to_bytes();
        Ok(Response { status: parts.status, headers: parts.headers, body })
    }
}

impl Response {
    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// A header's text, where it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A request with a bearer's key and, where there is one, a JSON body.
pub fn request(method: Method, url: &str, key: &str, body: Option<Bytes>) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(url);
    if !key.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}").as_bytes());
    }
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(Full::new(body.unwrap_or_default())).expect("the parts make a request")
}
