//! How the bus fails. It is tried again for ever: none of these loses anything.

use std::error::Error;

use domain::Log;
use thiserror::Error;
use uuid::Uuid;

use crate::StoreError;

/// The bus failed.
#[derive(Debug, Error)]
pub enum BusError {
    /// No address of a server.
    #[error("a NATS server is named as `nats://user:password@host:4222`: {0}")]
    Address(#[source] std::io::Error),
    /// The client could not begin.
    #[error("the NATS client cannot start: {0}")]
    Client(#[source] async_nats::ConnectError),
    /// The server cannot be reached.
    #[error("the NATS server cannot be reached")]
    Away,
    /// The connection was lost, and with it the answers to what was under way.
    #[error("the connection to the NATS server was lost")]
    Cut,
    /// A request was not answered as it should be.
    #[error("the NATS server does not {wish}: {source}")]
    Request {
        /// What was asked of it.
        wish: &'static str,
        /// What came instead.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Nobody has made the log's stream yet.
    #[error("the NATS server has no stream for the {0} log")]
    NoStream(Log),
    /// The server does otherwise than it was asked.
    #[error("the NATS server keeps `{name}` with another `{field}` than it was asked for: is it too old?")]
    Ignored {
        /// The stream or consumer.
        name: String,
        /// The field, as the server calls it.
        field: String,
    },
    /// The subjects of the events are held by a stream that is not ours.
    #[error(
        "the stream `{0}` holds subjects of this bus and was not made by it: give Veloera an account of its own"
    )]
    Foreign(String),
    /// Another installation has taken the bus over.
    #[error(
        "the {log} log's stream is now that of another log, {by}: do two installations share a NATS account?"
    )]
    Superseded {
        /// Which log.
        log: Log,
        /// Names the other one.
        by: Uuid,
    },
    /// The stream did not take an event in where it belongs.
    #[error("the {log} log's event {position} was not taken in: {source}")]
    Rejected {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// Why.
        source: async_nats::jetstream::context::PublishError,
    },
    /// The stream has an event elsewhere than it belongs.
    #[error("the {log} log's event {position} stands at {found} in the stream, not at {expected}")]
    Misplaced {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// The sequence it should have.
        expected: u64,
        /// The sequence it has.
        found: u64,
    },
    /// A message of the stream is not what a publisher writes.
    #[error("message {sequence} of the stream `{stream}` is no event of this bus")]
    Unreadable {
        /// Which stream.
        stream: String,
        /// Which message.
        sequence: u64,
    },
    /// An event cannot be written.
    #[error("an event cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// For errors of the client, which has a type for each of its requests.
pub(super) fn request<E: Into<Box<dyn Error + Send + Sync>>>(wish: &'static str) -> impl Fn(E) -> BusError {
    move |source| BusError::Request { wish, source: source.into() }
}
