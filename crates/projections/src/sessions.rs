//! Sessions as they stand. Those that have ended are gone; those that ended by themselves go when their user signs in
//! the next time.

use domain::{
    SessionId, TimeStamp, UserId,
    session::{Session, SessionEvent},
};
use serde::{Deserialize, Serialize};

use crate::model::Model;

/// A session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Names it.
    pub session_id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// How often all their sessions had been ended when this one began: it is over once that has risen.
    pub epoch: u32,
    /// When it was last refreshed.
    pub refreshed_at: Option<TimeStamp>,
    /// When it ends by itself.
    pub expires_at: TimeStamp,
}

impl Model for SessionRow {
    type Of = Session;
    type Key = SessionId;
    const TABLE: &'static str = "sessions";

    fn key(id: &str, _: &SessionEvent) -> Option<SessionId> {
        id.parse().ok()
    }

    fn evolve(row: Option<Self>, &session_id: &SessionId, event: &SessionEvent) -> Option<Self> {
        match event {
            SessionEvent::Opened { user_id, epoch, expires_at } => Some(Self {
                session_id,
                user_id: *user_id,
                epoch: *epoch,
                refreshed_at: None,
                expires_at: *expires_at,
            }),
            SessionEvent::Refreshed { at, .. } => row.map(|row| Self { refreshed_at: Some(*at), ..row }),
            SessionEvent::Ended { .. } => None,
        }
    }
}
