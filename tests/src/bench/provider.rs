//! The provider: as lean as can be, for it shares the cores with what is measured.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    helper::Helper,
    workload::{self, PACE, Workload},
};

/// Hidden: this binary calls itself so.
pub(super) const SUBCOMMAND: &str = "provider";

type Body = UnsyncBoxBody<Bytes, Infallible>;

struct Answers {
    whole: Bytes,
    frames: Arc<[Bytes]>,
}

/// Starts one as a process of its own.
pub(super) fn start() -> Helper {
    Helper::start(&[SUBCOMMAND])
}

pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

pub(super) async fn serve(listener: TcpListener) {
    let answers = Arc::new(Answers { whole: workload::answer(), frames: workload::frames().into() });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((connection, address)) = listener.accept() => {
                connections.spawn(converse(connection, address, Arc::clone(&answers)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(connection: TcpStream, address: SocketAddr, answers: Arc<Answers>) {
    connection.set_nodelay(true).expect("a connection can be hurried");
    let service = service_fn(|request| respond(request, &answers));
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await {
        // A closed pool is no fault: the run tells by the answers.
        eprintln!("the provider's connection with {address}: {error}");
    }
}

async fn respond(request: Request<Incoming>, answers: &Answers) -> Result<Response<Body>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    Ok(match Workload::of(&body) {
        Some(Workload::Whole) => {
            response(StatusCode::OK, "application/json", Full::new(answers.whole.clone()).boxed_unsync())
        }
        Some(Workload::Burst) => streamed(burst(Arc::clone(&answers.frames))),
        Some(Workload::Paced) => streamed(paced(Arc::clone(&answers.frames))),
        None => response(StatusCode::BAD_REQUEST, "text/plain", Full::default().boxed_unsync()),
    })
}

fn burst(frames: Arc<[Bytes]>) -> Body {
    let frames = (0..frames.len()).map(move |index| Ok(Frame::data(frames[index].clone())));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

fn paced(frames: Arc<[Bytes]>) -> Body {
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let frames = stream::unfold((ticks, 0), move |(mut ticks, index)| {
        let frame = frames.get(index).cloned();
        async move {
            let frame = frame?;
            ticks.tick().await;
            Some((Ok(Frame::data(frame)), (ticks, index + 1)))
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

fn streamed(body: Body) -> Response<Body> {
    response(StatusCode::OK, "text/event-stream; charset=utf-8", body)
}

fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
