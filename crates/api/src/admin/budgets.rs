//! Budgets: so much in each window of time, for a token, a user or a group.

mod body;
mod held;
mod view;

use std::{collections::BTreeSet, sync::Arc};

use ::ledger::{accounts, decide_budget};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    ApiTokenId, BudgetId, GroupName, UserId,
    api_token::ApiToken,
    budget::{Budget, BudgetCommand, BudgetRefusal, Holder},
    group::Group,
    user::User,
};
use eventlog::{Fault, Tx};
use projections::budgets::{self, BudgetRow};
use serde::Deserialize;
use utoipa::IntoParams;

use self::body::{ChangeBudgetBody, CreateBudgetBody};
pub(crate) use self::{held::Held, view::BudgetView};
use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::{Id, Limit, Listed, Nothing, Query, Write},
    permission::{Can, ReadBudgets, WriteBudgets},
    problem::{Code, Denial, Problem},
};

/// Which budgets; of one holder at most.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BudgetQuery {
    /// Those of this token.
    #[param(value_type = Option<uuid::Uuid>)]
    token_id: Option<ApiTokenId>,
    /// Those of this user.
    #[param(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    /// Those of this group.
    #[param(value_type = Option<String>, example = "default")]
    group: Option<GroupName>,
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<BudgetId>,
}

impl BudgetQuery {
    fn holder(&self) -> Result<Option<Holder>, Problem> {
        let token = self.token_id.map(Holder::Token);
        let user = self.user_id.map(Holder::User);
        let group = self.group.clone().map(Holder::Group);
        let mut named = [token, user, group].into_iter().flatten();
        let holder = named.next();
        if named.next().is_none() {
            return Ok(holder);
        }
        let told = "name one of `token_id`, `user_id` and `group`, or none of them";
        Err(Problem::new(Code::InvalidParameter, told))
    }
}

/// Lists the budgets, oldest first, closed ones too.
#[utoipa::path(get, path = "/api/v1/budgets", tag = "budgets", params(BudgetQuery),
    responses((status = 200, description = "A page of budgets", body = Listed<BudgetView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadBudgets>,
    Query(query): Query<BudgetQuery>,
) -> Result<Json<Listed<BudgetView>>, Problem> {
    let (pool, holder) = (edge.log.read_pool(), query.holder()?);
    let found = budgets::list(pool, holder.as_ref(), query.cursor, query.limit.asked()).await?;
    let page = query.limit.page(found, |stored| stored.row.budget_id);
    let now = edge.clock.now();
    let open: BTreeSet<_> =
        page.items.iter().filter_map(|stored| view::account_id(&stored.row, now)).collect();
    let accounts = accounts::load(&mut pool.acquire().await?, &open).await?;
    Ok(Json(page.map(|stored| BudgetView::of(&stored.row, now, &accounts))))
}

/// Makes a budget. It holds at once, in a window that is empty.
#[utoipa::path(post, path = "/api/v1/budgets", tag = "budgets", request_body = CreateBudgetBody,
    responses((status = 201, description = "The budget", body = BudgetView)))]
pub(crate) async fn create(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteBudgets>,
    Write { body, intent }: Write<CreateBudgetBody>,
) -> Result<Response, Problem> {
    let budget_id = BudgetId(edge.ids.uuid());
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let CreateBudgetBody { holder, period, limit_nanos: limit } = body;
            let holder = Holder::from(holder);
            exists(tx, &holder).await?;
            if budgets::is_held(tx.connection(), &holder, period).await? {
                return Err(Fault::Refused(BudgetRefusal::Held.into()));
            }
            let open = BudgetCommand::Open { budget_id, holder, period, limit };
            decide_budget::<Denial>(tx, budget_id, open).await?;
            let (view, version) = present(tx, budget_id).await?;
            Ok(Answer::created(version, &view)?)
        })
    })
    .await
}

/// Reads one budget, with what was spent in the window that is now.
#[utoipa::path(get, path = "/api/v1/budgets/{id}", tag = "budgets", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The budget", body = BudgetView)))]
pub(crate) async fn read(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadBudgets>,
    Id(id): Id<BudgetId>,
) -> Result<Response, Problem> {
    let (pool, now) = (edge.log.read_pool(), edge.clock.now());
    let found = budgets::find(pool, id).await?;
    let stored = found.ok_or_else(|| Problem::not_found("budget"))?;
    let open = view::account_id(&stored.row, now).into_iter().collect();
    let accounts = accounts::load(&mut pool.acquire().await?, &open).await?;
    Ok(Answer::ok(stored.version, &BudgetView::of(&stored.row, now, &accounts))?.into_response())
}

/// Changes what may be spent in each window, the one that is now included.
#[utoipa::path(patch, path = "/api/v1/budgets/{id}", tag = "budgets", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeBudgetBody,
    responses((status = 200, description = "The budget as it is now", body = BudgetView)))]
pub(crate) async fn change(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteBudgets>,
    Id(id): Id<BudgetId>,
    Write { body, intent }: Write<ChangeBudgetBody>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(present(tx, id).await?.1)?;
            let change = BudgetCommand::ChangeLimit(body.limit_nanos);
            decide_budget::<Denial>(tx, id, change).await?;
            let (view, version) = present(tx, id).await?;
            Ok(Answer::ok(version, &view)?)
        })
    })
    .await
}

/// Closes a budget for good: it limits nobody any more, and what was spent stays in its windows.
#[utoipa::path(delete, path = "/api/v1/budgets/{id}", tag = "budgets", params(("id" = uuid::Uuid, Path)),
    responses((status = 204, description = "It is closed")))]
pub(crate) async fn close(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteBudgets>,
    Id(id): Id<BudgetId>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let (budget, version) = tx.load::<Budget>(&id.to_string()).await?;
            if matches!(budget, Budget::Open(_)) {
                precondition.check(version)?;
            }
            decide_budget::<Denial>(tx, id, BudgetCommand::Close).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

/// Whether there is anyone whose calls a budget would limit.
async fn exists(tx: &mut Tx, holder: &Holder) -> Result<(), Fault<Denial>> {
    let (is_there, what) = match holder {
        Holder::Token(id) => {
            let (token, _) = tx.load::<ApiToken>(&id.to_string()).await?;
            (matches!(token, ApiToken::Issued { .. }), "token that is not revoked")
        }
        Holder::User(id) => (matches!(tx.load::<User>(&id.to_string()).await?.0, User::Present(_)), "user"),
        Holder::Group(name) => {
            let (group, _) = tx.load::<Group>(name.as_str()).await?;
            (matches!(group, Group::Present { .. }) || *name == GroupName::default_group(), "group")
        }
    };
    if is_there {
        return Ok(());
    }
    Err(Fault::Refused(Denial::Value(format!("`holder`: there is no {what} of that name or id"))))
}

/// The budget as the transaction sees it, with its version.
async fn present(tx: &mut Tx, id: BudgetId) -> Result<(BudgetView, u64), Fault<Denial>> {
    let (budget, version) = tx.load::<Budget>(&id.to_string()).await?;
    let row = BudgetRow::of(&budget).ok_or(Fault::Refused(BudgetRefusal::Unknown.into()))?;
    let now = tx.now();
    let open = view::account_id(&row, now).into_iter().collect();
    let accounts = accounts::load(tx.connection(), &open).await?;
    Ok((BudgetView::of(&row, now, &accounts), version))
}
