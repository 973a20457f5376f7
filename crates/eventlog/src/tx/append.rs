//! Writing events, each with its place, its time and its hash.

use domain::{Log, TimeStamp};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::Tx;
use crate::{
    NewEvent, Recorded, StoreError, StreamAppend,
    leaf::{Leaf, table},
};

impl Tx {
    /// Appends events to their streams, and lets the inline read models follow. After an error the decision cannot
    /// stand: it ends with that error, or with a refusal.
    ///
    /// # Errors
    /// When a stream is not at the version that was expected, or the store fails.
    pub async fn append(&mut self, appends: Vec<StreamAppend>) -> Result<(), StoreError> {
        let appended = self.place_and_write(appends).await;
        self.spoiled |= appended.is_err();
        appended
    }

    async fn place_and_write(&mut self, appends: Vec<StreamAppend>) -> Result<(), StoreError> {
        let metadata = serde_json::to_string(&self.metadata).map_err(StoreError::Encode)?;
        let mut recorded = Vec::new();
        let now = self.clock.now();
        let streams: Vec<(Log, &str)> =
            appends.iter().map(|append| (append.log, append.stream.as_str())).collect();
        let mut versions = crate::reader::versions(&mut self.connection, &streams).await?;
        for append in appends {
            let version = versions.entry((append.log, append.stream.clone())).or_insert(0);
            if let Some(expected) = append.expected.filter(|expected| expected != version) {
                return Err(StoreError::Conflict { stream: append.stream, expected, found: *version });
            }
            for event in append.events {
                *version += 1;
                recorded.push(self.record(append.log, &append.stream, *version, event, &metadata, now)?);
            }
        }
        for log in Log::ALL {
            insert(&mut self.connection, log, recorded.iter().filter(|e| e.log == log)).await?;
        }
        if recorded.is_empty() {
            return Ok(());
        }
        for model in self.inline.iter() {
            model.apply(&mut self.connection, &recorded).await?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        log: Log,
        stream: &str,
        version: u64,
        event: NewEvent,
        metadata: &str,
        now: TimeStamp,
    ) -> Result<Recorded, StoreError> {
        let head = &mut self.heads[log as usize];
        head.position += 1;
        // Time rises with the position, whatever the clock does: time travel searches by it.
        head.recorded_at = now.max(TimeStamp::from_micros(head.recorded_at.micros() + 1));
        let millis = u64::try_from(head.recorded_at.micros() / 1_000).unwrap_or(0);
        let event_id = uuid::Builder::from_unix_timestamp_millis(millis, &crate::seal::random()?).into_uuid();
        let leaf_hash = Leaf {
            position: head.position,
            recorded_at: head.recorded_at,
            stream,
            version,
            event_id,
            event_type: event.event_type,
            schema_version: event.schema_version,
            payload: &event.payload,
            metadata,
        }
        .hash(head.log_id);
        Ok(Recorded {
            log,
            position: head.position,
            stream: stream.to_owned(),
            version,
            event_id,
            event_type: event.event_type.to_owned(),
            schema_version: event.schema_version,
            payload: event.payload,
            metadata: metadata.to_owned(),
            recorded_at: head.recorded_at,
            leaf_hash,
        })
    }
}

/// One event as the insert below takes it: text stays text, never parsed by the database.
#[derive(Serialize)]
struct Row<'a>(u64, &'a str, u64, String, &'a str, u32, &'a str, &'a str, i64, String);

async fn insert(
    connection: &mut SqliteConnection,
    log: Log,
    events: impl Iterator<Item = &Recorded>,
) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = events
        .map(|event| {
            Row(
                event.position,
                &event.stream,
                event.version,
                event.event_id.to_string(),
                &event.event_type,
                event.schema_version,
                &event.payload,
                &event.metadata,
                event.recorded_at.micros(),
                hex::encode(event.leaf_hash),
            )
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {} SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, \
         value->>8, unhex(value->>9) FROM json_each(?)",
        table(log)
    );
    let rows = serde_json::to_string(&rows).map_err(StoreError::Encode)?;
    sqlx::query(&sql).bind(rows).execute(connection).await?;
    Ok(())
}
