//! A test of one channel: one short question, answered or not. No account pays for it, so no ledger hears of it.

use std::time::Duration;

use bytes::Bytes;
use domain::{GroupName, ModelName, settings::Strategy};
use http::StatusCode;
use thiserror::Error;
use tokio::time::{Instant, timeout};
use wire::{Request, RequestError, openai_chat, openai_completions, openai_embeddings};

use crate::{Choice, Format, Relay, Route, RouteTable, adaptor::prepare, upstream::UpstreamError, whole};

/// How long a test may take.
const PROBE_MS_MAX: u64 = 60_000;

/// What came of a test.
#[derive(Debug)]
pub struct Probe {
    /// How long it took.
    pub duration_ms: u64,
    /// Why there was no answer, where there was none.
    pub failure: Option<ProbeError>,
}

/// Why a test was not answered. Its text is for admins.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The channel does not list the model.
    #[error("the channel does not serve this model")]
    NotServed,
    /// The provider said no, and why.
    #[error("the provider refused the request with status {status}: {message}")]
    Refused {
        /// The provider's.
        status: StatusCode,
        /// The provider's.
        message: String,
    },
    /// Something else.
    #[error("{0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<UpstreamError> for ProbeError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Rejected { status, message: Some(message) } => Self::Refused { status, message },
            error => Self::Failed(error.into()),
        }
    }
}

impl Relay {
    /// Asks a channel's provider for `model`, as a call of `group` would, whether or not the channel takes calls.
    pub async fn probe(&self, route: Route, group: &GroupName, model: &ModelName, format: Format) -> Probe {
        let begun = Instant::now();
        let table = RouteTable::new(vec![route]);
        let choice = table.candidates(group, model, format, Strategy::default()).next(&mut |_| 0);
        let asked = async {
            let choice = choice.ok_or(ProbeError::NotServed)?;
            self.question(&choice, model, format).await
        };
        let outcome = timeout(Duration::from_millis(PROBE_MS_MAX), asked).await;
        let failure = outcome.unwrap_or_else(|_| Err(UpstreamError::TimedOut.into())).err();
        Probe { duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX), failure }
    }

    async fn question(&self, choice: &Choice, model: &ModelName, format: Format) -> Result<(), ProbeError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| ProbeError::Failed(error);
        let asked = asked(model, format).map_err(|error| failed(error.into()))?;
        let request = prepare(choice, &asked, model, None).map_err(|error| failed(error.into()))?;
        let answer = self.upstream.send(choice.route.provider.transport, request).await?;
        whole::read(format, answer, &self.config).await?;
        Ok(())
    }
}

fn asked(model: &ModelName, format: Format) -> Result<Request, RequestError> {
    const QUESTION: &str = "Say hello in one word.";
    let body = |rest: serde_json::Value| {
        let mut body = serde_json::json!({"model": model});
        if let (Some(body), serde_json::Value::Object(mut rest)) = (body.as_object_mut(), rest) {
            body.append(&mut rest);
        }
        Bytes::from(body.to_string())
    };
    match format {
        Format::OpenaiChat => {
            openai_chat::read(body(serde_json::json!({"messages": [{"role": "user", "content": QUESTION}]})))
        }
        Format::OpenaiCompletions => {
            openai_completions::read(body(serde_json::json!({"prompt": QUESTION, "max_tokens": 8})))
        }
        Format::OpenaiEmbeddings => openai_embeddings::read(body(serde_json::json!({"input": QUESTION}))),
    }
}
