//! The rows of every read model, with what finds them by key.

mod answer;
mod put;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use domain::{
    AdminKeyId, Aggregate, BudgetId, Log, SessionId, UserId,
    api_token::ApiToken,
    budget::{Budget, Holder},
    channel::Channel,
    group::Group,
    journal::Journal,
    login::Login,
    node::Node,
    price_list::PriceList,
    session::Session,
    settings::Settings,
    user::User,
};
use eventlog::{Place, Recorded, StoreError};
use uuid::Uuid;

use super::tokens::{RowsBefore, Tokens};
use crate::{
    budgets::BudgetRow,
    channels::ChannelRow,
    groups::GroupRow,
    journal_owners::JournalOwnerRow,
    model::{Model, read},
    nodes::NodeRow,
    prices::PriceRow,
    sessions::SessionRow,
    settings::SettingsRow,
    tokens::TokenRow,
    users::UserRow,
};

/// Streams of the control log that make no rows here: claims of unique values, and which nodes there are.
const WITHOUT_ROWS: [&str; 3] = [Login::KIND, Node::KIND, Journal::KIND];

type Rows<M> = BTreeMap<<M as Model>::Key, Arc<M>>;

/// How much of the control log is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    #[default]
    Whole,
    /// What calls need: nobody's name, sign-in or session, and no other node.
    Calls,
}

#[derive(Default)]
pub(super) struct State {
    extent: Extent,
    log_id: Uuid,
    position: u64,
    channels: Rows<ChannelRow>,
    /// Those same channels at the version beside them, as they are handed out.
    listed: (u64, Arc<Vec<ChannelRow>>),
    channels_version: u64,
    pub(super) tokens: Tokens,
    pub(super) users: Rows<UserRow>,
    admin_keys: HashMap<[u8; 32], (UserId, AdminKeyId)>,
    /// Who signs in with a name, by the name's claim.
    logins: HashMap<String, UserId>,
    pub(super) budgets: Rows<BudgetRow>,
    /// The open ones of each holder. Most have none.
    held: HashMap<Holder, BTreeSet<BudgetId>>,
    pub(super) sessions: Rows<SessionRow>,
    sessions_by_user: BTreeSet<(UserId, SessionId)>,
    pub(super) nodes: Rows<NodeRow>,
    pub(super) journal_owners: Rows<JournalOwnerRow>,
    pub(super) groups: Rows<GroupRow>,
    pub(super) prices: Rows<PriceRow>,
    pub(super) settings: Rows<SettingsRow>,
    /// How often all of this was put in another's place.
    rebuilt: u64,
    /// Events of streams that this version of the program does not know.
    skipped: u64,
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

impl State {
    pub(super) const fn place(&self) -> Place {
        Place { log_id: self.log_id, position: self.position }
    }

    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Takes the place of `before`: whatever was made of its channels is not these.
    pub(super) fn comes_after(&mut self, before: &Self) {
        self.channels_version = before.channels_version + 1;
        self.rebuilt = before.rebuilt + 1;
        self.list_channels();
    }

    /// Takes in what comes next, as far as it can be read. `before` has rows of tokens that memory may not have.
    pub(super) fn take(&mut self, events: &[Recorded], before: &RowsBefore) -> Result<(), StoreError> {
        let taken = events.iter().try_for_each(|event| self.take_one(event, before));
        self.list_channels();
        taken
    }

    /// What calls lean on must be understood: an event of a newer version ends it here, and what is known grows stale
    /// until this program is as new. A kind of stream that is not known at all is no matter of this one's calls.
    fn take_one(&mut self, event: &Recorded, before: &RowsBefore) -> Result<(), StoreError> {
        let expected = self.position + 1;
        if event.position != expected {
            return Err(StoreError::Hole { log: Log::Control, expected, found: event.position });
        }
        match event.kind() {
            Channel::KIND => {
                fold(&mut self.channels, event)?;
                self.channels_version += 1;
            }
            ApiToken::KIND => {
                let (id, fact) = read::<TokenRow>(event)?;
                self.tokens.take(id, event.version, &fact, before);
            }
            User::KIND => {
                let (id, before) = fold(&mut self.users, event)?;
                self.index_user(id, before.as_deref());
            }
            Budget::KIND => {
                let (id, _) = fold(&mut self.budgets, event)?;
                self.index_budget(id);
            }
            Session::KIND | Node::KIND | Journal::KIND if self.extent == Extent::Calls => {}
            Session::KIND => {
                let (id, before) = fold(&mut self.sessions, event)?;
                self.index_session(id, before.as_deref());
            }
            Node::KIND => drop(fold(&mut self.nodes, event)?),
            Journal::KIND => drop(fold(&mut self.journal_owners, event)?),
            Group::KIND => drop(fold(&mut self.groups, event)?),
            PriceList::KIND => drop(fold(&mut self.prices, event)?),
            Settings::KIND => drop(fold(&mut self.settings, event)?),
            kind => self.skipped += u64::from(!WITHOUT_ROWS.contains(&kind)),
        }
        self.position = event.position;
        Ok(())
    }
}
