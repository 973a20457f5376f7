//! Asking the usage log.

use domain::{AccountId, ApiTokenId, CallId, ChannelId, ModelName, TimeStamp, UserId};
use eventlog::{PAGE_MAX, Pool, StoreError, on};
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::{
    CallLog,
    row::{COLUMNS, CallRow, Columns},
    table,
};
use crate::{model::signed, runner::Generation};

/// Which calls are wanted; `None` asks for any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Of this user.
    pub user_id: Option<UserId>,
    /// With this token.
    pub token_id: Option<ApiTokenId>,
    /// Paid from this account.
    pub account_id: Option<AccountId>,
    /// For this model, as it was asked for.
    pub model: Option<ModelName>,
    /// Answered by this channel.
    pub channel_id: Option<ChannelId>,
    /// This call alone.
    pub call_id: Option<CallId>,
    /// Ended at this time or later.
    pub from: Option<TimeStamp>,
    /// Ended before this time.
    pub to: Option<TimeStamp>,
}

/// The calls that `filter` picks, newest first, from before the position `before`; at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &Pool,
    filter: &CallFilter,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<CallRow>, StoreError> {
    let mut connection = pool.acquire().await?;
    let table = table(Generation::active::<CallLog>(&mut connection).await?);
    let rows: Vec<Columns> = on!(&mut connection, c => {
        let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM {table} WHERE position < "));
        query.push_bind(before.map_or(i64::MAX, signed));
        filter.push(&mut query);
        query.push(" ORDER BY position DESC LIMIT ").push_bind(signed(limit.min(PAGE_MAX) as u64));
        query.build_query_as().fetch_all(c).await?
    });
    rows.into_iter().map(Columns::read).collect()
}

impl CallFilter {
    /// Only what is asked for stands in the query, so that the index of each is used.
    fn push<'a, D: Database>(&self, query: &mut QueryBuilder<'a, D>)
    where
        String: Encode<'a, D> + Type<D>,
        i64: Encode<'a, D> + Type<D>,
    {
        let texts = [
            (" AND call_id = ", self.call_id.map(|id| id.to_string())),
            (" AND user_id = ", self.user_id.map(|id| id.to_string())),
            (" AND token_id = ", self.token_id.map(|id| id.to_string())),
            (" AND account_id = ", self.account_id.map(|id| id.to_string())),
            (" AND channel_id = ", self.channel_id.map(|id| id.to_string())),
            (" AND model = ", self.model.as_ref().map(ToString::to_string)),
        ];
        for (condition, text) in texts {
            if let Some(text) = text {
                query.push(condition).push_bind(text);
            }
        }
        let times = [(" AND ended_at >= ", self.from), (" AND ended_at < ", self.to)];
        for (condition, time) in times {
            if let Some(time) = time {
                query.push(condition).push_bind(time.micros());
            }
        }
    }
}
