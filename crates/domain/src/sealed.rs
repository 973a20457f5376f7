//! A value that is stored encrypted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ciphertext in its text form. The domain moves it around; only the log's sealer makes and opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Sealed(pub String);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(…)")
    }
}
