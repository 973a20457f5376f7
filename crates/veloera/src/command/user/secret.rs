//! A password from whoever runs the command, or one that is made for them.

use std::io::Read;

use api::password::{PASSWORD_BYTES_MAX, Secret};

use crate::environment::Machine;

/// How many bytes of chance a password is made of.
const CHANCE_BYTES: usize = 16;

/// A password, and whether it is to be printed.
pub(super) enum Chosen {
    /// By whoever runs the command.
    Given(String),
    /// Here.
    Made(String),
}

impl Chosen {
    pub(super) fn read(from_stdin: bool) -> anyhow::Result<Self> {
        if !from_stdin {
            return Ok(Self::Made(hex::encode(&Machine::chance()?[..CHANCE_BYTES])));
        }
        let mut text = String::new();
        // One byte more than may be shows that there is too much.
        let bytes_max = u64::try_from(PASSWORD_BYTES_MAX + 3).unwrap_or(u64::MAX);
        std::io::stdin().lock().take(bytes_max).read_to_string(&mut text)?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Self::Given(text.strip_suffix('\r').unwrap_or(text).to_owned()))
    }

    pub(super) fn secret(&self) -> Secret {
        let (Self::Given(text) | Self::Made(text)) = self;
        text.clone().into()
    }

    /// What is to be printed of it.
    pub(super) fn made(self) -> Option<String> {
        match self {
            Self::Given(_) => None,
            Self::Made(text) => Some(text),
        }
    }
}
