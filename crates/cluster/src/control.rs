//! The way to the control nodes: a list of them, of which any will do.

mod error;
mod exchange;
mod fetch;
mod urls;

use std::{
    io::{self, Write},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use bytes::Bytes;
use domain::{ChannelId, Log, NodeId};
use eventlog::{Clock, Recorded, Sealer};
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

pub(crate) use self::exchange::Asked;
use self::exchange::HttpClient;
pub use self::{
    error::ControlError,
    urls::{ControlUrls, URLS_MAX, UrlsError},
};
use crate::{
    Identity,
    protocol::{
        AppliedBody, EnrolBody, EnrolledView, EventsView, HealthBody, SNAPSHOT_BYTES_MAX, WAIT_MS_MAX,
    },
};

/// How long a snapshot may take to come, in milliseconds, beyond any other answer.
const SNAPSHOT_MS_MAX: u64 = 120_000;

/// How long one control node may take to tell of a token: a call waits for it, and the next one may do better.
const TOKEN_TRY_MAX: Duration = Duration::from_millis(400);

/// What the way to the control nodes is made of.
pub struct ControlOptions {
    /// Where they are.
    pub urls: ControlUrls,
    /// Who asks.
    pub identity: Identity,
    /// Knows their answers again.
    pub sealer: Sealer,
    /// Tells when something was signed.
    pub clock: Arc<dyn Clock>,
}

/// The control nodes, as a node sees them: signs what it asks, believes nothing without a mark, and goes to the next one
/// where one is away. A cheap handle.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    urls: ControlUrls,
    /// Which one is asked first: whichever was of help last.
    turn: AtomicUsize,
    client: HttpClient,
    identity: Identity,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
}

/// A page of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// Names the log.
    pub log_id: Uuid,
    /// How far it has come.
    pub head: u64,
    /// What comes after the position that was asked for, opened.
    pub events: Vec<Recorded>,
}

impl Control {
    /// The way to the control nodes. Connects to none of them yet.
    pub fn new(options: ControlOptions) -> Self {
        let ControlOptions { urls, identity, sealer, clock } = options;
        let client = exchange::client();
        Self(Arc::new(Inner { urls, turn: AtomicUsize::new(0), client, identity, sealer, clock }))
    }

    /// The node that asks.
    pub fn node_id(&self) -> NodeId {
        self.0.identity.node_id()
    }

    /// Lets the control nodes know this one. To do so twice is to do so once.
    ///
    /// # Errors
    /// When the join token is of no use, the node was revoked, or no control node is of help.
    pub async fn enrol(&self, join_token: &str, name: &str) -> Result<NodeId, ControlError> {
        let public_key = self.0.identity.public_key().clone();
        let body = EnrolBody { join_token: join_token.to_owned(), name: name.to_owned(), public_key };
        let EnrolledView { node_id } = self.post("/sync/nodes".into(), &body).await?;
        Ok(node_id)
    }

    /// The rows of the `control` log at one position, written to what `begin` makes as they come. Nothing of it is to be
    /// read before this has come to its end: the mark comes last.
    ///
    /// # Errors
    /// When no control node is of help, or it cannot be written.
    pub async fn snapshot<W: Write + Send>(
        &self,
        begin: impl Fn() -> io::Result<W> + Send + Sync,
    ) -> Result<W, ControlError> {
        let asked = Asked::get("/sync/snapshot".into()).sized(SNAPSHOT_BYTES_MAX).later(SNAPSHOT_MS_MAX);
        self.0.fetch(&asked, begin).await
    }

    /// What the token is whose key has this hash, as one row with its version: bytes whose mark was checked. None where
    /// the control node knows of none.
    ///
    /// # Errors
    /// When no control node is of help.
    pub async fn token(&self, sha256: &[u8; 32]) -> Result<Option<Bytes>, ControlError> {
        let asked = Asked::get(format!("/sync/tokens/{}", hex::encode(sha256))).within(TOKEN_TRY_MAX);
        match self.0.ask(&asked).await {
            Ok(row) => Ok(Some(row)),
            Err(ControlError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a log says after `after`, at most `limit` events. Where that is nothing, waits for it up to `wait_ms`.
    ///
    /// # Errors
    /// When no control node is of help, or an event is forged.
    pub async fn events(
        &self,
        log: Log,
        after: u64,
        limit: usize,
        wait_ms: u64,
    ) -> Result<EventPage, ControlError> {
        let wait_ms = wait_ms.min(WAIT_MS_MAX);
        let target = format!("/sync/events?log={log}&after={after}&limit={limit}&wait_ms={wait_ms}");
        let EventsView { log_id, head, events } = self.read(Asked::get(target).later(wait_ms)).await?;
        let open = |envelope: eventlog::Envelope| {
            let (position, of) = (envelope.position(), envelope.log_id);
            let event = envelope.open(&self.0.sealer)?;
            if of == log_id && event.log == log {
                Ok(event)
            } else {
                Err(ControlError::OtherLog { position })
            }
        };
        Ok(EventPage { log_id, head, events: events.into_iter().map(open).collect::<Result<_, _>>()? })
    }

    /// Says what a channel's provider does with its keys.
    ///
    /// # Errors
    /// When no control node is of help.
    pub async fn report(&self, channel: ChannelId, refuses: bool) -> Result<(), ControlError> {
        self.tell(format!("/sync/channels/{channel}/health"), &HealthBody { refuses }).await
    }

    /// Says how far this node knows a log, to every control node: any may be waiting for it.
    ///
    /// # Errors
    /// When no control node has heard it.
    pub async fn applied(&self, log: Log, position: u64) -> Result<(), ControlError> {
        let asked = Asked::json("/sync/applied".into(), &AppliedBody { log, position })?;
        self.0.tell_each(&asked).await
    }

    pub(crate) async fn read<T: DeserializeOwned>(&self, asked: Asked) -> Result<T, ControlError> {
        Ok(serde_json::from_slice(&self.0.ask(&asked).await?)?)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        target: String,
        body: &impl Serialize,
    ) -> Result<T, ControlError> {
        self.read(Asked::json(target, body)?).await
    }

    /// What needs no answer but that it was heard.
    async fn tell(&self, target: String, body: &impl Serialize) -> Result<(), ControlError> {
        self.0.ask(&Asked::json(target, body)?).await.map(drop)
    }
}
