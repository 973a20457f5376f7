//! How far the logs have come inside the transaction.

use domain::{Log, TimeStamp};
use uuid::Uuid;

use super::Tx;
use crate::{Connection, Dialect, Heads, StoreError, leaf::table, on, store::partitions};

/// One log's head while the transaction runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) log_id: Uuid,
    pub(super) position: u64,
    pub(super) recorded_at: TimeStamp,
}

/// What can be put back when a decision is refused.
pub(crate) struct Mark {
    heads: [Head; 2],
    covered: [u64; 2],
}

impl Tx {
    /// Begins the transaction where the database stands, whatever became of the one before. Nobody else appends until
    /// it ends: what is decided in it is decided upon all that is committed.
    pub(crate) async fn begin(&mut self) -> Result<Mark, StoreError> {
        match self.connection.dialect() {
            Dialect::Sqlite => self.connection.execute("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => {
                self.connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
                // A statement of its own: the next one sees what was committed while this one waited.
                self.connection.execute("SELECT 1 FROM heads ORDER BY log FOR UPDATE").await?;
            }
        }
        self.heads = read(&mut self.connection).await?;
        self.covered = partitions::covered(&mut self.connection).await?;
        self.appended.clear();
        Ok(self.mark())
    }

    /// Whether other processes may append too: a file has one that does.
    pub(crate) fn is_shared(&self) -> bool {
        self.connection.dialect() == Dialect::Postgres
    }

    /// How far the logs are, outside a transaction.
    pub(crate) async fn look(&mut self) -> Result<Heads, StoreError> {
        self.heads = read(&mut self.connection).await?;
        Ok(self.heads())
    }

    /// Undoes whatever is open. A connection that cannot even do that is given up for a new one.
    pub(crate) async fn recover(&mut self) {
        if self.connection.execute("ROLLBACK").await.is_ok() || self.connection.dialect() == Dialect::Sqlite {
            return;
        }
        self.connection.close_on_drop();
        match self.writers.acquire().await {
            Ok(connection) => self.connection = connection,
            Err(error) => tracing::error!(%error, "the database cannot be reached; trying again"),
        }
    }

    pub(crate) const fn heads(&self) -> Heads {
        Heads { control: self.heads[0].position, ledger: self.heads[1].position }
    }

    pub(crate) const fn mark(&self) -> Mark {
        Mark { heads: self.heads, covered: self.covered }
    }

    pub(crate) fn reset(&mut self, mark: &Mark) {
        self.appended.retain(|event| event.position <= mark.heads[event.log as usize].position);
        self.heads = mark.heads;
        self.covered = mark.covered;
    }

    /// Which logs have moved since `mark`, and how far they are.
    pub(crate) fn moved_since(&self, mark: &Mark) -> Heads {
        let mut moved = Heads::default();
        for log in Log::ALL {
            if self.heads[log as usize].position > mark.heads[log as usize].position {
                moved.set(log, self.heads[log as usize].position);
            }
        }
        moved
    }

    pub(crate) async fn write_heads(&mut self, before: &Mark) -> Result<(), StoreError> {
        for log in Log::ALL {
            let head = self.heads[log as usize];
            if head.position > before.heads[log as usize].position {
                on!(&mut self.connection, c => {
                    sqlx::query("UPDATE heads SET position = $1, recorded_at = $2 WHERE log = $3")
                        .bind(crate::reader::signed(head.position))
                        .bind(head.recorded_at.micros())
                        .bind(log.as_str())
                        .execute(c)
                        .await?;
                });
            }
        }
        Ok(())
    }
}

/// Both heads, each of which must be where its log ends.
pub(super) async fn read(connection: &mut Connection) -> Result<[Head; 2], StoreError> {
    let last = Log::ALL
        .map(|log| format!("WHEN '{log}' THEN (SELECT COALESCE(MAX(position), 0) FROM {})", table(log)));
    let sql =
        format!("SELECT log, log_id, position, recorded_at, CASE log {} END FROM heads", last.join(" "));
    let rows: Vec<Row> = on!(connection, c => sqlx::query_as(&sql).fetch_all(c).await?);
    let [mut control, mut ledger] = [None; 2];
    for row in rows {
        match Log::from_name(&row.0).ok_or(StoreError::Malformed("log"))? {
            log @ Log::Control => control = Some(head(log, row)?),
            log @ Log::Ledger => ledger = Some(head(log, row)?),
        }
    }
    let missing = StoreError::Malformed("head");
    control.zip(ledger).map(|(control, ledger)| [control, ledger]).ok_or(missing)
}

/// The log, its id, its last position and time as they are written down, and where it ends.
type Row = (String, Vec<u8>, i64, i64, i64);

fn head(log: Log, (_, log_id, position, recorded_at, last): Row) -> Result<Head, StoreError> {
    let number = |n| u64::try_from(n).map_err(|_| StoreError::Malformed("position"));
    let (position, last) = (number(position)?, number(last)?);
    if position != last {
        return Err(StoreError::Head { log, head: position, last });
    }
    Ok(Head {
        log_id: Uuid::from_slice(&log_id).map_err(|_| StoreError::Malformed("log id"))?,
        position,
        recorded_at: TimeStamp::from_micros(recorded_at),
    })
}
