//! Reads what a projector wrote. What is not there may still be: nothing is refused because of it.

use std::time::Duration;

use domain::{AccountId, GroupName, UserId};
use eventlog::Sealer;
use fred::{clients::Client, types::scripts::Script};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    RedisModelError,
    accounts::{AccountKeys, AccountSummary},
    changes::TABLE,
    keys::{Keys, Rows},
    scripts::ask,
    value,
};
use crate::{Versioned, channels::ChannelRow, groups::GroupRow, tokens::TokenRow, users::UserRow};

/// How long an answer may take: there is another way to what is asked.
const ANSWER_MAX: Duration = Duration::from_millis(250);

/// Reads at a Redis server; clones share their connection.
#[derive(Clone)]
pub struct RedisReader {
    client: Client,
    sealer: Sealer,
    keys: Keys,
    script: Script,
    account_keys: AccountKeys,
    account_script: Script,
}

impl RedisReader {
    /// At the server that `client` connects to.
    pub fn new(client: Client, sealer: Sealer) -> Self {
        let keys = Keys::of(&sealer);
        let account_keys = AccountKeys::of(&sealer);
        let script = Script::from_lua(include_str!("read.lua"));
        let account_script = Script::from_lua(include_str!("accounts/read.lua"));
        Self { client, sealer, keys, script, account_keys, account_script }
    }

    /// The token whose key has this hash. It may be older than what the caller knows of it.
    ///
    /// # Errors
    /// When the server is away or slow, or the value is forged.
    pub async fn token(&self, sha256: &[u8; 32]) -> Result<Option<Versioned<TokenRow>>, RedisModelError> {
        self.read(Rows::Tokens, &hex::encode(sha256)).await
    }

    /// A user, without what is of the person.
    ///
    /// # Errors
    /// As [`RedisReader::token`].
    pub async fn user(&self, id: UserId) -> Result<Option<Versioned<UserRow>>, RedisModelError> {
        self.read(Rows::Users, &id.to_string()).await
    }

    /// A group.
    ///
    /// # Errors
    /// As [`RedisReader::token`].
    pub async fn group(&self, name: &GroupName) -> Result<Option<Versioned<GroupRow>>, RedisModelError> {
        self.read(Rows::Groups, name.as_str()).await
    }

    /// Every channel, as all of them stood at one moment.
    ///
    /// # Errors
    /// As [`RedisReader::token`].
    pub async fn channels(&self) -> Result<Option<Vec<ChannelRow>>, RedisModelError> {
        self.read(Rows::Channels, TABLE).await
    }

    /// What an account comes to: for display, since it is as old as about a second, or more.
    ///
    /// # Errors
    /// As [`RedisReader::token`].
    pub async fn account(&self, id: AccountId) -> Result<Option<Versioned<AccountSummary>>, RedisModelError> {
        let (key, field) = (&self.account_keys.rows, id.to_string());
        let asked = ask(&self.client, &self.account_script, vec![key.clone()], vec![field.clone()]);
        let told = timeout(ANSWER_MAX, asked).await.map_err(|_| RedisModelError::Slow)??;
        let [value] = told.as_slice() else { return Ok(None) };
        let text = self.account_keys.read(&self.sealer, &field, value);
        parsed(key, &field, text).map(Some)
    }

    async fn read<T: DeserializeOwned>(&self, rows: Rows, field: &str) -> Result<Option<T>, RedisModelError> {
        let arguments = vec![self.keys.generations(), rows.ending().to_owned(), field.to_owned()];
        let asked = ask(&self.client, &self.script, vec![self.keys.active()], arguments);
        let told = timeout(ANSWER_MAX, asked).await.map_err(|_| RedisModelError::Slow)??;
        let [generation, value] = told.as_slice() else { return Ok(None) };
        let key = self.keys.key(generation, rows);
        let text = value::read(&self.sealer, &key, field, value).map(|(_, text)| text);
        parsed(&key, field, text).map(Some)
    }
}

/// A value whose text is none where it bears no mark for its place.
fn parsed<T: DeserializeOwned>(key: &str, field: &str, text: Option<&str>) -> Result<T, RedisModelError> {
    let Some(text) = text else {
        tracing::warn!(key, field, "a value at the Redis server bears no mark for its place: it is refused");
        return Err(RedisModelError::Forged);
    };
    serde_json::from_str(text).map_err(|_| RedisModelError::Unreadable)
}
