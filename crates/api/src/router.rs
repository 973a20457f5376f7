//! Which path leads where. The OpenAPI document grows with it.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::Request,
    middleware,
    response::{IntoResponse, Response},
};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use utoipa_axum::{router::OpenApiRouter, routes};
use wire::openai_chat::error::ErrorCode;

use crate::{
    ClientEdge, Edge,
    admin::{
        accounts, apply, auth, budgets, calls, channels, events, groups, me, models as priced, nodes, prices,
        sessions, settings, tokens, users,
    },
    around::{self, is_client},
    client::{billing, chat, completions, embeddings, models, respond::ClientError},
    cors, docs,
    extract::{applied, position},
    openapi,
    operations::{self, Document},
    problem::{Code, Problem},
    setup, sync,
};

/// Everything: for API clients, for everyone else, and for those who run the node.
pub(crate) fn router(edge: &Arc<Edge>) -> Router {
    let client = &edge.client;
    let routes = for_clients(client).merge(for_everyone_else(edge)).merge(for_nodes(edge));
    around(routes.merge(for_operators(client)), client)
}

/// What a node answers that carries calls alone.
pub(crate) fn client_router(edge: &Arc<ClientEdge>) -> Router {
    around(for_clients(edge).merge(for_operators(edge)), edge)
}

/// What a node answers that carries no calls.
pub(crate) fn control_router(edge: &Arc<Edge>) -> Router {
    let routes = for_everyone_else(edge).merge(for_nodes(edge)).merge(for_operators(&edge.client));
    around(routes, &edge.client)
}

fn for_clients(edge: &Arc<ClientEdge>) -> Router {
    let (routes, _) = client().split_for_parts();
    routes
        .route("/v1/models/{id}/{*rest}", axum::routing::get(models::read_slashed))
        // Where clients ask that take the server's address for the base of these.
        .route("/dashboard/billing/subscription", axum::routing::get(billing::subscription))
        .route("/dashboard/billing/usage", axum::routing::get(billing::usage))
        .method_not_allowed_fallback(client_method)
        .with_state(edge.clone())
}

fn for_everyone_else(edge: &Arc<Edge>) -> Router {
    let (routes, _) = admin().split_for_parts();
    routes
        .merge(docs::page())
        .route(setup::SETUP_PATH, axum::routing::get(setup::form).post(setup::make))
        .method_not_allowed_fallback(admin_method)
        .layer(middleware::from_fn_with_state(edge.clone(), position::reached))
        .layer(middleware::from_fn_with_state(edge.clone(), applied::everywhere))
        .layer(Extension(Document(document())))
        // Pages of events and calls shrink to a tenth; what streams is left as it is.
        .layer(CompressionLayer::new())
        .with_state(edge.clone())
}

/// Outermost the mark: a refusal bears one too. Nothing is pressed, for it is of the bytes.
fn for_nodes(edge: &Arc<Edge>) -> Router {
    sync::routes()
        .method_not_allowed_fallback(admin_method)
        .layer(CatchPanicLayer::custom(around::node_panicked))
        .layer(middleware::from_fn_with_state(edge.clone(), sync::mark))
        .with_state(edge.clone())
}

fn for_operators(edge: &Arc<ClientEdge>) -> Router {
    let (routes, _) = operations().split_for_parts();
    routes.method_not_allowed_fallback(admin_method).layer(CompressionLayer::new()).with_state(edge.clone())
}

/// What every answer has, whoever asked.
fn around(routes: Router, edge: &Arc<ClientEdge>) -> Router {
    let all = routes.fallback(unknown);
    // Without it no page of others may ask, which is as well said by saying nothing.
    let all = if edge.cors_origins.is_empty() { all } else { all.layer(cors::layer(&edge.cors_origins)) };
    all.layer(middleware::from_fn_with_state(edge.clone(), around::answer))
}

pub(crate) fn client() -> OpenApiRouter<Arc<ClientEdge>> {
    OpenApiRouter::new()
        .routes(routes!(chat::chat))
        .routes(routes!(completions::complete))
        .routes(routes!(embeddings::embed))
        .routes(routes!(models::list))
        .routes(routes!(models::read))
        .routes(routes!(billing::subscription))
        .routes(routes!(billing::usage))
}

pub(crate) fn admin() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new()
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(me::read))
        .routes(routes!(me::change_password))
        .routes(routes!(me::list_keys, me::issue_key))
        .routes(routes!(me::revoke_key))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::read, users::change, users::delete))
        .routes(routes!(users::set_password))
        .routes(routes!(users::sign_out))
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::read, groups::change, groups::delete))
        .routes(routes!(channels::list, channels::create))
        .routes(routes!(channels::read, channels::change, channels::delete))
        .routes(routes!(channels::test))
        .routes(routes!(channels::circuits))
        .routes(routes!(tokens::list, tokens::issue))
        .routes(routes!(tokens::read, tokens::change, tokens::revoke))
        .routes(routes!(tokens::rotate))
        .routes(routes!(accounts::list))
        .routes(routes!(accounts::read, accounts::change))
        .routes(routes!(accounts::entries))
        .routes(routes!(accounts::deposit))
        .routes(routes!(accounts::adjust))
        .routes(routes!(budgets::list, budgets::create))
        .routes(routes!(budgets::read, budgets::change, budgets::close))
        .routes(routes!(calls::list))
        .routes(routes!(priced::list))
        .routes(routes!(priced::read))
        .routes(routes!(prices::list))
        .routes(routes!(prices::read, prices::set, prices::remove))
        .routes(routes!(apply::apply))
        .routes(routes!(settings::read, settings::change))
        .routes(routes!(events::list))
        .routes(routes!(events::tail))
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::revoke))
        .routes(routes!(operations::document))
}

pub(crate) fn operations() -> OpenApiRouter<Arc<ClientEdge>> {
    OpenApiRouter::new()
        .routes(routes!(operations::live))
        .routes(routes!(operations::ready))
        .routes(routes!(operations::metrics))
}

fn document() -> Arc<str> {
    // A document that could not be written would be missing, and its test says so.
    openapi().to_json().unwrap_or_default().into()
}

/// The path leads nowhere: said in the format of whoever seems to ask.
async fn unknown(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    if is_client(path) {
        let message = format!("there is no {method} {path} here");
        return ClientError::new(ErrorCode::NotFound, message).into_response();
    }
    Problem::new(Code::NotFound, format!("there is no {method} {path} here")).into_response()
}

async fn client_method(request: Request) -> ClientError {
    ClientError::new(ErrorCode::MethodNotAllowed, method_message(&request))
}

async fn admin_method(request: Request) -> Problem {
    Problem::new(Code::MethodNotAllowed, method_message(&request))
}

fn method_message(request: &Request) -> String {
    format!("{} does not take {}", request.uri().path(), request.method())
}
