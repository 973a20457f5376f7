//! The usage log beside the `ledger` log, for audits.

mod corrections;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Aggregate, Log,
    account::{Account, AccountEvent},
};
use eventlog::{Compare, LogSnapshot, ModelFault, Recorded, StoreError, decode};
use futures_util::future::BoxFuture;

use self::corrections::Corrections;
use super::{CallLog, row::CallRow, table};
use crate::runner::{Checkpoint, Generation};

/// Whether every call is listed as its event says, as far as the usage log has come. Holds one page of calls, and what
/// was corrected.
#[derive(Default)]
pub struct CallsCompare {
    /// The table in use, and how far it has come; not known before the first page.
    listed: Option<Listed>,
    /// How far both were read.
    read: u64,
    corrections: Corrections,
}

#[derive(Clone)]
struct Listed {
    table: String,
    checkpoint: Checkpoint,
}

impl Compare for CallsCompare {
    fn page<'a>(
        &'a mut self,
        snapshot: &'a mut LogSnapshot,
        events: &'a [Recorded],
    ) -> BoxFuture<'a, Result<Vec<ModelFault>, StoreError>> {
        Box::pin(self.compare_page(snapshot, events))
    }

    fn end<'a>(
        &'a mut self,
        snapshot: &'a mut LogSnapshot,
    ) -> BoxFuture<'a, Result<Vec<ModelFault>, StoreError>> {
        Box::pin(self.compare_end(snapshot))
    }
}

const fn fault(position: u64) -> ModelFault {
    ModelFault { model: "calls", log: Log::Ledger, position }
}

impl CallsCompare {
    async fn listed(&mut self, snapshot: &mut LogSnapshot) -> Result<Listed, StoreError> {
        if let Some(listed) = &self.listed {
            return Ok(listed.clone());
        }
        let start = Checkpoint::start(snapshot.log_id(Log::Ledger));
        let generation = Generation::active::<CallLog>(snapshot.connection()).await?;
        let found = Checkpoint::find::<CallLog>(snapshot.connection(), generation).await?;
        let listed = Listed { table: table(generation), checkpoint: found.unwrap_or(start) };
        Ok(self.listed.insert(listed).clone())
    }

    async fn compare_page(
        &mut self,
        snapshot: &mut LogSnapshot,
        events: &[Recorded],
    ) -> Result<Vec<ModelFault>, StoreError> {
        let Listed { table, checkpoint } = self.listed(snapshot).await?;
        let seen = events.partition_point(|event| event.position <= checkpoint.position);
        let Some((seen, last)) = events.get(..seen).and_then(|seen| Some((seen, seen.last()?))) else {
            return Ok(Vec::new());
        };
        let expected = self.expected(seen)?;
        let listed = rows::uncorrected(snapshot.connection(), &table, self.read, last.position).await?;
        self.read = last.position;
        let positions: BTreeSet<&u64> = expected.keys().chain(listed.keys()).collect();
        let differs = |position: &&u64| expected.get(position) != listed.get(position);
        let differing = positions.into_iter().filter(differs).copied();
        let forked = checkpoint.is_another(last).then_some(last.position);
        Ok(differing.chain(forked).map(fault).collect())
    }

    /// The rows that these events make; none of them is one that cannot be read.
    fn expected(&mut self, events: &[Recorded]) -> Result<BTreeMap<u64, Option<CallRow>>, StoreError> {
        let mut expected = BTreeMap::new();
        for event in events.iter().filter(|event| event.kind() == Account::KIND) {
            match decode(event)? {
                AccountEvent::QuotaDeducted(charge) => {
                    expected.insert(event.position, Some(CallRow::of(event.position, *charge)));
                }
                AccountEvent::UsageReconciled(reconciliation) => self.corrections.take(&reconciliation),
                _ => {}
            }
        }
        Ok(expected)
    }

    /// What is listed beyond the events, and what was corrected.
    async fn compare_end(&mut self, snapshot: &mut LogSnapshot) -> Result<Vec<ModelFault>, StoreError> {
        let Listed { table, checkpoint } = self.listed(snapshot).await?;
        let head = snapshot.heads().await?.ledger;
        let mut wrong = Vec::new();
        if checkpoint.position > head || !checkpoint.is_of(snapshot.log_id(Log::Ledger)) {
            wrong.push(checkpoint.position);
        }
        wrong.extend(rows::next(snapshot.connection(), &table, self.read).await?);
        wrong.extend(std::mem::take(&mut self.corrections).wrong(snapshot.connection(), &table).await?);
        Ok(wrong.into_iter().map(fault).collect())
    }
}
