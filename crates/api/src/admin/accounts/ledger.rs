//! What happened to an account, as its holder reads it.

mod entry;

use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{AccountId, Aggregate, Log, account::Account};
use eventlog::stream_name;
use serde::Deserialize;
use utoipa::IntoParams;

use self::entry::EntryView;
use super::seen;
use crate::{
    Edge,
    extract::{Id, Limit, Listed, Query},
    permission::{Can, ReadAccounts},
    problem::Problem,
};

/// How many events are looked at for one page: between two entries there may be many leases, which are none.
const READS_MAX: usize = 20;
const READ: usize = 500;

/// Which page of the entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntryQuery {
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<u64>,
}

/// Lists what was paid in, charged, corrected and set, newest first.
///
/// A page may hold fewer entries than the limit, and even none, and still name a next one. What a token with a quota of
/// its own spent is found among the calls.
#[utoipa::path(get, path = "/api/v1/accounts/{id}/ledger", tag = "accounts",
    params(("id" = uuid::Uuid, Path), EntryQuery),
    responses((status = 200, description = "A page of entries", body = Listed<EntryView>)))]
pub(crate) async fn entries(
    State(edge): State<Arc<Edge>>,
    can: Can<ReadAccounts>,
    Id(id): Id<AccountId>,
    Query(query): Query<EntryQuery>,
) -> Result<Json<Listed<EntryView>>, Problem> {
    seen(&edge, &can.actor, id).await?;
    let stream = stream_name(Account::KIND, &id.to_string());
    let (mut items, mut before) = (Vec::new(), query.cursor);
    for _ in 0..READS_MAX {
        let page = edge.log.reader().stream_back(Log::Ledger, &stream, before, READ).await?;
        let (is_last, seen) = (page.len() < READ, page.last().map(|event| event.version));
        for event in page {
            items.extend(EntryView::of(&event, id, can.actor.reach)?);
        }
        if is_last || items.len() > query.limit.max() {
            return Ok(Json(query.limit.first(items, EntryView::version)));
        }
        before = seen;
    }
    Ok(Json(Listed { items, next_cursor: before.map(|before| before.to_string()) }))
}
