//! Journals of nodes, on their way home.

use std::sync::Arc;

use axum::{Json, extract::State};
use cluster::protocol::{
    journal::{IngestedView, JournalView},
    records::{self, UPLOAD_BYTES_MAX},
};
use domain::JournalId;
use ledger::IngestError;
use serde::Deserialize;

use super::{NodeSession, owner::own};
use crate::{
    Edge,
    extract::{Id, Query},
    problem::{Code, Problem},
};

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalQuery {
    #[serde(default)]
    leases: bool,
}

/// How far a journal was taken in, and which leases it has not given back.
pub(super) async fn read(
    State(edge): State<Arc<Edge>>,
    Id(id): Id<JournalId>,
    Query(query): Query<JournalQuery>,
    session: NodeSession,
) -> Result<Json<JournalView>, Problem> {
    own(&edge, &session, id).await?;
    let standing = edge.ledger.cursor(id).await.map_err(away)?;
    let leases = if query.leases { Some(edge.ledger.open_leases(id).await.map_err(away)?) } else { None };
    Ok(Json(JournalView::new(standing, leases)))
}

/// Takes records in, each once.
pub(super) async fn take(
    State(edge): State<Arc<Edge>>,
    Id(id): Id<JournalId>,
    session: NodeSession<UPLOAD_BYTES_MAX>,
) -> Result<Json<IngestedView>, Problem> {
    own(&edge, &session, id).await?;
    let records =
        records::decode(&session.body).map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))?;
    let ingested = IngestedView::of(edge.ledger.ingest(id, records).await);
    ingested.map(Json).map_err(|reason| Problem::new(Code::Unavailable, reason))
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped with")]
fn away(error: IngestError) -> Problem {
    Problem::new(Code::Unavailable, error.to_string())
}
