//! A way to a control node on which whoever brings a journal home is heard more than once.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{net::TcpListener, task::JoinSet};

use super::through;
use crate::{Http, Response};

/// A way to a control node. Every upload of records goes to it twice, byte for byte; of every other upload the answer is lost,
/// so that its node sends the same records once more. Dropping it cuts it for good.
#[derive(Debug)]
pub struct Again {
    /// The answers to what was sent for the first and for the second time.
    answers: Arc<Mutex<Vec<[StatusCode; 2]>>>,
    _connections: JoinSet<()>,
}

impl Again {
    /// One that leads to where `url` does, and the `url` that leads through it.
    pub async fn within(url: &str) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (server, through) = through(url, listener.local_addr().expect("its address"));
        let answers = Arc::<Mutex<Vec<_>>>::default();
        let mut connections = JoinSet::new();
        connections.spawn(serve(listener, server, Arc::clone(&answers)));
        (Self { answers, _connections: connections }, through)
    }

    /// How each upload was answered, and its repetition.
    pub fn answers(&self) -> Vec<[StatusCode; 2]> {
        self.answers.lock().clone()
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, answers: Arc<Mutex<Vec<[StatusCode; 2]>>>) {
    let (mut connections, http) = (JoinSet::new(), Http::default());
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                let (answers, http) = (Arc::clone(&answers), http.clone());
                connections.spawn(async move {
                    let service = service_fn(|request| pass(request, server, &http, &answers));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(client), service).await;
                });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn pass(
    request: Request<Incoming>,
    server: SocketAddr,
    http: &Http,
    answers: &Mutex<Vec<[StatusCode; 2]>>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let is_upload = parts.method == Method::POST && parts.uri.path().ends_with("/records");
    parts.uri = format!("http://{server}{path}").parse().expect("an address and a path");
    let ask = || http.exchange(Request::from_parts(parts.clone(), Full::new(body.clone())));
    let Ok(first) = ask().await else { return Ok(lost()) };
    if is_upload && let Ok(second) = ask().await {
        let mut answers = answers.lock();
        answers.push([first.status, second.status]);
        if answers.len().is_multiple_of(2) {
            return Ok(lost());
        }
    }
    Ok(back(first))
}

fn lost() -> http::Response<Full<Bytes>> {
    let mut answer = http::Response::new(Full::default());
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

fn back(Response { status, mut headers, body }: Response) -> http::Response<Full<Bytes>> {
    headers.remove(header::TRANSFER_ENCODING);
    let mut answer = http::Response::new(Full::new(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}
