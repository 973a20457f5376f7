//! The way to a Redis server, which may be away: what it says is never waited for by a call.

use std::time::Duration;

use fred::{
    clients::Client,
    interfaces::ClientLike,
    types::{
        Builder,
        config::{Config, ReconnectPolicy},
    },
};

/// What an address begins with: one server or a cluster, with or without TLS.
const SCHEMES: [&str; 4] = ["redis://", "rediss://", "redis-cluster://", "rediss-cluster://"];
/// How long a connection may take to stand.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// How long to wait before the next connection, in milliseconds.
const AGAIN_MS: u32 = 250;

/// Whether `url` can be the address of a Redis server.
pub fn is_address(url: &str) -> bool {
    SCHEMES.iter().any(|scheme| url.starts_with(scheme)) && Config::from_url(url).is_ok()
}

/// Connects to the server at `url` and again whenever it was away, without end; waits for nothing.
///
/// # Errors
/// When the address cannot be one.
pub fn connect(url: &str) -> Result<Client, fred::error::Error> {
    // Away at first is away for now.
    let config = Config { fail_fast: false, ..Config::from_url(url)? };
    let client = Builder::from_config(config)
        .with_connection_config(|connection| {
            connection.connection_timeout = CONNECT_MAX;
            connection.internal_command_timeout = ANSWER_MAX;
            connection.max_command_attempts = 1;
        })
        .with_performance_config(|performance| performance.default_command_timeout = ANSWER_MAX)
        .set_policy(ReconnectPolicy::new_constant(0, AGAIN_MS))
        .build()?;
    // It goes on by itself.
    drop(client.connect());
    Ok(client)
}
