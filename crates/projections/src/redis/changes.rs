//! What events change, as rows that stand for themselves: to write one twice is to write it once.

use std::collections::BTreeSet;

use domain::{
    Aggregate, ApiTokenId, GroupName, UserId, api_token::ApiToken, channel::Channel, group::Group, user::User,
};
use eventlog::{Connection, PAGE_MAX, Recorded, Sealer, StoreError};
use serde::Serialize;

use super::{
    keys::{Keys, Rows},
    value::Said,
};
use crate::{
    Stored, TokenEntry, Versioned,
    channels::ChannelRow,
    groups::GroupRow,
    model,
    tokens::{TokenRow, TokenState},
    users::UserRow,
};

/// The one field of the channels.
pub(super) const TABLE: &str = "table";

/// Which rows some events are about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touched {
    tokens: BTreeSet<ApiTokenId>,
    users: BTreeSet<UserId>,
    groups: BTreeSet<GroupName>,
    channels: bool,
}

impl Touched {
    pub(super) fn by(events: &[Recorded]) -> Self {
        let mut touched = Self::default();
        for event in events {
            match event.kind() {
                ApiToken::KIND => touched.tokens.extend(event.id().parse::<ApiTokenId>()),
                User::KIND => touched.users.extend(event.id().parse::<UserId>()),
                Group::KIND => touched.groups.extend(GroupName::new(event.id())),
                Channel::KIND => touched.channels = true,
                _ => {}
            }
        }
        touched
    }
}

/// The arguments of a script that say what a generation's rows become.
pub(super) struct Changes<'a> {
    keys: &'a Keys,
    sealer: &'a Sealer,
    generation: &'a str,
    position: u64,
    pub(super) arguments: Vec<String>,
}

impl<'a> Changes<'a> {
    /// No changes yet; `first` comes before them all.
    pub(super) const fn new(
        keys: &'a Keys,
        sealer: &'a Sealer,
        generation: &'a str,
        position: u64,
        first: Vec<String>,
    ) -> Self {
        Self { keys, sealer, generation, position, arguments: first }
    }

    /// The rows that were touched, as they stand now.
    pub(super) async fn read(
        &mut self,
        touched: &Touched,
        connection: &mut Connection,
    ) -> Result<(), StoreError> {
        for id in &touched.tokens {
            if let Some(stored) = model::find_on::<TokenRow>(connection, id).await? {
                self.token(&stored)?;
            }
        }
        for id in &touched.users {
            let stored = model::find_on::<UserRow>(connection, id).await?;
            self.user(*id, stored)?;
        }
        for name in &touched.groups {
            let stored = model::find_on::<GroupRow>(connection, name).await?;
            let row = stored.map(|stored| versioned(stored.version, stored.row));
            self.put(Rows::Groups, name.as_str(), row.as_ref())?;
        }
        if touched.channels { self.channels(connection).await } else { Ok(()) }
    }

    /// Nobody's words are among it: what a token is called is left to the table.
    pub(super) fn token(&mut self, stored: &Stored<TokenRow>) -> Result<(), StoreError> {
        let entry = TokenEntry::of(stored.version, &stored.row);
        let (id, field) = (entry.token_id.to_string(), stored.row.key.sha256.clone());
        let is_live = entry.state != TokenState::Revoked;
        let row = is_live.then(|| entry.versioned());
        self.say(Rows::Tokens, id, field, row.as_ref())
    }

    pub(super) fn user(&mut self, id: UserId, stored: Option<Stored<UserRow>>) -> Result<(), StoreError> {
        let row = stored.map(|Stored { version, mut row, .. }| {
            row.forget_person();
            versioned(version, row)
        });
        self.put(Rows::Users, &id.to_string(), row.as_ref())
    }

    pub(super) fn group(&mut self, Stored { version, row, .. }: &Stored<GroupRow>) -> Result<(), StoreError> {
        self.put(Rows::Groups, row.name.as_str(), Some(&versioned(*version, row)))
    }

    /// All channels in one value: they are only ever used together.
    pub(super) async fn channels(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        let mut table: Vec<ChannelRow> = Vec::new();
        loop {
            let after = table.last().map(|row| row.channel_id);
            let page = model::page::<ChannelRow>(connection, after.as_ref(), PAGE_MAX, None).await?;
            let is_last = page.len() < PAGE_MAX;
            table.extend(page.into_iter().map(|stored| stored.row));
            if is_last {
                return self.put(Rows::Channels, TABLE, Some(&table));
            }
        }
    }

    fn put(&mut self, rows: Rows, field: &str, value: Option<&impl Serialize>) -> Result<(), StoreError> {
        self.say(rows, String::new(), field.to_owned(), value)
    }

    fn say(
        &mut self,
        rows: Rows,
        id: String,
        field: String,
        value: Option<&impl Serialize>,
    ) -> Result<(), StoreError> {
        let key = self.keys.key(self.generation, rows);
        let text = value.map(serde_json::to_string).transpose().map_err(StoreError::Encode)?;
        let said = text.map(|text| {
            Said { key: &key, field: &field, position: self.position, text: &text }.write(self.sealer)
        });
        self.arguments.extend([rows.number(), id, field, said.unwrap_or_default()]);
        Ok(())
    }
}

const fn versioned<T>(version: u64, row: T) -> Versioned<T> {
    Versioned { version, row }
}
