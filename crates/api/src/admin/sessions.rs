//! Who is signed in.

use std::{cmp::Reverse, sync::Arc};

use axum::{Json, extract::State, response::Response};
use domain::{
    SessionId, TimeStamp, UserId,
    session::{Session, SessionCommand, SessionEnd},
};
use projections::sessions::SessionRow;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Edge,
    admin::made_at,
    dispatch::{Answer, dispatch},
    extract::{Id, Listed, Nothing, Query, Write},
    permission::{Can, Credential, ReadSessions, WriteSessions},
    problem::{Denial, Problem},
};

/// Whose sessions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionQuery {
    /// Of this user; left out, of whoever asks.
    #[param(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    #[schema(value_type = uuid::Uuid)]
    id: SessionId,
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// Whether it is the one that asks.
    current: bool,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    created_at: Option<TimeStamp>,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    refreshed_at: Option<TimeStamp>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: TimeStamp,
}

impl SessionView {
    fn of(row: &SessionRow, credential: Credential) -> Self {
        Self {
            id: row.session_id,
            user_id: row.user_id,
            current: credential == Credential::Session(row.session_id),
            created_at: made_at(row.session_id.0),
            refreshed_at: row.refreshed_at,
            expires_at: row.expires_at,
        }
    }
}

/// Lists a user's open sessions, newest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", params(SessionQuery),
    responses((status = 200, description = "All of them", body = Listed<SessionView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    can: Can<ReadSessions>,
    Query(query): Query<SessionQuery>,
) -> Json<Listed<SessionView>> {
    let user_id = query.user_id.unwrap_or_else(|| can.actor.id());
    let user = edge.directory.user(user_id).filter(|_| can.actor.sees(user_id));
    let epoch = user.map(|user| user.epoch);
    let now = edge.clock.now();
    let mut rows = edge.directory.sessions_of(user_id);
    rows.retain(|row| Some(row.epoch) == epoch && now < row.expires_at);
    rows.sort_by_key(|row| Reverse(row.session_id));
    let items = rows.iter().map(|row| SessionView::of(row, can.actor.credential)).collect();
    // A user may have fewer than fit on a page.
    Json(Listed { items, next_cursor: None })
}

/// Ends a session: what was held of it admits nobody any more.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions", params(("id" = uuid::Uuid, Path)),
    responses((status = 204, description = "It is ended")))]
pub(crate) async fn end(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteSessions>,
    Id(id): Id<SessionId>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let row = edge.directory.session(id).filter(|row| can.actor.sees(row.user_id));
    row.ok_or_else(|| Problem::not_found("session"))?;
    let precondition = intent.precondition.clone();
    let own = can.actor.credential == Credential::Session(id);
    let end = SessionCommand::End(if own { SessionEnd::SignedOut } else { SessionEnd::Revoked });
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let id = id.to_string();
            precondition.check(tx.load::<Session>(&id).await?.1)?;
            tx.decide::<Session, Denial>(&id, end).await?;
            Ok(Answer::gone())
        })
    })
    .await
}
