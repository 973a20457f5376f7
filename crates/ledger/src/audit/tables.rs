//! What stands beside the log, as a snapshot sees it.

use std::collections::HashMap;

use domain::{CallId, JournalId};
use eventlog::{Connection, PAGE_MAX, StoreError, on};
use uuid::Uuid;

use crate::{chain::Link, port::Cursor, record::CallPart};

/// How far each journal was taken in.
pub(super) async fn cursors(connection: &mut Connection) -> Result<HashMap<JournalId, Cursor>, StoreError> {
    let rows: Vec<(String, i64, Vec<u8>)> = on!(connection, c => {
        sqlx::query_as("SELECT journal_id, seq, link FROM journals").fetch_all(c).await?
    });
    rows.into_iter()
        .map(|(id, seq, link)| {
            let id = id.parse().map_err(|_| StoreError::Malformed("journal id"))?;
            let seq = u64::try_from(seq).map_err(|_| StoreError::Malformed("journal cursor"))?;
            let link = Link(link.try_into().map_err(|_| StoreError::Malformed("journal link"))?);
            Ok((id, Cursor { seq, link }))
        })
        .collect()
}

/// The next calls after `last` that are listed as ended, by their bytes.
pub(super) async fn ended_after(
    connection: &mut Connection,
    last: Option<CallPart>,
) -> Result<Vec<CallPart>, StoreError> {
    // Every id comes after no bytes at all.
    let (id, part) =
        last.map_or((Vec::new(), -1), |last| (last.call_id.0.as_bytes().to_vec(), i64::from(last.part)));
    let sql = "SELECT call_id, part FROM ended_calls WHERE (call_id, part) > ($1, $2) \
               ORDER BY call_id, part LIMIT $3";
    let limit = i64::try_from(PAGE_MAX).unwrap_or(i64::MAX);
    let rows: Vec<(Vec<u8>, i64)> =
        on!(connection, c => sqlx::query_as(sql).bind(id).bind(part).bind(limit).fetch_all(c).await?);
    rows.into_iter()
        .map(|(id, part)| {
            let call_id = CallId(Uuid::from_slice(&id).map_err(|_| StoreError::Malformed("call id"))?);
            Ok(CallPart { call_id, part: u32::try_from(part).map_err(|_| StoreError::Malformed("part"))? })
        })
        .collect()
}
