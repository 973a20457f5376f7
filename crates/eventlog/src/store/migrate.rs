//! Tables of each part, brought up to date when the database is opened.

use std::cmp::Ordering;

use domain::Log;
use uuid::Uuid;

use super::{Component, Connection, Dialect, LOGS, StoreError};
use crate::on;

/// Two processes that start at once migrate one after the other: any number does that names nothing else.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7310868736)";

pub(super) async fn migrate(writer: &mut Connection, component: Component) -> Result<(), StoreError> {
    let migrated = writer.transaction(async |writer| {
        if writer.dialect() == Dialect::Postgres {
            writer.execute(LOCK).await?;
        }
        in_transaction(writer, component).await
    });
    migrated.await
}

async fn in_transaction(writer: &mut Connection, component: Component) -> Result<(), StoreError> {
    writer
        .execute(
            "CREATE TABLE IF NOT EXISTS schema_versions(component TEXT PRIMARY KEY, version BIGINT NOT NULL)",
        )
        .await?;
    let found = version(writer, component).await?;
    let known = component.migrations.len();
    let done = usize::try_from(found).unwrap_or(0);
    if done > known {
        return Err(StoreError::NewerDatabase { component: component.name.into(), found, known });
    }
    for migration in component.migrations.iter().skip(done) {
        writer.script(migration.of(writer.dialect())).await?;
    }
    on!(&mut *writer, c => {
        sqlx::query(
            "INSERT INTO schema_versions VALUES ($1, $2) ON CONFLICT (component) DO UPDATE \
             SET version = excluded.version",
        )
        .bind(component.name)
        .bind(i64::try_from(known).unwrap_or(i64::MAX))
        .execute(c)
        .await?;
    });
    // A log's id is made with it, so that a restored or foreign log is told apart.
    if component.name == LOGS.name {
        for log in Log::ALL {
            name(writer, log, Uuid::from_bytes(crate::seal::random()?)).await?;
        }
    }
    Ok(())
}

async fn version(connection: &mut Connection, component: Component) -> Result<i64, StoreError> {
    let found: Option<i64> = on!(connection, c => {
        sqlx::query_scalar("SELECT version FROM schema_versions WHERE component = $1")
            .bind(component.name)
            .fetch_optional(c)
            .await?
    });
    Ok(found.unwrap_or(0))
}

/// Refuses tables of another version than this program knows: whoever only reads brings none up to date.
pub(super) async fn check(connection: &mut Connection, component: Component) -> Result<(), StoreError> {
    let found = version(connection, component).await?;
    let known = component.migrations.len();
    let component = component.name.into();
    match usize::try_from(found).unwrap_or(0).cmp(&known) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::NewerDatabase { component, found, known }),
        Ordering::Less => Err(StoreError::OlderDatabase { component, found, known }),
    }
}

async fn name(writer: &mut Connection, log: Log, id: Uuid) -> Result<(), StoreError> {
    on!(writer, c => {
        sqlx::query(
            "INSERT INTO heads(log, log_id, position, recorded_at) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING",
        )
        .bind(log.as_str())
        .bind(id.as_bytes().as_slice())
        .execute(c)
        .await?;
    });
    Ok(())
}
