//! The usage log.

mod view;

use std::sync::Arc;

use axum::{Json, extract::State, http::HeaderMap};
use domain::{AccountId, ApiTokenId, CallId, ChannelId, ModelName, TimeStamp, UserId};
use projections::calls::{self, CallFilter};
use serde::Deserialize;
use utoipa::IntoParams;

use self::view::CallView;
use crate::{
    Edge,
    extract::{Limit, Listed, Query, position},
    permission::{Can, Reach, ReadCalls},
    problem::{Code, Problem},
};

/// Which calls.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallQuery {
    /// Of this user.
    #[param(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    /// With this token.
    #[param(value_type = Option<uuid::Uuid>)]
    token_id: Option<ApiTokenId>,
    /// Paid from this account.
    #[param(value_type = Option<uuid::Uuid>)]
    account_id: Option<AccountId>,
    /// For this model, as it was asked for.
    #[param(value_type = Option<String>)]
    model: Option<ModelName>,
    /// Answered by this channel.
    #[param(value_type = Option<uuid::Uuid>)]
    channel_id: Option<ChannelId>,
    /// This call alone.
    #[param(value_type = Option<uuid::Uuid>)]
    call_id: Option<CallId>,
    /// Ended at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<TimeStamp>,
    /// Ended before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<TimeStamp>,
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<u64>,
}

/// Lists the calls that were charged, newest first.
#[utoipa::path(get, path = "/api/v1/calls", tag = "calls", params(CallQuery),
    responses((status = 200, description = "A page of calls", body = Listed<CallView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    can: Can<ReadCalls>,
    Query(query): Query<CallQuery>,
    headers: HeaderMap,
) -> Result<Json<Listed<CallView>>, Problem> {
    let reach = can.actor.reach;
    if reach == Reach::Own && query.channel_id.is_some() {
        return Err(Problem::new(
            Code::Forbidden,
            "which channel answered is for admins and auditors to know",
        ));
    }
    position::listed(&edge, &headers).await?;
    let filter = CallFilter {
        // Whoever sees only their own asks for their own, whatever else they ask for.
        user_id: can.actor.only().or(query.user_id),
        token_id: query.token_id,
        account_id: query.account_id,
        model: query.model,
        channel_id: query.channel_id,
        call_id: query.call_id,
        from: query.from,
        to: query.to,
    };
    // One asks for someone else's: there are none.
    if query.user_id.is_some() && query.user_id != filter.user_id {
        return Ok(Json(query.limit.page(Vec::new(), |view: &CallView| view.position())));
    }
    let found = calls::list(edge.log.read_pool(), &filter, query.cursor, query.limit.asked()).await?;
    let page = query.limit.page(found, |row| row.position);
    Ok(Json(page.map(|row| CallView::of(row, reach))))
}
