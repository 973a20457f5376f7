//! A field that may be set, cleared or left, as in a JSON merge patch: for serde's `with`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes `null` for a field that is cleared.
///
/// # Errors
/// The serialiser's own.
pub fn serialize<T: Serialize, S: Serializer>(
    field: &Option<Option<T>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    field.as_ref().and_then(Option::as_ref).serialize(serializer)
}

/// Reads `null` as cleared; an absent field is left, by `#[serde(default)]`.
///
/// # Errors
/// The deserialiser's own.
pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
