//! What a call needs to know, in memory: no I/O when asked, milliseconds behind the `control` log.

mod follow;
mod price;
mod state;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use domain::{AdminKeyId, CallLimits, GroupName, UserId, price::Ratio, settings::Strategy};
use eventlog::{EventLog, StoreError};
use parking_lot::RwLock;
use tokio::sync::watch;

use self::state::State;
pub use self::{price::Limits, token::TokenEntry};
use crate::{channels::ChannelRow, users::UserRow};

/// Tokens, users, channels, groups, prices and settings, as of [`Directory::position`].
pub struct Directory {
    state: RwLock<State>,
    positions: watch::Sender<u64>,
}

impl Directory {
    /// What the tables hold, all of one moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(log: &EventLog) -> Result<Arc<Self>, StoreError> {
        let state = State::load(&mut log.reader().snapshot().await?).await?;
        let positions = watch::Sender::new(state.position());
        Ok(Arc::new(Self { state: RwLock::new(state), positions }))
    }

    /// The token whose key has this hash; none when that key was replaced or the token revoked.
    pub fn token(&self, sha256: &[u8; 32]) -> Option<Arc<TokenEntry>> {
        self.state.read().token(sha256)
    }

    /// A user that was not deleted.
    pub fn user(&self, id: UserId) -> Option<Arc<UserRow>> {
        self.state.read().user(id)
    }

    /// Whose admin key has this hash, whether or not they are enabled.
    pub fn admin_key(&self, sha256: &[u8; 32]) -> Option<(UserId, AdminKeyId)> {
        self.state.read().admin_key(sha256)
    }

    /// Every channel, oldest first, disabled ones too.
    pub fn channels(&self) -> Arc<Vec<ChannelRow>> {
        self.state.read().channels()
    }

    /// Changes whenever a channel does.
    pub fn channels_version(&self) -> u64 {
        self.state.read().channels_version()
    }

    /// What a group's users pay; the group `default` is always there.
    pub fn ratio(&self, group: &GroupName) -> Option<Ratio> {
        self.state.read().ratio(group)
    }

    /// How the channels of one tier share a group's calls.
    pub fn strategy(&self, group: &GroupName) -> Strategy {
        self.state.read().settings().map(|values| values.strategy(group)).unwrap_or_default()
    }

    /// The most that one user of a group may ask for.
    pub fn user_limits(&self, group: &GroupName) -> CallLimits {
        let state = self.state.read();
        state.settings().map_or(CallLimits::NONE, |values| values.user_limits(group))
    }

    /// The `control` position up to which all this holds.
    pub fn position(&self) -> u64 {
        *self.positions.borrow()
    }

    /// Wakes whoever waits for a position.
    pub fn positions(&self) -> watch::Receiver<u64> {
        self.positions.subscribe()
    }
}
