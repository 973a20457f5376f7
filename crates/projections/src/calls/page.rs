//! A page of the `ledger` log as one statement per kind of change.

use domain::{
    AMOUNT_MAX, AccountId, Aggregate, ApiTokenId, CallId, ChannelId, GroupName, ModelName, Nanos, UserId,
    account::{Account, AccountEvent, Attempt, AttemptOutcome, Deduction, Mode, Reconciliation},
};
use eventlog::{Recorded, StoreError, decode};
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::model::signed;

const INSERT: &str = "INSERT INTO calls(position, call_id, part, user_id, token_id, account_id, model, group_name, \
     channel_id, mode, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, amount_nanos, \
     reserved_nanos, flags, attempts, started_at, ended_at) SELECT value->>0, value->>1, value->>2, value->>3, \
     value->>4, value->>5, value->>6, value->>7, value->>8, value->>9, value->>10, value->>11, value->>12, \
     value->>13, value->>14, value->>15, value->>16, value->>17, value->>18, value->>19 FROM json_each(?)";

/// A row tells what its payer gets back or pays more, so other accounts' corrections find no row.
const CORRECT: &str = "UPDATE calls SET corrected_nanos = corrected_nanos + c.nanos FROM \
     (SELECT value->>0 AS call_id, value->>1 AS part, value->>2 AS account_id, SUM(value->>3) AS nanos \
     FROM json_each(?) GROUP BY 1, 2, 3) AS c \
     WHERE calls.call_id = c.call_id AND calls.part = c.part AND calls.account_id = c.account_id";

/// What a page changes.
#[derive(Default)]
pub(super) struct Page {
    calls: Vec<Line>,
    corrections: Vec<Corrected>,
}

/// One call, in the order of the statement's columns.
#[derive(Serialize)]
struct Line(
    u64,
    CallId,
    u32,
    UserId,
    ApiTokenId,
    Option<AccountId>,
    ModelName,
    GroupName,
    Option<ChannelId>,
    Mode,
    u64,
    u64,
    u64,
    u64,
    Nanos,
    Nanos,
    String,
    usize,
    i64,
    i64,
);

/// What one account gets back or pays more for one call.
#[derive(Serialize)]
struct Corrected(CallId, u32, AccountId, i64);

impl Page {
    pub(super) fn of(events: &[Recorded]) -> Result<Self, StoreError> {
        let mut page = Self::default();
        for event in events.iter().filter(|event| event.kind() == Account::KIND) {
            match decode(event)? {
                AccountEvent::QuotaDeducted(deduction) => page.calls.push(line(event.position, *deduction)?),
                AccountEvent::UsageReconciled(reconciliation) => page.correct(&reconciliation),
                _ => {}
            }
        }
        Ok(page)
    }

    fn correct(&mut self, reconciliation: &Reconciliation) {
        self.corrections.extend(reconciliation.corrections.iter().map(|correction| {
            let more = signed(correction.posted_nanos.get()) - signed(correction.refunded_nanos.get());
            Corrected(reconciliation.call_id, reconciliation.part, correction.account_id, more)
        }));
    }

    /// Calls first: a correction may stand on the same page.
    pub(super) async fn write(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        if !self.calls.is_empty() {
            let calls = serde_json::to_string(&self.calls).map_err(StoreError::Encode)?;
            sqlx::query(INSERT).bind(calls).execute(&mut *connection).await?;
        }
        if !self.corrections.is_empty() {
            let corrections = serde_json::to_string(&self.corrections).map_err(StoreError::Encode)?;
            sqlx::query(CORRECT).bind(corrections).execute(connection).await?;
        }
        Ok(())
    }
}

fn line(position: u64, call: Deduction) -> Result<Line, StoreError> {
    let usage = &call.usage;
    let cache_writes = usage.cache_write_tokens.saturating_add(usage.cache_write_1h_tokens);
    Ok(Line(
        position,
        call.call_id,
        call.part,
        call.user_id,
        call.token_id,
        call.charges.first().map(|charge| charge.account_id),
        call.model,
        call.group,
        answered_by(&call.attempts),
        call.mode,
        counted(usage.input_tokens),
        counted(usage.output_tokens),
        counted(usage.cache_read_tokens),
        counted(cache_writes),
        call.amount_nanos,
        call.reserved_nanos,
        serde_json::to_string(&call.flags).map_err(StoreError::Encode)?,
        call.attempts.len(),
        call.started_at.micros(),
        call.ended_at.micros(),
    ))
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
