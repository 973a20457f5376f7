//! Where no call may go, and how long a connection may take to stand.
//!
//! Channels may be anywhere, this machine and private networks included: only admins set base URLs. Link-local
//! addresses are refused always, for there a cloud hands out its credentials.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    task::{Context, Poll},
    time::Duration,
    vec,
};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{
    HttpConnector,
    dns::{GaiResolver, Name},
};
use thiserror::Error;
use tower::Service;

use super::error::BoxError;

/// Where one cloud serves its metadata over IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// An address that is never connected to.
#[derive(Debug, Error)]
#[error("{0} is a link-local or metadata address: nothing is sent there")]
pub(super) struct Forbidden(pub(super) IpAddr);

/// Why no connection stood.
#[derive(Debug, Error)]
pub(super) enum DialError {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    #[error("{0}")]
    Failed(#[source] BoxError),
}

pub(super) fn is_forbidden(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == METADATA_V6,
    }
}

/// Looks names up, and forgets what may not be connected to.
#[derive(Clone)]
pub(super) struct Resolver(GaiResolver);

impl Default for Resolver {
    fn default() -> Self {
        Self(GaiResolver::new())
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.0.call(name);
        Box::pin(async move { allowed(found.await?.collect()).map(Vec::into_iter) })
    }
}

/// What is left of `found`; nothing left is an error that names what was there.
pub(super) fn allowed(mut found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let forbidden = found.iter().map(SocketAddr::ip).find(|address| is_forbidden(*address));
    found.retain(|address| !is_forbidden(address.ip()));
    match forbidden {
        Some(address) if found.is_empty() => Err(io::Error::other(Forbidden(address))),
        _ => Ok(found),
    }
}

/// A connector that also looks at hosts that are addresses already, and that gives up in time.
#[derive(Clone)]
pub(super) struct Dial {
    inner: HttpsConnector<HttpConnector<Resolver>>,
    limit: Duration,
}

/// A connection that stands.
pub(super) type Connected = <HttpsConnector<HttpConnector<Resolver>> as Service<Uri>>::Response;

impl Dial {
    pub(super) const fn new(inner: HttpsConnector<HttpConnector<Resolver>>, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

impl Service<Uri> for Dial {
    type Response = Connected;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Connected, DialError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        self.inner.poll_ready(cx).map_err(DialError::Failed)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if let Some(address) = literal(&uri).filter(|address| is_forbidden(*address)) {
            return Box::pin(async move { Err(Forbidden(address).into()) });
        }
        let (connecting, limit) = (self.inner.call(uri), self.limit);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected.map_err(DialError::Failed),
                Err(_) => Err(DialError::TimedOut(limit)),
            }
        })
    }
}

/// The host, where it is an address and no name: such a one is never looked up.
pub(super) fn literal(uri: &Uri) -> Option<IpAddr> {
    uri.host()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}
