//! A charged call as people see it.

use domain::{
    AccountId, ApiTokenId, CallId, ChannelId, GroupName, ModelName, Nanos, TimeStamp, UserId,
    account::{Flag, Mode},
};
use projections::calls::CallRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::permission::Reach;

/// A charged call, or one part of a long one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallView {
    /// Where its event stands in the ledger log.
    position: u64,
    #[schema(value_type = Uuid)]
    call_id: CallId,
    /// Which part of it, from 0.
    part: u32,
    #[schema(value_type = Uuid)]
    user_id: UserId,
    #[schema(value_type = Uuid)]
    token_id: ApiTokenId,
    /// Who paid.
    #[schema(value_type = Option<Uuid>, required = true)]
    account_id: Option<AccountId>,
    /// The model that was asked for.
    #[schema(value_type = String, example = "gpt-4o-mini")]
    model: ModelName,
    /// The group whose ratio applied.
    #[schema(value_type = String, example = "default")]
    group: GroupName,
    /// The channel that answered, or the last that may have; `null` for users, who need not know.
    #[schema(value_type = Option<Uuid>, required = true)]
    channel_id: Option<ChannelId>,
    /// Whether the answer was streamed.
    #[schema(value_type = String, example = "stream")]
    mode: Mode,
    /// All tokens that went in.
    input_tokens: u64,
    /// All tokens that came out.
    output_tokens: u64,
    /// Of the input: read from the provider's cache.
    cache_read_tokens: u64,
    /// Of the input: written to the provider's cache.
    cache_write_tokens: u64,
    /// What was charged when it ended.
    #[schema(value_type = u64)]
    amount_nanos: Nanos,
    /// What had been reserved for it.
    #[schema(value_type = u64)]
    reserved_nanos: Nanos,
    /// What was charged more since then; negative where it was given back.
    corrected_nanos: i64,
    /// What stands out, such as `counted` or `in_doubt`.
    #[schema(value_type = Vec<String>)]
    flags: Vec<Flag>,
    /// How many channels were tried.
    attempts: u32,
    #[schema(value_type = String, format = DateTime)]
    started_at: TimeStamp,
    #[schema(value_type = String, format = DateTime)]
    ended_at: TimeStamp,
    duration_ms: u64,
}

impl CallView {
    pub(super) fn of(row: CallRow, reach: Reach) -> Self {
        Self {
            position: row.position,
            call_id: row.call_id,
            part: row.part,
            user_id: row.user_id,
            token_id: row.token_id,
            account_id: row.account_id,
            model: row.model,
            group: row.group,
            channel_id: row.channel_id.filter(|_| reach == Reach::All),
            mode: row.mode,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            cache_read_tokens: row.cache_read_tokens,
            cache_write_tokens: row.cache_write_tokens,
            amount_nanos: row.amount_nanos,
            reserved_nanos: row.reserved_nanos,
            corrected_nanos: row.corrected_nanos,
            flags: row.flags,
            attempts: row.attempts,
            started_at: row.started_at,
            ended_at: row.ended_at,
            duration_ms: row.duration_ms,
        }
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }
}
