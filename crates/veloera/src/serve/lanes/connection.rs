//! One client's connection, from its first byte to its end.

use std::{convert::Infallible, net::SocketAddr, pin::pin, time::Duration};

use api::Front;
use axum::extract::ConnectInfo;
use hyper::{
    Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::carried::Carried;

/// How long a connection may take until the head of its next request has come whole.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(75);
/// How often a client that shares one connection among its requests is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// The most requests that share one connection at a time.
const STREAMS_MAX: u32 = 256;

/// Answers what comes on the connection. After `last` it ends with the request that it is at.
pub(super) async fn serve(carried: Carried, peer: SocketAddr, front: Front, last: CancellationToken) {
    let is_http2 = tokio::select! {
        () = last.cancelled() => return,
        first = timeout(HEAD_WAIT_MAX, carried.speaks_http2()) => match first {
            Ok(Ok(is_http2)) => is_http2,
            Ok(Err(_)) | Err(_) => return,
        },
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let (connection, _place) = carried.into_parts();
    let io = TokioIo::new(connection);
    if is_http2 {
        let mut server = http2::Builder::new(TokioExecutor::new());
        server.timer(TokioTimer::new()).keep_alive_interval(PING_EVERY).max_concurrent_streams(STREAMS_MAX);
        to_its_end(server.serve_connection(io, service), last).await;
    } else {
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT_MAX);
        to_its_end(server.serve_connection(io, service), last).await;
    }
}

async fn to_its_end<C>(connection: C, last: CancellationToken)
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = last.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client's connection broke off");
    }
}
