//! The shape of a price, as the domain says it: stored events and this interface share it.

use std::borrow::Cow;

use domain::price::Price;
use schemars::generate::SchemaSettings;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, RefOr, Schema},
};

/// Stands for [`Price`] in the document.
pub(crate) struct PriceSchema;

impl PartialSchema for PriceSchema {
    fn schema() -> RefOr<Schema> {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let mut schema = settings.into_generator().into_root_schema_for::<Price>().to_value();
        if let Some(members) = schema.as_object_mut() {
            members.remove("title");
        }
        // A schema that could not be read would be one of anything, and the test below says so.
        serde_json::from_value(schema).unwrap_or_else(|_| RefOr::T(Schema::Object(Object::new())))
    }
}

impl ToSchema for PriceSchema {
    fn name() -> Cow<'static, str> {
        "Price".into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::PartialSchema;

    use super::PriceSchema;

    #[test]
    fn the_document_says_of_a_price_what_the_domain_does() {
        let schema = serde_json::to_value(PriceSchema::schema()).unwrap();
        assert_eq!(schema["additionalProperties"], json!(false), "{schema:#}");
        let input = &schema["properties"]["rates"]["properties"]["input"];
        assert_eq!(input["maximum"], json!(9_007_199_254_740_991_u64), "{input}");
        assert_eq!(schema["properties"]["tiers"]["type"], "array");
        assert!(schema["properties"]["service_tiers"]["additionalProperties"].is_object());
    }
}
