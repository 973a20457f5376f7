//! Shapes that stored events and this interface share: the document says of them what the domain does.

use std::borrow::Cow;

use domain::{
    CallLimits,
    budget::Period,
    price::Price,
    settings::{GroupRules, ModelRules, Strategy},
};
use schemars::{JsonSchema, generate::SchemaSettings, transform::RecursiveTransform};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, RefOr, Schema},
};

macro_rules! stored {
    ($($name:ident of $shape:ty = $text:literal;)*) => {$(
        /// Stands for the domain's own in the document.
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                schema::<$shape>()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $text.into()
            }
        }
    )*};
}

stored! {
    PriceSchema of Price = "Price";
    PeriodSchema of Period = "Period";
    StrategySchema of Strategy = "Strategy";
    UserLimitsSchema of CallLimits = "UserLimits";
    LimitsSchema of CallLimits = "Limits";
    GroupRulesSchema of GroupRules = "GroupRules";
    GroupRulesPatchSchema of Option<GroupRules> = "GroupRulesPatch";
    ModelRulesSchema of ModelRules = "ModelRules";
    ModelRulesPatchSchema of Option<ModelRules> = "ModelRulesPatch";
}

fn schema<T: JsonSchema>() -> RefOr<Schema> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let settings = settings.with_transform(RecursiveTransform(one_of_one));
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(members) = schema.as_object_mut() {
        members.remove("title");
    }
    // A schema that could not be read would be one of anything, and the test below says so.
    serde_json::from_value(schema).unwrap_or_else(|_| RefOr::T(Schema::Object(Object::new())))
}

/// The document's own types know a list of values, and no single one.
fn one_of_one(schema: &mut schemars::Schema) {
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_owned(), serde_json::json!([value]));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    use super::{GroupRulesSchema, PeriodSchema, PriceSchema, StrategySchema, UserLimitsSchema};

    fn written<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).unwrap()
    }

    #[test]
    fn the_document_says_of_a_price_what_the_domain_does() {
        let schema = written::<PriceSchema>();
        assert_eq!(schema["additionalProperties"], json!(false), "{schema:#}");
        let input = &schema["properties"]["rates"]["properties"]["input"];
        assert_eq!(input["maximum"], json!(9_007_199_254_740_991_u64), "{input}");
        assert_eq!(schema["properties"]["tiers"]["type"], "array");
        assert!(schema["properties"]["service_tiers"]["additionalProperties"].is_object());
    }

    #[test]
    fn and_of_the_length_of_windows() {
        let schema = written::<PeriodSchema>().to_string();
        assert!(
            ["hour", "day", "week", "month", "total"].iter().all(|name| schema.contains(name)),
            "{schema}"
        );
    }

    #[test]
    fn and_of_the_rules_of_groups() {
        let strategy = written::<StrategySchema>().to_string();
        assert!(strategy.contains("weighted_random") && strategy.contains("round_robin"), "{strategy}");
        let limits = written::<UserLimitsSchema>();
        assert_eq!(limits["properties"]["requests_per_minute"]["minimum"], json!(1), "{limits:#}");
        let rules = written::<GroupRulesSchema>().to_string();
        assert!(rules.contains("round_robin") && rules.contains("concurrent_calls"), "{rules}");
    }
}
