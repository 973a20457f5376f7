//! A call as the usage log lists it.

mod charged;

use domain::{
    AccountId, ApiTokenId, CallId, ChannelId, GroupName, ModelName, Nanos, TimeStamp, UserId,
    account::{Flag, Mode},
};
use eventlog::StoreError;
use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer, value},
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::model::unsigned;

/// A charged call, or one part of a long one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallRow {
    /// Where its event stands in the `ledger` log: the cursor of lists.
    pub position: u64,
    /// Names the call.
    pub call_id: CallId,
    /// Which part of it, from 0.
    pub part: u32,
    /// Who called.
    pub user_id: UserId,
    /// With which token.
    pub token_id: ApiTokenId,
    /// Who paid; the suspense account where the ledger knew no other.
    pub account_id: Option<AccountId>,
    /// The model that was asked for.
    pub model: ModelName,
    /// The group whose ratio applied.
    pub group: GroupName,
    /// The channel that answered, or the last that may have.
    pub channel_id: Option<ChannelId>,
    /// Whether the answer was streamed.
    pub mode: Mode,
    /// All tokens that went in.
    pub input_tokens: u64,
    /// All tokens that came out.
    pub output_tokens: u64,
    /// Of the input: read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Of the input: written to the provider's cache, for however long.
    pub cache_write_tokens: u64,
    /// What was charged when it ended.
    pub amount_nanos: Nanos,
    /// What had been reserved for it.
    pub reserved_nanos: Nanos,
    /// What was charged more since then; negative where it was given back.
    pub corrected_nanos: i64,
    /// What stands out.
    pub flags: Vec<Flag>,
    /// How many channels were tried.
    pub attempts: u32,
    /// When it came in.
    pub started_at: TimeStamp,
    /// When it ended.
    pub ended_at: TimeStamp,
    /// How long that took.
    pub duration_ms: u64,
}

/// The columns of a row, as a query names them.
pub(super) const COLUMNS: &str = "position, call_id, part, user_id, token_id, account_id, model, group_name, \
     channel_id, mode, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, amount_nanos, \
     reserved_nanos, corrected_nanos, flags, attempts, started_at, ended_at";

/// The same, as the table has it.
#[derive(FromRow)]
pub(super) struct Columns {
    position: i64,
    call_id: String,
    part: i64,
    user_id: String,
    token_id: String,
    account_id: Option<String>,
    model: String,
    group_name: String,
    channel_id: Option<String>,
    mode: String,
    input_tokens: i64,
    output_tokens: i64,
    cache_read_tokens: i64,
    cache_write_tokens: i64,
    amount_nanos: i64,
    reserved_nanos: i64,
    corrected_nanos: i64,
    flags: String,
    attempts: i64,
    started_at: i64,
    ended_at: i64,
}

impl Columns {
    /// Where it stands, even where nothing else of it can be read.
    pub(super) fn position(&self) -> Result<u64, StoreError> {
        unsigned(self.position)
    }

    pub(super) fn read(self) -> Result<CallRow, StoreError> {
        Ok(CallRow {
            position: unsigned(self.position)?,
            call_id: id(&self.call_id)?,
            part: u32::try_from(self.part).map_err(|_| MALFORMED)?,
            user_id: id(&self.user_id)?,
            token_id: id(&self.token_id)?,
            account_id: self.account_id.as_deref().map(id).transpose()?,
            model: ModelName::new(&self.model).map_err(|_| MALFORMED)?,
            group: GroupName::new(&self.group_name).map_err(|_| MALFORMED)?,
            channel_id: self.channel_id.as_deref().map(id).transpose()?,
            mode: mode(&self.mode)?,
            input_tokens: unsigned(self.input_tokens)?,
            output_tokens: unsigned(self.output_tokens)?,
            cache_read_tokens: unsigned(self.cache_read_tokens)?,
            cache_write_tokens: unsigned(self.cache_write_tokens)?,
            amount_nanos: nanos(self.amount_nanos)?,
            reserved_nanos: nanos(self.reserved_nanos)?,
            corrected_nanos: self.corrected_nanos,
            flags: serde_json::from_str(&self.flags).map_err(|_| MALFORMED)?,
            attempts: u32::try_from(self.attempts).map_err(|_| MALFORMED)?,
            started_at: TimeStamp::from_micros(self.started_at),
            ended_at: TimeStamp::from_micros(self.ended_at),
            duration_ms: duration_ms(self.started_at, self.ended_at),
        })
    }
}

/// A clock that was set back makes no call shorter than nothing.
fn duration_ms(started_at: i64, ended_at: i64) -> u64 {
    u64::try_from(ended_at.saturating_sub(started_at) / 1_000).unwrap_or(0)
}

const MALFORMED: StoreError = StoreError::Malformed("call");

fn id<T: From<Uuid>>(text: &str) -> Result<T, StoreError> {
    Uuid::try_parse(text).map(T::from).map_err(|_| MALFORMED)
}

fn nanos(amount: i64) -> Result<Nanos, StoreError> {
    Nanos::new(unsigned(amount)?).map_err(|_| MALFORMED)
}

fn mode(text: &str) -> Result<Mode, StoreError> {
    let name: value::StrDeserializer<'_, value::Error> = text.into_deserializer();
    Mode::deserialize(name).map_err(|_| MALFORMED)
}
