//! One request, signed, and its answer, whose mark is checked before anybody reads it.

use std::{error::Error, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::Serialize;
use tokio::time::timeout;

use super::{ControlError, Inner, urls::ControlUrl};
use crate::{
    Nonce, Signature, is_marked,
    protocol::{ANSWER_BYTES_MAX, HEADER_MARK, ProblemView},
};

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long an answer may take, beyond what it was asked to wait.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How many connections are kept that nobody uses, for each control node.
const IDLE_CONNECTIONS_MAX: usize = 16;

pub(super) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

pub(super) fn client() -> HttpClient {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_MAX));
    tcp.set_keepalive(Some(Duration::from_mins(1)));
    let tls = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .build(tls)
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    method: Method,
    target: String,
    content_type: &'static str,
    body: Bytes,
    answer_max: Duration,
    pub(super) bytes_max: usize,
}

impl Asked {
    /// Something is to be read.
    pub(crate) fn get(target: String) -> Self {
        Self {
            method: Method::GET,
            target,
            content_type: "application/json",
            body: Bytes::new(),
            answer_max: ANSWER_MAX,
            bytes_max: ANSWER_BYTES_MAX,
        }
    }

    /// Something is to be done.
    pub(crate) fn post(target: String, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, content_type, body: body.into(), ..Self::get(target) }
    }

    /// Something is to be done that is said in JSON.
    pub(crate) fn json(target: String, body: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self::post(target, "application/json", serde_json::to_vec(body)?))
    }

    /// The answer may come so much later.
    pub(crate) fn later(self, by_ms: u64) -> Self {
        Self { answer_max: self.answer_max + Duration::from_millis(by_ms), ..self }
    }

    /// The answer must come sooner.
    pub(crate) fn within(self, answer_max: Duration) -> Self {
        Self { answer_max, ..self }
    }

    /// The answer may be so large.
    pub(super) fn sized(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }
}

impl Inner {
    /// Asks the control nodes in turn, until one is of help or none was.
    pub(super) async fn ask(&self, asked: &Asked) -> Result<Bytes, ControlError> {
        self.in_turn(|url| self.exchange(url, asked)).await
    }

    /// Goes to the control nodes in turn, until one is of help or none was.
    pub(super) async fn in_turn<'s, T, F>(
        &'s self,
        go: impl Fn(&'s ControlUrl) -> F,
    ) -> Result<T, ControlError>
    where
        F: Future<Output = Result<T, ControlError>>,
    {
        let first = self.turn.load(Ordering::Relaxed);
        let mut tried = Err(ControlError::TimedOut { url: "no control node".into() });
        for turn in first..first.saturating_add(self.urls.len()) {
            let Some(url) = self.urls.of_turn(turn) else { break };
            tried = go(url).await;
            match &tried {
                Err(error) if error.is_of_this_node() => {
                    tracing::debug!(%error, "a control node is of no help");
                }
                Ok(_) | Err(_) => {
                    self.turn.store(turn % self.urls.len(), Ordering::Relaxed);
                    break;
                }
            }
        }
        tried
    }

    /// Tells each of the control nodes. Fails where none has heard it.
    pub(super) async fn tell_each(&self, asked: &Asked) -> Result<(), ControlError> {
        let told = join_all(self.urls.iter().map(|url| self.exchange(url, asked))).await;
        let mut heard = Err(ControlError::TimedOut { url: "no control node".into() });
        for answer in told {
            match answer {
                Ok(_) => heard = Ok(()),
                Err(error) if heard.is_err() => heard = Err(error),
                Err(error) => tracing::debug!(%error, "a control node did not hear it"),
            }
        }
        heard
    }

    async fn exchange(&self, url: &ControlUrl, asked: &Asked) -> Result<Bytes, ControlError> {
        let answered = async {
            let (nonce, response) = self.send(url, asked).await?;
            self.read(url, asked, nonce, response).await
        };
        in_time(url, asked, answered).await
    }

    /// Sends a request; what its answer is to be marked for, and the answer.
    pub(super) async fn send(
        &self,
        url: &ControlUrl,
        asked: &Asked,
    ) -> Result<(Nonce, http::Response<Incoming>), ControlError> {
        let nonce = Nonce::random()?;
        let signature =
            Signature::of(&self.identity, self.clock.now(), nonce, &asked.method, &asked.target, &asked.body);
        let uri = url.uri(&asked.target).map_err(|error| unreachable(url, &error))?;
        let mut request = Request::new(Full::new(asked.body.clone()));
        *request.method_mut() = asked.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.extend(signature.headers());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asked.content_type));
        let response = self.client.request(request).await.map_err(|error| unreachable(url, &error))?;
        Ok((nonce, response))
    }

    /// All of an answer, once its mark was found to be right.
    pub(super) async fn read(
        &self,
        url: &ControlUrl,
        asked: &Asked,
        nonce: Nonce,
        response: http::Response<Incoming>,
    ) -> Result<Bytes, ControlError> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, asked.bytes_max).collect().await;
        let body = body.map_err(|error| broken(url, asked, error.as_ref()))?.to_bytes();
        let mark = head.headers.get(&HEADER_MARK).and_then(|mark| mark.to_str().ok()).unwrap_or_default();
        if !is_marked(&self.sealer, nonce, head.status.as_u16(), &body, mark) {
            return Err(ControlError::Unmarked { url: url.to_string() });
        }
        if head.status.is_success() { Ok(body) } else { Err(refused(url, head.status, &body)) }
    }
}

/// Comes of `answered` unless that takes longer than was asked for.
pub(super) async fn in_time<T>(
    url: &ControlUrl,
    asked: &Asked,
    answered: impl Future<Output = Result<T, ControlError>>,
) -> Result<T, ControlError> {
    let late = |_| ControlError::TimedOut { url: url.to_string() };
    timeout(asked.answer_max, answered).await.map_err(late).flatten()
}

fn unreachable(url: &ControlUrl, error: &dyn Error) -> ControlError {
    ControlError::Unreachable { url: url.to_string(), reason: whole(error) }
}

/// Why the rest of an answer did not come.
pub(super) fn broken(url: &ControlUrl, asked: &Asked, error: &(dyn Error + 'static)) -> ControlError {
    if error.is::<LengthLimitError>() {
        return ControlError::TooLarge { url: url.to_string(), bytes_max: asked.bytes_max };
    }
    unreachable(url, error)
}

fn refused(url: &ControlUrl, status: StatusCode, body: &[u8]) -> ControlError {
    let ProblemView { code, detail } = serde_json::from_slice(body).unwrap_or_default();
    ControlError::Refused { url: url.to_string(), status, code, detail }
}

/// An error with all that led to it: the outermost alone says little.
fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
