//! Whoever asks.

mod admin_keys;

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use domain::{AccountId, GroupName, UserId, budget::Holder, user::Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use self::admin_keys::{
    __path_issue_key, __path_list_keys, __path_revoke_key, issue_key, list_keys, revoke_key,
};
use super::{
    auth,
    budgets::{BudgetView, Held},
    users::Names,
};
use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::Write,
    password::Secret,
    permission::{Can, ReadMe, WriteMe},
    person,
    problem::{Denial, Problem},
    sign_in::Guesser,
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
    /// What they sign in with; `null` for those who only hold admin keys.
    #[schema(required = true, example = "ada")]
    login: Option<String>,
    /// The open budgets that limit them, whichever token they use.
    budgets: Vec<BudgetView>,
}

/// Says who asks.
#[utoipa::path(get, path = "/api/v1/me", tag = "me",
    responses((status = 200, description = "Whoever asks", body = MeView)))]
pub(crate) async fn read(State(edge): State<Arc<Edge>>, can: Can<ReadMe>) -> Result<Json<MeView>, Problem> {
    let user = can.actor.user;
    let names = Names::of(&edge, [&*user]).await?;
    let holder = Holder::User(user.user_id);
    let held = Held::by(&edge, [holder.clone()]).await?;
    Ok(Json(MeView {
        id: user.user_id,
        role: user.role,
        account_id: user.account_id,
        group: user.group.clone(),
        name: names.name(user.user_id, &user.name)?,
        login: names.login(user.user_id, user.login.as_ref())?,
        budgets: held.of(&holder),
    }))
}

/// A password for another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePasswordBody {
    #[schema(value_type = String, format = Password)]
    current_password: Secret,
    /// 8 characters or more.
    #[schema(value_type = String, format = Password, min_length = 8)]
    new_password: Secret,
}

/// Changes one's own password. Every session ends, this one too.
#[utoipa::path(put, path = "/api/v1/me/password", tag = "me", request_body = ChangePasswordBody,
    responses((status = 204, description = "It holds from now on")))]
pub(crate) async fn change_password(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteMe>,
    Write { body, intent }: Write<ChangePasswordBody>,
) -> Result<Response, Problem> {
    let user = can.actor.user.clone();
    let claim = user.login.as_ref().map(|login| login.claim.clone()).unwrap_or_default();
    let guesser = Guesser::new(claim, intent.ip);
    let user = auth::known(&edge, &guesser, Some(user), body.current_password).await?;
    let hash = edge.sign_in.hash(body.new_password, edge.ids.secret()?).await?;
    let user_id = user.user_id;
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            person::set_password::<Denial>(tx, user_id, &hash).await?;
            Ok(Answer::gone())
        })
    })
    .await
}
