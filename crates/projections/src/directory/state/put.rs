//! Rows as they are put in, from tables or from a snapshot, and the indexes over them.

use std::sync::Arc;

use domain::{BudgetId, Log, SessionId, UserId, settings::SETTINGS_ID};
use eventlog::{LogSnapshot, StoreError};
use uuid::Uuid;

use super::{
    super::{
        token::sha256,
        tokens::{Held, Tokens},
    },
    Extent, State,
};
use crate::{
    budgets::BudgetRow, channels::ChannelRow, groups::GroupRow, journal_owners::JournalOwnerRow, model,
    nodes::NodeRow, prices::PriceRow, sessions::SessionRow, settings::SettingsRow, tokens::TokenRow,
    users::UserRow,
};

impl State {
    pub(in super::super) fn new(extent: Extent, log_id: Uuid, position: u64) -> Self {
        Self { extent, log_id, position, channels_version: 1, ..Self::default() }
    }

    /// All that the tables hold.
    pub(in super::super) async fn load(snapshot: &mut LogSnapshot) -> Result<Self, StoreError> {
        let (position, log_id) = (snapshot.heads().await?.control, snapshot.log_id(Log::Control));
        let mut state = Self::new(Extent::Whole, log_id, position);
        let connection = snapshot.connection();
        model::each(connection, |stored| state.put_channel(stored.row)).await?;
        let mut tokens = Held::default();
        model::each::<TokenRow>(connection, |stored| tokens.put(stored.version, &stored.row)).await?;
        state.tokens = Tokens::Held(tokens);
        model::each(connection, |stored| state.put_user(stored.row)).await?;
        model::each(connection, |stored| state.put_budget(stored.row)).await?;
        model::each(connection, |stored| state.put_session(stored.row)).await?;
        model::each::<NodeRow>(connection, |stored| {
            state.nodes.insert(stored.row.node_id, Arc::new(stored.row));
        })
        .await?;
        model::each::<JournalOwnerRow>(connection, |stored| {
            state.journal_owners.insert(stored.row.journal_id, Arc::new(stored.row));
        })
        .await?;
        model::each(connection, |stored| state.put_group(stored.row)).await?;
        model::each(connection, |stored| state.put_price(stored.row)).await?;
        model::each(connection, |stored| state.put_settings(stored.row)).await?;
        state.list_channels();
        Ok(state)
    }

    pub(in super::super) fn put_channel(&mut self, row: ChannelRow) {
        self.channels.insert(row.channel_id, Arc::new(row));
    }

    pub(in super::super) fn put_user(&mut self, row: UserRow) {
        let id = row.user_id;
        self.users.insert(id, Arc::new(row));
        self.index_user(id, None);
    }

    pub(in super::super) fn put_budget(&mut self, row: BudgetRow) {
        let id = row.budget_id;
        self.budgets.insert(id, Arc::new(row));
        self.index_budget(id);
    }

    fn put_session(&mut self, row: SessionRow) {
        let id = row.session_id;
        self.sessions.insert(id, Arc::new(row));
        self.index_session(id, None);
    }

    pub(in super::super) fn put_group(&mut self, row: GroupRow) {
        self.groups.insert(row.name.clone(), Arc::new(row));
    }

    pub(in super::super) fn put_price(&mut self, row: PriceRow) {
        self.prices.insert(row.model.clone(), Arc::new(row));
    }

    pub(in super::super) fn put_settings(&mut self, row: SettingsRow) {
        self.settings.insert(SETTINGS_ID.to_owned(), Arc::new(row));
    }

    /// Where only calls are served, what is of the person goes.
    pub(super) fn index_user(&mut self, id: UserId, before: Option<&UserRow>) {
        if self.extent == Extent::Calls {
            if let Some(row) = self.users.get_mut(&id) {
                Arc::make_mut(row).forget_person();
            }
            return;
        }
        for hash in before.iter().flat_map(|row| row.admin_keys.values()).filter_map(sha256) {
            self.admin_keys.remove(&hash);
        }
        if let Some(login) = before.and_then(|row| row.login.as_ref()) {
            self.logins.remove(&login.claim);
        }
        if let Some(login) = self.users.get(&id).and_then(|row| row.login.as_ref()) {
            self.logins.insert(login.claim.clone(), id);
        }
        let keys = self.users.get(&id).into_iter().flat_map(|row| &row.admin_keys);
        let hashed = keys.filter_map(|(key_id, key)| Some((sha256(key)?, (id, *key_id))));
        self.admin_keys.extend(hashed);
    }

    /// A budget keeps its holder: it is only ever closed.
    pub(super) fn index_budget(&mut self, id: BudgetId) {
        let Some(row) = self.budgets.get(&id) else { return };
        let Some(holder) = row.holder.clone() else { return };
        if row.binding().is_some() {
            self.held.entry(holder).or_default().insert(id);
        } else if let Some(open) = self.held.get_mut(&holder) {
            open.remove(&id);
            if open.is_empty() {
                self.held.remove(&holder);
            }
        }
    }

    pub(super) fn index_session(&mut self, id: SessionId, before: Option<&SessionRow>) {
        if let Some(row) = before {
            self.sessions_by_user.remove(&(row.user_id, id));
        }
        if let Some(row) = self.sessions.get(&id) {
            self.sessions_by_user.insert((row.user_id, id));
        }
    }

    /// Puts the channels up to be handed out.
    pub(in super::super) fn list_channels(&mut self) {
        if self.listed.0 != self.channels_version {
            let channels = self.channels.values().map(|row| row.as_ref().clone()).collect();
            self.listed = (self.channels_version, Arc::new(channels));
        }
    }
}
