//! A bare proxy out of the parts that the gateway is made of: what they cost before anything is done with a call.

use std::net::SocketAddr;

use http::{Request, Response, Uri, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use super::helper::Helper;

/// Hidden: this binary calls itself so.
pub(super) const SUBCOMMAND: &str = "proxy";

type Upstream = Client<HttpConnector, Incoming>;

/// Starts one in front of the provider, as a process of its own.
pub(super) fn start(provider: SocketAddr) -> Helper {
    Helper::start(&[SUBCOMMAND, &provider.to_string()])
}

/// A thread per core.
pub(super) fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

pub(super) async fn serve(listener: TcpListener, provider: SocketAddr) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let upstream: Upstream = Client::builder(TokioExecutor::new()).build(connector);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((connection, _)) = listener.accept() => {
                connections.spawn(converse(connection, upstream.clone(), provider));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(connection: TcpStream, upstream: Upstream, provider: SocketAddr) {
    connection.set_nodelay(true).expect("a connection can be hurried");
    let service = service_fn(|request| forward(request, &upstream, provider));
    // That a client leaves is no fault: the run tells by the answers.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
}

async fn forward(
    mut request: Request<Incoming>,
    upstream: &Upstream,
    provider: SocketAddr,
) -> Result<Response<Incoming>, Error> {
    let url = format!("http://{provider}{}", request.uri().path());
    *request.uri_mut() = Uri::try_from(url).expect("an address and a path make a URL");
    request.headers_mut().remove(header::HOST);
    upstream.request(request).await
}
