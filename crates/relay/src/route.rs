//! Whom to ask: the channels of a group and a model, highest tier first, and within a tier as its strategy says.

mod picker;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use domain::{
    CallLimits, ChannelId, ChannelKeyId, GroupName, ModelName, channel::ChannelSpec, settings::Strategy,
};
use http::{HeaderValue, Uri};
use parking_lot::Mutex;
use thiserror::Error;

pub use self::picker::{Choice, Failed, Picker};
use crate::{
    Format, Provider,
    providers::{Auth, Transport, base},
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

/// A channel as calls use it: its URLs made, its keys ready to be sent.
#[derive(Debug)]
pub struct Route {
    pub(crate) channel_id: ChannelId,
    pub(crate) provider: Arc<Provider>,
    pub(crate) keys: Vec<ReadyKey>,
    urls: BTreeMap<Format, Uri>,
    /// How many times one of its keys was next in turn.
    key_turns: AtomicU64,
    is_disabled: bool,
    models: BTreeSet<ModelName>,
    model_map: BTreeMap<ModelName, ModelName>,
    groups: BTreeSet<GroupName>,
    priority: i32,
    weight: u32,
    /// The most that it takes of everybody.
    pub(crate) limits: CallLimits,
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
    #[error("the provider has no path for anything that calls ask for")]
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
            urls: urls(&provider, spec.base_url.as_deref())?,
            provider,
            keys,
            key_turns: AtomicU64::new(0),
            is_disabled: false,
            models: spec.models.clone(),
            model_map: spec.model_map.clone(),
            groups: spec.groups.clone(),
            priority: spec.priority,
            weight: spec.weight,
            limits: spec.limits.unwrap_or(CallLimits::NONE),
        })
    }

    /// The same, of a channel whose record says that its provider refuses every key: it gets probes only.
    #[must_use]
    pub fn disabled(self) -> Self {
        Self { is_disabled: true, ..self }
    }

    pub(crate) const fn is_disabled(&self) -> bool {
        self.is_disabled
    }

    /// What the conventions of telemetry call its provider.
    pub fn telemetry_name(&self) -> Arc<str> {
        self.provider.telemetry_name()
    }

    /// Where calls of this format go; none where the provider has no path for them.
    pub fn url(&self, format: Format) -> Option<&Uri> {
        self.urls.get(&format)
    }

    /// What the provider calls `model`.
    pub(crate) fn upstream_model<'a>(&'a self, model: &'a ModelName) -> &'a ModelName {
        self.model_map.get(model).unwrap_or(model)
    }
}

fn urls(provider: &Provider, own: Option<&str>) -> Result<BTreeMap<Format, Uri>, RouteError> {
    let base_url = match own.or(provider.base_url.as_deref()) {
        Some(base_url) => base_url,
        None if provider.transport == Transport::Echo => "http://localhost",
        None => return Err(RouteError::NoBaseUrl),
    };
    base(base_url).ok_or(RouteError::BaseUrl)?;
    let url = |path: &str| {
        let whole = format!("{}/{}", base_url.trim_end_matches('/'), path.trim_start_matches('/'));
        whole.parse().map_err(|_| RouteError::BaseUrl)
    };
    let urls = provider.paths.iter().map(|(format, path)| Ok((*format, url(path)?)));
    let urls: BTreeMap<_, _> = urls.collect::<Result<_, _>>()?;
    if urls.is_empty() { Err(RouteError::Mute) } else { Ok(urls) }
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

/// The channels of one group and model, and whose turn it is among them.
#[derive(Debug, Default)]
struct Candidates {
    /// Sorted by falling priority.
    routes: Box<[Arc<Route>]>,
    /// What each may claim of the calls to come.
    claims: Mutex<Box<[i64]>>,
}

impl Candidates {
    fn new(mut routes: Vec<Arc<Route>>) -> Self {
        routes.sort_by_key(|route| std::cmp::Reverse(route.priority));
        Self { claims: Mutex::new(vec![0; routes.len()].into()), routes: routes.into() }
    }
}

/// Every channel that takes calls, by group and model.
#[derive(Debug, Default)]
pub struct RouteTable {
    groups: HashMap<GroupName, BTreeMap<ModelName, Arc<Candidates>>>,
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
        let groups = gathered.into_iter().map(|(group, models)| {
            let models = models.into_iter();
            (group, models.map(|(model, routes)| (model, Arc::new(Candidates::new(routes)))).collect())
        });
        Self { groups: groups.collect() }
    }

    /// Whether any channel serves `model` to `group`.
    pub fn serves(&self, group: &GroupName, model: &ModelName) -> bool {
        self.find(group, model).is_some()
    }

    /// Whether any of them takes calls of this format.
    pub fn serves_as(&self, group: &GroupName, model: &ModelName, format: Format) -> bool {
        let candidates = self.find(group, model);
        candidates.is_some_and(|found| found.routes.iter().any(|route| route.url(format).is_some()))
    }

    /// The channels that serve `model` to `group` in this format, to be picked one by one.
    pub fn candidates(
        &self,
        group: &GroupName,
        model: &ModelName,
        format: Format,
        strategy: Strategy,
    ) -> Picker {
        Picker::new(self.find(group, model).map(Arc::clone).unwrap_or_default(), format, strategy)
    }

    /// What `group` is served, sorted.
    pub fn models(&self, group: &GroupName) -> Vec<ModelName> {
        self.groups.get(group).map(|models| models.keys().cloned().collect()).unwrap_or_default()
    }

    fn find(&self, group: &GroupName, model: &ModelName) -> Option<&Arc<Candidates>> {
        self.groups.get(group)?.get(model)
    }
}
