//! An event as a message, and back.

use async_nats::{
    HeaderMap, HeaderValue,
    header::NATS_MESSAGE_ID,
    jetstream::{context::PublishError, message::PublishMessage},
};
use domain::{Log, trace::TraceContext};
use thiserror::Error;

use super::{BusError, Epoch, subject};
use crate::{Envelope, Recorded, Sealer};

/// As the W3C has it: whoever listens may go on with the trace.
const TRACE_PARENT: &str = "traceparent";
const POSITION: &str = "Veloera-Position";
const TYPE: &str = "Veloera-Type";
const SCHEMA: &str = "Veloera-Schema";
const RECORDED_AT: &str = "Veloera-Recorded-At";
/// What the headers of a message take at most; the server's bound is for these and the body together.
const HEADERS_BYTES_MAX: usize = 4 * 1_024;

/// An event that is larger than the server lets a message be. Its place is held by a message without a body: whoever
/// listens fetches it from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the {log} log's event {position} takes {bytes} bytes, more than the NATS server's `max_payload` of {bytes_max} \
     lets through: nodes fetch it from a control node"
)]
pub struct TooBig {
    /// Which log.
    pub log: Log,
    /// Which event.
    pub position: u64,
    /// What it takes.
    pub bytes: usize,
    /// What there is room for, headers included.
    pub bytes_max: usize,
}

/// A message for the stream, on its subject.
pub(super) struct Outgoing {
    pub(super) subject: String,
    pub(super) message: PublishMessage,
    /// The span that the event is, where its trace is recorded.
    pub(super) trace: Option<TraceContext>,
    pub(super) too_big: Option<TooBig>,
}

impl Outgoing {
    /// `event` for its one place in the stream of `epoch`: the server takes it in there or not at all.
    pub(super) fn new(
        sealer: &Sealer,
        epoch: &Epoch,
        event: Recorded,
        bytes_max: usize,
    ) -> Result<Self, BusError> {
        let (log, position) = (event.log, event.position);
        let subject = subject::of(&event);
        let trace = event.trace();
        let message = PublishMessage::build()
            .message_id(id(epoch, &event))
            .expected_last_sequence(epoch.sequence(position).saturating_sub(1))
            .expected_stream(epoch.stream())
            .header(POSITION, HeaderValue::from(position))
            .header(TYPE, event.event_type.as_str())
            .header(SCHEMA, HeaderValue::from(event.schema_version))
            .header(RECORDED_AT, event.recorded_at.to_string());
        let message = match trace {
            Some(trace) => message.header(TRACE_PARENT, trace.to_string()),
            None => message,
        };
        let body = serde_json::to_vec(&Envelope::seal(sealer, epoch.log_id, event))?;
        let bytes = body.len() + HEADERS_BYTES_MAX;
        if bytes > bytes_max {
            let too_big = Some(TooBig { log, position, bytes, bytes_max });
            return Ok(Self { subject, message, trace, too_big });
        }
        Ok(Self { subject, message: message.payload(body.into()), trace, too_big: None })
    }
}

/// Names a message: the same for everyone who sends this event, and another for another event at this place.
fn id(epoch: &Epoch, event: &Recorded) -> String {
    format!("{}:{}:{}", epoch.log_id, event.position, event.event_id)
}

/// Whether a message with these headers is `event`.
pub(super) fn is(headers: &HeaderMap, epoch: &Epoch, event: &Recorded) -> bool {
    headers.get(NATS_MESSAGE_ID).map(HeaderValue::as_str) == Some(&id(epoch, event))
}

/// The event in a message that stands at `sequence`; nothing where the message only holds its place.
pub(super) fn read(
    epoch: &Epoch,
    sequence: u64,
    headers: Option<&HeaderMap>,
    body: &[u8],
) -> Result<Option<Envelope>, BusError> {
    let position = epoch.position(sequence);
    let unreadable = || BusError::Unreadable { stream: epoch.stream(), sequence };
    let said = headers.and_then(|headers| headers.get(POSITION)).ok_or_else(unreadable)?;
    if said.as_str().parse() != Ok(position) {
        return Err(unreadable());
    }
    if body.is_empty() {
        return Ok(None);
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| unreadable())?;
    if envelope.position() == position { Ok(Some(envelope)) } else { Err(unreadable()) }
}

/// What the answer to a message says of the event at `position`.
pub(super) fn rejected(log: Log, position: u64) -> impl FnOnce(PublishError) -> BusError {
    move |source| BusError::Rejected { log, position, source }
}
