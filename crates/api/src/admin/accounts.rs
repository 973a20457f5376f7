//! Accounts: whoever pays.

mod body;
mod ledger;
mod view;

use std::{collections::BTreeSet, sync::Arc};

use ::ledger::accounts::{self, AccountRow};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    AccountId,
    account::{AccountCommand, Owner},
};
use eventlog::{Fault, Tx};
use projections::tokens;
use serde::Deserialize;
use utoipa::IntoParams;

pub use self::view::AccountView;
use self::{
    body::{AdjustmentBody, ChangeAccountBody, DepositBody},
    view::{Movement, MovementView},
};
pub(crate) use self::{
    ledger::{__path_entries, entries},
    view::LimitView,
};
use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::{Id, Intent, Limit, Listed, Query, Write},
    permission::{Actor, Can, ListAccounts, ReadAccounts, WriteAccounts},
    problem::{Denial, Problem},
};

/// Which page of the accounts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountQuery {
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<AccountId>,
}

/// Lists the accounts, oldest first.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", params(AccountQuery),
    responses((status = 200, description = "A page of accounts", body = Listed<AccountView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    _: Can<ListAccounts>,
    Query(query): Query<AccountQuery>,
) -> Result<Json<Listed<AccountView>>, Problem> {
    let found = accounts::list(edge.log.read_pool(), query.cursor, query.limit.asked()).await?;
    let views = found.iter().filter_map(AccountView::of).collect();
    Ok(Json(query.limit.page(views, AccountView::id)))
}

/// Reads one account: what was paid in, what was charged, what is left.
#[utoipa::path(get, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The account", body = AccountView)))]
pub(crate) async fn read(
    State(edge): State<Arc<Edge>>,
    can: Can<ReadAccounts>,
    Id(id): Id<AccountId>,
) -> Result<Response, Problem> {
    let (view, version) = seen(&edge, &can.actor, id).await?;
    Ok(Answer::ok(version, &view)?.into_response())
}

/// The account, if it exists for whoever asks, with its version.
async fn seen(edge: &Edge, actor: &Actor, id: AccountId) -> Result<(AccountView, u64), Problem> {
    let unknown = || Problem::not_found("account");
    let row = accounts::find(edge.log.read_pool(), id).await?.ok_or_else(unknown)?;
    if !sees(edge, actor, &row).await? {
        return Err(unknown());
    }
    Ok((AccountView::of(&row).ok_or_else(unknown)?, row.version))
}

/// Whether an account exists for whoever asks: it is theirs, or it limits a token of theirs.
async fn sees(edge: &Edge, actor: &Actor, row: &AccountRow) -> Result<bool, Problem> {
    let Some(user_id) = actor.only() else { return Ok(true) };
    Ok(match row.account.owner {
        Some((_, Owner::User(owner))) => owner == user_id,
        Some((_, Owner::Token(token_id))) => tokens::find(edge.log.read_pool(), token_id)
            .await?
            .is_some_and(|stored| stored.row.spec.user_id == user_id),
        Some((_, Owner::Suspense | Owner::Budget { .. })) | None => false,
    })
}

/// Changes how far an account may be drawn, or closes and reopens it (a JSON merge patch).
#[utoipa::path(patch, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeAccountBody,
    responses((status = 200, description = "The account as it is now", body = AccountView)))]
pub(crate) async fn change(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteAccounts>,
    Id(id): Id<AccountId>,
    Write { body, intent }: Write<ChangeAccountBody>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    let commands = body.commands();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let (account, version) = view(tx, id).await?;
            precondition.check(version)?;
            if account.is_window() {
                let told = "the account is a window of a budget: change or close the budget instead";
                return Err(Fault::Refused(Denial::InUse(told.into())));
            }
            for command in commands {
                accounts::decide::<Denial>(tx, id, command).await?;
            }
            let (view, version) = view(tx, id).await?;
            Ok(Answer::ok(version, &view)?)
        })
    })
    .await
}

/// Pays into an account.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/deposits", tag = "accounts",
    params(("id" = uuid::Uuid, Path)), request_body = DepositBody,
    responses((status = 201, description = "What was paid in", body = MovementView)))]
pub(crate) async fn deposit(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteAccounts>,
    Id(id): Id<AccountId>,
    Write { body, intent }: Write<DepositBody>,
) -> Result<Response, Problem> {
    moved(&edge, &can.actor, id, intent, body.movement()).await
}

/// Corrects what stands on an account.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/adjustments", tag = "accounts",
    params(("id" = uuid::Uuid, Path)), request_body = AdjustmentBody,
    responses((status = 201, description = "What was corrected", body = MovementView)))]
pub(crate) async fn adjust(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteAccounts>,
    Id(id): Id<AccountId>,
    Write { body, intent }: Write<AdjustmentBody>,
) -> Result<Response, Problem> {
    moved(&edge, &can.actor, id, intent, body.movement()).await
}

async fn moved(
    edge: &Edge,
    actor: &Actor,
    id: AccountId,
    intent: Intent,
    movement: Movement,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    dispatch(edge, actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(view(tx, id).await?.1)?;
            let command: AccountCommand = movement.command();
            accounts::decide::<Denial>(tx, id, command).await?;
            let (account, version) = view(tx, id).await?;
            Ok(Answer::created(version, &MovementView { movement, account })?)
        })
    })
    .await
}

/// The account as the transaction sees it, with its version.
async fn view(tx: &mut Tx, id: AccountId) -> Result<(AccountView, u64), Fault<Denial>> {
    let found = accounts::load(tx.connection(), &BTreeSet::from([id])).await?;
    found
        .get(&id)
        .and_then(|row| Some((AccountView::of(row)?, row.version)))
        .ok_or(Fault::Refused(Denial::Unknown("account")))
}
