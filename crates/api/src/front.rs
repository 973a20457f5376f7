//! Where requests come in. Calls, which are most of them, go straight to the relay: the way through a router costs a call as
//! much as reading it does. Everything else goes through the router, and so does what a web page asks.

use std::sync::Arc;

use axum::{
    BoxError, Router,
    body::{Body, HttpBody},
    http::{Method, Request, header},
    response::Response,
};
use bytes::Bytes;
use relay::Format;
use tower::Service as _;

use crate::{
    ClientEdge, Edge,
    around::Arrived,
    client::relayed::relayed,
    router::{client_router, control_router, router},
};

/// Answers what a node of some role answers. The server notes each peer's address as `ConnectInfo<SocketAddr>`.
#[derive(Clone, Debug)]
pub struct Front(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    router: Router,
    /// Who carries the calls that pass the router by.
    calls: Option<Calls>,
}

struct Calls(Arc<ClientEdge>);

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Front {
    /// Of a node that does everything.
    pub fn of_all(edge: &Arc<Edge>) -> Self {
        Self::with_calls(router(edge), &edge.client)
    }

    /// Of a node that carries calls alone.
    pub fn of_relay(edge: &Arc<ClientEdge>) -> Self {
        Self::with_calls(client_router(edge), edge)
    }

    /// Of a node that carries no calls.
    pub fn of_control(edge: &Arc<Edge>) -> Self {
        control_router(edge).into()
    }

    fn with_calls(router: Router, edge: &Arc<ClientEdge>) -> Self {
        Self(Arc::new(Inner { router, calls: Some(Calls(Arc::clone(edge))) }))
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let request = request.map(Body::new);
        let Some((Calls(edge), format)) = self.0.calls.as_ref().zip(call(&request)) else {
            let mut router = self.0.router.clone();
            return router.call(request).await.unwrap_or_else(|never| match never {});
        };
        let arrived = Arrived::call(edge, format.path());
        let call_id = arrived.id();
        arrived.answered(edge, relayed(edge, format, call_id, request)).await
    }
}

/// What a router answers, and no more.
impl From<Router> for Front {
    fn from(router: Router) -> Self {
        Self(Arc::new(Inner { router, calls: None }))
    }
}

/// In which format it is a call, if it is one. Whether a web page may read the answer is for a layer of the router to say.
fn call<B>(request: &Request<B>) -> Option<Format> {
    if request.method() != Method::POST || request.headers().contains_key(header::ORIGIN) {
        return None;
    }
    Format::at(request.uri().path())
}
