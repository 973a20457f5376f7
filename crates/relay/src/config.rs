//! How long a call may take, and how much it may hold.

use domain::trace::Sampling;
use thiserror::Error;

/// The bounds of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayConfig {
    /// How long a connection may take to stand, TLS included.
    pub connect_timeout_ms: u64,
    /// How long an attempt may take until its answer begins.
    pub first_byte_timeout_ms: u64,
    /// How long an answer may pause.
    pub idle_timeout_ms: u64,
    /// How long a call may take, all attempts together.
    pub total_timeout_ms: u64,
    /// The longest answer in one piece.
    pub answer_bytes_max: usize,
    /// The longest list of embeddings: two thousand vectors of three thousand numbers, written out, are long.
    pub embeddings_bytes_max: usize,
    /// The most attempts of one call.
    pub attempts_max: u32,
    /// The most idle connections to one provider, of each runtime that carries calls.
    pub idle_connections_max: usize,
    /// Which calls are traced.
    pub sampling: Sampling,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            first_byte_timeout_ms: 120_000,
            idle_timeout_ms: 120_000,
            total_timeout_ms: 900_000,
            answer_bytes_max: 32 << 20,
            embeddings_bytes_max: 128 << 20,
            attempts_max: 6,
            idle_connections_max: 1_024,
            sampling: Sampling::NONE,
        }
    }
}

/// A bound that would let no call through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("`{0}` must be at least 1: with 0 no call would ever be answered")]
pub struct RelayConfigError(pub &'static str);

impl RelayConfig {
    pub(crate) fn check(&self) -> Result<(), RelayConfigError> {
        let bounds = [
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("first_byte_timeout_ms", self.first_byte_timeout_ms),
            ("idle_timeout_ms", self.idle_timeout_ms),
            ("total_timeout_ms", self.total_timeout_ms),
            ("answer_bytes_max", self.answer_bytes_max as u64),
            ("embeddings_bytes_max", self.embeddings_bytes_max as u64),
            ("attempts_max", u64::from(self.attempts_max)),
        ];
        match bounds.iter().find(|(_, bound)| *bound == 0) {
            Some((name, _)) => Err(RelayConfigError(name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RelayConfig, RelayConfigError};

    #[test]
    fn a_bound_of_nothing_is_refused_by_name() {
        assert_eq!(RelayConfig::default().check(), Ok(()));
        let none = RelayConfig { attempts_max: 0, ..RelayConfig::default() };
        assert_eq!(none.check(), Err(RelayConfigError("attempts_max")));
    }
}
