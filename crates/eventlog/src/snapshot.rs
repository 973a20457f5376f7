//! Both logs and every read model as one read transaction sees them, beside a process that writes.

use domain::Log;
use uuid::Uuid;

use crate::{Connection, Dialect, Heads, LogReader, StoreError, reader};

/// One moment of the database. What is written later does not show.
pub struct LogSnapshot {
    connection: Connection,
    ids: [Uuid; 2],
}

impl LogReader {
    /// What stands now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn snapshot(&self) -> Result<LogSnapshot, StoreError> {
        let mut connection = self.pool().acquire().await?;
        // Closed when it is dropped, not handed back with its transaction open.
        connection.close_on_drop();
        connection
            .execute(match connection.dialect() {
                Dialect::Sqlite => "BEGIN",
                Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            })
            .await?;
        // The moment is that of the first read, not that of the words above.
        reader::heads(&mut connection).await?;
        Ok(LogSnapshot { connection, ids: Log::ALL.map(|log| self.log_id(log)) })
    }
}

impl LogSnapshot {
    /// How far the logs had come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heads(&mut self) -> Result<Heads, StoreError> {
        reader::heads(&mut self.connection).await
    }

    /// Names a log.
    pub const fn log_id(&self, log: Log) -> Uuid {
        self.ids[log as usize]
    }

    /// The connection, to read what stands beside the logs.
    pub const fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
