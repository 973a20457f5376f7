//! Tokens: the credentials of API clients.

mod body;
mod issue;
mod view;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    AccountId, ApiTokenId,
    api_token::{ApiToken, ApiTokenCommand, ApiTokenSpec},
    budget::Holder,
};
use eventlog::{Fault, StoreError, Tx};
use ledger::accounts;
use projections::{
    Directory, Stored,
    tokens::{self, TokenRow},
};
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) use self::issue::{__path_issue, __path_rotate, issue, rotate};
use self::{
    body::ChangeApiTokenBody,
    view::{ApiTokenStatusView, ApiTokenView, Quota},
};
use crate::{
    Edge,
    admin::budgets::Held,
    dispatch::{Answer, dispatch},
    extract::{Id, Limit, Listed, Nothing, Query, Write},
    permission::{Actor, Can, ReadTokens, WriteTokens},
    problem::{Denial, Problem},
};

/// Which page of the tokens.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApiTokenQuery {
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<ApiTokenId>,
}

/// Lists the tokens, oldest first, revoked ones too.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(ApiTokenQuery),
    responses((status = 200, description = "A page of tokens", body = Listed<ApiTokenView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    can: Can<ReadTokens>,
    Query(query): Query<ApiTokenQuery>,
) -> Result<Json<Listed<ApiTokenView>>, Problem> {
    let pool = edge.log.read_pool();
    let found = tokens::list(pool, can.actor.only(), query.cursor, query.limit.asked()).await?;
    let page = query.limit.page(found, |stored| stored.row.token_id);
    let limits: BTreeSet<AccountId> =
        page.items.iter().filter_map(|stored| stored.row.spec.limit_account_id).collect();
    let mut connection = pool.acquire().await?;
    let quotas = accounts::load(&mut connection, &limits).await?;
    let quota = |row: &TokenRow| {
        row.spec.limit_account_id.and_then(|id| quotas.get(&id)).map(|found| Quota::of(&found.account))
    };
    let holders = page.items.iter().map(|stored| Holder::Token(stored.row.token_id));
    let held = Held::by(&edge, holders).await?;
    Ok(Json(page.map(|stored| ApiTokenView::of_row(&stored.row, quota(&stored.row), &held))))
}

/// Reads one token.
#[utoipa::path(get, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The token", body = ApiTokenView)))]
pub(crate) async fn read(
    State(edge): State<Arc<Edge>>,
    can: Can<ReadTokens>,
    Id(id): Id<ApiTokenId>,
) -> Result<Response, Problem> {
    let stored = seen(&edge, &can.actor, id).await?;
    let quota = match stored.row.spec.limit_account_id {
        Some(account_id) => accounts::find(edge.log.read_pool(), account_id).await?,
        None => None,
    };
    let held = Held::by(&edge, [Holder::Token(id)]).await?;
    let view = ApiTokenView::of_row(&stored.row, quota.map(|found| Quota::of(&found.account)), &held);
    Ok(Answer::ok(stored.version, &view)?.into_response())
}

/// Changes what the body names, and leaves the rest (a JSON merge patch).
#[utoipa::path(patch, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeApiTokenBody,
    responses((status = 200, description = "The token as it is now", body = ApiTokenView)))]
pub(crate) async fn change(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteTokens>,
    Id(id): Id<ApiTokenId>,
    Write { body, intent }: Write<ChangeApiTokenBody>,
) -> Result<Response, Problem> {
    let hint = seen(&edge, &can.actor, id).await?.row.key.hint;
    let commands = body.commands(&edge, &can.actor)?;
    let (precondition, directory) = (intent.precondition.clone(), Arc::clone(&edge.directory));
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(tx.load::<ApiToken>(&id.to_string()).await?.1)?;
            for command in commands {
                tx.decide::<ApiToken, Denial>(&id.to_string(), command).await?;
            }
            let (view, version) = view(tx, &directory, id, hint).await?;
            Ok(Answer::ok(version, &view)?)
        })
    })
    .await
}

/// Revokes a token: nothing brings it back.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = uuid::Uuid, Path)),
    responses((status = 204, description = "It is revoked")))]
pub(crate) async fn revoke(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteTokens>,
    Id(id): Id<ApiTokenId>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    seen(&edge, &can.actor, id).await?;
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let (token, version) = tx.load::<ApiToken>(&id.to_string()).await?;
            if matches!(token, ApiToken::Issued { .. }) {
                precondition.check(version)?;
            }
            tx.decide::<ApiToken, Denial>(&id.to_string(), ApiTokenCommand::Revoke).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

/// The token, if it exists for whoever asks.
async fn seen(edge: &Edge, actor: &Actor, id: ApiTokenId) -> Result<Stored<TokenRow>, Problem> {
    tokens::find(edge.log.read_pool(), id)
        .await?
        .filter(|stored| actor.sees(stored.row.spec.user_id))
        .ok_or_else(|| Problem::not_found("token"))
}

/// The token as the transaction sees it, with its version.
async fn view(
    tx: &mut Tx,
    directory: &Arc<Directory>,
    id: ApiTokenId,
    hint: String,
) -> Result<(ApiTokenView, u64), Fault<Denial>> {
    match tx.load::<ApiToken>(&id.to_string()).await? {
        (ApiToken::Issued { spec, status }, version) => {
            let quota = quota(tx, &spec).await?;
            let (now, holder) = (tx.now(), [Holder::Token(id)]);
            let held = Held::load(directory, now, tx.connection(), holder).await?;
            let view = ApiTokenView::new(id, &spec, ApiTokenStatusView::of(status), hint, quota, &held);
            Ok((view, version))
        }
        (ApiToken::Unissued | ApiToken::Revoked, _) => Err(Fault::Refused(Denial::Unknown("token"))),
    }
}

async fn quota(tx: &mut Tx, spec: &ApiTokenSpec) -> Result<Option<Quota>, StoreError> {
    let Some(id) = spec.limit_account_id else { return Ok(None) };
    let found = accounts::load(tx.connection(), &BTreeSet::from([id])).await?;
    Ok(found.get(&id).map(|row| Quota::of(&row.account)))
}
