//! Connections to providers, kept by the runtime that drives them.
//!
//! A connection is woken where it was made. Were it lent to another runtime, each piece of an answer would wake a thread
//! and then another one: so a call takes one that its own runtime has made.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, uri::Scheme};
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use parking_lot::RwLock;
use tokio::runtime::{Handle, Id};

use super::{
    UpstreamBody, UpstreamError,
    conduits::Conduits,
    egress::{Dial, Resolver},
};
use crate::RelayConfig;

/// The connections of all runtimes that send, of which there are as many as threads.
pub(super) struct Connections {
    by_runtime: RwLock<HashMap<Id, Arc<Here>>>,
    dial: Dial,
    idle_max: usize,
}

/// The connections of one runtime.
struct Here {
    /// With TLS, which says whether calls share a connection (HTTP/2).
    secured: Client<Dial, Full<Bytes>>,
    /// Without.
    plain: Arc<Conduits>,
}

impl Connections {
    pub(super) fn new(config: &RelayConfig) -> Self {
        Self { by_runtime: RwLock::default(), dial: dial(config), idle_max: config.idle_connections_max }
    }

    /// Sends `request` and waits until its answer has begun.
    pub(super) async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let here = self.here();
        if request.uri().scheme() == Some(&Scheme::HTTP) {
            return Ok(here.plain.send(request).await?.map(BodyExt::boxed_unsync));
        }
        let sent = here.secured.request(request.map(Full::new)).await;
        Ok(sent.map_err(UpstreamError::of)?.map(BodyExt::boxed_unsync))
    }

    /// Those of the runtime that this is called in.
    fn here(&self) -> Arc<Here> {
        let runtime = Handle::current();
        if let Some(here) = self.by_runtime.read().get(&runtime.id()) {
            return Arc::clone(here);
        }
        let mut by_runtime = self.by_runtime.write();
        Arc::clone(by_runtime.entry(runtime.id()).or_insert_with(|| self.begin(runtime)))
    }

    fn begin(&self, runtime: Handle) -> Arc<Here> {
        // No redirect is followed: this client has no notion of them.
        let secured = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(self.idle_max)
            .build(self.dial.clone());
        Arc::new(Here { secured, plain: Conduits::new(self.dial.clone(), runtime, self.idle_max) })
    }
}

/// How connections are made.
pub(super) fn dial(config: &RelayConfig) -> Dial {
    let mut tcp = HttpConnector::new_with_resolver(Resolver::default());
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_mins(1)));
    let tls = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(tcp);
    Dial::new(tls, Duration::from_millis(config.connect_timeout_ms))
}
