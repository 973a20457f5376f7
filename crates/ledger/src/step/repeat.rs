//! Calls that outlive the files of the journal in which they began: they are written down once more.

use super::NodeState;
use crate::record::{CallPart, Record};

impl NodeState {
    /// A call's reservation stands in the journal as that record.
    pub(crate) fn was_written(&mut self, call: CallPart, seq: u64) {
        if let Some(open) = self.calls.get_mut(&call) {
            open.was_written(seq);
        }
    }

    /// The first record that a restart needs; `None` where no call is open. What was repeated up to `durable` counts.
    pub(crate) fn needed_from(&mut self, durable: u64) -> Option<u64> {
        self.calls
            .values_mut()
            .map(|open| {
                open.relies_on_repetition(durable);
                open.stands_at()
            })
            .min()
    }

    /// Every open call, as it would have to be written down in another journal.
    pub(crate) fn repetitions(&self) -> Vec<(CallPart, Vec<Record>)> {
        self.calls.iter().map(|(call, open)| (*call, open.repetition())).collect()
    }

    /// The calls that a restart would not find without the records up to `last_seq`, each as it would have to be
    /// written down once more.
    pub(crate) fn expiring(&self, last_seq: u64) -> Vec<(CallPart, Vec<Record>)> {
        self.calls
            .iter()
            .filter(|(_, open)| open.expires(last_seq))
            .map(|(call, open)| (*call, open.repetition()))
            .collect()
    }

    /// A call was written down once more.
    pub(crate) fn was_repeated(&mut self, call: CallPart, first_seq: u64, last_seq: u64) {
        if let Some(open) = self.calls.get_mut(&call) {
            open.was_repeated(first_seq, last_seq);
        }
    }
}
