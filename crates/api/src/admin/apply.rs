//! Groups, prices and channels as a file says, applied to a running server.

use std::sync::Arc;

use axum::{extract::State, response::Response};

use crate::{
    Edge,
    apply::{Applied, Desired, Plan},
    dispatch::{Answer, dispatch},
    extract::Write,
    permission::{Can, WriteSettings},
    problem::Problem,
};

/// Makes what is missing and changes what differs; what is not named stays. All of it, or nothing.
#[utoipa::path(post, path = "/api/v1/apply", tag = "settings", request_body = Desired,
    responses((status = 200, description = "What has become of each", body = Applied)))]
pub(crate) async fn apply(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteSettings>,
    Write { body, intent }: Write<Desired>,
) -> Result<Response, Problem> {
    let plan = Plan::new(&edge.log, &edge.providers, edge.ids.as_ref(), body).await?;
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move { Ok(Answer::unversioned(&plan.carry_out(tx).await?)?) })
    })
    .await
}
