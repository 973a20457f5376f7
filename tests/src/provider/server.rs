//! The provider's HTTP side.

use std::{collections::VecDeque, convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinSet, yield_now},
    time::sleep,
};

use super::{Answer, Break, Received, Reply, State};

const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// No test waits so long.
const SILENCE: Duration = Duration::from_secs(300);

type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((connection, _)) = listener.accept() => {
                let _ = connection.set_nodelay(true);
                connections.spawn(converse(connection, Arc::clone(&state)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(connection: TcpStream, state: Arc<State>) {
    let service = service_fn(|request| respond(request, &state));
    // That a connection breaks is what some tests are about.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
}

/// An error closes the connection.
async fn respond(request: Request<Incoming>, state: &State) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
    let json = serde_json::from_slice(&body).unwrap_or_default();
    let (request, reply) =
        state.reply(Received { path: parts.uri.path().to_owned(), headers: parts.headers, body, json });
    match reply {
        Reply::Answer(answer) if request.is_stream() => Ok(streamed(&request, &answer)),
        Reply::Answer(answer) => whole(&request, &answer).await,
        Reply::Status { status, retry_after } => Ok(error(status, retry_after)),
        Reply::Raw { content_type, body } => Ok(complete(StatusCode::OK, content_type, body)),
        Reply::HangUp => Err(io::ErrorKind::ConnectionAborted.into()),
        Reply::Silence => {
            sleep(SILENCE).await;
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}

async fn whole(request: &Received, answer: &Answer) -> io::Result<Response<Body>> {
    sleep(answer.pace).await;
    let body = answer.whole(request).to_string();
    if answer.breaks == Break::Never {
        return Ok(complete(StatusCode::OK, "application/json", body.into()));
    }
    let half = Bytes::from(body[..body.len() / 2].to_owned());
    Ok(flowing("application/json", vec![half], answer.breaks, Duration::ZERO))
}

fn streamed(request: &Received, answer: &Answer) -> Response<Body> {
    let chunks = answer.chunks(request);
    let mut events: Vec<Bytes> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n").into()).collect();
    match answer.breaks {
        Break::Never => events.push(Bytes::from_static(b"data: [DONE]\n\n")),
        Break::CutAfter(pieces) | Break::EndAfter(pieces) | Break::StallAfter(pieces) => {
            events.truncate(pieces);
        }
    }
    flowing("text/event-stream; charset=utf-8", events, answer.breaks, answer.pace)
}

fn error(status: u16, retry_after: Option<u32>) -> Response<Body> {
    let body = json!({ "error": {
        "message": format!("the provider says {status}"), "type": "provider_error", "param": null, "code": null
    } });
    let status = StatusCode::from_u16(status).expect("a status");
    let mut response = complete(status, "application/json", body.to_string().into());
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn complete(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Body> {
    let body = Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync();
    with_type(status, content_type, body)
}

/// A body that comes piece by piece, and ends as `breaks` says.
fn flowing(content_type: &'static str, pieces: Vec<Bytes>, breaks: Break, pace: Duration) -> Response<Body> {
    let pieces = stream::unfold(Some(VecDeque::from(pieces)), move |rest| async move {
        let mut rest = rest?;
        if let Some(piece) = rest.pop_front() {
            sleep(pace).await;
            return Some((Ok(Frame::data(piece)), Some(rest)));
        }
        match breaks {
            Break::Never | Break::EndAfter(_) => return None,
            // What was said before goes out first: the connection is flushed when nothing is ready.
            Break::CutAfter(_) => yield_now().await,
            Break::StallAfter(_) => sleep(SILENCE).await,
        }
        Some((Err(io::ErrorKind::ConnectionReset.into()), None))
    });
    with_type(StatusCode::OK, content_type, StreamBody::new(pieces).boxed_unsync())
}

fn with_type(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Not the gateway's id: it must not reach the client.
    headers.insert("x-request-id", HeaderValue::from_static("req_of_the_provider"));
    response
}
