//! A channel is tested: one short question, at the operator's cost.

use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{
    ChannelId, ChannelKeyId, GroupName, ModelName,
    channel::{ChannelKey, ChannelSpec, key_place},
    price::{ModelMode, catalogue},
};
use projections::channels;
use relay::{Format, ProbeError, Route, RouteKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Edge,
    extract::{Id, Write},
    permission::{Can, WriteChannels},
    problem::{Denial, Problem},
};

/// What is tested.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestChannelBody {
    /// One of the channel's models; left out, the first of them.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "gpt-4o-mini")]
    model: Option<ModelName>,
    /// One of the channel's keys; left out, the first of them.
    #[serde(default)]
    #[schema(value_type = Option<uuid::Uuid>)]
    key_id: Option<ChannelKeyId>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChannelTest)]
pub(crate) struct ChannelTestView {
    /// Whether an answer came.
    ok: bool,
    #[schema(value_type = String, example = "gpt-4o-mini")]
    model: ModelName,
    #[schema(value_type = uuid::Uuid)]
    key_id: ChannelKeyId,
    /// How long it took.
    duration_ms: u64,
    /// Why no answer came, for people.
    #[schema(required = true)]
    error: Option<String>,
    /// The status with which the provider refused, where it did and said why.
    #[schema(required = true)]
    provider_status: Option<u16>,
}

/// Tests a channel, enabled or not: one short question, for which no account pays.
#[utoipa::path(post, path = "/api/v1/channels/{id}/test", tag = "channels", params(("id" = uuid::Uuid, Path)),
    request_body = TestChannelBody,
    responses((status = 200, description = "What came of it", body = ChannelTestView)))]
pub(crate) async fn test(
    State(edge): State<Arc<Edge>>,
    _: Can<WriteChannels>,
    Id(id): Id<ChannelId>,
    Write { body, .. }: Write<TestChannelBody>,
) -> Result<Json<ChannelTestView>, Problem> {
    let found = channels::find(edge.log.read_pool(), id).await?;
    let mut spec = found.ok_or_else(|| Problem::not_found("channel"))?.row.spec;
    let value = |told: &str| Problem::from(Denial::Value(told.into()));
    let model = body.model.or_else(|| spec.models.first().cloned());
    let model = model.ok_or_else(|| value("`model`: the channel serves none"))?;
    let key = spec.keys.iter().find(|key| body.key_id.is_none_or(|id| id == key.key_id)).cloned();
    let key = key.ok_or_else(|| value("`key_id`: the channel has no such key"))?;
    // A channel that serves no group can be tested all the same.
    let group = GroupName::default_group();
    spec.groups.insert(group.clone());
    let key_id = key.key_id;
    let probe = edge.relay.probe(route(&edge, id, &spec, &key)?, &group, &model, format(&model)).await;
    let provider_status = match &probe.failure {
        Some(ProbeError::Refused { status, .. }) => Some(status.as_u16()),
        Some(ProbeError::NotServed | ProbeError::Failed(_)) | None => None,
    };
    let error = probe.failure.map(|failure| failure.to_string());
    let (ok, duration_ms) = (error.is_none(), probe.duration_ms);
    Ok(Json(ChannelTestView { ok, model, key_id, duration_ms, error, provider_status }))
}

/// In what form such a model is asked; one that the catalogue does not know is taken for one that chats.
fn format(model: &ModelName) -> Format {
    match catalogue::find(model.as_str()).map(|known| known.mode) {
        Some(ModelMode::Embedding) => Format::OpenaiEmbeddings,
        Some(ModelMode::Completion) => Format::OpenaiCompletions,
        Some(_) | None => Format::OpenaiChat,
    }
}

fn route(edge: &Edge, id: ChannelId, spec: &ChannelSpec, key: &ChannelKey) -> Result<Route, Problem> {
    let unusable = |told: String| Problem::from(Denial::Value(told));
    let provider = edge.providers.find(&spec.provider);
    let provider =
        provider.ok_or_else(|| unusable(format!("`provider`: there is no `{}`", spec.provider)))?;
    let opened = edge.log.sealer().open(&key_place(id, key.key_id), &key.secret)?;
    let secret = String::from_utf8_lossy(&opened).into_owned();
    let keys = vec![RouteKey { key_id: key.key_id, secret }];
    Route::new(id, provider, spec, keys).map_err(|error| unusable(error.to_string()))
}
