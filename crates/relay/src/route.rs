//! Whom to ask: the channels of a group and a model, highest tier first, weighted within a tier.

mod picker;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use domain::{ChannelId, ChannelKeyId, GroupName, ModelName, channel::ChannelSpec};
use http::{HeaderValue, Uri};
use thiserror::Error;

pub use self::picker::{Choice, Failed, Picker};
use crate::{
    Provider,
    providers::{Auth, Format, Transport, base},
};

/// A credential, opened.
#[derive(Clone)]
pub struct RouteKey {
    /// Names it in attempts.
    pub key_id: ChannelKeyId,
    /// The key itself.
    pub secret: String,
}

impl fmt::Debug for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteKey({})", self.key_id)
    }
}

/// A channel as calls use it: its URL made, its keys ready to be sent.
#[derive(Debug)]
pub struct Route {
    pub(crate) channel_id: ChannelId,
    pub(crate) provider: Arc<Provider>,
    pub(crate) url: Uri,
    pub(crate) keys: Vec<ReadyKey>,
    models: BTreeSet<ModelName>,
    model_map: BTreeMap<ModelName, ModelName>,
    groups: BTreeSet<GroupName>,
    priority: i32,
    weight: u32,
}

/// A credential as the header that carries it.
#[derive(Debug)]
pub(crate) struct ReadyKey {
    pub(crate) key_id: ChannelKeyId,
    pub(crate) header: HeaderValue,
}

/// Why a channel cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// Neither it nor its provider says where to send.
    #[error("neither the channel nor its provider has a base URL")]
    NoBaseUrl,
    /// What it says is no URL.
    #[error("the base URL is no http or https URL without query and credentials")]
    BaseUrl,
    /// Its provider speaks nothing that calls come in.
    #[error("the provider has no path for chat completions")]
    Mute,
    /// It has no key that can be used.
    #[error("the channel has no key")]
    NoKey,
    /// A key does not fit into a header.
    #[error("key {0} does not fit into a header")]
    Key(ChannelKeyId),
}

impl Route {
    /// A channel, made ready.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn new(
        channel_id: ChannelId,
        provider: Arc<Provider>,
        spec: &ChannelSpec,
        keys: Vec<RouteKey>,
    ) -> Result<Self, RouteError> {
        if keys.is_empty() {
            return Err(RouteError::NoKey);
        }
        let keys = keys.into_iter().map(|key| ready(&provider.auth, key)).collect::<Result<_, _>>()?;
        Ok(Self {
            channel_id,
            url: url(&provider, spec.base_url.as_deref())?,
            provider,
            keys,
            models: spec.models.clone(),
            model_map: spec.model_map.clone(),
            groups: spec.groups.clone(),
            priority: spec.priority,
            weight: spec.weight,
        })
    }

    /// What the provider calls `model`.
    pub(crate) fn upstream_model<'a>(&'a self, model: &'a ModelName) -> &'a ModelName {
        self.model_map.get(model).unwrap_or(model)
    }
}

fn url(provider: &Provider, own: Option<&str>) -> Result<Uri, RouteError> {
    let path = provider.paths.get(&Format::OpenaiChat).ok_or(RouteError::Mute)?;
    let base_url = match own.or(provider.base_url.as_deref()) {
        Some(base_url) => base_url,
        None if provider.transport == Transport::Echo => "http://localhost",
        None => return Err(RouteError::NoBaseUrl),
    };
    base(base_url).ok_or(RouteError::BaseUrl)?;
    let whole = format!("{}/{}", base_url.trim_end_matches('/'), path.trim_start_matches('/'));
    whole.parse().map_err(|_| RouteError::BaseUrl)
}

fn ready(auth: &Auth, key: RouteKey) -> Result<ReadyKey, RouteError> {
    let text = match auth {
        Auth::Bearer => format!("Bearer {}", key.secret),
        Auth::Header(_) => key.secret,
        Auth::None => String::new(),
    };
    let mut header = HeaderValue::try_from(text).map_err(|_| RouteError::Key(key.key_id))?;
    header.set_sensitive(true);
    Ok(ReadyKey { key_id: key.key_id, header })
}

type Tiers = Arc<[Arc<Route>]>;

/// Every channel that takes calls, by group and model.
#[derive(Debug, Default)]
pub struct RouteTable {
    /// The channels of each, sorted by falling priority.
    groups: HashMap<GroupName, BTreeMap<ModelName, Tiers>>,
}

impl RouteTable {
    /// A table of these channels.
    pub fn new(routes: Vec<Route>) -> Self {
        let mut gathered: HashMap<GroupName, BTreeMap<ModelName, Vec<Arc<Route>>>> = HashMap::new();
        for route in routes.into_iter().map(Arc::new) {
            for group in &route.groups {
                let models = gathered.entry(group.clone()).or_default();
                for model in &route.models {
                    models.entry(model.clone()).or_default().push(Arc::clone(&route));
                }
            }
        }
        let tiers = |mut routes: Vec<Arc<Route>>| -> Tiers {
            routes.sort_by_key(|route| std::cmp::Reverse(route.priority));
            routes.into()
        };
        let groups = gathered.into_iter().map(|(group, models)| {
            (group, models.into_iter().map(|(model, routes)| (model, tiers(routes))).collect())
        });
        Self { groups: groups.collect() }
    }

    /// Whether any channel serves `model` to `group`.
    pub fn serves(&self, group: &GroupName, model: &ModelName) -> bool {
        self.groups.get(group).is_some_and(|models| models.contains_key(model))
    }

    /// The channels that serve `model` to `group`, to be picked one by one.
    pub fn candidates(&self, group: &GroupName, model: &ModelName) -> Picker {
        let tiers = self.groups.get(group).and_then(|models| models.get(model));
        Picker::new(tiers.map_or_else(|| Arc::from([]), Arc::clone))
    }

    /// What `group` is served, sorted.
    pub fn models(&self, group: &GroupName) -> Vec<ModelName> {
        self.groups.get(group).map(|models| models.keys().cloned().collect()).unwrap_or_default()
    }
}
