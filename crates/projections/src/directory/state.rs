//! The rows of every read model, with what finds them by key.

mod answer;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use domain::{
    AdminKeyId, Aggregate, ApiTokenId, BudgetId, Log, SessionId, UserId,
    api_token::ApiToken,
    budget::{Budget, Holder},
    channel::Channel,
    group::Group,
    price_list::PriceList,
    session::Session,
    settings::{SETTINGS_ID, Settings},
    user::User,
};
use eventlog::{Connection, LogSnapshot, Recorded, StoreError};

use super::token::{TokenEntry, sha256};
use crate::{
    budgets::BudgetRow,
    channels::ChannelRow,
    groups::GroupRow,
    model::{self, Model, read},
    prices::PriceRow,
    sessions::SessionRow,
    settings::SettingsRow,
    tokens::{TokenRow, TokenState},
    users::UserRow,
};

type Rows<M> = BTreeMap<<M as Model>::Key, Arc<M>>;

#[derive(Default)]
pub(super) struct State {
    position: u64,
    channels: Rows<ChannelRow>,
    /// Those same channels at the version beside them, as they are handed out.
    listed: (u64, Arc<Vec<ChannelRow>>),
    channels_version: u64,
    /// Those that were not revoked.
    pub(super) tokens: Rows<TokenRow>,
    by_key: HashMap<[u8; 32], Arc<TokenEntry>>,
    pub(super) users: Rows<UserRow>,
    admin_keys: HashMap<[u8; 32], (UserId, AdminKeyId)>,
    /// Who signs in with a name, by the name's claim.
    logins: HashMap<String, UserId>,
    pub(super) budgets: Rows<BudgetRow>,
    /// The open ones of each holder. Most have none.
    held: HashMap<Holder, BTreeSet<BudgetId>>,
    pub(super) sessions: Rows<SessionRow>,
    sessions_by_user: BTreeSet<(UserId, SessionId)>,
    pub(super) groups: Rows<GroupRow>,
    pub(super) prices: Rows<PriceRow>,
    pub(super) settings: Rows<SettingsRow>,
}

/// Takes an event into the rows of one model, and says which row that was and what it was before.
fn fold<M: Model>(rows: &mut Rows<M>, event: &Recorded) -> Result<(M::Key, Option<Arc<M>>), StoreError> {
    let (key, fact) = read::<M>(event)?;
    let before = rows.remove(&key);
    if let Some(row) = M::evolve(before.as_deref().cloned(), &key, &fact) {
        rows.insert(key.clone(), Arc::new(row));
    }
    Ok((key, before))
}

async fn rows<M: Model>(connection: &mut Connection, key: fn(&M) -> M::Key) -> Result<Rows<M>, StoreError> {
    let mut rows = Rows::<M>::new();
    model::each(connection, |row: M| {
        rows.insert(key(&row), Arc::new(row));
    })
    .await?;
    Ok(rows)
}

impl State {
    pub(super) async fn load(snapshot: &mut LogSnapshot) -> Result<Self, StoreError> {
        let position = snapshot.heads().await?.control;
        let connection = snapshot.connection();
        let mut state = Self {
            position,
            channels_version: position,
            channels: rows(connection, |row: &ChannelRow| row.channel_id).await?,
            tokens: rows(connection, |row: &TokenRow| row.token_id).await?,
            users: rows(connection, |row: &UserRow| row.user_id).await?,
            budgets: rows(connection, |row: &BudgetRow| row.budget_id).await?,
            sessions: rows(connection, |row: &SessionRow| row.session_id).await?,
            groups: rows(connection, |row: &GroupRow| row.name.clone()).await?,
            prices: rows(connection, |row: &PriceRow| row.model.clone()).await?,
            settings: rows(connection, |_: &SettingsRow| SETTINGS_ID.to_owned()).await?,
            ..Self::default()
        };
        state.tokens.retain(|_, row| row.state != TokenState::Revoked);
        for id in state.tokens.keys().copied().collect::<Vec<_>>() {
            state.index_token(id, None);
        }
        for id in state.users.keys().copied().collect::<Vec<_>>() {
            state.index_user(id, None);
        }
        for id in state.budgets.keys().copied().collect::<Vec<_>>() {
            state.index_budget(id);
        }
        state.sessions_by_user = state.sessions.values().map(|row| (row.user_id, row.session_id)).collect();
        state.list_channels();
        Ok(state)
    }

    /// Takes in what comes next, as far as it can be read.
    pub(super) fn take(&mut self, events: &[Recorded]) -> Result<(), StoreError> {
        let taken = events.iter().try_for_each(|event| self.take_one(event));
        self.list_channels();
        taken
    }

    fn take_one(&mut self, event: &Recorded) -> Result<(), StoreError> {
        let expected = self.position + 1;
        if event.position != expected {
            return Err(StoreError::Hole { log: Log::Control, expected, found: event.position });
        }
        match event.kind() {
            Channel::KIND => {
                fold(&mut self.channels, event)?;
                self.channels_version = event.position;
            }
            ApiToken::KIND => {
                let (id, before) = fold(&mut self.tokens, event)?;
                self.index_token(id, before.as_deref());
            }
            User::KIND => {
                let (id, before) = fold(&mut self.users, event)?;
                self.index_user(id, before.as_deref());
            }
            Budget::KIND => {
                let (id, _) = fold(&mut self.budgets, event)?;
                self.index_budget(id);
            }
            Session::KIND => {
                let (id, before) = fold(&mut self.sessions, event)?;
                self.index_session(id, before.as_deref());
            }
            Group::KIND => drop(fold(&mut self.groups, event)?),
            PriceList::KIND => drop(fold(&mut self.prices, event)?),
            Settings::KIND => drop(fold(&mut self.settings, event)?),
            // Claims of unique values are streams too, and no rows.
            _ => {}
        }
        self.position = event.position;
        Ok(())
    }

    fn index_token(&mut self, id: ApiTokenId, before: Option<&TokenRow>) {
        if let Some(hash) = before.and_then(|row| sha256(&row.key)) {
            self.by_key.remove(&hash);
        }
        // Nothing brings a revoked token back: it need not be remembered.
        if self.tokens.get(&id).is_some_and(|row| row.state == TokenState::Revoked) {
            self.tokens.remove(&id);
        }
        if let Some(row) = self.tokens.get(&id)
            && let Some(hash) = sha256(&row.key)
        {
            self.by_key.insert(hash, Arc::new(TokenEntry::from(row.as_ref())));
        }
    }

    fn index_user(&mut self, id: UserId, before: Option<&UserRow>) {
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
    fn index_budget(&mut self, id: BudgetId) {
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

    fn index_session(&mut self, id: SessionId, before: Option<&SessionRow>) {
        if let Some(row) = before {
            self.sessions_by_user.remove(&(row.user_id, id));
        }
        if let Some(row) = self.sessions.get(&id) {
            self.sessions_by_user.insert((row.user_id, id));
        }
    }

    fn list_channels(&mut self) {
        if self.listed.0 != self.channels_version {
            let channels = self.channels.values().map(|row| row.as_ref().clone()).collect();
            self.listed = (self.channels_version, Arc::new(channels));
        }
    }
}
