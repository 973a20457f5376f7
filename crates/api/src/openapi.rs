//! The OpenAPI document: what the routes say of themselves, and what they all have in common.

mod shared;
mod stored;

use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

pub(crate) use self::stored::{
    GroupRulesPatchSchema, GroupRulesSchema, LimitsSchema, ModelRulesPatchSchema, ModelRulesSchema,
    PeriodSchema, PriceSchema, StrategySchema, UserLimitsSchema,
};
use crate::{client::respond::ClientErrorView, problem::ProblemView, router};

/// The frame that the routes fill.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Veloera",
        description = "An AI API gateway. API clients find what they know from OpenAI under `/v1`; everything else is \
                       under `/api/v1`.\n\nAmounts are whole billionths of a US dollar. A write may carry an \
                       `Idempotency-Key`: sent again within ten minutes it gets the same answer and is carried out once. \
                       It answers `Veloera-Position`; a read that sends it on as `If-Position-At-Least` sees what the \
                       write has done.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "client", description = "For API clients, in OpenAI's format"),
        (name = "auth", description = "Signing in, staying, signing out"),
        (name = "me", description = "Whoever asks"),
        (name = "sessions", description = "Who is signed in"),
        (name = "users", description = "People and programs that sign in"),
        (name = "groups", description = "Classes of users and channels, each with its price ratio"),
        (name = "channels", description = "Our accounts with providers"),
        (name = "tokens", description = "The credentials of API clients"),
        (name = "accounts", description = "Whoever pays"),
        (name = "budgets", description = "So much in each window of time, for a token, a user or a group"),
        (name = "calls", description = "The usage log"),
        (name = "models", description = "What there is to be asked for, and what it costs"),
        (name = "prices", description = "The operator's own prices, laid over the catalogue"),
        (name = "settings", description = "What holds for the whole installation"),
        (name = "events", description = "The logs, as they stand"),
        (name = "nodes", description = "Machines that carry calls and have no database"),
        (name = "operations", description = "For those who run the node")
    ),
    components(schemas(ProblemView, ClientErrorView)),
    modifiers(&Keys)
)]
struct Frame;

/// The credentials.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = |what: &str| {
            SecurityScheme::Http(
                HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what)).build(),
            )
        };
        let header = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
        components.add_security_scheme(
            shared::ADMIN_KEY,
            bearer("An admin key, `vk-…`, or an access token from `/api/v1/auth/login`"),
        );
        components.add_security_scheme(shared::API_KEY, bearer("A token's key, `sk-…`"));
        for (scheme, name) in shared::API_KEY_HEADERS {
            components.add_security_scheme(scheme, header(name));
        }
    }
}

/// The document, in step with the router: both are made of the same routes.
pub fn openapi() -> Document {
    let routes = [
        router::client().into_openapi(),
        router::admin().into_openapi(),
        router::operations().into_openapi(),
    ];
    let mut document = Frame::openapi();
    for routes in routes {
        document.merge(routes);
    }
    shared::completed(document)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::{openapi, router};

    fn operations() -> Vec<(String, String, Value)> {
        let document: Value = serde_json::from_str(&openapi().to_json().unwrap()).unwrap();
        let paths = document["paths"].as_object().unwrap().clone();
        paths
            .into_iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().clone();
                methods.into_iter().map(move |(method, operation)| (path.clone(), method, operation))
            })
            .collect()
    }

    #[test]
    fn the_document_is_of_version_3_1_and_every_reference_in_it_leads_somewhere() {
        let text = openapi().to_json().unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn a_name_stands_for_one_shape() {
        let (client, operations) = (router::client().into_openapi(), router::operations().into_openapi());
        let parts = [client, router::admin().into_openapi(), operations];
        let mut known = BTreeMap::new();
        for part in parts {
            let components = part.components.unwrap_or_default();
            for (name, schema) in components.schemas {
                let schema = serde_json::to_value(schema).unwrap();
                let other = known.insert(name.clone(), schema.clone());
                assert!(other.is_none_or(|other| other == schema), "two shapes are called {name}");
            }
        }
    }

    #[test]
    fn every_operation_has_an_id_of_its_own() {
        let operations = operations();
        let ids: BTreeSet<String> =
            operations.iter().map(|(_, _, operation)| operation["operationId"].to_string()).collect();
        assert_eq!(ids.len(), operations.len(), "{ids:?}");
    }

    #[test]
    fn every_operation_says_who_may_come_and_how_it_fails() {
        for (path, method, operation) in operations() {
            if path.starts_with("/api/v1") || path.starts_with("/v1") {
                assert!(operation["security"].is_array(), "{method} {path}");
                assert!(operation["responses"]["401"].is_object(), "{method} {path}");
            }
            assert!(operation["summary"].is_string(), "{method} {path}");
        }
    }

    #[test]
    fn only_what_is_there_already_can_be_at_another_version() {
        for (path, method, operation) in operations() {
            let signs_in = path.starts_with("/api/v1/auth/");
            let changes = method != "get" && !signs_in && !path.ends_with("/test");
            let writes = path.starts_with("/api/v1") && changes;
            let can = writes && (path.contains('{') || path == "/api/v1/settings");
            assert_eq!(operation["responses"]["412"].is_object(), can, "{method} {path}");
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names: Vec<_> = parameters.map(|parameter| parameter["name"].as_str().unwrap()).collect();
            assert_eq!(names.contains(&"If-Match"), can, "{method} {path}");
            assert_eq!(names.contains(&"Idempotency-Key"), writes, "{method} {path}");
        }
    }

    #[test]
    fn wherever_a_password_is_guessed_at_too_many_guesses_are_told_of() {
        for (path, method, operation) in operations() {
            let guesses = path.starts_with("/api/v1/auth/") || path == "/api/v1/me/password";
            if path.starts_with("/api/v1/") {
                assert_eq!(operation["responses"]["429"].is_object(), guesses, "{method} {path}");
            }
        }
    }

    #[test]
    fn any_refusal_of_a_provider_is_an_error_that_clients_can_read() {
        let chat = operations().into_iter().find(|(path, ..)| path == "/v1/chat/completions").unwrap().2;
        assert_eq!(chat["responses"]["4XX"]["$ref"], "#/components/responses/ClientError");
    }
}
