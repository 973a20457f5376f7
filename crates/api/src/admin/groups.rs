//! Groups: classes of users and channels, each with its price ratio.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    GroupName,
    group::{Group, GroupCommand, GroupRefusal},
    price::Ratio,
};
use eventlog::{Fault, Tx};
use projections::groups;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::{Id, Limit, Listed, Nothing, Query, Write},
    permission::{Can, ReadGroups, WriteGroups},
    problem::{Denial, Problem},
};

/// Which page of the groups.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GroupQuery {
    /// How many at most, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 50)]
    limit: Limit,
    /// Where the page begins: `next_cursor` of the one before.
    #[param(value_type = Option<String>)]
    cursor: Option<GroupName>,
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupView {
    #[schema(value_type = String, example = "vip")]
    name: GroupName,
    /// What its users pay of a price, in millionths: 800 000 is a fifth off.
    #[schema(value_type = u32, maximum = 1_000_000_000, example = 800_000)]
    ratio_millionths: Ratio,
}

/// A group to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateGroupBody {
    #[schema(value_type = String, min_length = 1, example = "vip")]
    name: GroupName,
    /// What its users pay of a price, in millionths.
    #[serde(default)]
    #[schema(value_type = Option<u32>, maximum = 1_000_000_000, example = 800_000, nullable = false)]
    ratio_millionths: Ratio,
}

/// What is to be different about a group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeGroupBody {
    #[schema(value_type = u32, maximum = 1_000_000_000, example = 800_000)]
    ratio_millionths: Ratio,
}

/// Lists the groups, by name. Whoever is in none is in `default`, which is there even where it is not listed.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", params(GroupQuery),
    responses((status = 200, description = "A page of groups", body = Listed<GroupView>)))]
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadGroups>,
    Query(query): Query<GroupQuery>,
) -> Result<Json<Listed<GroupView>>, Problem> {
    let found = groups::list(edge.log.read_pool(), query.cursor.as_ref(), query.limit.asked()).await?;
    let page = query.limit.page(found, |stored| stored.row.name.clone());
    Ok(Json(page.map(|stored| GroupView { name: stored.row.name, ratio_millionths: stored.row.ratio })))
}

/// Makes a group.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", request_body = CreateGroupBody,
    responses((status = 201, description = "The group", body = GroupView)))]
pub(crate) async fn create(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteGroups>,
    Write { body, intent }: Write<CreateGroupBody>,
) -> Result<Response, Problem> {
    let CreateGroupBody { name, ratio_millionths: ratio } = body;
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let create = GroupCommand::Create { name: name.clone(), ratio };
            tx.decide::<Group, Denial>(name.as_str(), create).await?;
            let (view, version) = present(tx, &name).await?;
            Ok(Answer::created(version, &view)?)
        })
    })
    .await
}

/// Reads one group.
#[utoipa::path(get, path = "/api/v1/groups/{name}", tag = "groups", params(("name" = String, Path)),
    responses((status = 200, description = "The group", body = GroupView)))]
pub(crate) async fn read(
    State(edge): State<Arc<Edge>>,
    _: Can<ReadGroups>,
    Id(name): Id<GroupName>,
) -> Result<Response, Problem> {
    let found = groups::find(edge.log.read_pool(), &name).await?;
    let stored = found.ok_or_else(|| Problem::not_found("group"))?;
    let view = GroupView { name, ratio_millionths: stored.row.ratio };
    Ok(Answer::ok(stored.version, &view)?.into_response())
}

/// Changes what a group pays from now on; calls that are under way cost what they were to cost.
#[utoipa::path(patch, path = "/api/v1/groups/{name}", tag = "groups", params(("name" = String, Path)),
    request_body = ChangeGroupBody,
    responses((status = 200, description = "The group as it is now", body = GroupView)))]
pub(crate) async fn change(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteGroups>,
    Id(name): Id<GroupName>,
    Write { body, intent }: Write<ChangeGroupBody>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(present(tx, &name).await?.1)?;
            let change = GroupCommand::ChangeRatio { ratio: body.ratio_millionths };
            tx.decide::<Group, Denial>(name.as_str(), change).await?;
            let (view, version) = present(tx, &name).await?;
            Ok(Answer::ok(version, &view)?)
        })
    })
    .await
}

/// Ends a group that nobody calls as any more.
#[utoipa::path(delete, path = "/api/v1/groups/{name}", tag = "groups", params(("name" = String, Path)),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn delete(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteGroups>,
    Id(name): Id<GroupName>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    let precondition = intent.precondition.clone();
    let directory = Arc::clone(&edge.directory);
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(present(tx, &name).await?.1)?;
            let members = directory.members(&name);
            if members > 0 {
                // Without their group their calls would have no price.
                let told = format!("{members} users or tokens call as this group; give them another first");
                return Err(Fault::Refused(Denial::InUse(told)));
            }
            tx.decide::<Group, Denial>(name.as_str(), GroupCommand::Delete).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

/// The group as the transaction sees it, with its version.
async fn present(tx: &mut Tx, name: &GroupName) -> Result<(GroupView, u64), Fault<Denial>> {
    match tx.load::<Group>(name.as_str()).await? {
        (Group::Present { name, ratio }, version) => {
            Ok((GroupView { name, ratio_millionths: ratio }, version))
        }
        (Group::Absent, _) => Err(Fault::Refused(GroupRefusal::Unknown.into())),
    }
}
