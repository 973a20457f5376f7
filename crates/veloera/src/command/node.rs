//! `veloera node`: lets other nodes in. Works beside a running server: a join token is kept nowhere.

use std::io::Write;

use anyhow::bail;
use clap::{Args, Subcommand};
use cluster::JoinToken;

use super::Place;
use crate::{config::Flags, data_dir::DataDir, environment::Machine};

/// The longest that a join token is good for, in hours: a year.
const TTL_HOURS_MAX: u64 = 365 * 24;
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// Lets other nodes in.
#[derive(Debug, Subcommand)]
pub(super) enum NodeCommands {
    /// Prints a token with which nodes may enrol until it expires.
    Token(Token),
}

#[derive(Args, Debug)]
pub(super) struct Token {
    #[command(flatten)]
    place: Place,
    /// For how long it is good.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=TTL_HOURS_MAX))]
    ttl_hours: u64,
}

impl NodeCommands {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self::Token(token) = self;
        Ok(writeln!(std::io::stdout(), "{}", token.make()?)?)
    }
}

impl Token {
    fn make(self) -> anyhow::Result<String> {
        let config = self.place.config(Flags::default())?;
        let data_dir = DataDir::of(&config);
        // One that is made here and now would be known to no server.
        if config.master_key.is_none() && !data_dir.has_master_key() {
            bail!(
                "there is no master key in {}; name the data directory of a control node with --data-dir, or set \
                 VELOERA_MASTER_KEY",
                data_dir.path().display()
            );
        }
        let sealer = data_dir.sealer(config.master_key.as_deref())?;
        let expires_at = Machine::now().plus_ms(self.ttl_hours.saturating_mul(HOUR_MS));
        Ok(JoinToken::make(&sealer, expires_at)?.text)
    }
}
