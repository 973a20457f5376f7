//! One way for every write: into a command, into the log, and back as an answer that a repeat gets again.

use std::net::IpAddr;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use domain::{CommandId, Sealed, trace::TraceContext};
use eventlog::{Command, Executed, Fault, Heads, Metadata, StoreError, Tx};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{
    Edge, around,
    extract::{Intent, idempotency::peer, position},
    permission::Actor,
    problem::{Code, Denial, Problem},
};

/// What a write answers: made inside its transaction, so that a repeat gets the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    status: u16,
    version: Option<u64>,
    body: Option<String>,
}

impl Answer {
    /// It was made.
    pub(crate) fn created<T: Serialize>(version: u64, view: &T) -> Result<Self, StoreError> {
        Self::with(StatusCode::CREATED, version, view)
    }

    /// It is so now.
    pub(crate) fn ok<T: Serialize>(version: u64, view: &T) -> Result<Self, StoreError> {
        Self::with(StatusCode::OK, version, view)
    }

    /// It is gone.
    pub(crate) const fn gone() -> Self {
        Self { status: StatusCode::NO_CONTENT.as_u16(), version: None, body: None }
    }

    /// It was made, and has no version.
    pub(crate) fn made<T: Serialize>(view: &T) -> Result<Self, StoreError> {
        Ok(Self { version: None, ..Self::created(0, view)? })
    }

    /// It is so, and has no version.
    pub(crate) fn unversioned<T: Serialize>(view: &T) -> Result<Self, StoreError> {
        Ok(Self { version: None, ..Self::ok(0, view)? })
    }

    /// As it is sent, with how far the logs have come with it.
    pub(crate) fn at(self, positions: Heads) -> Response {
        let mut response = self.into_response();
        set_positions(response.headers_mut(), positions);
        response
    }

    fn with<T: Serialize>(status: StatusCode, version: u64, view: &T) -> Result<Self, StoreError> {
        let body = serde_json::to_string(view).map_err(StoreError::Encode)?;
        Ok(Self { status: status.as_u16(), version: Some(version), body: Some(body) })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = self.body.unwrap_or_default().into_response();
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        if status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        // Answers hold keys and balances: no cache keeps them.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        set_header(headers, header::ETAG, self.version.map(|version| format!("\"{version}\"")));
        response
    }
}

/// How far the logs have come.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("veloera-position");

pub(crate) fn set_positions(headers: &mut HeaderMap, positions: Heads) {
    set_header(headers, POSITION, Some(positions.to_string()));
}

pub(crate) fn set_header(headers: &mut HeaderMap, name: HeaderName, text: Option<String>) {
    if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(name, value);
    }
}

/// Carries a write out, once.
pub(crate) async fn dispatch<F>(
    edge: &Edge,
    actor: &Actor,
    intent: Intent,
    decide: F,
) -> Result<Response, Problem>
where
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<Answer, Fault<Denial>>> + Send + 'static,
{
    let command = command(edge, &actor.name(), &intent)?;
    let place = place(command.command_id);
    let kept_at = intent.is_repeatable().then(|| place.clone());
    let executed = edge
        .log
        .execute(command, move |tx| Box::pin(async move { keep(decide(tx).await?, kept_at.as_deref(), tx) }))
        .await?;
    let (answer, positions) = match executed {
        Executed::Done { value, positions } => (value, positions),
        Executed::Repeated { positions, answer } => (again(edge, &place, answer, positions)?, positions),
    };
    // Whoever wrote reads it next: what this node knows in memory catches up first. Late is no failure, it is done.
    position::wait(edge, positions).await;
    Ok(answer.at(positions))
}

/// Who asks, from where, and in which trace.
#[derive(Debug)]
pub(crate) struct By {
    pub(crate) actor: String,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) trace: Option<TraceContext>,
}

impl By {
    /// Whoever acts by that intent.
    pub(crate) const fn intent(actor: String, intent: &Intent) -> Self {
        Self { actor, ip: intent.ip, trace: intent.trace }
    }

    /// Whoever asks with that request.
    pub(crate) fn request(actor: String, parts: &Parts) -> Self {
        Self { actor, ip: peer(parts), trace: around::traced(parts) }
    }

    /// Somebody of whom no more is known.
    pub(crate) const fn only(actor: String) -> Self {
        Self { actor, ip: None, trace: None }
    }
}

/// Carries out what is never sent twice under one key, such as signing in.
pub(crate) async fn transact<T, F>(edge: &Edge, by: By, decide: F) -> Result<(T, Heads), Problem>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Fault<Denial>>> + Send + 'static,
{
    let By { actor, ip, trace } = by;
    let metadata = traced(metadata(edge, actor, ip)?, trace);
    let (value, positions) = edge.log.transact(metadata, decide).await?;
    position::wait(edge, positions).await;
    Ok((value, positions))
}

fn command(edge: &Edge, actor: &str, intent: &Intent) -> Result<Command, Problem> {
    Ok(Command {
        command_id: intent.command_id(actor, || edge.ids.uuid()),
        // Marked, for a body may hold a password, and a bare hash of it could be searched for.
        fingerprint: edge.log.sealer().mark(&intent.fingerprint),
        metadata: traced(metadata(edge, actor.to_owned(), intent.ip)?, intent.trace),
    })
}

fn metadata(edge: &Edge, actor: String, ip: Option<IpAddr>) -> Result<Metadata, Problem> {
    let ip = match ip {
        Some(ip) => Some(edge.log.sealer().seal("ip", ip.to_string().as_bytes())?),
        None => None,
    };
    Ok(Metadata { actor: Some(actor), ip, ..Metadata::default() })
}

fn traced(metadata: Metadata, trace: Option<TraceContext>) -> Metadata {
    trace.into_iter().fold(metadata, Metadata::traced)
}

/// Where an answer is sealed for.
fn place(command_id: CommandId) -> String {
    format!("command:{command_id}")
}

/// Keeps the answer, sealed since it may hold a key that is shown once.
fn keep(answer: Answer, place: Option<&str>, tx: &mut Tx) -> Result<Answer, Fault<Denial>> {
    if let Some(place) = place {
        let text = serde_json::to_vec(&answer).map_err(StoreError::Encode)?;
        let sealed = tx.sealer().seal(place, &text).map_err(StoreError::Seal)?;
        tx.keep_answer(sealed.0);
    }
    Ok(answer)
}

fn again(edge: &Edge, place: &str, kept: Option<String>, positions: Heads) -> Result<Answer, Problem> {
    let Some(kept) = kept else {
        let told = "this request was carried out before, and its answer is no longer kept: read what it made";
        return Err(Problem::new(Code::IdempotencyKeyExpired, told).at(positions));
    };
    Ok(serde_json::from_slice(&edge.log.sealer().open(place, &Sealed(kept))?)?)
}
