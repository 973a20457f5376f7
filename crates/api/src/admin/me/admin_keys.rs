//! One's own admin keys: the credentials of programs.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use domain::{
    AdminKeyId, TimeStamp,
    user::{User, UserCommand},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Edge,
    admin::made_at,
    dispatch::{Answer, dispatch},
    extract::{Id, Listed, Nothing, Write},
    key,
    permission::{Can, ReadMe, WriteMe},
    problem::{Denial, Problem},
};

/// An admin key; of the key itself only the last characters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminKeyView {
    #[schema(value_type = uuid::Uuid)]
    id: AdminKeyId,
    #[schema(example = "9f2c")]
    hint: String,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    created_at: Option<TimeStamp>,
}

/// An admin key that was just issued.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuedAdminKeyView {
    /// The key: shown once.
    #[schema(example = "vk-…")]
    key: String,
    #[serde(flatten)]
    admin_key: AdminKeyView,
}

fn view(id: AdminKeyId, hint: &str) -> AdminKeyView {
    AdminKeyView { id, hint: hint.to_owned(), created_at: made_at(id.0) }
}

/// Lists one's own admin keys.
#[utoipa::path(get, path = "/api/v1/me/admin-keys", tag = "me", operation_id = "list_admin_keys",
    responses((status = 200, description = "All of them", body = Listed<AdminKeyView>)))]
pub(crate) async fn list_keys(can: Can<ReadMe>) -> Json<Listed<AdminKeyView>> {
    let keys = can.actor.user.admin_keys.iter();
    let items = keys.map(|(id, key)| view(*id, &key.hint)).collect();
    // A user may hold fewer than fit on a page.
    Json(Listed { items, next_cursor: None })
}

/// Issues an admin key to whoever asks; it is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/me/admin-keys", tag = "me", operation_id = "issue_admin_key",
    responses((status = 201, description = "The key", body = IssuedAdminKeyView)))]
pub(crate) async fn issue_key(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteMe>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let (text, key) = key::admin_key(&edge.ids.secret()?);
    let (user_id, key_id) = (can.actor.id(), AdminKeyId(edge.ids.uuid()));
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let view = IssuedAdminKeyView { key: text, admin_key: view(key_id, &key.hint) };
            let issue = UserCommand::IssueAdminKey { key_id, key };
            tx.decide::<User, Denial>(&user_id.to_string(), issue).await?;
            Ok(Answer::made(&view)?)
        })
    })
    .await
}

/// Revokes one of one's own admin keys.
#[utoipa::path(delete, path = "/api/v1/me/admin-keys/{id}", tag = "me", operation_id = "revoke_admin_key",
    params(("id" = uuid::Uuid, Path)), responses((status = 204, description = "It admits nobody any more")))]
pub(crate) async fn revoke_key(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteMe>,
    Id(key_id): Id<AdminKeyId>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let id = can.actor.id().to_string();
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(tx.load::<User>(&id).await?.1)?;
            tx.decide::<User, Denial>(&id, UserCommand::RevokeAdminKey(key_id)).await?;
            Ok(Answer::gone())
        })
    })
    .await
}
