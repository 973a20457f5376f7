//! What other nodes would like to have, told to whoever holds it.

use std::{collections::HashMap, sync::Arc};

use axum::{Json, extract::State};
use cluster::protocol::RecallsView;
use domain::{AccountId, JournalId, TimeStamp};
use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use parking_lot::Mutex;
use serde::Deserialize;

use super::{NodeSession, owner::own, wait::within};
use crate::{
    Edge,
    extract::{Id, Query},
    problem::Problem,
};

/// The most accounts in one answer.
const ACCOUNTS_MAX: usize = 256;
/// The most journals that are listened for while nobody waits.
const KEPT_MAX: usize = 4_096;
/// For so long is listened for a journal while nobody waits, in milliseconds: longer than from one question to the next.
const KEPT_MS_MAX: u64 = 5_000;

/// What is heard between one question of a node and its next.
#[derive(Default)]
pub(super) struct Recalls(Mutex<HashMap<JournalId, Kept>>);

struct Kept {
    recalls: BoxStream<'static, AccountId>,
    since: TimeStamp,
}

impl Recalls {
    /// Those of a journal, gone on with where they were listened for last.
    fn of(&self, edge: &Edge, id: JournalId) -> BoxStream<'static, AccountId> {
        let oldest = edge.clock.now().minus_ms(KEPT_MS_MAX);
        let mut kept = self.0.lock();
        // Where nobody comes any more, nobody would give anything back, and nobody is to wait for it.
        kept.retain(|_, kept| oldest <= kept.since);
        let found = kept.remove(&id);
        drop(kept);
        found.map_or_else(|| edge.ledger.recalls(id), |kept| kept.recalls)
    }

    fn keep(&self, edge: &Edge, id: JournalId, recalls: BoxStream<'static, AccountId>) {
        let mut kept = self.0.lock();
        if kept.len() < KEPT_MAX {
            kept.insert(id, Kept { recalls, since: edge.clock.now() });
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecallsQuery {
    #[serde(default)]
    wait_ms: u64,
}

/// The accounts of which other nodes would be refused quota; where there are none, those that come while the node waits.
pub(super) async fn recalls(
    State(edge): State<Arc<Edge>>,
    Id(id): Id<JournalId>,
    Query(query): Query<RecallsQuery>,
    session: NodeSession,
) -> Result<Json<RecallsView>, Problem> {
    own(&edge, &session, id).await?;
    let mut recalls = edge.nodes.recalls.of(&edge, id);
    let first = within(&edge, query.wait_ms, recalls.next()).await;
    session.still(&edge).await?;
    let mut accounts: Vec<AccountId> = first.flatten().into_iter().collect();
    while accounts.len() < ACCOUNTS_MAX
        && let Some(Some(account_id)) = recalls.next().now_or_never()
    {
        if !accounts.contains(&account_id) {
            accounts.push(account_id);
        }
    }
    edge.nodes.recalls.keep(&edge, id, recalls);
    Ok(Json(RecallsView { accounts }))
}
