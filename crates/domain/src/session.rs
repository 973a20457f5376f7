//! Someone's stay after signing in. What they hold is signed and names the session and a generation of it; each
//! refresh begins the next generation, and a generation that is shown after it was used up ends the session: it was
//! copied.

mod events;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::events::{SessionEnd, SessionEvent};
use crate::{Aggregate, Log, TimeStamp, UserId};

/// How long the generation before may still be shown, in milliseconds, without that being taken for theft: of two
/// windows that refresh at once, one comes second.
pub const TWIN_MS_MAX: u64 = 30_000;

/// What is asked of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionCommand {
    /// Begins it.
    Open {
        /// Who signed in.
        user_id: UserId,
        /// How often all their sessions had been ended.
        epoch: u32,
        /// When it ends by itself.
        expires_at: TimeStamp,
    },
    /// Goes on with the next generation.
    Refresh {
        /// The generation that was shown.
        generation: u32,
        /// When.
        at: TimeStamp,
    },
    /// Ends it.
    End(SessionEnd),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SessionRefusal {
    /// There is none of that id, or it has ended.
    #[error("the session has ended")]
    Ended,
    /// The id is taken.
    #[error("a session of that id exists")]
    Exists,
    /// It was refreshed a moment ago.
    #[error("the session was refreshed a moment ago; use what that answered")]
    Superseded,
}

/// A session, as far as decisions need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Session {
    /// Never begun.
    #[default]
    Absent,
    /// Begun, and not ended.
    Open(Stay),
    /// Over.
    Ended,
}

/// What is known of a session that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stay {
    /// Who signed in.
    pub user_id: UserId,
    /// How often all their sessions had been ended when this one began.
    pub epoch: u32,
    /// Counts the refreshes.
    pub generation: u32,
    /// When the last refresh was.
    pub refreshed_at: Option<TimeStamp>,
    /// When it ends by itself.
    pub expires_at: TimeStamp,
}

impl Aggregate for Session {
    const KIND: &'static str = "session";
    const LOG: Log = Log::Control;
    type Command = SessionCommand;
    type Event = SessionEvent;
    type Refusal = SessionRefusal;

    fn decide(&self, command: SessionCommand) -> Result<Vec<SessionEvent>, SessionRefusal> {
        use SessionCommand as C;
        match (self, command) {
            (Self::Absent, C::Open { user_id, epoch, expires_at }) => {
                Ok(vec![SessionEvent::Opened { user_id, epoch, expires_at }])
            }
            (_, C::Open { .. }) => Err(SessionRefusal::Exists),
            (Self::Open(stay), C::Refresh { generation, at }) => stay.refresh(generation, at),
            (Self::Open(_), C::End(end)) => Ok(vec![SessionEvent::Ended { end }]),
            (Self::Absent | Self::Ended, C::Refresh { .. }) => Err(SessionRefusal::Ended),
            (Self::Absent | Self::Ended, C::End(_)) => Ok(Vec::new()),
        }
    }

    fn evolve(&mut self, event: &SessionEvent) {
        match (event, &mut *self) {
            (SessionEvent::Opened { user_id, epoch, expires_at }, _) => {
                *self = Self::Open(Stay {
                    user_id: *user_id,
                    epoch: *epoch,
                    generation: 0,
                    refreshed_at: None,
                    expires_at: *expires_at,
                });
            }
            (SessionEvent::Refreshed { generation, at }, Self::Open(stay)) => {
                stay.generation = *generation;
                stay.refreshed_at = Some(*at);
            }
            (SessionEvent::Ended { .. }, _) => *self = Self::Ended,
            (SessionEvent::Refreshed { .. }, Self::Absent | Self::Ended) => {}
        }
    }
}

impl Stay {
    fn refresh(&self, generation: u32, at: TimeStamp) -> Result<Vec<SessionEvent>, SessionRefusal> {
        if self.expires_at <= at {
            return Err(SessionRefusal::Ended);
        }
        if generation == self.generation {
            return Ok(vec![SessionEvent::Refreshed { generation: generation.saturating_add(1), at }]);
        }
        let is_twin = generation.checked_add(1) == Some(self.generation)
            && self.refreshed_at.is_some_and(|refreshed_at| at < refreshed_at.plus_ms(TWIN_MS_MAX));
        if is_twin {
            return Err(SessionRefusal::Superseded);
        }
        Ok(vec![SessionEvent::Ended { end: SessionEnd::Replayed }])
    }
}
