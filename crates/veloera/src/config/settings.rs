//! Every setting: its key, what it is where nothing is said, and what it means. `docs/configuration.md` is written from this.

use serde::Deserialize;

use super::Text;

/// One setting, for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    /// What it is where nothing is said, in Markdown.
    pub(crate) default: &'static str,
    /// What it means, in Markdown.
    pub(crate) meaning: &'static str,
}

macro_rules! settings {
    ($($key:ident: $default:literal, $meaning:literal;)*) => {
        /// The file as it stands: every key may be missing, no other may be there.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Raw {
            $(pub(super) $key: Option<Text>,)*
        }

        /// In the order in which people read them.
        pub(crate) const SETTINGS: &[Setting] =
            &[$(Setting { key: stringify!($key), default: $default, meaning: $meaning },)*];

        impl Raw {
            pub(super) fn set(&mut self, key: &str, value: String) -> bool {
                match key {
                    $(stringify!($key) => self.$key = Some(Text(value)),)*
                    _ => return false,
                }
                true
            }
        }
    };
}

settings! {
    role: "`all`", "`all`: one process that does everything; `control`: the database and everything that is decided, no calls; `relay`: calls, no database ([cluster](cluster.md)); `--role`";
    control_url: "none", "for a relay node: where the control nodes are, 1 to 16 addresses such as `https://control.example:3000`, with commas between them";
    join_token: "none", "for a relay node: what lets it in the first time (`veloera node token`)";
    stale_callers_ms: "60000", "for a relay node: for how long it lets callers in while it hears of no control node";
    token_cache_entries: "65536", "for a relay node: how many tokens that calls asked for it keeps whole in memory, 1 to 10000000. Of every other it knows there that it exists, and reads the rest from its disk ([cluster](cluster.md#what-a-relay-node-knows-of-tokens))";
    token_cache_ttl_ms: "600000", "for how long, where nothing changes it before";
    token_cache_policy: "`tiny_lfu`", "which of them goes when there is no room: `tiny_lfu` one that is seldom asked for, `lru` the one that was not asked for longest";
    listen: "`127.0.0.1:3000`", "address and port; `--listen`";
    data_dir: "`data`", "the database, the journal, the master key; `--data-dir`. One directory serves one process";
    nats_url: "none", "a NATS server with JetStream, 2.9.10 or newer, that carries what happens to relay nodes: `nats://user:password@host:4222`, several with commas between them. Without it relay nodes ask control nodes alone";
    redis_url: "none", "a Redis server, 6.2 or newer, by which nodes [count limits together](cluster.md#limits-on-several-nodes) and which those with the database [keep up with what they know](cluster.md#what-redis-holds): `redis://user:password@host:6379`, `rediss://` for TLS. It keeps nothing that cannot be lost";
    database_url: "`veloera.db` in the data directory", "`postgres://user:password@host:5432/name`, or `sqlite:path/to/file.db`; also `--database-url`. Postgres 15 or newer; `synchronous_commit` must not be `off`";
    lease_ttl_ms: "60000", "for whoever has the database: how long quota is good for that a node has leased. A node that cannot reach it goes on for so long at most; one that is gone keeps what it leased for so long, and `total_timeout_ms` beyond";
    journal_sync: "`os`", "what a reservation outlives: `os` a process that dies (the disk follows within 50 ms); `group` a power loss too: a call is sent when the disk has it, one sync for all that wait";
    journal_bytes_max: "1073741824", "how much of the journal may wait for the ledger, in bytes; beyond it new calls answer 503, open ones end. A quarter of it is kept for a day after it was taken in";
    journal_segment_bytes: "4194304", "how large one file of the journal is, in bytes; it is allocated whole before it is used, and in memory while it is";
    master_key: "made in `<data_dir>/master.key`", "64 hexadecimal digits; without it what is sealed stays sealed. Every node of a cluster is given the same";
    providers_file: "none", "a TOML file laid over the built-in catalogue of providers";
    log_format: "`human`", "`human` or `json`";
    log_filter: "`info,sqlx=warn`", "which log lines are written, such as `info,relay=debug`";
    first_byte_timeout_ms: "120000", "how long a provider may take until its answer begins";
    idle_timeout_ms: "120000", "how long an answer may pause";
    total_timeout_ms: "900000", "how long a call may take in all";
    drain_timeout_ms: "30000", "how long open calls may take after the process was asked to end";
    relay_threads: "one per core", "how many threads carry calls";
    cors_origins: "none", "web pages of others that may ask, such as `https://app.example`, with commas between them; `*` is every page";
    otlp_endpoint: "none", "where an OpenTelemetry collector takes traces, metrics and logs (OTLP over HTTP), such as `http://collector:4318` ([telemetry](telemetry.md)). Without it none are sent";
    otlp_headers: "none", "what is sent with them, `name=value` with commas between them: it may be a credential";
    trace_samples_per_million: "10000", "how many calls of a million are traced, of those whose clients send no `traceparent`; where one is sent, it decides";
    metrics_key: "none", "what whoever reads `/metrics` must show as bearer token, 16 characters or more; without it anyone who reaches the port may read them";
}
