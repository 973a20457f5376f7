//! What nodes ask of one another. Every request is signed by the node that sends it ([`NodeSession`]); every answer, a refusal
//! too, is marked for its request. `docs/cluster.md` says what of it others rely on.

mod enrol;
mod heard;
mod journals;
mod leases;
mod log;
mod news;
mod owner;
mod recalls;
mod replays;
mod report;
mod session;
mod snapshot;
mod tokens;
mod wait;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{self, Body},
    extract::{Request, State},
    http::{HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use cluster::{
    Nonce, mark_of,
    protocol::{ANSWER_BYTES_MAX, HEADER_MARK},
};
use domain::NodeId;
use tokio::time::timeout;

use self::{
    heard::Heard,
    recalls::Recalls,
    replays::Replays,
    snapshot::{MarksItself, Snapshots},
};
pub(crate) use self::{heard::HeardNode, session::NodeSession};
use crate::{
    Edge,
    problem::{Code, Problem},
};

/// The most nodes that are enrolled at once.
pub(crate) const NODES_MAX: usize = 1_024;

/// What this process knows of the nodes that ask it.
#[derive(Default)]
pub struct Nodes {
    heard: Heard,
    replays: Replays,
    recalls: Recalls,
    snapshots: Snapshots,
}

impl Nodes {
    /// What was heard of a node by this process.
    pub(crate) fn heard(&self, id: NodeId) -> HeardNode {
        self.heard.of(id)
    }

    /// Waits until every node of those that `enrolled` names knows the `control` log up to `position`; not longer than
    /// `most`. Gives those that do not.
    pub(crate) async fn applied(
        &self,
        enrolled: impl Fn() -> Vec<NodeId>,
        position: u64,
        most: Duration,
    ) -> Vec<NodeId> {
        let knows = |id: &NodeId| self.heard.of(*id).applied.control >= position;
        let behind = || enrolled().into_iter().filter(|id| !knows(id)).collect::<Vec<_>>();
        let _ = timeout(most, self.heard.until(|| behind().is_empty())).await;
        behind()
    }

    /// It was revoked.
    pub(crate) fn forget(&self, id: NodeId) {
        self.heard.forget(id);
        self.replays.forget(id);
    }
}

/// The routes. They are of no document: only nodes ask here, and both ends are of this program.
pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/sync/nodes", post(enrol::enrol))
        .route("/sync/snapshot", get(snapshot::snapshot))
        .route("/sync/events", get(log::events))
        .route("/sync/tokens/{sha256}", get(tokens::read))
        .route("/sync/applied", post(report::applied))
        .route("/sync/channels/{id}/health", post(report::health))
        .route("/sync/leases", post(leases::ask))
        .route("/sync/accounts", get(news::news))
        .route("/sync/journals/{id}", get(journals::read))
        .route("/sync/journals/{id}/records", post(journals::take))
        .route("/sync/journals/{id}/recalls", get(recalls::recalls))
        // Said under a mark as well: a newer node may ask what this one does not know.
        .route("/sync/{*rest}", any(unknown))
}

async fn unknown() -> Problem {
    Problem::new(
        Code::NotFound,
        "this control node does not know that; it may be older than the node that asks",
    )
}

/// Marks an answer for the request that it is of.
pub(crate) async fn mark(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let nonce = Nonce::read(request.headers());
    let (mut head, body) = next.run(request).await.into_parts();
    if head.extensions.remove::<MarksItself>().is_some() {
        return Response::from_parts(head, body);
    }
    // What is answered here was all made at once: there is nothing to wait for.
    let Ok(body) = body::to_bytes(body, ANSWER_BYTES_MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mark = mark_of(edge.log.sealer(), nonce, head.status.as_u16(), &body);
    if let Ok(mark) = HeaderValue::try_from(mark) {
        head.headers.insert(HEADER_MARK, mark);
    }
    Response::from_parts(head, Body::from(body))
}
