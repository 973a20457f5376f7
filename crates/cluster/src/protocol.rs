//! The bodies of `/sync`, and what bounds them. JSON, but for the records of a journal, which are bytes.

pub mod journal;
pub mod lease;
pub mod records;
mod refusal;

use std::collections::HashSet;

use domain::{AccountId, NodeId, node::NodeKey};
use eventlog::Envelope;
use http::HeaderName;
use ledger::News;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which node asks.
pub const HEADER_NODE: HeaderName = HeaderName::from_static("veloera-node");
/// When it signed, in milliseconds since 1970.
pub const HEADER_SIGNED_AT: HeaderName = HeaderName::from_static("veloera-signed-at");
/// What no request of it had before.
pub const HEADER_NONCE: HeaderName = HeaderName::from_static("veloera-nonce");
/// Its signature.
pub const HEADER_SIGNATURE: HeaderName = HeaderName::from_static("veloera-signature");
/// Under an answer: the mark of whoever holds the master key.
pub const HEADER_MARK: HeaderName = HeaderName::from_static("veloera-mark");

/// How far the clock of whoever signs may be off, in milliseconds, either way.
pub const WINDOW_MS: u64 = 60_000;
/// The longest that a request may ask to be waited for, in milliseconds.
pub const WAIT_MS_MAX: u64 = 25_000;
/// The largest body of a request, in bytes, but for records.
pub const ASK_BYTES_MAX: usize = 256 * 1024;
/// Beyond so many bytes of events a page ends.
pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The largest answer, in bytes, but for snapshots.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The largest snapshot, in bytes: it goes to disk as it comes, some 300 bytes for a token.
pub const SNAPSHOT_BYTES_MAX: usize = 4 * 1024 * 1024 * 1024;

/// `POST /sync/nodes`: a node enrols.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolBody {
    /// What lets it in.
    pub join_token: String,
    /// What people call it.
    pub name: String,
    /// What it will sign with.
    pub public_key: NodeKey,
}

/// What a node that enrolled is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolledView {
    /// Names it.
    pub node_id: NodeId,
}

/// `GET /sync/events`: a page of a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventsView {
    /// Names the log.
    pub log_id: Uuid,
    /// How far it has come.
    pub head: u64,
    /// What comes after the position that was asked for.
    pub events: Vec<Envelope>,
}

/// `GET /sync/accounts`: what was said of accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewsView {
    /// Up to which position of the `ledger` log this is all.
    head: u64,
    /// Of these nothing that is held may be spent any more.
    stopped: HashSet<AccountId>,
    /// Of these more may be had than before; `null` is of any.
    raised: Option<HashSet<AccountId>>,
}

impl From<News> for NewsView {
    fn from(News { head, stopped, raised }: News) -> Self {
        Self { head, stopped, raised }
    }
}

impl From<NewsView> for News {
    fn from(NewsView { head, stopped, raised }: NewsView) -> Self {
        Self { head, stopped, raised }
    }
}

/// `GET /sync/journals/{id}/recalls`: what other nodes would like to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallsView {
    /// Of these accounts.
    pub accounts: Vec<AccountId>,
}

/// `POST /sync/channels/{id}/health`: what a channel's provider does with its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthBody {
    /// Whether it refuses them all.
    pub refuses: bool,
}

/// `POST /sync/applied`: how far a node knows a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedBody {
    /// Which log.
    pub log: domain::Log,
    /// Up to where.
    pub position: u64,
}

/// An answer that says no: what of a problem (RFC 9457) a node looks at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProblemView {
    pub(crate) code: String,
    pub(crate) detail: String,
}
