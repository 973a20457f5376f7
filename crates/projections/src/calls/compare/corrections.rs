//! What calls were charged more or given back since they ended.

use std::collections::BTreeMap;

use domain::{AccountId, CallId, account::Reconciliation};
use eventlog::{Connection, PAGE_MAX, StoreError};

use super::rows;
use crate::calls::page::corrected;

/// The most corrections that are compared one by one: people make them, and few.
const CORRECTIONS_MAX: usize = 65_536;

/// A part of a call, and an account that it was charged to.
pub(super) type Share = (CallId, u32, AccountId);

/// What every account got back or paid more, as far as it is remembered.
#[derive(Default)]
pub(super) struct Corrections {
    nanos: BTreeMap<Share, i64>,
    /// Whether there were more.
    is_full: bool,
}

impl Corrections {
    pub(super) fn take(&mut self, reconciliation: &Reconciliation) {
        for correction in &reconciliation.corrections {
            let share = (reconciliation.call_id, reconciliation.part, correction.account_id);
            self.is_full |= self.nanos.len() >= CORRECTIONS_MAX && !self.nanos.contains_key(&share);
            if !self.is_full {
                *self.nanos.entry(share).or_default() += corrected(correction);
            }
        }
    }

    /// The positions of calls that are listed with another correction than they had. A row tells what its payer gets
    /// back, so other accounts' corrections find no row.
    pub(super) async fn wrong(
        mut self,
        connection: &mut Connection,
        table: &str,
    ) -> Result<Vec<u64>, StoreError> {
        let (mut wrong, mut after) = (Vec::new(), 0);
        if self.is_full {
            return Ok(wrong);
        }
        loop {
            let page = rows::corrected(connection, table, after).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            // What cannot be read was told with its page.
            for row in page.into_iter().filter_map(|(_, row)| row) {
                let share = row.account_id.map(|account_id| (row.call_id, row.part, account_id));
                if share.and_then(|share| self.nanos.remove(&share)) != Some(row.corrected_nanos) {
                    wrong.push(row.position);
                }
            }
        }
        let left: Vec<Share> =
            self.nanos.into_iter().filter(|(_, nanos)| *nanos != 0).map(|(share, _)| share).collect();
        for shares in left.chunks(PAGE_MAX) {
            wrong.extend(rows::paid(connection, table, shares).await?);
        }
        Ok(wrong)
    }
}
