//! Names that people give: checked once, where they come in.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use thiserror::Error;

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// A name that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name must not be empty")]
    Empty,
    /// More than [`NAME_BYTES_MAX`] bytes.
    #[error("a name may have at most {NAME_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// A character that would not survive headers, logs or the database.
    #[error("a name must not contain control characters")]
    Control,
}

/// Checks what every name must be.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        Err(NameError::Empty)
    } else if name.len() > NAME_BYTES_MAX {
        Err(NameError::TooLong(name.len()))
    } else if name.chars().any(char::is_control) {
        Err(NameError::Control)
    } else {
        Ok(())
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// `name`, checked.
            ///
            /// # Errors
            /// What is wrong with it.
            pub fn new(name: &str) -> Result<Self, NameError> {
                check(name).map(|()| Self(name.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&name).map_err(D::Error::custom)
            }
        }
    )*};
}

names! {
    /// What an API client asks for: the name of an LLM.
    ModelName;
    /// A class of users and channels.
    GroupName;
}

impl GroupName {
    /// The group of whoever has no other.
    pub fn default_group() -> Self {
        Self("default".into())
    }
}
