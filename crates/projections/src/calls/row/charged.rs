//! What a charge makes of a row.

use domain::{
    AMOUNT_MAX, ChannelId,
    account::{Attempt, AttemptOutcome, Deduction},
};

use super::{CallRow, duration_ms};

impl CallRow {
    /// The row of the charge at `position`, before any correction.
    pub(in super::super) fn of(position: u64, call: Deduction) -> Self {
        let usage = &call.usage;
        let cache_writes = usage.cache_write_tokens.saturating_add(usage.cache_write_1h_tokens);
        Self {
            position,
            call_id: call.call_id,
            part: call.part,
            user_id: call.user_id,
            token_id: call.token_id,
            account_id: call.charges.first().map(|charge| charge.account_id),
            channel_id: answered_by(&call.attempts),
            model: call.model,
            group: call.group,
            mode: call.mode,
            input_tokens: counted(usage.input_tokens),
            output_tokens: counted(usage.output_tokens),
            cache_read_tokens: counted(usage.cache_read_tokens),
            cache_write_tokens: counted(cache_writes),
            amount_nanos: call.amount_nanos,
            reserved_nanos: call.reserved_nanos,
            corrected_nanos: 0,
            flags: call.flags,
            attempts: u32::try_from(call.attempts.len()).unwrap_or(u32::MAX),
            started_at: call.started_at,
            ended_at: call.ended_at,
            duration_ms: duration_ms(call.started_at.micros(), call.ended_at.micros()),
        }
    }
}

/// The channel that answered; where that is not known, the last that may have.
fn answered_by(attempts: &[Attempt]) -> Option<ChannelId> {
    let last = |outcome| attempts.iter().rev().find(move |attempt| attempt.outcome == outcome);
    last(AttemptOutcome::Billed).or_else(|| last(AttemptOutcome::Unknown)).map(|attempt| attempt.channel_id)
}

/// What a provider says it counted is stored as far as the column goes: no answer may stop the usage log.
fn counted(tokens: u64) -> u64 {
    tokens.min(AMOUNT_MAX)
}
