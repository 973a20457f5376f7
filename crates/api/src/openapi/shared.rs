//! What operations have in common: credentials, headers and the ways to fail.

use utoipa::openapi::{
    Content, ContentBuilder, Object, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Type,
    header::HeaderBuilder,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::ObjectBuilder,
    security::SecurityRequirement,
};

pub(super) const ADMIN_KEY: &str = "admin_key";
pub(super) const API_KEY: &str = "api_key";
/// Where other clients put the key: the scheme and its header.
pub(super) const API_KEY_HEADERS: [(&str, &str); 3] =
    [("x_api_key", "x-api-key"), ("azure_api_key", "api-key"), ("x_goog_api_key", "x-goog-api-key")];

/// What such paths do changes nothing here, so there is nothing to be carried out once.
const ASKS: &str = "/test";
/// Where a password is guessed at too.
const OWN_PASSWORD: &str = "/api/v1/me/password";
const SETTINGS: &str = "/api/v1/settings";
const PROBLEM: &str = "Problem";
const CLIENT_ERROR: &str = "ClientError";
const READ_FAILS: &[&str] = &["400", "401", "403", "404", "500", "503"];
const SIGN_IN_FAILS: &[&str] = &["400", "401", "403", "408", "409", "413", "415", "422", "429", "500", "503"];
const CREATE_FAILS: &[&str] = &["400", "401", "403", "408", "409", "413", "415", "422", "500", "503"];
const ASK_FAILS: &[&str] = &["400", "401", "403", "404", "408", "413", "415", "422", "500", "503"];
const WRITE_FAILS: &[&str] =
    &["400", "401", "403", "404", "408", "409", "412", "413", "415", "422", "500", "503"];
/// What else a provider refuses a request with goes on to the client.
const CLIENT_FAILS: &[&str] =
    &["400", "401", "403", "404", "408", "413", "429", "4XX", "500", "502", "503", "504"];

/// `document`, with what its operations need not say one by one.
pub(super) fn completed(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        // What is there already has a version.
        let is_one = path.contains('{') || path == SETTINGS;
        let (read, write) =
            if is_one { (Does::ReadOne, Does::Write) } else { (Does::ReadMany, Does::Create) };
        let reads = item.get.as_mut().map(|operation| (operation, read));
        let writes = [item.post.as_mut(), item.put.as_mut(), item.patch.as_mut(), item.delete.as_mut()];
        let writes = writes.into_iter().flatten().map(|operation| (operation, write));
        let asks = path.ends_with(ASKS);
        for (operation, does) in reads.into_iter().chain(writes) {
            let does = if asks { Does::Ask } else { does };
            if path.starts_with("/api/v1/auth/") {
                complete_sign_in(operation);
            } else if path.starts_with("/api/v1/") {
                complete_admin(operation, does);
                if path == OWN_PASSWORD {
                    fails(operation, &["429"], PROBLEM);
                }
            } else if path.starts_with("/v1/") {
                complete_client(operation);
            }
        }
    }
    let components = document.components.get_or_insert_default();
    let problem = failure("What is wrong", "application/problem+json", "Problem");
    let client_error = failure("What is wrong, in OpenAI's format", "application/json", "ClientError");
    components.responses.insert(PROBLEM.to_owned(), problem.into());
    components.responses.insert(CLIENT_ERROR.to_owned(), client_error.into());
    document
}

/// What an operation does, as far as its headers go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    ReadMany,
    ReadOne,
    Ask,
    Create,
    Write,
}

impl Does {
    const fn fails(self) -> &'static [&'static str] {
        match self {
            Self::ReadMany | Self::ReadOne => READ_FAILS,
            Self::Create => CREATE_FAILS,
            Self::Ask => ASK_FAILS,
            Self::Write => WRITE_FAILS,
        }
    }
}

/// Handlers are called the same in each resource.
fn name(operation: &mut Operation) {
    if let (Some(id), Some(tag)) = (&operation.operation_id, operation.tags.iter().flatten().next()) {
        operation.operation_id = Some(format!("{tag}_{id}"));
    }
}

/// Whoever signs in has no credential yet, and nothing that could be sent twice under one key.
fn complete_sign_in(operation: &mut Operation) {
    name(operation);
    operation.security = Some(Vec::new());
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            answers(response, "Veloera-Position", "How far the logs have come with it, such as `control:12`");
        }
    }
    fails(operation, SIGN_IN_FAILS, PROBLEM);
}

fn complete_admin(operation: &mut Operation, does: Does) {
    name(operation);
    operation.security = Some(vec![requirement(ADMIN_KEY)]);
    let parameters = operation.parameters.get_or_insert_default();
    let writes = matches!(does, Does::Create | Does::Write);
    if writes {
        let what = "Names this write: sent again, it is carried out once";
        parameters.push(header("Idempotency-Key", what, "8f14e45f").into());
        let what = "`applied`: answers once every relay node heeds it, or after five seconds";
        parameters.push(parameter(ParameterIn::Query, "wait", what, "applied").into());
    }
    if does == Does::Write {
        parameters.push(header("If-Match", "The ETag that it must have, or 412", "\"7\"").into());
    }
    if matches!(does, Does::ReadMany | Does::ReadOne) {
        let what = "Waits, up to half a second, until this node has come so far";
        parameters.push(header("If-Position-At-Least", what, "control:1").into());
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if writes {
            answers(response, "Veloera-Position", "How far the logs have come with it, such as `control:12`");
            answers(response, "Veloera-Applied", "With `wait=applied`: whether every relay node heeds it");
            answers(response, "Veloera-Behind", "With `wait=applied`: which relay nodes do not yet");
        }
        if !matches!(does, Does::ReadMany | Does::Ask) && status != "204" {
            answers(response, "ETag", "Its version, for `If-Match`");
        }
    }
    fails(operation, does.fails(), PROBLEM);
}

fn complete_client(operation: &mut Operation) {
    let headers = API_KEY_HEADERS.into_iter().map(|(scheme, _)| requirement(scheme));
    operation.security = Some(std::iter::once(requirement(API_KEY)).chain(headers).collect());
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            answers(response, "x-request-id", "The id of the call");
        }
    }
    fails(operation, CLIENT_FAILS, CLIENT_ERROR);
}

fn requirement(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, std::iter::empty::<String>())
}

fn header(name: &str, what: &str, example: &str) -> Parameter {
    parameter(ParameterIn::Header, name, what, example)
}

fn parameter(within: ParameterIn, name: &str, what: &str, example: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(within)
        .required(Required::False)
        .description(Some(what))
        .schema(Some(text()))
        .example(Some(example.into()))
        .build()
}

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn answers(response: &mut Response, name: &str, what: &str) {
    let header = HeaderBuilder::new().schema(Some(text())).description(Some(what)).build();
    response.headers.insert(name.to_owned(), header.into());
}

fn failure(what: &str, media_type: &str, schema: &str) -> Response {
    let content: Content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    ResponseBuilder::new().description(what).content(media_type, content).build()
}

fn fails(operation: &mut Operation, statuses: &[&str], response: &str) {
    for status in statuses {
        let reference = RefOr::Ref(Ref::from_response_name(response));
        operation.responses.responses.entry((*status).to_owned()).or_insert(reference);
    }
}
