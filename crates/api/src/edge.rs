//! What the edge is built from: everything that it needs comes in here.

use std::{ops::Deref, sync::Arc};

use axum::http::HeaderValue;
use eventlog::{Clock, EventLog, SealError};
use ledger::LedgerPort;
use projections::{Calls, Directory, lookup::TokenLookup};
use relay::{ChannelKeeper, Providers, Relay};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Balances, Metrics, Nodes, Onlooker, Setup, SignIn, Tails};

/// Makes ids and secrets.
pub trait Ids: Send + Sync + 'static {
    /// A new UUIDv7.
    fn uuid(&self) -> Uuid;

    /// 256 bits that nobody can guess.
    ///
    /// # Errors
    /// When the system has no random numbers.
    fn secret(&self) -> Result<[u8; 32], SealError>;
}

/// What one part of the node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which part.
    pub name: &'static str,
    /// Whether it can do its work.
    pub ok: bool,
    /// What it lacks, or how far behind it is, for people.
    pub detail: String,
}

/// Knows whether the node can take calls.
pub trait Health: Send + Sync + 'static {
    /// Each dependency and each lag, as of now. Does not wait.
    fn ready(&self) -> Vec<Check>;
}

/// How much one request may ask of the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeLimits {
    /// The largest body of an admin's request.
    pub admin_body_bytes_max: usize,
    /// The largest body of an API client's request.
    pub relay_body_bytes_max: usize,
    /// How long a request's body may take to come.
    pub body_wait_ms_max: u64,
    /// How long a read waits for the position that it asked for.
    pub position_wait_ms_max: u64,
    /// How long a write waits, that asked to, for relay nodes to heed it.
    pub applied_wait_ms_max: u64,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            admin_body_bytes_max: 1 << 20,
            relay_body_bytes_max: 32 << 20,
            body_wait_ms_max: 5 * 60 * 1_000,
            position_wait_ms_max: 500,
            applied_wait_ms_max: 5_000,
        }
    }
}

/// Knows whether this node would have heard of it by now, had a token been revoked or a user disabled.
pub trait Freshness: Send + Sync + 'static {
    /// Whether it would. Where it would not, nobody is let in on what was known once.
    fn is_current(&self) -> bool;
}

/// What API clients and those who run the node are answered from: all that a node needs which has no database.
pub struct ClientEdge {
    /// Who may come in.
    pub directory: Arc<Directory>,
    /// Finds their tokens.
    pub tokens: Arc<TokenLookup>,
    /// Whether that is recent enough.
    pub freshness: Arc<dyn Freshness>,
    /// Knows what they have left, for display.
    pub balances: Arc<dyn Balances>,
    /// Carries calls.
    pub relay: Arc<Relay>,
    /// Makes ids and secrets.
    pub ids: Arc<dyn Ids>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Knows whether the node can take calls.
    pub health: Arc<dyn Health>,
    /// What is counted.
    pub metrics: Metrics,
    /// Is told of requests that are recorded, calls apart: the relay tells of those.
    pub onlooker: Arc<dyn Onlooker>,
    /// The key that whoever reads the metrics must show, if there is one.
    pub metrics_key: Option<String>,
    /// Which web pages of others may ask, such as `https://app.example`; `*` is every page.
    pub cors_origins: Vec<HeaderValue>,
    /// How much one request may ask.
    pub limits: EdgeLimits,
}

/// What everyone else is answered from as well.
pub struct Edge {
    /// What all have in common.
    pub client: Arc<ClientEdge>,
    /// Where commands go.
    pub log: EventLog,
    /// How far the usage log has come, for reads that wait for it.
    pub calls: Arc<Calls>,
    /// Which providers there are.
    pub providers: Arc<Providers>,
    /// Who guesses at passwords.
    pub sign_in: SignIn,
    /// Whether the first root is still to be made.
    pub setup: Setup,
    /// Who follows the logs.
    pub tails: Tails,
    /// Where nodes that have no database have their quota from, and bring their journals.
    pub ledger: Arc<dyn LedgerPort>,
    /// What they say of channels goes there.
    pub keeper: Arc<dyn ChannelKeeper>,
    /// What is known of them.
    pub nodes: Nodes,
    /// Told when the node is to end: what would go on for ever ends with it.
    pub stopping: CancellationToken,
}

/// An edge is one for clients, and more.
impl Deref for Edge {
    type Target = ClientEdge;

    fn deref(&self) -> &ClientEdge {
        &self.client
    }
}
