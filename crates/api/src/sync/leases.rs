//! Quota for nodes.

use std::sync::Arc;

use axum::{Json, extract::State};
use cluster::protocol::lease::{AskBody, AskedView, SCOPES_MAX};

use super::{NodeSession, owner::own};
use crate::{
    Edge,
    problem::{Code, Problem},
};

/// Grants what a call needs, all of it or nothing. A lease that was granted before is granted as it was.
pub(super) async fn ask(
    State(edge): State<Arc<Edge>>,
    session: NodeSession,
) -> Result<Json<AskedView>, Problem> {
    let body: AskBody = session.json()?;
    if !(1..=SCOPES_MAX).contains(&body.scopes.len()) {
        return Err(Problem::new(Code::InvalidBody, format!("`scopes` has 1 to {SCOPES_MAX} accounts")));
    }
    own(&edge, &session, body.journal_id).await?;
    let answer = edge.ledger.grant(body.into()).await;
    AskedView::of(answer).map(Json).map_err(|reason| Problem::new(Code::Unavailable, reason))
}
