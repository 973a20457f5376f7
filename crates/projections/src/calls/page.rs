//! A page of the `ledger` log as one statement per kind of change.

use domain::{
    Aggregate,
    account::{Account, AccountEvent, Correction, Mode, Reconciliation},
};
use eventlog::{Cell, Connection, Recorded, Rows, StoreError, decode};

use super::{row::CallRow, totals::Totals};
use crate::model::signed;

/// Of a table whose name is put in for `{calls}`.
const INSERT: &str = "INSERT INTO {calls}(position, call_id, part, user_id, token_id, account_id, model, group_name, \
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
const CORRECT: &str = "UPDATE {calls} AS t SET corrected_nanos = t.corrected_nanos + c.nanos FROM \
     (SELECT call_id, part, account_id, CAST(SUM(nanos) AS BIGINT) AS nanos FROM {rows} GROUP BY 1, 2, 3) AS c \
     WHERE t.call_id = c.call_id AND t.part = c.part AND t.account_id = c.account_id";

/// What a page changes.
#[derive(Default)]
pub struct Page {
    /// In the order of the statement's columns.
    calls: Vec<[Cell<'static>; 20]>,
    /// What one account gets back or pays more for one call.
    corrections: Vec<[Cell<'static>; 4]>,
    /// What its calls add up to.
    pub(super) totals: Totals,
}

impl Page {
    pub(super) fn of(events: &[Recorded]) -> Result<Self, StoreError> {
        let mut page = Self::default();
        for event in events.iter().filter(|event| event.kind() == Account::KIND) {
            match decode(event)? {
                AccountEvent::QuotaDeducted(deduction) => {
                    page.totals.add(&deduction);
                    page.calls.push(line(&CallRow::of(event.position, *deduction))?);
                }
                AccountEvent::UsageReconciled(reconciliation) => page.correct(&reconciliation),
                _ => {}
            }
        }
        Ok(page)
    }

    fn correct(&mut self, reconciliation: &Reconciliation) {
        self.corrections.extend(reconciliation.corrections.iter().map(|correction| {
            [
                reconciliation.call_id.to_string().into(),
                reconciliation.part.into(),
                correction.account_id.to_string().into(),
                corrected(correction).into(),
            ]
        }));
    }

    /// Calls first: a correction may stand on the same page.
    pub(super) async fn write(
        &mut self,
        connection: &mut Connection,
        table: String,
    ) -> Result<(), StoreError> {
        let calls = Rows::new(COLUMNS, std::mem::take(&mut self.calls));
        calls.execute(connection, &INSERT.replace("{calls}", &table)).await?;
        let columns = ["call_id", "part", "account_id", "nanos"];
        let corrections = Rows::new(columns, std::mem::take(&mut self.corrections));
        corrections.execute(connection, &CORRECT.replace("{calls}", &table)).await
    }
}

fn line(row: &CallRow) -> Result<[Cell<'static>; 20], StoreError> {
    Ok([
        row.position.into(),
        row.call_id.to_string().into(),
        row.part.into(),
        row.user_id.to_string().into(),
        row.token_id.to_string().into(),
        row.account_id.map(|id| id.to_string()).into(),
        row.model.to_string().into(),
        row.group.to_string().into(),
        row.channel_id.map(|id| id.to_string()).into(),
        mode(row.mode).into(),
        row.input_tokens.into(),
        row.output_tokens.into(),
        row.cache_read_tokens.into(),
        row.cache_write_tokens.into(),
        row.amount_nanos.get().into(),
        row.reserved_nanos.get().into(),
        serde_json::to_string(&row.flags).map_err(StoreError::Encode)?.into(),
        row.attempts.into(),
        row.started_at.micros().into(),
        row.ended_at.micros().into(),
    ])
}

/// What is paid more by it; negative where it is given back.
pub(super) fn corrected(correction: &Correction) -> i64 {
    signed(correction.posted_nanos.get()) - signed(correction.refunded_nanos.get())
}

/// As its name stands in events.
const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Whole => "whole",
        Mode::Stream => "stream",
    }
}
