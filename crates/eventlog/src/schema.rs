//! The schema of each stored event, generated from its type, with a sample that today's code reads.

use domain::StoredEvent;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::StoreError;

/// One event type in one version.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSchema {
    /// Its type tag.
    pub event_type: &'static str,
    /// The version of its shape.
    pub version: u32,
    /// JSON Schema.
    pub schema: Value,
    /// A payload of that shape.
    pub sample: Value,
}

/// The schemas of every variant of `E`.
///
/// # Errors
/// When a sample cannot be written as JSON.
pub fn schemas_of<E: StoredEvent>() -> Result<Vec<EventSchema>, StoreError> {
    let root = SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<E>().to_value();
    let variants = root.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    E::samples()
        .into_iter()
        .map(|sample| {
            let tag = sample.tag();
            let schema = variants.iter().find(|variant| names(variant, tag)).cloned();
            Ok(EventSchema {
                event_type: tag,
                version: sample.schema_version(),
                schema: with_definitions(schema.unwrap_or(Value::Bool(false)), &root),
                sample: serde_json::to_value(&sample).map_err(StoreError::Encode)?,
            })
        })
        .collect()
}

fn names(variant: &Value, tag: &str) -> bool {
    variant.pointer("/properties/type/const").and_then(Value::as_str) == Some(tag)
}

fn with_definitions(mut schema: Value, root: &Value) -> Value {
    if let (Value::Object(members), Some(definitions)) = (&mut schema, root.get("$defs")) {
        members.insert("$schema".into(), root.get("$schema").cloned().unwrap_or(Value::Null));
        members.insert("$defs".into(), definitions.clone());
    }
    reachable(schema)
}

/// The schema without definitions that nothing in it refers to. Schemas that were released while all events of a kind
/// shared one list of definitions say the same as what is generated now, apart from these.
#[must_use]
pub fn reachable(mut schema: Value) -> Value {
    let Some(Value::Object(definitions)) = schema.as_object_mut().and_then(|members| members.remove("$defs"))
    else {
        return schema;
    };
    let mut kept = Map::new();
    let mut open = references(&schema);
    while let Some(name) = open.pop() {
        if let Some(definition) = definitions.get(&name).filter(|_| !kept.contains_key(&name)) {
            open.extend(references(definition));
            kept.insert(name, definition.clone());
        }
    }
    if let (Value::Object(members), false) = (&mut schema, kept.is_empty()) {
        members.insert("$defs".into(), kept.into());
    }
    schema
}

/// The names of the definitions that are referred to.
fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => {
            let own =
                members.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
            own.map(str::to_owned).into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(elements) => elements.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use domain::{StoredEvent, account::AccountEvent, channel::ChannelEvent};

    use serde_json::json;

    use super::{reachable, schemas_of};

    #[test]
    fn only_definitions_that_are_referred_to_are_kept() {
        let definitions = json!({
            "A": { "items": { "$ref": "#/$defs/B" } }, "B": { "$ref": "#/$defs/A" }, "C": { "$ref": "#/$defs/A" }
        });
        let schema = json!({ "properties": { "a": [{ "$ref": "#/$defs/A" }] }, "$defs": definitions });
        let kept = reachable(schema);
        let names: Vec<_> = kept["$defs"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["A", "B"]);
        assert_eq!(reachable(json!({ "type": "object", "$defs": definitions })), json!({ "type": "object" }));
    }

    #[test]
    fn every_variant_has_a_schema_of_its_own() {
        for schema in
            schemas_of::<AccountEvent>().unwrap().into_iter().chain(schemas_of::<ChannelEvent>().unwrap())
        {
            assert_eq!(schema.sample["type"], schema.event_type);
            assert_eq!(schema.schema["properties"]["type"]["const"], schema.event_type, "{schema:?}");
        }
        assert_eq!(schemas_of::<AccountEvent>().unwrap().len(), AccountEvent::samples().len());
    }
}
