//! Signing in: what is signed, how guesses are slowed down, and how much hashing may go on at once.

mod guesses;
pub(crate) mod jwt;

use std::sync::Arc;

use tokio::sync::{AcquireError, Semaphore};

pub(crate) use self::guesses::Guesser;
use self::guesses::Guesses;
use crate::{
    password::{NOBODYS, PasswordError, SALT_BYTES, Secret},
    problem::{Code, Denial, Problem},
};

/// How many passwords are hashed at once: each takes a core and 19 MiB.
const HASHES_MAX: usize = 2;

/// What signing in needs to remember.
pub struct SignIn {
    pub(crate) guesses: Guesses,
    turns: Arc<Semaphore>,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { guesses: Guesses::default(), turns: Arc::new(Semaphore::new(HASHES_MAX)) }
    }
}

impl SignIn {
    /// What is kept of a password.
    pub(crate) async fn hash(&self, password: Secret, chance: [u8; 32]) -> Result<String, Problem> {
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&chance[..SALT_BYTES]);
        match self.in_turn(move || password.hashed(&salt)).await? {
            Ok(hash) => Ok(hash),
            Err(error @ PasswordError::Length) => Err(Denial::Value(format!("`password`: {error}")).into()),
            Err(error @ PasswordError::Hash(_)) => Err(broken(&error)),
        }
    }

    /// Whether this is the password of whoever has this hash; nobody's takes as long.
    pub(crate) async fn opens(&self, password: Secret, hash: Option<String>) -> Result<bool, Problem> {
        self.in_turn(move || {
            let opens = password.opens(hash.as_deref().unwrap_or(NOBODYS));
            opens && hash.is_some()
        })
        .await
    }

    /// Works aside, so that calls go on; who leaves before the end still takes the turn to its end.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error: AcquireError| broken(&error))?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| broken(&error))
    }
}

fn broken(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "a password could not be hashed");
    Problem::new(Code::Internal, "the request failed; the server's log says why")
}
