//! All that calls need, for a node that has nothing or something else: told as it is made, with the mark behind it.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use cluster::{Nonce, StreamMark};
use futures_util::stream;
use tokio::{
    sync::{
        Semaphore,
        mpsc::{self, error::TrySendError},
    },
    task::spawn_blocking,
};

use super::NodeSession;
use crate::{
    Edge,
    problem::{Code, Problem},
};

/// How many are told at once; who comes later waits. Each takes a thread for as long as its node takes it in.
const AT_ONCE_MAX: usize = 2;
/// How many bytes are sent at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// How many of these may wait to be sent.
const CHUNKS_WAITING_MAX: usize = 32;
/// How long to wait before it is looked again whether there is room for one.
const PAUSE: Duration = Duration::from_millis(5);
/// How often there may be none: half a minute, and another node has its turn.
const PAUSES_MAX: u32 = 6_000;

/// An answer that brings its mark itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarksItself;

/// Whose turn it is.
pub(super) struct Snapshots(Arc<Semaphore>);

impl Default for Snapshots {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE_MAX)))
    }
}

/// The rows that calls need, at one position.
pub(super) async fn snapshot(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    _: NodeSession,
) -> Result<Response, Problem> {
    let nonce = Nonce::read(&headers);
    let ended = |_| Problem::new(Code::Unavailable, "this node is about to end");
    let turn = Arc::clone(&edge.nodes.snapshots.0).acquire_owned().await.map_err(ended)?;
    let (chunks_tx, chunks_rx) = mpsc::channel(CHUNKS_WAITING_MAX);
    spawn_blocking(move || {
        let (chunk, mark) = (Vec::with_capacity(CHUNK_BYTES), StreamMark::default());
        let mut out = Told { chunks_tx, chunk, mark };
        if let Err(error) = edge.directory.write(&mut out).and_then(|_| out.end(&edge, nonce)) {
            tracing::warn!(%error, "a snapshot was not told to its end");
        }
        drop(turn);
    });
    let chunks = stream::unfold(chunks_rx, |mut chunks_rx| async move {
        let chunk = chunks_rx.recv().await?;
        Some((chunk, chunks_rx))
    });
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    let mut response = ([kind], Body::from_stream(chunks)).into_response();
    response.extensions_mut().insert(MarksItself);
    Ok(response)
}

/// Sends what is written, and makes its mark.
struct Told {
    chunks_tx: mpsc::Sender<io::Result<Bytes>>,
    chunk: Vec<u8>,
    mark: StreamMark,
}

impl Told {
    /// A connection that breaks off before this has no mark: nobody takes it for a whole one.
    fn end(mut self, edge: &Edge, nonce: Option<Nonce>) -> io::Result<()> {
        self.flush()?;
        let mark = std::mem::take(&mut self.mark).end(edge.log.sealer(), nonce);
        self.send(mark.into())
    }

    /// This thread is nobody else's, and goes by itself when the runtime ends: it needs no timer of that one.
    fn send(&self, chunk: Bytes) -> io::Result<()> {
        let gone = |why| Err(io::Error::new(io::ErrorKind::BrokenPipe, why));
        let mut chunk = Ok(chunk);
        for _ in 0..PAUSES_MAX {
            match self.chunks_tx.try_send(chunk) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return gone("the node has gone away"),
                Err(TrySendError::Full(unsent)) => chunk = unsent,
            }
            std::thread::sleep(PAUSE);
        }
        gone("the node does not take it in")
    }
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.mark.update(&self.chunk);
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        self.send(chunk.into())
    }
}
