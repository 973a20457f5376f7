//! `If-Position-At-Least`: a read that must see what a write has done waits for it, but not for long.

use std::{str::FromStr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method},
    middleware::Next,
    response::Response,
};
use eventlog::Heads;

use crate::{
    Edge,
    problem::{Code, Problem},
};

/// Lets a read through once this node has come as far as it asks.
pub(crate) async fn reached(
    State(edge): State<Arc<Edge>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if request.method() == Method::GET
        && let Some(asked) = asked(request.headers())?
        && !wait(&edge, asked).await
    {
        return Err(late(*edge.log.subscribe().borrow(), asked));
    }
    Ok(next.run(request).await)
}

/// Waits for the logs and for what is known in memory, within the limit; says whether they have come.
pub(crate) async fn wait(edge: &Edge, asked: Heads) -> bool {
    within_limit(edge, async {
        let mut heads = edge.log.subscribe();
        let mut known = edge.directory.positions();
        heads.wait_for(|heads| heads.reach(asked)).await.is_ok()
            && known.wait_for(|position| *position >= asked.control).await.is_ok()
    })
    .await
}

/// Waits for the usage log, which follows at a distance.
pub(crate) async fn listed(edge: &Edge, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(asked) = asked(headers)? else { return Ok(()) };
    let mut positions = edge.calls.positions();
    let come = async { positions.wait_for(|position| *position >= asked.ledger).await.is_ok() };
    if within_limit(edge, come).await {
        return Ok(());
    }
    Err(late(Heads { control: 0, ledger: edge.calls.position() }, asked))
}

async fn within_limit(edge: &Edge, come: impl Future<Output = bool>) -> bool {
    let limit = Duration::from_millis(edge.limits.position_wait_ms_max);
    tokio::time::timeout(limit, come).await.unwrap_or(false)
}

fn asked(headers: &HeaderMap) -> Result<Option<Heads>, Problem> {
    let Some(value) = headers.get("if-position-at-least") else { return Ok(None) };
    value.to_str().unwrap_or("?").parse().map(Some).map_err(|error| {
        let error: <Heads as FromStr>::Err = error;
        Problem::new(Code::InvalidParameter, format!("`If-Position-At-Least`: {error}"))
    })
}

fn late(found: Heads, asked: Heads) -> Problem {
    let detail = format!("this is at `{found}`, not yet at `{asked}`; try again");
    Problem::new(Code::PositionNotReached, detail)
}
