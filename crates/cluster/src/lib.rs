//! What nodes say to one another: leases and journals on their way, control events, who a node is.
//!
//! A node signs everything that it asks with a key of its own ([`Identity`]); whoever answers marks the answer under the
//! master key that both were given, so that neither the way between them nor a name server need be trusted.

mod control;
mod freshness;
mod identity;
mod join_token;
mod limits;
mod remote_ledger;
mod shelf;
mod signature;

pub mod follow;
pub mod protocol;
pub mod redis;

pub use control::{Control, ControlError, ControlOptions, ControlUrls, EventPage, URLS_MAX, UrlsError};
pub use follow::{ControlSource, Follower, Replica, ReplicaError, Source, SourceError, Written};
pub use freshness::{Freshness, Reached, Stale, StalenessBounds};
pub use identity::{Identity, IdentityError};
pub use join_token::{JoinToken, JoinTokenError};
pub use limits::{LimitBoard, LimitBoardError, Tally};
pub use remote_ledger::RemoteLedger;
pub use shelf::{Draft, Shelf, ShelfError};
pub use signature::{Nonce, Signature, SignatureError, StreamMark, is_marked, mark_of};
