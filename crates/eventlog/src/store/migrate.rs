//! Tables of each part, brought up to date when the database is opened.

use domain::Log;
use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

use super::{Component, LOGS, StoreError};

pub(super) async fn migrate(writer: &mut SqliteConnection, component: Component) -> Result<(), StoreError> {
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_versions(component TEXT PRIMARY KEY, \
                         version INTEGER NOT NULL) STRICT, WITHOUT ROWID";
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(TABLE).execute(&mut *tx).await?;
    let found: i64 = sqlx::query_scalar("SELECT version FROM schema_versions WHERE component = ?")
        .bind(component.name)
        .fetch_optional(&mut *tx)
        .await?
        .unwrap_or(0);
    let known = component.migrations.len();
    let done = usize::try_from(found).unwrap_or(0);
    if done > known {
        return Err(StoreError::NewerDatabase { component: component.name.into(), found, known });
    }
    for sql in component.migrations.iter().skip(done) {
        sqlx::raw_sql(sql).execute(&mut *tx).await?;
    }
    sqlx::query(
        "INSERT INTO schema_versions VALUES (?, ?) ON CONFLICT DO UPDATE SET version = excluded.version",
    )
    .bind(component.name)
    .bind(i64::try_from(known).unwrap_or(i64::MAX))
    .execute(&mut *tx)
    .await?;
    // A log's id is made with it, so that a restored or foreign log is told apart.
    if component.name == LOGS.name {
        for log in Log::ALL {
            let id = Uuid::from_bytes(crate::seal::random()?);
            sqlx::query(
                "INSERT OR IGNORE INTO heads(log, log_id, position, recorded_at) VALUES (?, ?, 0, 0)",
            )
            .bind(log.as_str())
            .bind(id.as_bytes().as_slice())
            .execute(&mut *tx)
            .await?;
        }
    }
    tx.commit().await?;
    Ok(())
}
