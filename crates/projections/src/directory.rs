//! What a call needs to know, in memory: no I/O when asked, milliseconds behind the `control` log.

mod follow;
mod price;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod token;
mod tokens;
mod unread;

use std::sync::Arc;

use domain::{
    AdminKeyId, ApiTokenId, CallLimits, GroupName, JournalId, ModelName, NodeId, SessionId, UserId,
    budget::{Binding, Holder},
    price::Ratio,
    settings::CallRules,
};
use eventlog::{EventLog, StoreError};
use parking_lot::RwLock;
use tokio::sync::watch;

use self::state::State;
pub(crate) use self::tokens::{Sighting, Standing, Unread};
pub use self::{
    price::Limits,
    snapshot::{RestoreError, Written},
    token::{TokenEntry, TokenRules},
    tokens::{CachePolicy, TokenCacheOptions, TokenCounts},
};
use crate::{budgets::BudgetRow, channels::ChannelRow, nodes::NodeRow, sessions::SessionRow, users::UserRow};

/// Tokens, users, budgets, sessions, channels, groups, prices, settings and nodes, as of [`Directory::position`].
pub struct Directory {
    state: RwLock<State>,
    positions: watch::Sender<u64>,
    /// How rows are kept that are not held in memory whole.
    cache: TokenCacheOptions,
}

/// A moment of what a directory holds. Positions may go back where all of it is put in another's place; these never do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// How often that was.
    pub rebuilt: u64,
    /// The `control` position.
    pub position: u64,
}

impl Directory {
    /// What the tables hold, all of one moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(log: &EventLog) -> Result<Arc<Self>, StoreError> {
        let state = State::load(&mut log.reader().snapshot().await?).await?;
        Ok(Arc::new(Self::of(state)))
    }

    /// A user that was not deleted.
    pub fn user(&self, id: UserId) -> Option<Arc<UserRow>> {
        self.state.read().user(id)
    }

    /// Whose admin key has this hash, whether or not they are enabled.
    pub fn admin_key(&self, sha256: &[u8; 32]) -> Option<(UserId, AdminKeyId)> {
        self.state.read().admin_key(sha256)
    }

    /// Who signs in with the name of this claim.
    pub fn login(&self, claim: &str) -> Option<UserId> {
        self.state.read().login(claim)
    }

    /// The users after `after` that `picks` picks, oldest first, at most `limit`.
    pub fn users(
        &self,
        after: Option<UserId>,
        limit: usize,
        picks: impl Fn(&UserRow) -> bool,
    ) -> Vec<Arc<UserRow>> {
        let state = self.state.read();
        state.users_after(after).filter(|row| picks(row)).take(limit).map(Arc::clone).collect()
    }

    /// Whether there is anyone who may do everything.
    pub fn has_root(&self) -> bool {
        self.state.read().has_root()
    }

    /// A session that was not ended; whether its time or its user's epoch has run out is for whoever asks to see.
    pub fn session(&self, id: SessionId) -> Option<Arc<SessionRow>> {
        self.state.read().session(id)
    }

    /// A user's sessions, oldest first.
    pub fn sessions_of(&self, user_id: UserId) -> Vec<Arc<SessionRow>> {
        self.state.read().sessions_of(user_id)
    }

    /// A node that enrolled and was not revoked.
    pub fn node(&self, id: NodeId) -> Option<Arc<NodeRow>> {
        self.state.read().node(id)
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.state.read().nodes.len()
    }

    /// Which ones.
    pub fn node_ids(&self) -> Vec<NodeId> {
        self.state.read().nodes.keys().copied().collect()
    }

    /// Whose a journal is; `None` where no node has named it.
    pub fn journal_owner(&self, id: JournalId) -> Option<NodeId> {
        self.state.read().journal_owner(id)
    }

    /// The models that have a price of their own.
    pub fn own_prices(&self) -> Vec<ModelName> {
        self.state.read().own_prices()
    }

    /// How many users and tokens call as a group.
    pub fn members(&self, group: &GroupName) -> usize {
        self.state.read().members(group)
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

    /// What the settings say of a group's calls of a model.
    pub fn rules(&self, group: &GroupName, model: &ModelName) -> CallRules {
        self.state.read().settings().map(|values| values.call_rules(group, model)).unwrap_or_default()
    }

    /// The most that one user of a group may ask for.
    pub fn user_limits(&self, group: &GroupName) -> CallLimits {
        let state = self.state.read();
        state.settings().map_or(CallLimits::NONE, |values| values.user_limits(group))
    }

    /// Every budget that binds a call with this token, of this user and as this group.
    pub fn budgets(&self, token_id: ApiTokenId, user_id: UserId, group: &GroupName) -> Vec<Binding> {
        self.state.read().bindings(token_id, user_id, group)
    }

    /// The open budgets that limit `holder`, oldest first.
    pub fn budgets_of(&self, holder: &Holder) -> Vec<Arc<BudgetRow>> {
        self.state.read().held(holder)
    }

    /// The `control` position up to which all this holds.
    pub fn position(&self) -> u64 {
        *self.positions.borrow()
    }

    /// The moment up to which all this holds.
    pub fn moment(&self) -> Moment {
        self.state.read().moment()
    }

    /// Wakes whoever waits for a position.
    pub fn positions(&self) -> watch::Receiver<u64> {
        self.positions.subscribe()
    }
}
