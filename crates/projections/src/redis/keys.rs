//! Where what is kept stands.

use eventlog::Sealer;

/// Every key of one installation is in the same place, so that one script may use all of them.
const PREFIX: &str = "veloera:{models-";

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// How far a generation has come: no rows, but first among its keys.
    Place = 1,
    /// By the hash of their key.
    Tokens,
    /// Those hashes, by token.
    Hashes,
    Users,
    Groups,
    /// All of them in one value.
    Channels,
}

impl Rows {
    const ALL: [Self; 6] =
        [Self::Place, Self::Tokens, Self::Hashes, Self::Users, Self::Groups, Self::Channels];

    /// What the key of these ends with.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Place => ":place",
            Self::Tokens => ":tokens",
            Self::Hashes => ":hashes",
            Self::Users => ":users",
            Self::Groups => ":groups",
            Self::Channels => ":channels",
        }
    }

    /// Its number among the keys of a script.
    pub(super) fn number(self) -> String {
        (self as u8).to_string()
    }
}

/// The keys of whoever holds the master key.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn of(sealer: &Sealer) -> Self {
        Self { prefix: format!("{PREFIX}{}}}:", sealer.mark_key_id()) }
    }

    /// Names the generation that readers use.
    pub(super) fn active(&self) -> String {
        format!("{}active", self.prefix)
    }

    /// What the keys of a generation begin with, before its name.
    pub(super) fn generations(&self) -> String {
        format!("{}of:", self.prefix)
    }

    pub(super) fn key(&self, generation: &str, rows: Rows) -> String {
        format!("{}{generation}{}", self.generations(), rows.ending())
    }

    /// All keys of a generation, in the order of the scripts.
    pub(super) fn all(&self, generation: &str) -> Vec<String> {
        Rows::ALL.iter().map(|rows| self.key(generation, *rows)).collect()
    }
}
