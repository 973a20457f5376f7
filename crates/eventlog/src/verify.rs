//! The audit of a log: every position there, every hash right, every stream without holes.

use std::collections::HashMap;

use domain::Log;
use futures_util::TryStreamExt;
use uuid::Uuid;

use crate::{
    LogSnapshot, Recorded, StoreError,
    leaf::table,
    on,
    reader::{self, signed},
};

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// I6: a position is missing.
    #[error("I6: the {log} log lacks position {expected}; the next one is {found}")]
    Hole {
        /// Which log.
        log: Log,
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// I6: the head says something else than the events.
    #[error("I6: the {log} log's head is at {head}, its last event at {last}")]
    Head {
        /// Which log.
        log: Log,
        /// What the head says.
        head: u64,
        /// The last event.
        last: u64,
    },
    /// I6: a stream's version is not the next one.
    #[error("I6: event {position} of the {log} log is version {found} of {stream}, not {expected}")]
    Version {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
        /// Which stream.
        stream: String,
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A stored byte is not what was written.
    #[error("event {position} of the {log} log was changed: its bytes do not give its hash")]
    Changed {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
    },
    /// A snapshot is not the fold of its events.
    #[error(
        "the {log} log's snapshot of {stream} at version {version} is not what its events make: loads are wrong until \
         it is deleted from the table `snapshots`"
    )]
    Snapshot {
        /// Which log.
        log: Log,
        /// Which stream.
        stream: String,
        /// The version that it stands for.
        version: u64,
    },
    /// Time went back.
    #[error("event {position} of the {log} log is recorded before the event in front of it")]
    Time {
        /// Which log.
        log: Log,
        /// Which event.
        position: u64,
    },
}

/// Reads a log of one snapshot up to `head`, hands each event to `visit` and says what is wrong, at most `faults_max`
/// times. What was changed is not visited: it is no evidence.
///
/// # Errors
/// When the database fails, or `visit` does.
pub async fn verify(
    snapshot: &mut LogSnapshot,
    log: Log,
    head: u64,
    faults_max: usize,
    mut visit: impl FnMut(&Recorded) -> Result<(), StoreError>,
) -> Result<Vec<LogFault>, StoreError> {
    let log_id = snapshot.log_id(log);
    let sql = reader::select(log, "WHERE position <= $1 ORDER BY position");
    let mut rows = reader::events(snapshot.connection(), log, &sql, signed(head));
    let mut check = Check { log, log_id, versions: HashMap::new(), last: None, faults: Vec::new() };
    while check.faults.len() < faults_max
        && let Some(event) = rows.try_next().await?
    {
        if check.event(&event) {
            visit(&event)?;
        }
        check.last = Some(event);
    }
    drop(rows);
    if check.faults.len() < faults_max {
        check.end(snapshot, head).await?;
    }
    Ok(check.faults)
}

struct Check {
    log: Log,
    log_id: Uuid,
    versions: HashMap<String, u64>,
    last: Option<Recorded>,
    faults: Vec<LogFault>,
}

impl Check {
    /// Whether the event is what was written.
    fn event(&mut self, event: &Recorded) -> bool {
        let (log, position) = (self.log, event.position);
        let expected = self.last.as_ref().map_or(1, |last| last.position + 1);
        if position != expected {
            self.faults.push(LogFault::Hole { log, expected, found: position });
        }
        let unchanged = event.expected_hash(self.log_id) == event.leaf_hash;
        if !unchanged {
            self.faults.push(LogFault::Changed { log, position });
        }
        if self.last.as_ref().is_some_and(|last| last.recorded_at >= event.recorded_at) {
            self.faults.push(LogFault::Time { log, position });
        }
        let version = self.versions.entry(event.stream.clone()).or_insert(0);
        let expected = *version + 1;
        if event.version != expected {
            let stream = event.stream.clone();
            self.faults.push(LogFault::Version { log, position, stream, expected, found: event.version });
        }
        *version = event.version;
        unchanged
    }

    /// Nothing may be missing before `head`, nor stand behind the log's own head.
    async fn end(&mut self, snapshot: &mut LogSnapshot, head: u64) -> Result<(), StoreError> {
        let log = self.log;
        let mut last = self.last.as_ref().map_or(0, |event| event.position);
        if snapshot.heads().await?.of(log) == head {
            let sql = format!("SELECT COALESCE(MAX(position), 0) FROM {}", table(log));
            let behind: i64 = on!(snapshot.connection(), c => sqlx::query_scalar(&sql).fetch_one(c).await?);
            last = last.max(u64::try_from(behind).map_err(|_| StoreError::Malformed("position"))?);
        }
        if last != head {
            self.faults.push(LogFault::Head { log, head, last });
        }
        Ok(())
    }
}
