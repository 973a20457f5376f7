//! The audit of a log: every position there, every hash right, every stream without holes.

mod fault;

use std::collections::HashMap;

use domain::{Log, TimeStamp};
use futures_util::future::BoxFuture;
use uuid::Uuid;

pub use self::fault::{LogFault, ModelFault};
use crate::{
    LogSnapshot, PAGE_MAX, Recorded, StoreError,
    leaf::table,
    on,
    reader::{self, Row, signed},
};

/// A read model that an audit compares with the log that it follows.
pub trait Compare: Send {
    /// Says where it is not what the next events make of it. What was changed is not among them.
    fn page<'a>(
        &'a mut self,
        snapshot: &'a mut LogSnapshot,
        events: &'a [Recorded],
    ) -> BoxFuture<'a, Result<Vec<ModelFault>, StoreError>>;

    /// Says what is wrong with it now that it has seen every event.
    fn end<'a>(
        &'a mut self,
        snapshot: &'a mut LogSnapshot,
    ) -> BoxFuture<'a, Result<Vec<ModelFault>, StoreError>>;
}

/// Reads a log of one snapshot up to `head`, hands its events page by page to `visit` and says what is wrong, at most
/// `faults_max` times. What was changed is not visited: it is no evidence. Holds one page of events and the version of
/// each stream, however long the log is.
///
/// # Errors
/// When the database fails, or `visit` does.
pub async fn verify<E: From<StoreError>>(
    snapshot: &mut LogSnapshot,
    log: Log,
    head: u64,
    faults_max: usize,
    mut visit: impl AsyncFnMut(&mut LogSnapshot, &[Recorded]) -> Result<(), E>,
) -> Result<Vec<LogFault>, E> {
    let log_id = snapshot.log_id(log);
    let mut check =
        Check { log, log_id, faults_max, versions: HashMap::new(), last: None, faults: Vec::new() };
    while !check.is_full() {
        let rows = page(snapshot, log, check.position(), head).await?;
        let Some((last, _)) = rows.last() else { break };
        let last = *last;
        let unchanged = rows.into_iter().filter_map(|(position, row)| check.row(position, row).transpose());
        let events: Vec<Recorded> = unchanged.collect::<Result<_, _>>()?;
        visit(snapshot, &events).await?;
        if last == head {
            break;
        }
    }
    if !check.is_full() {
        check.end(snapshot, head).await?;
    }
    Ok(check.faults)
}

/// The next events after `after`, each with its position, which can be told even where nothing else can.
async fn page(
    snapshot: &mut LogSnapshot,
    log: Log,
    after: u64,
    head: u64,
) -> Result<Vec<(u64, Result<Recorded, StoreError>)>, StoreError> {
    let sql = reader::select(log, "WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3");
    let rows: Vec<Row> = on!(snapshot.connection(), c => {
        sqlx::query_as(&sql)
            .bind(signed(after))
            .bind(signed(head))
            .bind(signed(PAGE_MAX as u64))
            .fetch_all(c)
            .await?
    });
    rows.into_iter()
        .map(|row| {
            let position = u64::try_from(row.position).map_err(|_| StoreError::Malformed("position"))?;
            Ok((position, row.read(log)))
        })
        .collect()
}

struct Check {
    log: Log,
    log_id: Uuid,
    faults_max: usize,
    versions: HashMap<String, u64>,
    /// Where the event in front stands, and when it was recorded where that can be read.
    last: Option<(u64, Option<TimeStamp>)>,
    faults: Vec<LogFault>,
}

impl Check {
    const fn is_full(&self) -> bool {
        self.faults.len() >= self.faults_max
    }

    fn position(&self) -> u64 {
        self.last.map_or(0, |(position, _)| position)
    }

    /// The event, if it is what was written.
    fn row(
        &mut self,
        position: u64,
        row: Result<Recorded, StoreError>,
    ) -> Result<Option<Recorded>, StoreError> {
        if self.is_full() {
            return Ok(None);
        }
        let (log, expected) = (self.log, self.position() + 1);
        if position != expected {
            self.faults.push(LogFault::Hole { log, expected, found: position });
        }
        let recorded_at = row.as_ref().ok().map(|event| event.recorded_at);
        let unchanged = match row {
            Ok(event) => self.event(&event).then_some(event),
            Err(StoreError::Malformed(what)) => {
                self.faults.push(LogFault::Malformed { log, position, what });
                None
            }
            Err(error) => return Err(error),
        };
        self.last = Some((position, recorded_at));
        Ok(unchanged)
    }

    /// Whether the event is what was written.
    fn event(&mut self, event: &Recorded) -> bool {
        let (log, position) = (self.log, event.position);
        let unchanged = event.expected_hash(self.log_id) == event.leaf_hash;
        if !unchanged {
            self.faults.push(LogFault::Changed { log, position });
        }
        if self.last.and_then(|(_, at)| at).is_some_and(|at| at >= event.recorded_at) {
            self.faults.push(LogFault::Time { log, position });
        }
        let version = match self.versions.get_mut(&event.stream) {
            Some(version) => version,
            None => self.versions.entry(event.stream.clone()).or_insert(0),
        };
        let expected = *version + 1;
        *version = event.version;
        if event.version != expected {
            let stream = event.stream.clone();
            self.faults.push(LogFault::Version { log, position, stream, expected, found: event.version });
        }
        unchanged
    }

    /// Nothing may be missing before `head`, nor stand behind the log's own head.
    async fn end(&mut self, snapshot: &mut LogSnapshot, head: u64) -> Result<(), StoreError> {
        let log = self.log;
        let mut last = self.position();
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
