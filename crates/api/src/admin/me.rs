//! Whoever asks.

use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{AccountId, GroupName, UserId, user::Role};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Edge,
    permission::{Can, ReadMe},
    problem::Problem,
    subject,
};

/// Whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeView {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    /// `root`, `admin`, `auditor` or `user`.
    #[schema(value_type = String, example = "root")]
    role: Role,
    /// The account that pays for them.
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    /// Their class.
    #[schema(value_type = String, example = "default")]
    group: GroupName,
    /// What they are called; `null` once they were erased.
    #[schema(required = true, example = "Ada")]
    name: Option<String>,
}

/// Says who asks.
#[utoipa::path(get, path = "/api/v1/me", tag = "me",
    responses((status = 200, description = "Whoever asks", body = MeView)))]
pub(crate) async fn read(State(edge): State<Arc<Edge>>, can: Can<ReadMe>) -> Result<Json<MeView>, Problem> {
    let user = can.actor.user;
    let name = edge
        .log
        .reader()
        .open_for(edge.log.sealer(), &subject::of(user.user_id), subject::NAME, &user.name)
        .await?;
    Ok(Json(MeView {
        id: user.user_id,
        role: user.role,
        account_id: user.account_id,
        group: user.group.clone(),
        name: name.map(|name| String::from_utf8_lossy(&name).into_owned()),
    }))
}
