//! Writing events, each with its place, its time and its hash.

use domain::{Log, TimeStamp};

use super::Tx;
use crate::{
    Cell, Connection, NewEvent, Recorded, Rows, StoreError, StreamAppend,
    fault::{self, Point},
    leaf::{Leaf, table},
    store::partitions,
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
            let traced = append.trace.map(|context| self.metadata.clone().traced(context));
            let traced = traced.map(|metadata| serde_json::to_string(&metadata)).transpose();
            let traced = traced.map_err(StoreError::Encode)?;
            let metadata = traced.as_deref().unwrap_or(&metadata);
            for event in append.events {
                *version += 1;
                recorded.push(self.record(append.log, &append.stream, *version, event, metadata, now)?);
            }
        }
        for log in Log::ALL {
            self.make_room(log).await?;
            insert(&mut self.connection, log, &recorded).await?;
        }
        if recorded.is_empty() {
            return Ok(());
        }
        fault::hit(Point::DuringAppend);
        for model in self.inline.iter() {
            model.apply(&mut self.connection, &recorded).await?;
        }
        self.appended.append(&mut recorded);
        Ok(())
    }

    /// In a database that keeps a log in parts: the parts that the next events belong to.
    async fn make_room(&mut self, log: Log) -> Result<(), StoreError> {
        let (head, covered) = (self.heads[log as usize].position, &mut self.covered[log as usize]);
        while head > *covered {
            *covered = partitions::extend(&mut self.connection, log, *covered, self.partition_events).await?;
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

const COLUMNS: [&str; 10] = [
    "position",
    "stream",
    "version",
    "event_id",
    "event_type",
    "schema_version",
    "payload",
    "metadata",
    "recorded_at",
    "leaf_hash",
];

async fn insert(connection: &mut Connection, log: Log, recorded: &[Recorded]) -> Result<(), StoreError> {
    let rows: Vec<_> = recorded.iter().filter(|event| event.log == log).map(cells).collect();
    let sql = format!("INSERT INTO {} SELECT * FROM {{rows}}", table(log));
    Rows::new(COLUMNS, rows).execute(connection, &sql).await
}

fn cells(event: &Recorded) -> [Cell<'_>; 10] {
    [
        event.position.into(),
        event.stream.as_str().into(),
        event.version.into(),
        Cell::Uuid(event.event_id),
        event.event_type.as_str().into(),
        event.schema_version.into(),
        event.payload.as_str().into(),
        event.metadata.as_str().into(),
        event.recorded_at.micros().into(),
        Cell::Bytes(event.leaf_hash.as_slice().into()),
    ]
}
