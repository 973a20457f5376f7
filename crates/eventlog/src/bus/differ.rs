//! Whether a server does what it was asked.
//!
//! Servers before 2.12 ignore fields that they do not know, without a word: one that was asked for two filters may send
//! everything. So what is answered is compared with what was asked, field by field.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::BusError;

/// Refuses a configuration that differs from what was asked for.
pub(super) fn refuse_difference<C: Serialize>(name: &str, asked: &C, kept: &C) -> Result<(), BusError> {
    let (asked, kept) = (serde_json::to_value(asked)?, serde_json::to_value(kept)?);
    match difference(&asked, &kept) {
        Some(field) => Err(BusError::Ignored { name: name.to_owned(), field }),
        None => Ok(()),
    }
}

/// The first field that is not the same in both.
fn difference(asked: &Value, kept: &Value) -> Option<String> {
    let (Value::Object(asked), Value::Object(kept)) = (asked, kept) else { return None };
    let fields: BTreeSet<&String> = asked.keys().chain(kept.keys()).collect();
    fields.into_iter().find(|field| asked.get(*field) != kept.get(*field)).cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::difference;

    #[test]
    fn a_field_that_was_dropped_changed_or_added_is_named() {
        let asked = json!({"name": "A", "max_age": 5});
        assert_eq!(difference(&asked, &asked), None);
        assert_eq!(difference(&asked, &json!({"name": "A"})), Some("max_age".into()));
        assert_eq!(difference(&asked, &json!({"name": "A", "max_age": 0})), Some("max_age".into()));
        assert_eq!(
            difference(&asked, &json!({"name": "A", "max_age": 5, "sealed": true})),
            Some("sealed".into())
        );
    }
}
