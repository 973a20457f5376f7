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
use super::{
    checkpoint::{self, Checkpoint},
    row::CallRow,
};

/// Whether every call is listed as its event says, as far as the usage log has come. Holds one page of calls, and what
/// was corrected.
#[derive(Default)]
pub struct CallsCompare {
    /// How far the usage log has come; not known before the first page.
    checkpoint: Option<Checkpoint>,
    /// How far both were read.
    read: u64,
    corrections: Corrections,
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
    async fn checkpoint(&mut self, snapshot: &mut LogSnapshot) -> Result<Checkpoint, StoreError> {
        if let Some(checkpoint) = self.checkpoint {
            return Ok(checkpoint);
        }
        let start = Checkpoint::start(snapshot.log_id(Log::Ledger));
        let checkpoint = checkpoint::find(snapshot.connection()).await?.unwrap_or(start);
        self.checkpoint = Some(checkpoint);
        Ok(checkpoint)
    }

    async fn compare_page(
        &mut self,
        snapshot: &mut LogSnapshot,
        events: &[Recorded],
    ) -> Result<Vec<ModelFault>, StoreError> {
        let checkpoint = self.checkpoint(snapshot).await?;
        let seen = events.partition_point(|event| event.position <= checkpoint.position);
        let Some((seen, last)) = events.get(..seen).and_then(|seen| Some((seen, seen.last()?))) else {
            return Ok(Vec::new());
        };
        let expected = self.expected(seen)?;
        let listed = rows::uncorrected(snapshot.connection(), self.read, last.position).await?;
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
        let checkpoint = self.checkpoint(snapshot).await?;
        let head = snapshot.heads().await?.ledger;
        let mut wrong = Vec::new();
        if checkpoint.position > head || !checkpoint.is_of(snapshot.log_id(Log::Ledger)) {
            wrong.push(checkpoint.position);
        }
        wrong.extend(rows::next(snapshot.connection(), self.read).await?);
        wrong.extend(std::mem::take(&mut self.corrections).wrong(snapshot.connection()).await?);
        Ok(wrong.into_iter().map(fault).collect())
    }
}
