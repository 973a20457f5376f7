//! What is asked of channels. What only the edge can judge is judged here: whether the provider is in the
//! catalogue, whether a base URL is one, whether a key fits into a header.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderValue;
use domain::{
    CallLimits, ChannelId, ChannelKeyId, GroupName, ModelName, Sealed,
    channel::{ChannelChange, ChannelCommand, ChannelKey, ChannelSpec, key_place},
};
use eventlog::{SealError, Sealer};
use relay::{Providers, Route, RouteError, RouteKey};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::ChannelStatus;
use crate::{
    Edge, Ids,
    extract::json::given,
    key,
    openapi::LimitsSchema,
    problem::{Denial, Problem},
};

/// The longest credential.
const KEY_BYTES_MAX: usize = 8_192;

/// A channel to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "main", "provider": "openai_compatible", "base_url": "https://provider.example/v1",
    "keys": ["sk-…"], "models": ["gpt-4o-mini"], "groups": ["default"], "priority": 0, "weight": 1
}))]
pub(crate) struct CreateChannelBody {
    name: String,
    provider: String,
    /// With its version segment; where the provider has one of its own, it may be left out.
    #[serde(default)]
    base_url: Option<String>,
    keys: Vec<String>,
    #[schema(value_type = Vec<String>)]
    models: BTreeSet<ModelName>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    model_map: BTreeMap<ModelName, ModelName>,
    #[serde(default = "default_groups")]
    #[schema(value_type = Vec<String>)]
    groups: BTreeSet<GroupName>,
    #[serde(default)]
    priority: i32,
    #[serde(default = "default_weight")]
    weight: u32,
    /// The most that it takes of everybody; beyond it others are asked.
    #[serde(default)]
    #[schema(value_type = Option<LimitsSchema>)]
    limits: Option<CallLimits>,
}

fn default_groups() -> BTreeSet<GroupName> {
    BTreeSet::from([GroupName::default_group()])
}

const fn default_weight() -> u32 {
    1
}

impl CreateChannelBody {
    pub(super) fn spec(self, edge: &Edge, id: ChannelId) -> Result<ChannelSpec, Problem> {
        let spec = ChannelSpec {
            name: self.name,
            provider: self.provider,
            base_url: self.base_url,
            keys: sealed(edge.log.sealer(), edge.ids.as_ref(), id, self.keys)?,
            models: self.models,
            model_map: self.model_map,
            groups: self.groups,
            priority: self.priority,
            weight: self.weight,
            limits: self.limits,
        };
        leads_somewhere(&edge.providers, id, &spec)?;
        Ok(spec)
    }
}

/// What is to be different about a channel; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"weight": 2, "status": "disabled"}))]
#[expect(
    clippy::option_option,
    reason = "left out, `null` and a value are three things, as in the domain's change"
)]
pub(crate) struct ChangeChannelBody {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// `null` goes back to the provider's own.
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<String>)]
    base_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    models: Option<BTreeSet<ModelName>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<BTreeMap<String, String>>, nullable = false)]
    model_map: Option<BTreeMap<ModelName, ModelName>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    groups: Option<BTreeSet<GroupName>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    priority: Option<i32>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    weight: Option<u32>,
    /// `null` lifts the limits.
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<LimitsSchema>)]
    limits: Option<Option<CallLimits>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    status: Option<ChannelStatus>,
    /// Takes the place of all keys that it has.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    keys: Option<Vec<String>>,
}

impl ChangeChannelBody {
    /// Whether the channel leads elsewhere afterwards.
    pub(super) const fn moves(&self) -> bool {
        self.base_url.is_some()
    }

    pub(super) fn commands(self, edge: &Edge, id: ChannelId) -> Result<Vec<ChannelCommand>, Problem> {
        let change = ChannelChange {
            name: self.name,
            base_url: self.base_url,
            models: self.models,
            model_map: self.model_map,
            groups: self.groups,
            priority: self.priority,
            weight: self.weight,
            limits: self.limits,
        };
        let mut commands = vec![ChannelCommand::Change(Box::new(change))];
        if let Some(keys) = self.keys {
            commands.push(ChannelCommand::RotateKeys(sealed(
                edge.log.sealer(),
                edge.ids.as_ref(),
                id,
                keys,
            )?));
        }
        commands.extend(self.status.map(ChannelStatus::command));
        Ok(commands)
    }
}

/// Whether calls of such a channel have somewhere to go.
pub(crate) fn leads_somewhere(
    providers: &Providers,
    id: ChannelId,
    spec: &ChannelSpec,
) -> Result<(), Denial> {
    let Some(provider) = providers.find(&spec.provider) else {
        let ids = providers.ids().collect::<Vec<_>>().join(", ");
        return Err(Denial::Value(format!("`provider`: there is no `{}`; there are {ids}", spec.provider)));
    };
    // The keys themselves are judged where they come in.
    let keys = spec.keys.iter().map(|key| RouteKey { key_id: key.key_id, secret: String::from("key") });
    match Route::new(id, provider, spec, keys.collect()) {
        // How many keys there are is for the domain to judge.
        Ok(_) | Err(RouteError::NoKey) => Ok(()),
        Err(error @ (RouteError::NoBaseUrl | RouteError::BaseUrl)) => {
            Err(Denial::Value(format!("`base_url`: {error}")))
        }
        Err(error @ RouteError::Mute) => Err(Denial::Value(format!("`provider`: {error}"))),
        Err(error @ RouteError::Key(_)) => Err(Denial::Value(format!("`keys`: {error}"))),
    }
}

/// The keys as they may stand in an event.
pub(crate) fn sealed(
    sealer: &Sealer,
    ids: &dyn Ids,
    id: ChannelId,
    keys: Vec<String>,
) -> Result<Vec<ChannelKey>, KeyError> {
    keys.into_iter()
        .map(|secret| {
            fits_header(&secret)?;
            let key_id = ChannelKeyId(ids.uuid());
            let sealed: Sealed = sealer.seal(&key_place(id, key_id), secret.as_bytes())?;
            Ok(ChannelKey { key_id, secret: sealed, hint: key::hint(&secret) })
        })
        .collect()
}

/// Why a key cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// It cannot be sent. The key itself is not repeated: answers are logged by others.
    #[error(
        "`keys`: a key must have 1 to {KEY_BYTES_MAX} printable ASCII characters, without spaces at its ends"
    )]
    Unfit,
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unfit => Denial::Value(error.to_string()).into(),
            KeyError::Seal(error) => error.into(),
        }
    }
}

fn fits_header(secret: &str) -> Result<(), KeyError> {
    let fits = HeaderValue::from_str(secret).is_ok() && secret.is_ascii() && secret.trim() == secret;
    if fits && (1..=KEY_BYTES_MAX).contains(&secret.len()) { Ok(()) } else { Err(KeyError::Unfit) }
}

#[cfg(test)]
mod tests {
    use super::fits_header;

    #[test]
    fn a_key_fits_into_a_header() {
        assert!(fits_header("sk-abc").is_ok());
        for bad in ["", " sk", "sk\n", "ключ", &"k".repeat(8_193)] {
            assert!(fits_header(bad).is_err(), "{bad:?}");
        }
    }
}
