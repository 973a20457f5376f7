//! A command on its way into the log, and what came of it.

use domain::CommandId;

use crate::{Heads, Metadata, StoreError};

/// What is executed once, however often it is sent.
#[derive(Clone, Debug)]
pub struct Command {
    /// Names it: a repeat answers what the first answered.
    pub command_id: CommandId,
    /// SHA-256 of what was asked: the same id with another body is an error.
    pub fingerprint: [u8; 32],
    /// Who asked; stands on every event that it makes.
    pub metadata: Metadata,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Executed<T> {
    /// It was carried out now.
    Done {
        /// What the decision handed out.
        value: T,
        /// How far the logs it touched have come with it.
        positions: Heads,
    },
    /// It had been carried out before.
    Repeated {
        /// How far the logs it touched had come with it.
        positions: Heads,
        /// What was kept of the first answer.
        answer: Option<String>,
    },
}

/// Why a decision did not come about: the business said no, or machinery failed.
#[derive(Debug)]
pub enum Fault<R> {
    /// No; nothing has changed.
    Refused(R),
    /// The store failed.
    Store(StoreError),
}

impl<R> From<StoreError> for Fault<R> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<R> From<sqlx::Error> for Fault<R> {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<R: std::error::Error> {
    /// The business said no; nothing has changed, and nothing is remembered.
    #[error(transparent)]
    Refused(R),
    /// The id was used for something else.
    #[error("this idempotency key was used before, with another body")]
    KeyReused,
    /// The store failed; whether it was carried out shows when it is sent again.
    #[error(transparent)]
    Store(#[from] StoreError),
}
