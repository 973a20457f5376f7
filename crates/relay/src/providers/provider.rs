//! One entry of the catalogue.

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderName, HeaderValue, Uri};
use serde::{Deserialize, Deserializer};

/// What a provider speaks, and how it wants to be spoken to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    #[serde(default)]
    pub(crate) base_url: Option<String>,
    #[serde(default)]
    pub(crate) auth: Auth,
    pub(crate) paths: BTreeMap<Format, String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "pairs")]
    pub(crate) rename: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) drop: Vec<String>,
    #[serde(default)]
    pub(crate) usage: UsageRules,
    #[serde(default)]
    pub(crate) cancel_stops_billing: bool,
    #[serde(default)]
    pub(crate) transport: Transport,
    /// What the conventions of telemetry call it.
    #[serde(default)]
    telemetry_name: Arc<str>,
}

/// Where the credential goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Auth {
    #[default]
    Bearer,
    Header(String),
    None,
}

/// What can be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Chat completions.
    OpenaiChat,
    /// The completions of plain prompts that came before them.
    OpenaiCompletions,
    /// Embeddings.
    OpenaiEmbeddings,
}

impl Format {
    const ALL: [Self; 3] = [Self::OpenaiChat, Self::OpenaiCompletions, Self::OpenaiEmbeddings];

    /// Where clients ask for it.
    pub const fn path(self) -> &'static str {
        match self {
            Self::OpenaiChat => "/v1/chat/completions",
            Self::OpenaiCompletions => "/v1/completions",
            Self::OpenaiEmbeddings => "/v1/embeddings",
        }
    }

    /// What clients ask for there.
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.path() == path)
    }
}

/// How usage is stated.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageRules {
    /// Whether a stream states it when `stream_options.include_usage` asks for it.
    pub(crate) stream_ask: bool,
}

impl Default for UsageRules {
    fn default() -> Self {
        Self { stream_ask: true }
    }
}

/// How a request gets there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transport {
    #[default]
    Http,
    Echo,
}

impl Provider {
    pub(crate) fn telemetry_name(&self) -> Arc<str> {
        Arc::clone(&self.telemetry_name)
    }

    /// The same, which the conventions of telemetry call like the catalogue does, where it says nothing else.
    pub(super) fn named(mut self, id: &str) -> Self {
        if self.telemetry_name.is_empty() {
            self.telemetry_name = id.into();
        }
        self
    }

    /// Whether a channel has to say where the provider is.
    pub fn needs_base_url(&self) -> bool {
        self.base_url.is_none() && self.transport == Transport::Http
    }

    /// Which key cannot be used, and what it must be.
    pub(super) fn check(&self) -> Result<(), (String, &'static str)> {
        if self.base_url.as_deref().is_some_and(|url| base(url).is_none()) {
            return Err(("base_url".into(), "must be an http or https URL without query and credentials"));
        }
        if self.paths.is_empty() {
            return Err(("paths".into(), "must name at least one wire format"));
        }
        for (name, value) in &self.headers {
            if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                return Err((format!("headers.{name}"), "must be a header's name and value"));
            }
        }
        match &self.auth {
            Auth::Header(name) if HeaderName::try_from(name).is_err() => {
                Err(("auth.header".into(), "must be a header's name"))
            }
            _ => Ok(()),
        }
    }
}

/// A URL that paths can be put under.
pub(crate) fn base(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.authority().is_some_and(|host| !host.host().is_empty() && !host.as_str().contains('@'));
    (web && host && uri.query().is_none() && !url.contains('#')).then_some(uri)
}

fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    BTreeMap::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
}
