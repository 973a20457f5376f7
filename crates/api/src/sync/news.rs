//! What was said of accounts, for nodes that hold something of them.

use std::{collections::HashSet, sync::Arc};

use axum::{Json, extract::State};
use cluster::protocol::NewsView;
use ledger::{News, NewsError};
use serde::Deserialize;

use super::{NodeSession, wait::within};
use crate::{
    Edge,
    extract::Query,
    problem::{Code, Problem},
};

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewsQuery {
    after: Option<u64>,
    #[serde(default)]
    wait_ms: u64,
}

/// What was said after a position, as soon as there is anything to heed; without a position, how far the ledger is.
pub(super) async fn news(
    State(edge): State<Arc<Edge>>,
    Query(query): Query<NewsQuery>,
    session: NodeSession,
) -> Result<Json<NewsView>, Problem> {
    let mut quiet = News { head: query.after.unwrap_or(0), raised: Some(HashSet::new()), ..News::default() };
    let told = within(&edge, query.wait_ms, worth_telling(&edge, query.after, &mut quiet.head)).await;
    session.still(&edge).await?;
    match told {
        Some(Ok(news)) => Ok(Json(news.into())),
        None => Ok(Json(quiet.into())),
        Some(Err(error)) => Err(Problem::new(Code::Unavailable, error.to_string())),
    }
}

/// The ledger goes on all the time; most of it is of no account's limits. Counts how far there was nothing to tell.
async fn worth_telling(edge: &Edge, after: Option<u64>, quiet_until: &mut u64) -> Result<News, NewsError> {
    let mut after = after;
    loop {
        let news = edge.ledger.news(after).await?;
        let is_quiet = news.stopped.is_empty() && news.raised.as_ref().is_some_and(HashSet::is_empty);
        if !is_quiet {
            return Ok(news);
        }
        *quiet_until = news.head;
        after = Some(news.head);
    }
}
