//! Sending, and what an error means for the call.

mod alarm;
mod conduit;
mod conduits;
mod connections;
mod egress;
mod error;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited, combinators::UnsyncBoxBody};
use tokio::time::timeout;
use wire::openai_chat::error::read_provider_error;

use self::connections::Connections;
pub(crate) use self::error::{UpstreamError, Verdict};
use crate::{Clock, RelayConfig, echo, providers::Transport};

/// How much of a refusal is read for its message, and how long that may take.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;
const REFUSAL_TIMEOUT_MS: u64 = 5_000;

/// The provider's bytes as they come.
pub(crate) type UpstreamBody = UnsyncBoxBody<Bytes, hyper::Error>;

/// Every connection to providers.
pub(crate) struct Upstream {
    connections: Connections,
    clock: Arc<dyn Clock>,
}

impl Upstream {
    pub(crate) fn new(config: &RelayConfig, clock: Arc<dyn Clock>) -> Self {
        Self { connections: Connections::new(config), clock }
    }

    /// Sends `request` and waits for an answer that has begun well.
    pub(crate) async fn send(
        &self,
        transport: Transport,
        request: Request<Bytes>,
    ) -> Result<UpstreamBody, UpstreamError> {
        let response = match transport {
            Transport::Echo => echo::answer(request.body(), self.clock.now()),
            Transport::Http => self.connections.send(request).await?,
        };
        if response.status().is_success() { Ok(response.into_body()) } else { Err(refusal(response).await) }
    }
}

/// What an answer says that is none.
async fn refusal(response: Response<UpstreamBody>) -> UpstreamError {
    let (head, body) = response.into_parts();
    match head.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PAYMENT_REQUIRED => {
            UpstreamError::KeyRefused { status: head.status }
        }
        StatusCode::TOO_MANY_REQUESTS => {
            UpstreamError::RateLimited { status: head.status, retry_after: retry_after(&head.headers) }
        }
        StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::GONE
        | StatusCode::TOO_EARLY => UpstreamError::Elsewhere { status: head.status },
        status if status.is_client_error() => {
            UpstreamError::Rejected { status, message: refusal_message(body).await }
        }
        status if status.is_redirection() => UpstreamError::Elsewhere { status },
        status => UpstreamError::Failed { status, retry_after: retry_after(&head.headers) },
    }
}

/// What the provider says to it; a message that is too long or too late is none.
async fn refusal_message(body: UpstreamBody) -> Option<String> {
    let read = Limited::new(body, REFUSAL_BYTES_MAX).collect();
    let read = timeout(Duration::from_millis(REFUSAL_TIMEOUT_MS), read).await.ok()?.ok()?;
    read_provider_error(&read.to_bytes()).message
}

/// Only whole seconds: a date would need the provider's clock to be ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
