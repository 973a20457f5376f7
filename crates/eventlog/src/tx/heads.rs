//! How far the logs have come inside the transaction.

use domain::{Log, TimeStamp};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::Tx;
use crate::{Heads, StoreError, leaf::table};

/// One log's head while the transaction runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) log_id: Uuid,
    pub(super) position: u64,
    pub(super) recorded_at: TimeStamp,
}

/// What can be put back when a decision is refused.
pub(crate) struct Mark([Head; 2]);

impl Tx {
    /// Begins the transaction where the database stands, whatever became of the one before.
    pub(crate) async fn begin(&mut self) -> Result<Mark, StoreError> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.connection).await?;
        self.heads = read(&mut self.connection).await?;
        Ok(self.mark())
    }

    pub(crate) const fn heads(&self) -> Heads {
        Heads { control: self.heads[0].position, ledger: self.heads[1].position }
    }

    pub(crate) const fn mark(&self) -> Mark {
        Mark(self.heads)
    }

    pub(crate) const fn reset(&mut self, mark: &Mark) {
        self.heads = mark.0;
    }

    /// Which logs have moved since `mark`, and how far they are.
    pub(crate) fn moved_since(&self, mark: &Mark) -> Heads {
        let mut moved = Heads::default();
        for log in Log::ALL {
            if self.heads[log as usize].position > mark.0[log as usize].position {
                moved.set(log, self.heads[log as usize].position);
            }
        }
        moved
    }

    pub(crate) async fn write_heads(&mut self, before: &Mark) -> Result<(), StoreError> {
        for log in Log::ALL {
            let head = self.heads[log as usize];
            if head.position > before.0[log as usize].position {
                sqlx::query("UPDATE heads SET position = ?, recorded_at = ? WHERE log = ?")
                    .bind(crate::reader::signed(head.position))
                    .bind(head.recorded_at.micros())
                    .bind(log.as_str())
                    .execute(&mut self.connection)
                    .await?;
            }
        }
        Ok(())
    }
}

/// Both heads, each of which must be where its log ends.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<[Head; 2], StoreError> {
    Ok([head(connection, Log::Control).await?, head(connection, Log::Ledger).await?])
}

async fn head(connection: &mut SqliteConnection, log: Log) -> Result<Head, StoreError> {
    let sql = format!(
        "SELECT log_id, position, recorded_at, (SELECT COALESCE(MAX(position), 0) FROM {}) FROM heads WHERE log = ?",
        table(log)
    );
    let (log_id, position, recorded_at, last): (Vec<u8>, i64, i64, i64) =
        sqlx::query_as(&sql).bind(log.as_str()).fetch_one(connection).await?;
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
