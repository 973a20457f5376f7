//! The configuration: `veloera.toml` < environment < flags, each key checked, each error with the key's name.

mod otlp;
mod settings;
#[cfg(test)]
mod tests;
mod token_cache;

use std::{
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use axum::http::HeaderValue;
use cluster::{ControlUrls, UrlsError};
use eventlog::{Database, DatabaseUrlError};
use ledger::{JournalSync, LEASE_TTL_MS, LEASE_TTL_MS_MIN};
use projections::TokenCacheOptions;
use serde::Deserialize;
use thiserror::Error;

pub(crate) use self::otlp::Otlp;
use self::settings::Raw;
pub(crate) use self::settings::SETTINGS;
use crate::environment::Environment;

/// The file that is read where no other is named.
const FILE: &str = "veloera.toml";
/// The longest time-out, in milliseconds: a day.
const TIMEOUT_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// The smallest journal, in bytes: four files.
const JOURNAL_BYTES_MIN: u64 = 4 * ledger::journal::SEGMENT_BYTES as u64;
/// The smallest file of a journal, in bytes: twice the largest record.
const JOURNAL_SEGMENT_BYTES_MIN: u64 = 512 * 1024;
const JOURNAL_SEGMENT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The largest journal, in bytes: 1 TiB.
const JOURNAL_BYTES_MAX: u64 = 1 << 40;
const METRICS_KEY_BYTES_MIN: usize = 16;
const RELAY_THREADS_MAX: u64 = 256;
/// What a reservation must outlive: the process, or a power loss.
const JOURNAL_SYNCS: [(&str, JournalSync); 2] = [("os", JournalSync::Os), ("group", JournalSync::Group)];

/// All calls are traced.
const TRACE_SAMPLES_MAX: u64 = 1_000_000;
const TRACE_SAMPLES: u64 = 10_000;

const ROLES: [(&str, Role); 3] = [("all", Role::All), ("control", Role::Control), ("relay", Role::Relay)];
/// An hour.
const LEASE_TTL_MS_MAX: u64 = 60 * 60 * 1_000;
/// A minute.
const STALE_CALLERS_MS: u64 = 60_000;

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The file that was named is not there, or cannot be read.
    #[error("the configuration {path} cannot be read: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{path}: {source}")]
    Toml {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// A variable that nothing reads.
    #[error("VELOERA_{name} is not a setting; the settings are {known}")]
    Unknown {
        /// Without the prefix.
        name: String,
        /// All that there are.
        known: String,
    },
    /// A value that does not fit.
    #[error("`{key}` must be {must}, not {value:?}")]
    Value {
        /// Which setting.
        key: &'static str,
        /// What it must be.
        must: &'static str,
        /// What it is.
        value: String,
    },
}

/// What a log line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One object a line.
    Json,
}

/// What a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything, in one process.
    #[default]
    All,
    /// Has the database and decides; carries no calls.
    Control,
    /// Carries calls, and has no database.
    Relay,
}

/// All settings, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) role: Role,
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    /// Where the control nodes are, for a relay node.
    pub(crate) control_url: Option<ControlUrls>,
    /// What lets a relay node in the first time.
    pub(crate) join_token: Option<String>,
    /// For how long a relay node that hears nothing lets callers in.
    pub(crate) stale_callers_ms: u64,
    /// How a relay node keeps rows of tokens in memory.
    pub(crate) token_cache: TokenCacheOptions,
    /// Where a NATS server is that tells relay nodes what happens, if any.
    pub(crate) nats_url: Option<NatsUrl>,
    /// Where a Redis server is by which nodes count together, and which is kept up with the control log, if any.
    pub(crate) redis_url: Option<RedisUrl>,
    /// Where the logs are, if not in a file of the data directory.
    pub(crate) database_url: Option<DatabaseUrl>,
    pub(crate) master_key: Option<String>,
    pub(crate) providers_file: Option<PathBuf>,
    /// How long quota that a node has leased is good for.
    pub(crate) lease_ttl_ms: u64,
    pub(crate) journal_sync: JournalSync,
    pub(crate) journal_bytes_max: u64,
    pub(crate) journal_segment_bytes: usize,
    pub(crate) log_format: LogFormat,
    pub(crate) log_filter: String,
    pub(crate) first_byte_timeout_ms: u64,
    pub(crate) idle_timeout_ms: u64,
    pub(crate) total_timeout_ms: u64,
    pub(crate) drain_timeout_ms: u64,
    pub(crate) cors_origins: Vec<HeaderValue>,
    /// Where traces, metrics and logs are sent, if anywhere.
    pub(crate) otlp: Option<Otlp>,
    /// How many calls of a million are traced.
    pub(crate) trace_samples_per_million: u32,
    /// What whoever reads the metrics must show, if anything.
    pub(crate) metrics_key: Option<String>,
    /// How many threads carry calls; by the machine's cores where nothing is said.
    pub(crate) relay_threads: Option<usize>,
}

/// A database's address that was checked. It may hold a password: it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    pub(crate) fn database(&self) -> Result<Database, DatabaseUrlError> {
        self.0.parse()
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

/// Addresses of NATS servers. They may hold a password: they are never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NatsUrl(pub(crate) String);

impl std::fmt::Debug for NatsUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NatsUrl")
    }
}

/// The address of a Redis server that was checked. It may hold a password: it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RedisUrl(pub(crate) String);

impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisUrl")
    }
}

/// Settings from the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) role: Option<String>,
    pub(crate) listen: Option<String>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) database_url: Option<String>,
    pub(crate) control_url: Option<String>,
}

/// A string or a whole number: variables know only text.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "TextOrNumber")]
struct Text(String);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a string or a whole number")]
enum TextOrNumber {
    Text(String),
    Number(i64),
}

impl From<TextOrNumber> for Text {
    fn from(value: TextOrNumber) -> Self {
        match value {
            TextOrNumber::Text(text) => Self(text),
            TextOrNumber::Number(number) => Self(number.to_string()),
        }
    }
}

impl Config {
    /// Reads all three sources.
    pub(crate) fn read(
        file: Option<&Path>,
        environment: Environment,
        flags: Flags,
    ) -> Result<Self, ConfigError> {
        let mut raw = read_file(file)?;
        // A bad value is an error even where a later source has a better one: it is wrong where it stands.
        raw.clone().check(PathBuf::new())?;
        for (name, value) in environment.0 {
            if !raw.set(&name, value) {
                let known =
                    SETTINGS.iter().map(|setting| setting.key.to_uppercase()).collect::<Vec<_>>().join(", ");
                return Err(ConfigError::Unknown { name: name.to_uppercase(), known });
            }
        }
        raw.clone().check(PathBuf::new())?;
        raw.role = flags.role.map(Text).or(raw.role);
        raw.listen = flags.listen.map(Text).or(raw.listen);
        raw.database_url = flags.database_url.map(Text).or(raw.database_url);
        raw.control_url = flags.control_url.map(Text).or(raw.control_url);
        let data_dir = flags.data_dir.or(raw.data_dir.take().map(|text| text.0.into()));
        raw.check(data_dir.unwrap_or_else(|| "data".into()))
    }
}

impl Config {
    /// Where a relay node's control nodes are; nothing for every other node. What is of another role is no setting of
    /// this one: whoever gives it means something that would not come to pass.
    pub(crate) fn control_nodes(&self) -> Result<Option<&ControlUrls>, ConfigError> {
        let misplaced = |key, must| ConfigError::Value { key, must, value: "what was given".into() };
        if self.role != Role::Relay {
            return match (&self.control_url, &self.join_token) {
                (None, None) => Ok(None),
                (Some(_), _) => {
                    Err(misplaced("control_url", "left out: only a relay node has control nodes"))
                }
                (None, Some(_)) => Err(misplaced("join_token", "left out: only a relay node joins others")),
            };
        }
        if self.database_url.is_some() {
            return Err(misplaced("database_url", "left out: a relay node has no database"));
        }
        let must = "where the control nodes are, such as https://control.example:3000";
        let missing = || ConfigError::Value { key: "control_url", must, value: "nothing".into() };
        self.control_url.as_ref().map(Some).ok_or_else(missing)
    }
}

fn read_file(named: Option<&Path>) -> Result<Raw, ConfigError> {
    let path = named.unwrap_or(Path::new(FILE)).to_owned();
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            toml::from_str(&text).map_err(|source| ConfigError::Toml { path, source: Box::new(source) })
        }
        Err(source) if named.is_none() && source.kind() == std::io::ErrorKind::NotFound => Ok(Raw::default()),
        Err(source) => Err(ConfigError::File { path, source }),
    }
}

impl Raw {
    fn check(self, data_dir: PathBuf) -> Result<Config, ConfigError> {
        let role = one_of("role", self.role, &ROLES, "all, control or relay")?.unwrap_or_default();
        let formats = [("human", LogFormat::Human), ("json", LogFormat::Json)];
        let listen = self.listen.map_or_else(|| "127.0.0.1:3000".to_owned(), |text| text.0);
        Ok(Config {
            role,
            control_url: control_url(self.control_url)?,
            join_token: self.join_token.map(|text| text.0),
            stale_callers_ms: ms("stale_callers_ms", self.stale_callers_ms, STALE_CALLERS_MS)?,
            token_cache: token_cache::read(
                self.token_cache_entries,
                self.token_cache_ttl_ms,
                self.token_cache_policy,
            )?,
            listen: listen.parse().map_err(|_| ConfigError::Value {
                key: "listen",
                must: "an address and a port such as 127.0.0.1:3000",
                value: listen,
            })?,
            data_dir,
            nats_url: self.nats_url.map(|text| NatsUrl(text.0)),
            redis_url: redis_url(self.redis_url)?,
            database_url: database_url(self.database_url)?,
            master_key: self.master_key.map(|text| text.0),
            lease_ttl_ms: within(
                "lease_ttl_ms",
                self.lease_ttl_ms,
                LEASE_TTL_MS_MIN..=LEASE_TTL_MS_MAX,
                "10000 to 3600000 milliseconds",
            )?
            .unwrap_or(LEASE_TTL_MS),
            journal_sync: one_of("journal_sync", self.journal_sync, &JOURNAL_SYNCS, "os or group")?
                .unwrap_or_default(),
            journal_bytes_max: within(
                "journal_bytes_max",
                self.journal_bytes_max,
                JOURNAL_BYTES_MIN..=JOURNAL_BYTES_MAX,
                "16777216 to 1099511627776 bytes",
            )?
            .unwrap_or(ledger::journal::BYTES_MAX),
            journal_segment_bytes: within(
                "journal_segment_bytes",
                self.journal_segment_bytes,
                JOURNAL_SEGMENT_BYTES_MIN..=JOURNAL_SEGMENT_BYTES_MAX,
                "524288 to 268435456 bytes",
            )?
            .map_or(ledger::journal::SEGMENT_BYTES, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            providers_file: self.providers_file.map(|text| text.0.into()),
            log_format: one_of("log_format", self.log_format, &formats, "human or json")?
                .unwrap_or(LogFormat::Human),
            log_filter: self.log_filter.map_or_else(|| "info,sqlx=warn".to_owned(), |text| text.0),
            first_byte_timeout_ms: ms("first_byte_timeout_ms", self.first_byte_timeout_ms, 120_000)?,
            idle_timeout_ms: ms("idle_timeout_ms", self.idle_timeout_ms, 120_000)?,
            total_timeout_ms: ms("total_timeout_ms", self.total_timeout_ms, 900_000)?,
            drain_timeout_ms: ms("drain_timeout_ms", self.drain_timeout_ms, 30_000)?,
            cors_origins: origins(self.cors_origins)?,
            otlp: otlp::read(self.otlp_endpoint, self.otlp_headers)?,
            trace_samples_per_million: u32::try_from(
                within(
                    "trace_samples_per_million",
                    self.trace_samples_per_million,
                    0..=TRACE_SAMPLES_MAX,
                    "0 to 1000000",
                )?
                .unwrap_or(TRACE_SAMPLES),
            )
            .unwrap_or(u32::MAX),
            metrics_key: metrics_key(self.metrics_key)?,
            relay_threads: within("relay_threads", self.relay_threads, 1..=RELAY_THREADS_MAX, "1 to 256")?
                .and_then(|threads| usize::try_from(threads).ok()),
        })
    }
}

fn database_url(text: Option<Text>) -> Result<Option<DatabaseUrl>, ConfigError> {
    let Some(url) = text.map(|text| DatabaseUrl(text.0)) else { return Ok(None) };
    match url.database() {
        Ok(_) => Ok(Some(url)),
        // Not the value: it may hold a password.
        Err(_) => Err(ConfigError::Value {
            key: "database_url",
            must: "postgres://user:password@host:5432/name or sqlite:path/to/file.db",
            value: "what was given".into(),
        }),
    }
}

fn redis_url(text: Option<Text>) -> Result<Option<RedisUrl>, ConfigError> {
    let Some(Text(url)) = text else { return Ok(None) };
    if cluster::redis::is_address(&url) {
        return Ok(Some(RedisUrl(url)));
    }
    // Not the value: it may hold a password.
    let must = "redis://user:password@host:6379, or rediss:// for TLS";
    Err(ConfigError::Value { key: "redis_url", must, value: "what was given".into() })
}

fn control_url(text: Option<Text>) -> Result<Option<ControlUrls>, ConfigError> {
    let Some(Text(text)) = text else { return Ok(None) };
    match text.parse() {
        Ok(urls) => Ok(Some(urls)),
        Err(UrlsError) => Err(ConfigError::Value {
            key: "control_url",
            must: "1 to 16 addresses such as https://control.example:3000, separated by commas",
            value: text,
        }),
    }
}

fn one_of<T: Copy>(
    key: &'static str,
    text: Option<Text>,
    values: &[(&str, T)],
    must: &'static str,
) -> Result<Option<T>, ConfigError> {
    let Some(Text(text)) = text else { return Ok(None) };
    match values.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(Some(*value)),
        None => Err(ConfigError::Value { key, must, value: text }),
    }
}

/// Web pages by their origins, separated by commas; `*` is every page.
fn origins(text: Option<Text>) -> Result<Vec<HeaderValue>, ConfigError> {
    let Some(Text(text)) = text else { return Ok(Vec::new()) };
    let origin = |origin: &str| {
        let is_web = ["http://", "https://"].iter().any(|scheme| {
            origin.strip_prefix(scheme).is_some_and(|host| {
                !host.is_empty() && !host.contains(|c: char| c == '/' || c.is_whitespace())
            })
        });
        if origin == "*" || is_web { HeaderValue::try_from(origin).ok() } else { None }
    };
    let origins: Option<Vec<_>> = text.split(',').map(|part| origin(part.trim())).collect();
    origins.ok_or(ConfigError::Value {
        key: "cors_origins",
        must: "origins such as https://app.example, separated by commas, or *",
        value: text,
    })
}

/// Long enough not to be guessed; never printed.
fn metrics_key(text: Option<Text>) -> Result<Option<String>, ConfigError> {
    let Some(Text(text)) = text else { return Ok(None) };
    if text.len() >= METRICS_KEY_BYTES_MIN && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(text));
    }
    let must = "at least 16 visible ASCII characters";
    Err(ConfigError::Value { key: "metrics_key", must, value: "what was given".into() })
}

fn ms(key: &'static str, text: Option<Text>, default: u64) -> Result<u64, ConfigError> {
    Ok(within(key, text, 1..=TIMEOUT_MS_MAX, "1 to 86400000 milliseconds")?.unwrap_or(default))
}

fn within(
    key: &'static str,
    text: Option<Text>,
    range: RangeInclusive<u64>,
    must: &'static str,
) -> Result<Option<u64>, ConfigError> {
    let Some(Text(text)) = text else { return Ok(None) };
    match text.parse() {
        Ok(value) if range.contains(&value) => Ok(Some(value)),
        Ok(_) | Err(_) => Err(ConfigError::Value { key, must, value: text }),
    }
}
