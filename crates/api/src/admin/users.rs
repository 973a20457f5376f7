//! Users: people and programs that sign in.

mod body;
mod change;
mod view;

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    AccountId, GroupName, UserId,
    budget::Holder,
    login::LoginName,
    user::{Role, User, UserCommand, UserStatus},
};
use projections::users::{self, UserRow};
use serde::Deserialize;
use utoipa::IntoParams;

use self::{
    body::CreateUserBody,
    change::{may_manage, may_manage_user, view},
};
pub(crate) use self::{
    change::{__path_change, __path_set_password, change, set_password},
    view::{Names, UserView},
};
use crate::{
    Edge,
    admin::budgets::Held,
    dispatch::{Answer, dispatch},
    extract::{Id, Limit, Listed, Nothing, Query, Write},
    permission::{Can, ReadUsers, WriteUsers},
    person,
    problem::{Denial, Problem},
};

/// Which users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserQuery {
    /// Who may do this.
    #[param(value_type = Option<String>, example = "admin")]
    role: Option<Role>,
    /// Of this class.
    #[param(value_type = Option<String>, example = "default")]
    group: Option<GroupName>,
    /// `enabled` or `disabled`.
    #[param(value_type = Option<String>, example = "enabled")]
    status: Option<UserStatus>,
    /// Who signs in with this name.
    login: Option<String>,
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<UserId>,
}

impl UserQuery {
    /// Whether this is one of those that are asked for.
    fn picks(&self, login: Option<&str>, row: &UserRow) -> bool {
        self.role.is_none_or(|role| role == row.role)
            && self.group.as_ref().is_none_or(|group| *group == row.group)
            && self.status.is_none_or(|status| status == row.status)
            && login.is_none_or(|claim| row.login.as_ref().is_some_and(|login| login.claim == claim))
    }
}

/// Lists the users, oldest first.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(UserQuery),
    responses((status = 200, description = "A page of users", body = Listed<UserView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadUsers>,
    Query(query): Query<UserQuery>,
) -> Result<Json<Listed<UserView>>, Problem> {
    let claim = |name: &String| {
        // Whom nobody can be called by, nobody is.
        LoginName::new(name).map_or_else(|_| String::new(), |name| person::claim_of(edge.log.sealer(), &name))
    };
    let claim = query.login.as_ref().map(claim);
    let rows =
        edge.directory.users(query.cursor, query.limit.asked(), |row| query.picks(claim.as_deref(), row));
    let page = query.limit.page(rows, |row| row.user_id);
    let names = Names::of(&edge, page.items.iter().map(AsRef::as_ref)).await?;
    let held = Held::by(&edge, page.items.iter().map(|row| Holder::User(row.user_id))).await?;
    let items =
        page.items.iter().map(|row| UserView::of_row(row, &names, &held)).collect::<Result<_, _>>()?;
    Ok(Json(Listed { items, next_cursor: page.next_cursor }))
}

/// Reads one user.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The user", body = UserView)))]
pub(crate) async fn read(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadUsers>,
    Id(id): Id<UserId>,
) -> Result<Response, Problem> {
    let found = users::find(edge.log.read_pool(), id).await?;
    let stored = found.ok_or_else(|| Problem::not_found("user"))?;
    let names = Names::of(&edge, [&stored.row]).await?;
    let held = Held::by(&edge, [Holder::User(id)]).await?;
    Ok(Answer::ok(stored.version, &UserView::of_row(&stored.row, &names, &held)?)?.into_response())
}

/// Makes a user, with the account that pays for them.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = CreateUserBody,
    responses((status = 201, description = "The user", body = UserView)))]
pub(crate) async fn create(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteUsers>,
    Write { body, intent }: Write<CreateUserBody>,
) -> Result<Response, Problem> {
    let ids = (UserId(edge.ids.uuid()), AccountId(edge.ids.uuid()));
    let person = body.person(&edge, ids).await?;
    let (actor, directory) = (can.actor.clone(), Arc::clone(&edge.directory));
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            may_manage(tx, &actor, person.role).await?;
            let user_id = person.user_id;
            person.make::<Denial>(tx).await?;
            let (view, version) = view(tx, &directory, user_id).await?;
            Ok(Answer::created(version, &view)?)
        })
    })
    .await
}

/// Ends a user for good: their account is closed, and what is known of them is erased.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path)),
    responses((status = 204, description = "They are gone")))]
pub(crate) async fn delete(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteUsers>,
    Id(id): Id<UserId>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    let actor = can.actor.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            if let (User::Present(profile), version) = tx.load::<User>(&id.to_string()).await? {
                precondition.check(version)?;
                may_manage_user(tx, &actor, id, &profile).await?;
            }
            person::end::<Denial>(tx, id).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

/// Ends every session of a user.
#[utoipa::path(post, path = "/api/v1/users/{id}/sign-out", tag = "users", params(("id" = uuid::Uuid, Path)),
    responses((status = 204, description = "They are signed out everywhere")))]
pub(crate) async fn sign_out(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteUsers>,
    Id(id): Id<UserId>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(tx.load::<User>(&id.to_string()).await?.1)?;
            tx.decide::<User, Denial>(&id.to_string(), UserCommand::SignOut).await?;
            Ok(Answer::gone())
        })
    })
    .await
}
