//! All that calls need, for a node that has nothing or something else: told as it is made, with the mark behind it.

use std::{
    io::{self, Write},
    sync::Arc,
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
    sync::{Semaphore, mpsc},
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
const CHUNKS_WAITING_MAX: usize = 8;

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
        let mut out = Told { chunks_tx, chunk: Vec::with_capacity(CHUNK_BYTES), mark: StreamMark::default() };
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
        let mark = self.mark.end(edge.log.sealer(), nonce);
        send(&self.chunks_tx, mark.into())
    }
}

fn send(chunks_tx: &mpsc::Sender<io::Result<Bytes>>, chunk: Bytes) -> io::Result<()> {
    let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the node has gone away");
    chunks_tx.blocking_send(Ok(chunk)).map_err(gone)
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
        send(&self.chunks_tx, chunk.into())
    }
}
