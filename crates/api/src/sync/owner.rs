//! Whose a journal is. What another node has written, or this process itself, is nobody else's to go on with.

use domain::{
    JournalId, NodeId,
    journal::{Journal, JournalCommand},
};

use super::NodeSession;
use crate::{
    Edge,
    dispatch::{By, transact},
    problem::{Code, Denial, Problem},
};

/// Asserts that the journal is this node's: the first that names it has it.
pub(super) async fn own<const BYTES_MAX: usize>(
    edge: &Edge,
    session: &NodeSession<BYTES_MAX>,
    journal_id: JournalId,
) -> Result<(), Problem> {
    let node_id = session.node_id();
    let owned = match edge.directory.journal_owner(journal_id) {
        Some(owner) if owner == node_id => Ok(()),
        Some(_) => Err(foreign()),
        None => claim(edge, node_id, journal_id).await,
    };
    owned.inspect_err(|problem| {
        tracing::warn!(node = %node_id.prefixed(), %journal_id, ?problem, "a journal is not this node's");
    })
}

async fn claim(edge: &Edge, node_id: NodeId, journal_id: JournalId) -> Result<(), Problem> {
    if journal_id == JournalId::HOLDS || is_known(edge, journal_id).await? {
        return Err(foreign());
    }
    let ((), _) = transact(edge, By::only(node_id.prefixed()), move |tx| {
        Box::pin(async move {
            let assign = JournalCommand::Assign(node_id);
            tx.decide::<Journal, Denial>(&journal_id.to_string(), assign).await?;
            Ok(())
        })
    })
    .await?;
    Ok(())
}

/// Whether the ledger knows the journal though no node has named it: then it is that of a process on the database.
async fn is_known(edge: &Edge, journal_id: JournalId) -> Result<bool, Problem> {
    let away = |error: ledger::IngestError| Problem::new(Code::Unavailable, error.to_string());
    let standing = edge.ledger.cursor(journal_id).await.map_err(away)?;
    Ok(standing.cursor.seq > 0 || !edge.ledger.open_leases(journal_id).await.map_err(away)?.is_empty())
}

fn foreign() -> Problem {
    Problem::new(Code::Forbidden, "the journal belongs to another node")
}
