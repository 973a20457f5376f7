//! Who asks: a node, by its signature. No handler is reached without one.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use cluster::{
    Signature,
    protocol::{ASK_BYTES_MAX, WINDOW_MS},
};
use domain::{Log, NodeId, TimeStamp};
use eventlog::Heads;
use projections::nodes::NodeRow;
use serde::de::DeserializeOwned;

use super::replays::ReplayError;
use crate::{
    Edge,
    extract::{
        body::{self, BodyError},
        position,
    },
    problem::{Code, Problem},
};

/// A request that a node has signed, with a body of at most `BYTES_MAX` bytes.
pub(crate) struct NodeSession<const BYTES_MAX: usize = ASK_BYTES_MAX> {
    node: Arc<NodeRow>,
    pub(crate) body: Bytes,
}

impl<const BYTES_MAX: usize> NodeSession<BYTES_MAX> {
    /// Who asks.
    pub(crate) fn node_id(&self) -> NodeId {
        self.node.node_id
    }

    /// The body, which is JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let unreadable = |error: serde_json::Error| Problem::new(Code::InvalidBody, error.to_string());
        serde_json::from_slice(&self.body).map_err(unreadable)
    }

    /// After a wait: whether the node has been revoked meanwhile.
    pub(crate) async fn still(&self, edge: &Edge) -> Result<(), Problem> {
        // It may be the revocation that was waited for: the memory comes after the log.
        position::wait(edge, Heads { control: edge.log.head(Log::Control), ledger: 0 }).await;
        if edge.directory.node(self.node.node_id).is_some() {
            Ok(())
        } else {
            Err(stranger("it was revoked"))
        }
    }
}

impl<const BYTES_MAX: usize> FromRequest<Arc<Edge>> for NodeSession<BYTES_MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Arc<Edge>) -> Result<Self, Problem> {
        let shown = Signature::read(request.headers()).map_err(|error| stranger(&error.to_string()))?;
        // What costs little is asked first: strangers have nothing read.
        let known = edge.directory.node(shown.node_id);
        let node = known.ok_or_else(|| refuse(shown.node_id, "it is not enrolled here"))?;
        is_timely(&shown, edge.clock.now())?;
        let (parts, body) = request.into_parts();
        let body = body::read(body, BYTES_MAX, edge.limits.body_wait_ms_max).await.map_err(cut)?;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        shown
            .check(&node.public_key, &parts.method, target, &body)
            .map_err(|error| refuse(shown.node_id, &error.to_string()))?;
        let now = edge.clock.now();
        edge.nodes.replays.take(shown.node_id, (shown.signed_at, shown.nonce), now).map_err(|error| {
            match error {
                ReplayError::Replayed => refuse(shown.node_id, "the request was sent before"),
                ReplayError::TooMany => Problem::new(Code::TooManyAttempts, error.to_string()),
            }
        })?;
        edge.nodes.heard.hear(shown.node_id, now);
        Ok(Self { node, body })
    }
}

fn is_timely(shown: &Signature, now: TimeStamp) -> Result<(), Problem> {
    if now.minus_ms(WINDOW_MS) <= shown.signed_at && shown.signed_at <= now.plus_ms(WINDOW_MS) {
        return Ok(());
    }
    let told = format!("it was signed at {} and it is {now} here: set the clocks", shown.signed_at);
    Err(refuse(shown.node_id, &told))
}

/// Says so where the operator sees it as well: a node that is refused is a mistake or an attack.
fn refuse(node_id: NodeId, why: &str) -> Problem {
    tracing::warn!(node = %node_id.prefixed(), why, "a request in a node's name was refused");
    stranger(why)
}

fn stranger(why: &str) -> Problem {
    Problem::new(Code::Unauthenticated, format!("a node's request must be signed by it: {why}"))
}

fn cut(error: BodyError) -> Problem {
    match error {
        BodyError::TooLarge => Problem::new(Code::BodyTooLarge, "a body is not that large here"),
        BodyError::TooSlow => Problem::new(Code::RequestTimeout, "the body took too long to come"),
        BodyError::Broken => Problem::new(Code::InvalidBody, "the body ended before its end"),
    }
}
