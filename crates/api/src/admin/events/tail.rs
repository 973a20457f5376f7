//! A log as it grows: server-sent events.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use domain::Log;
use eventlog::{Filter, Heads, Recorded};
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use utoipa::IntoParams;

use super::{EventView, control, named};
use crate::{
    Edge,
    extract::Query,
    permission::{Actor, Can, ReadEvents},
    problem::{Code, Problem},
};

/// How many may follow at once.
const TAILS_MAX: usize = 64;
/// How many events are read at once.
const PAGE: usize = 200;
/// How often it is asked whether whoever follows still may, where nothing happens.
const RECHECK: Duration = Duration::from_secs(15);

/// Who follows.
pub struct Tails(Arc<Semaphore>);

impl Default for Tails {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TAILS_MAX)))
    }
}

/// Which events are followed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TailQuery {
    /// `control` or `ledger`.
    #[serde(default = "control")]
    #[param(value_type = Option<String>, example = "ledger")]
    log: Log,
    /// The position after which it begins; left out, what happens from now on. `Last-Event-ID` comes before it.
    #[param(value_type = Option<u64>)]
    after: Option<u64>,
    /// Of this stream, such as `channel:0199…`.
    stream: Option<String>,
    /// Of this type, such as `token_issued`.
    r#type: Option<String>,
    /// Asked for by this actor, as events name it, such as `usr_0199…`; a user's id will do.
    actor: Option<String>,
}

/// Follows a log: each event as one message whose id is its position, as soon as it is there.
///
/// A client that was cut off sends the last id as `Last-Event-ID`, as browsers do by themselves, and misses nothing.
#[utoipa::path(get, path = "/api/v1/events/tail", tag = "events", params(TailQuery),
    responses((status = 200, description = "Events without end", body = String, content_type = "text/event-stream")))]
pub(crate) async fn tail(
    State(edge): State<Arc<Edge>>,
    can: Can<ReadEvents>,
    Query(query): Query<TailQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let turn = Arc::clone(&edge.tails.0)
        .try_acquire_owned()
        .map_err(|_| Problem::new(Code::Unavailable, format!("{TAILS_MAX} follow already; try again")))?;
    let heads = edge.log.subscribe();
    let now = heads.borrow().of(query.log);
    let after = last_event_id(&headers)?.or(query.after).unwrap_or(now);
    let filter = Filter { stream: query.stream, event_type: query.r#type, actor: query.actor.map(named) };
    let (log, actor, read) = (query.log, can.actor, VecDeque::new());
    let following = Following { edge, actor, log, filter, after, heads, read, _turn: turn };
    Ok(Sse::new(events(following)).keep_alive(KeepAlive::default()).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let position = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    position.map(Some).ok_or_else(|| Problem::new(Code::InvalidParameter, "`Last-Event-ID` is no position"))
}

/// Someone who follows, and how far they have come.
struct Following {
    edge: Arc<Edge>,
    actor: Actor,
    log: Log,
    filter: Filter,
    after: u64,
    heads: watch::Receiver<Heads>,
    /// What was read and not sent yet.
    read: VecDeque<Recorded>,
    _turn: OwnedSemaphorePermit,
}

fn events(following: Following) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(following, |mut following| async move {
        match following.next().await {
            Ok(Some(event)) => Some((Ok(event), following)),
            Ok(None) => None,
            Err(problem) => {
                // Whoever follows comes back, after the last event that they have.
                tracing::warn!(?problem, "a log cannot be followed");
                None
            }
        }
    })
}

impl Following {
    /// The next event, once there is one; `None` at the end, which the node's own brings, or a right that is gone.
    async fn next(&mut self) -> Result<Option<Event>, Problem> {
        loop {
            if !self.actor.still_may::<ReadEvents>(&self.edge) {
                return Ok(None);
            }
            if let Some(event) = self.read.pop_front() {
                return message(event).map(Some);
            }
            if !self.read_on().await? && !self.wait().await {
                return Ok(None);
            }
        }
    }

    /// Reads a page; says whether there was anything new.
    async fn read_on(&mut self) -> Result<bool, Problem> {
        let head = self.heads.borrow_and_update().of(self.log);
        if head <= self.after {
            return Ok(false);
        }
        let page = self.edge.log.reader().search(self.log, self.after, PAGE, &self.filter).await?;
        // A page that is not full has seen everything up to the head, and maybe what came since.
        let seen = if page.len() < PAGE { head } else { 0 };
        let last = page.last().map_or(0, |event| event.position);
        self.after = self.after.max(seen).max(last);
        self.read.extend(page);
        Ok(true)
    }

    /// Waits for more, or for the time to ask again; says whether it goes on.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            () = self.edge.stopping.cancelled() => false,
            changed = self.heads.changed() => changed.is_ok(),
            () = tokio::time::sleep(RECHECK) => true,
        }
    }
}

fn message(event: Recorded) -> Result<Event, Problem> {
    let id = event.position.to_string();
    let data = serde_json::to_string(&EventView::of(event)?)?;
    Ok(Event::default().id(id).data(data))
}
