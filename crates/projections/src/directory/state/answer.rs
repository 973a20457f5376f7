//! What is asked of the rows.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use domain::{
    AdminKeyId, ApiTokenId, GroupName, JournalId, ModelName, NodeId, SessionId, UserId,
    budget::{Binding, Holder},
    price::{Price, PriceSource, Ratio},
    settings::{SETTINGS_ID, SettingsValues},
    user::Role,
};

use super::{
    super::{Moment, snapshot::Shared, tokens::Tokens},
    State,
};
use crate::{budgets::BudgetRow, channels::ChannelRow, nodes::NodeRow, sessions::SessionRow, users::UserRow};

impl State {
    pub(in super::super) const fn moment(&self) -> Moment {
        Moment { rebuilt: self.rebuilt, position: self.position }
    }

    /// Every row that calls need.
    pub(in super::super) fn shared(&self) -> Shared {
        fn all<K, V>(rows: &BTreeMap<K, Arc<V>>) -> Vec<Arc<V>> {
            rows.values().map(Arc::clone).collect()
        }
        Shared {
            channels: all(&self.channels),
            tokens: self.tokens.shared(),
            users: all(&self.users),
            budgets: all(&self.budgets),
            groups: all(&self.groups),
            prices: all(&self.prices),
            settings: all(&self.settings),
        }
    }

    pub(in super::super) fn user(&self, id: UserId) -> Option<Arc<UserRow>> {
        self.users.get(&id).cloned()
    }

    pub(in super::super) fn admin_key(&self, sha256: &[u8; 32]) -> Option<(UserId, AdminKeyId)> {
        self.admin_keys.get(sha256).copied()
    }

    pub(in super::super) fn users_after(&self, after: Option<UserId>) -> impl Iterator<Item = &Arc<UserRow>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.users.range((from, Bound::Unbounded)).map(|(_, row)| row)
    }

    pub(in super::super) fn login(&self, claim: &str) -> Option<UserId> {
        self.logins.get(claim).copied()
    }

    pub(in super::super) fn has_root(&self) -> bool {
        self.users.values().any(|row| row.role == Role::Root)
    }

    pub(in super::super) fn session(&self, id: SessionId) -> Option<Arc<SessionRow>> {
        self.sessions.get(&id).cloned()
    }

    pub(in super::super) fn sessions_of(&self, user_id: UserId) -> Vec<Arc<SessionRow>> {
        let first = (user_id, SessionId(uuid::Uuid::nil()));
        let last = (user_id, SessionId(uuid::Uuid::max()));
        let ids = self.sessions_by_user.range(first..=last);
        ids.filter_map(|(_, id)| self.sessions.get(id).cloned()).collect()
    }

    pub(in super::super) fn node(&self, id: NodeId) -> Option<Arc<NodeRow>> {
        self.nodes.get(&id).cloned()
    }

    pub(in super::super) fn journal_owner(&self, id: JournalId) -> Option<NodeId> {
        self.journal_owners.get(&id).map(|row| row.node_id)
    }

    pub(in super::super) fn members(&self, group: &GroupName) -> usize {
        let users = self.users.values().filter(|row| row.group == *group).count();
        let tokens = match &self.tokens {
            Tokens::Held(tokens) => tokens.members(group),
            // Asked where groups are made, and that is where the database is.
            Tokens::Indexed(_) => 0,
        };
        users + tokens
    }

    pub(in super::super) fn bindings(
        &self,
        token: ApiTokenId,
        user: UserId,
        group: &GroupName,
    ) -> Vec<Binding> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let holders = [Holder::Token(token), Holder::User(user), Holder::Group(group.clone())];
        holders.iter().flat_map(|holder| self.held_by(holder)).filter_map(|row| row.binding()).collect()
    }

    pub(in super::super) fn held(&self, holder: &Holder) -> Vec<Arc<BudgetRow>> {
        self.held_by(holder).map(Arc::clone).collect()
    }

    fn held_by(&self, holder: &Holder) -> impl Iterator<Item = &Arc<BudgetRow>> {
        let open = self.held.get(holder).into_iter().flatten();
        open.filter_map(|id| self.budgets.get(id))
    }

    pub(in super::super) fn channels(&self) -> Arc<Vec<ChannelRow>> {
        Arc::clone(&self.listed.1)
    }

    pub(in super::super) const fn channels_version(&self) -> u64 {
        self.channels_version
    }

    pub(in super::super) fn ratio(&self, group: &GroupName) -> Option<Ratio> {
        let known = self.groups.get(group).map(|row| row.ratio);
        known.or_else(|| (*group == GroupName::default_group()).then_some(Ratio::ONE))
    }

    pub(in super::super) fn own_price(&self, model: &ModelName) -> Option<(Price, PriceSource)> {
        let row = self.prices.get(model)?;
        Some((row.price.clone(), PriceSource::List { version: row.version }))
    }

    pub(in super::super) fn own_prices(&self) -> Vec<ModelName> {
        self.prices.keys().cloned().collect()
    }

    pub(in super::super) fn settings(&self) -> Option<&SettingsValues> {
        self.settings.get(SETTINGS_ID).map(|row| &row.values)
    }

    pub(in super::super) fn default_price(&self) -> Option<(Price, PriceSource)> {
        let row = self.settings.get(SETTINGS_ID)?;
        let price = row.values.default_price.as_deref()?.clone();
        Some((price, PriceSource::Default { version: row.version }))
    }
}
