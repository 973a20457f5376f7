//! A call that is one too many, and what its client is told.

use std::fmt;

use domain::{GroupName, ModelName};
use thiserror::Error;

use super::Rates;

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metered {
    /// Calls within a minute.
    Requests,
    /// Tokens within a minute.
    Tokens,
    /// Calls at once.
    Concurrency,
    /// Whoever has limits, over all of them.
    Callers,
}

/// Whose limit it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limiter {
    /// The token's own.
    Token,
    /// Its user's, over all tokens.
    User,
    /// Of all who call as the group.
    Group(GroupName),
    /// Of everybody who asks for the model.
    Model(ModelName),
    /// Of everybody who is sent to the channel.
    Channel,
    /// This process'.
    Process,
}

/// A call that is one too many.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", self.told())]
pub struct Limited {
    /// Whose limit it is.
    pub limiter: Limiter,
    /// What there was too much of.
    pub metered: Metered,
    /// How much of it is allowed.
    pub limit: u64,
    /// When the call would be admitted, as far as is known now; never where it asks for more than is ever allowed.
    pub wait_ms: Option<u64>,
    /// What is left.
    pub rates: Rates,
}

impl Metered {
    /// Its name in figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Concurrency => "concurrent_calls",
            Self::Callers => "callers",
        }
    }
}

impl Limiter {
    /// The name of its kind in figures.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::User => "user",
            Self::Group(_) => "group",
            Self::Model(_) => "model",
            Self::Channel => "channel",
            Self::Process => "process",
        }
    }
}

impl fmt::Display for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("this key"),
            Self::User => f.write_str("the user of this key"),
            Self::Group(group) => write!(f, "the group `{group}` of this key"),
            Self::Model(model) => write!(f, "the model `{model}`"),
            Self::Channel => f.write_str("the provider"),
            Self::Process => f.write_str("this node"),
        }
    }
}

impl Limited {
    fn told(&self) -> String {
        let Self { limiter, metered, limit, wait_ms, .. } = self;
        match (metered, wait_ms) {
            (Metered::Requests, _) => {
                format!("{limiter} is limited to {limit} requests a minute; send them slower")
            }
            (Metered::Tokens, Some(_)) => {
                format!("{limiter} is limited to {limit} tokens a minute; send them slower")
            }
            (Metered::Tokens, None) => format!(
                "{limiter} is limited to {limit} tokens a minute, and this request may take more; make it shorter"
            ),
            (Metered::Callers, _) => "too many callers are counted here now; try again".to_owned(),
            (Metered::Concurrency, _) => {
                format!("{limiter} is limited to {limit} calls at once; end some first")
            }
        }
    }
}
