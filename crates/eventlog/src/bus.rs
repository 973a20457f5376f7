//! The bus: what is appended to a log, told to whoever listens, in order.
//!
//! The log is the truth and the bus a copy that may be lost at any time: [`Publisher`] fills it again from the log, and a
//! subscription may leave out, repeat and begin anew. Whoever listens goes by positions: what is not the next one is
//! dropped or fetched from the log (`GET /sync/events`). Two buses tell the same: [`InProcess`] within one process,
//! [`Nats`] between nodes.

mod differ;
mod epoch;
mod error;
mod head;
mod in_process;
mod message;
mod nats;
mod pause;
mod publisher;
mod subject;
mod subscription;

use domain::Log;
use futures_util::stream::BoxStream;

pub use self::{
    epoch::Epoch,
    error::BusError,
    head::Head,
    in_process::InProcess,
    message::TooBig,
    nats::Nats,
    publisher::{Publisher, Standing, Standings},
};
use crate::Envelope;

/// How often the head of a log is told, so that "no news" can be told from "no link".
pub const HEAD_EVERY_MS: u64 = 1_000;

/// What a subscription yields. It never ends while its bus is there.
pub type Subscription = BoxStream<'static, Heard>;

/// Something that was heard of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An event. Not to be believed before [`Envelope::open`].
    Event(Box<Envelope>),
    /// How far the log has come; its mark was checked. With another `log_id` or `epoch` than before, what is known may
    /// be history no more.
    Head(Head),
}

/// Tells what is appended.
pub trait Bus: Send + Sync + 'static {
    /// What follows `after` in `log`. After a change of epoch it begins anew with what there is.
    fn subscribe(&self, log: Log, after: u64) -> Subscription;
}
