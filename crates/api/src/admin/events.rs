//! The logs, as they stand and as they grow.

mod tail;

use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{Log, TimeStamp, UserId};
use eventlog::{Filter, Recorded};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use self::tail::Tails;
pub(crate) use self::tail::{__path_tail, tail};
use crate::{
    Edge,
    extract::{Limit, Listed, Query},
    permission::{Can, ReadEvents},
    problem::Problem,
};

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// `control` or `ledger`.
    #[serde(default = "control")]
    #[param(value_type = Option<String>, example = "ledger")]
    log: Log,
    /// The position after which the page begins; `next_cursor` of the one before. `cursor` is the same.
    #[serde(default, alias = "cursor")]
    #[param(value_type = Option<u64>)]
    after: u64,
    /// Of this stream, such as `channel:0199…`.
    stream: Option<String>,
    /// Of this type, such as `token_issued`.
    r#type: Option<String>,
    /// Asked for by this actor, as events name it, such as `usr_0199…`; a user's id will do.
    actor: Option<String>,
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
}

const fn control() -> Log {
    Log::Control
}

/// The name under which events remember a user, where theirs is the id that is asked for.
fn named(actor: String) -> String {
    let id = actor.strip_prefix("usr_").unwrap_or(&actor);
    Uuid::try_parse(id).map_or(actor, |id| UserId(id).prefixed())
}

/// One event, in the bytes in which it is stored and hashed. What is sealed in it stays sealed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    #[schema(value_type = String, example = "control")]
    log: Log,
    /// Its place in the log, without gaps.
    position: u64,
    stream: String,
    /// Its place in the stream, without gaps.
    version: u64,
    event_id: Uuid,
    #[schema(example = "token_issued")]
    event_type: String,
    schema_version: u32,
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
    #[schema(value_type = Object)]
    metadata: Box<RawValue>,
    #[schema(value_type = String, format = DateTime)]
    recorded_at: TimeStamp,
    /// Its hash in the log's tree, in hexadecimal.
    leaf_hash: String,
}

impl EventView {
    fn of(event: Recorded) -> Result<Self, Problem> {
        Ok(Self {
            log: event.log,
            position: event.position,
            stream: event.stream,
            version: event.version,
            event_id: event.event_id,
            event_type: event.event_type,
            schema_version: event.schema_version,
            payload: RawValue::from_string(event.payload)?,
            metadata: RawValue::from_string(event.metadata)?,
            recorded_at: event.recorded_at,
            leaf_hash: hex::encode(event.leaf_hash),
        })
    }
}

/// Reads a log in its order.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery),
    responses((status = 200, description = "A page of events, in order", body = Listed<EventView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadEvents>,
    Query(query): Query<EventQuery>,
) -> Result<Json<Listed<EventView>>, Problem> {
    let filter = Filter { stream: query.stream, event_type: query.r#type, actor: query.actor.map(named) };
    let found = edge.log.reader().search(query.log, query.after, query.limit.asked(), &filter).await?;
    let views = found.into_iter().map(EventView::of).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(query.limit.page(views, |view| view.position)))
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn an_actor_is_found_by_an_id_however_it_is_written() {
        let name = "usr_0199a1b2000070008000000000000001";
        for asked in
            [name, "0199a1b2-0000-7000-8000-000000000001", "usr_0199A1B2-0000-7000-8000-000000000001"]
        {
            assert_eq!(named(asked.to_owned()), name);
        }
        assert_eq!(named("demo".to_owned()), "demo");
    }
}
