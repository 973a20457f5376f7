//! What happened to a session, as it is stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{StoredEvent, TimeStamp, UserId};

/// What happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum SessionEvent {
    /// Someone signed in.
    #[serde(rename = "session_opened")]
    Opened {
        /// Who.
        user_id: UserId,
        /// How often all their sessions had been ended before.
        epoch: u32,
        /// When it ends by itself.
        expires_at: TimeStamp,
    },
    /// It goes on; what was held before is used up.
    #[serde(rename = "session_refreshed")]
    Refreshed {
        /// Counts the refreshes, from 1.
        generation: u32,
        /// When.
        at: TimeStamp,
    },
    /// It is over.
    #[serde(rename = "session_ended")]
    Ended {
        /// Why.
        end: SessionEnd,
    },
}

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// Whoever signed in signed out.
    SignedOut,
    /// It was ended from elsewhere.
    Revoked,
    /// Its user began more than they may have.
    Crowded,
    /// A generation was shown that had been used up: it was copied.
    Replayed,
}

impl StoredEvent for SessionEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "session_opened",
            Self::Refreshed { .. } => "session_refreshed",
            Self::Ended { .. } => "session_ended",
        }
    }

    fn samples() -> Vec<Self> {
        let at = TimeStamp::from_micros(1_795_500_000_000_000);
        vec![
            Self::Opened { user_id: UserId(Uuid::from_u128(1)), epoch: 0, expires_at: at },
            Self::Refreshed { generation: 1, at },
            Self::Ended { end: SessionEnd::SignedOut },
        ]
    }
}
