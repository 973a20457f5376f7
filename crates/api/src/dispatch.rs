//! One way for every write: into a command, into the log, and back as an answer that a repeat gets again.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{CommandId, Sealed};
use eventlog::{Command, Executed, Fault, Heads, Metadata, StoreError, Tx};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{
    Edge,
    extract::{Intent, position},
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

/// Says how far the logs have come.
pub(crate) fn set_positions(headers: &mut HeaderMap, positions: Heads) {
    let name = header::HeaderName::from_static("veloera-position");
    set_header(headers, name, Some(positions.to_string()));
}

fn set_header(headers: &mut HeaderMap, name: header::HeaderName, text: Option<String>) {
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
    let command = command(edge, actor, &intent)?;
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
    let mut response = answer.into_response();
    set_positions(response.headers_mut(), positions);
    Ok(response)
}

fn command(edge: &Edge, actor: &Actor, intent: &Intent) -> Result<Command, Problem> {
    let name = actor.name();
    let ip = match intent.ip {
        Some(ip) => Some(edge.log.sealer().seal("ip", ip.to_string().as_bytes())?),
        None => None,
    };
    Ok(Command {
        command_id: intent.command_id(&name, || edge.ids.uuid()),
        fingerprint: intent.fingerprint,
        metadata: Metadata { actor: Some(name), ip, ..Metadata::default() },
    })
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
