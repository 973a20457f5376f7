//! Makes a generation anew beside the one that readers use, then puts it in its place.
//!
//! Rows are read as they stand while it is made, from a position that is known before: whatever changes meanwhile is brought
//! once more by the steps that follow.

use domain::Log;
use eventlog::{Connection, LogReader, StoreError};

use super::{
    RedisModelError,
    changes::Changes,
    projector::{Found, RedisProjector, event_at},
    scripts::{Answer, run},
};
use crate::{
    Stored,
    groups::GroupRow,
    model::{self, Model},
    tokens::TokenRow,
    users::UserRow,
};

/// How long a generation stays that was begun and not ended, in seconds.
const UNENDED_S: u32 = 600;
/// How many rows are sent at once.
const ROWS_AT_ONCE: usize = 500;

/// A generation that is being made.
struct Draft<'a> {
    of: &'a RedisProjector,
    name: String,
    position: u64,
}

impl RedisProjector {
    /// Applied, duplicate where another projector was quicker, or rebuild where it was wiped meanwhile.
    pub(super) async fn rebuild(&self, reader: &LogReader, found: &Found) -> Result<Answer, RedisModelError> {
        let position = reader.heads().await?.control;
        let event = event_at(reader, Log::Control, position).await?.unwrap_or_default();
        let draft = Draft { of: self, name: self.name(), position };
        if draft.fill(reader).await? == Answer::Rebuild {
            return Ok(Answer::Rebuild);
        }
        let mut keys = self.keys.all(&draft.name);
        keys.push(self.keys.active());
        keys.extend(self.keys.all(&found.generation));
        let log_id = reader.log_id(Log::Control).to_string();
        let arguments = vec![found.generation.clone(), draft.name, log_id, position.to_string(), event];
        let answer = run(&self.client, &self.scripts.switch, keys, arguments).await?;
        tracing::info!(position, ?answer, "the read models at the Redis server were made anew");
        Ok(answer)
    }
}

impl Draft<'_> {
    async fn fill(&self, reader: &LogReader) -> Result<Answer, RedisModelError> {
        let keys = self.of.keys.all(&self.name);
        run(&self.of.client, &self.of.scripts.begin, keys, vec![UNENDED_S.to_string()]).await?;
        let mut changes = self.changes();
        changes.channels(&mut reader.pool().acquire().await?).await?;
        let filled = [
            self.send(changes).await?,
            self.each::<GroupRow>(reader, |row| row.name.clone(), |changes, row| changes.group(&row)).await?,
            self.each::<UserRow>(
                reader,
                |row| row.user_id,
                |changes, row| {
                    let id = row.row.user_id;
                    changes.user(id, Some(row))
                },
            )
            .await?,
            self.each::<TokenRow>(reader, |row| row.token_id, |changes, row| changes.token(&row)).await?,
        ];
        Ok(if filled.contains(&Answer::Rebuild) { Answer::Rebuild } else { Answer::Applied })
    }

    async fn each<M: Model>(
        &self,
        reader: &LogReader,
        key: impl Fn(&M) -> M::Key,
        put: impl Fn(&mut Changes<'_>, Stored<M>) -> Result<(), StoreError>,
    ) -> Result<Answer, RedisModelError> {
        let mut after: Option<M::Key> = None;
        loop {
            let mut connection: Connection = reader.pool().acquire().await?;
            let page = model::page::<M>(&mut connection, after.as_ref(), ROWS_AT_ONCE, None).await?;
            drop(connection);
            let is_last = page.len() < ROWS_AT_ONCE;
            after = page.last().map(|stored| key(&stored.row));
            let mut changes = self.changes();
            for stored in page {
                put(&mut changes, stored)?;
            }
            let answer = self.send(changes).await?;
            if is_last || answer == Answer::Rebuild {
                return Ok(answer);
            }
        }
    }

    fn changes(&self) -> Changes<'_> {
        let first = vec![UNENDED_S.to_string()];
        Changes::new(&self.of.keys, &self.of.sealer, &self.name, self.position, first)
    }

    async fn send(&self, changes: Changes<'_>) -> Result<Answer, RedisModelError> {
        let keys = self.of.keys.all(&self.name);
        run(&self.of.client, &self.of.scripts.fill, keys, changes.arguments).await
    }
}
