//! A page of the `ledger` log as one statement per kind of change.

use domain::{
    AMOUNT_MAX, Aggregate, ChannelId,
    account::{Account, AccountEvent, Attempt, AttemptOutcome, Deduction, Mode, Reconciliation},
};
use eventlog::{Cell, Connection, Recorded, Rows, StoreError, decode};

use crate::model::signed;

const INSERT: &str = "INSERT INTO calls(position, call_id, part, user_id, token_id, account_id, model, group_name, \
     channel_id, mode, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, amount_nanos, \
     reserved_nanos, flags, attempts, started_at, ended_at) SELECT * FROM {rows}";

const COLUMNS: [&str; 20] = [
    "position",
    "call_id",
    "part",
    "user_id",
    "token_id",
    "account_id",
    "model",
    "group_name",
    "channel_id",
    "mode",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "amount_nanos",
    "reserved_nanos",
    "flags",
    "attempts",
    "started_at",
    "ended_at",
];

/// A row tells what its payer gets back or pays more, so other accounts' corrections find no row.
const CORRECT: &str = "UPDATE calls SET corrected_nanos = corrected_nanos + c.nanos FROM \
     (SELECT call_id, part, account_id, CAST(SUM(nanos) AS BIGINT) AS nanos FROM {rows} GROUP BY 1, 2, 3) AS c \
     WHERE calls.call_id = c.call_id AND calls.part = c.part AND calls.account_id = c.account_id";

/// What a page changes.
#[derive(Default)]
pub(super) struct Page {
    /// In the order of the statement's columns.
    calls: Vec<[Cell<'static>; 20]>,
    /// What one account gets back or pays more for one call.
    corrections: Vec<[Cell<'static>; 4]>,
}

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
            [
                reconciliation.call_id.to_string().into(),
                reconciliation.part.into(),
                correction.account_id.to_string().into(),
                more.into(),
            ]
        }));
    }

    /// Calls first: a correction may stand on the same page.
    pub(super) async fn write(self, connection: &mut Connection) -> Result<(), StoreError> {
        Rows::new(COLUMNS, self.calls).execute(connection, INSERT).await?;
        let columns = ["call_id", "part", "account_id", "nanos"];
        Rows::new(columns, self.corrections).execute(connection, CORRECT).await
    }
}

fn line(position: u64, call: Deduction) -> Result<[Cell<'static>; 20], StoreError> {
    let usage = &call.usage;
    let cache_writes = usage.cache_write_tokens.saturating_add(usage.cache_write_1h_tokens);
    Ok([
        position.into(),
        call.call_id.to_string().into(),
        call.part.into(),
        call.user_id.to_string().into(),
        call.token_id.to_string().into(),
        call.charges.first().map(|charge| charge.account_id.to_string()).into(),
        call.model.to_string().into(),
        call.group.to_string().into(),
        answered_by(&call.attempts).map(|id| id.to_string()).into(),
        mode(call.mode).into(),
        counted(usage.input_tokens).into(),
        counted(usage.output_tokens).into(),
        counted(usage.cache_read_tokens).into(),
        counted(cache_writes).into(),
        call.amount_nanos.get().into(),
        call.reserved_nanos.get().into(),
        serde_json::to_string(&call.flags).map_err(StoreError::Encode)?.into(),
        signed(call.attempts.len() as u64).into(),
        call.started_at.micros().into(),
        call.ended_at.micros().into(),
    ])
}

/// As its name stands in events.
const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Whole => "whole",
        Mode::Stream => "stream",
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
