//! That something happened, and where, without what it was.

use domain::Log;
use sqlx::QueryBuilder;

use super::{LogReader, PAGE_MAX, signed};
use crate::{StoreError, event::stream_id, leaf::table, on};

/// An event without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its place in the log.
    pub position: u64,
    /// Its type tag.
    pub event_type: String,
    /// Its stream, `<kind>:<id>`.
    pub stream: String,
}

impl Happened {
    /// The id of its stream.
    pub fn id(&self) -> &str {
        stream_id(&self.stream)
    }
}

impl LogReader {
    /// Everything of one of `types` that happened after `after`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn happened(&self, log: Log, after: u64, types: &[&str]) -> Result<Vec<Happened>, StoreError> {
        let mut all = Vec::new();
        let mut from = after;
        loop {
            let page = self.happened_page(log, from, types).await?;
            let is_last = page.len() < PAGE_MAX;
            from = page.last().map_or(from, |last| last.position);
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    async fn happened_page(&self, log: Log, after: u64, types: &[&str]) -> Result<Vec<Happened>, StoreError> {
        let rows: Vec<(i64, String, String)> = on!(&mut self.pool.acquire().await?, c => {
            let mut query = QueryBuilder::new("SELECT position, event_type, stream FROM ");
            query.push(table(log)).push(" WHERE position > ").push_bind(signed(after));
            query.push(" AND event_type IN (");
            let mut list = query.separated(", ");
            for event_type in types {
                list.push_bind(*event_type);
            }
            query.push(") ORDER BY position LIMIT ").push_bind(signed(PAGE_MAX as u64));
            query.build_query_as().fetch_all(c).await?
        });
        let happened = |(position, event_type, stream)| {
            let position = u64::try_from(position).map_err(|_| StoreError::Malformed("position"))?;
            Ok(Happened { position, event_type, stream })
        };
        rows.into_iter().map(happened).collect()
    }
}
