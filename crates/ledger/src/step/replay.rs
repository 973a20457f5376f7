//! What a node does about the calls of a process that died.

use std::collections::HashMap;

use domain::TimeStamp;

use super::call::OpenCall;
use crate::{
    mutant::{self, Mutant},
    record::{CallPart, Record},
};

/// The calls that a journal leaves open, gathered record by record.
#[derive(Debug, Default)]
pub struct Replay {
    calls: HashMap<CallPart, (OpenCall, BootId)>,
    boot_id: BootId,
}

/// Empty where the record that says it is not there any more.
type BootId = String;

impl Replay {
    /// Takes in the next record.
    pub fn take(&mut self, record: Record) {
        match record {
            Record::Started { boot_id, .. } => self.started(boot_id),
            Record::Reserve(facts) => {
                // One that is open already is only said again: what is known of it stays known.
                let call = CallPart::of(&facts);
                self.calls.entry(call).or_insert_with(|| (OpenCall::new(*facts), self.boot_id.clone()));
            }
            Record::Sent { call, attempt } => {
                if let Some((open, _)) = self.calls.get_mut(&call) {
                    open.sent(attempt);
                }
            }
            Record::AttemptEnded { call, attempt, outcome } => {
                if let Some((open, _)) = self.calls.get_mut(&call) {
                    open.end_attempt(attempt, outcome);
                }
            }
            Record::Progress { call, output_tokens } => {
                if let Some((open, _)) = self.calls.get_mut(&call)
                    && !mutant::is(Mutant::ProgressForgotten)
                {
                    open.output_tokens = output_tokens;
                }
            }
            Record::Extend { call, extension } => {
                if let Some((open, _)) = self.calls.get_mut(&call) {
                    open.extend(extension);
                }
            }
            Record::Settle(settlement) => {
                self.calls.remove(&CallPart::of(&settlement.facts));
            }
            Record::Void { call } => {
                self.calls.remove(&call);
            }
            Record::Release { .. } | Record::Close { .. } => {}
        }
    }

    /// A process ends what another one left open before it says that it has started. What is open here is therefore
    /// its own: it says so again when the file goes that said so first.
    fn started(&mut self, boot_id: BootId) {
        for (_, began_under) in self.calls.values_mut().filter(|(_, boot_id)| boot_id.is_empty()) {
            began_under.clone_from(&boot_id);
        }
        self.boot_id = boot_id;
    }

    /// How every open call ends. One that sent nothing, or that was provably billed nowhere, is voided, but only under
    /// the same boot of the kernel: after a power loss a `Sent` may be what was lost. Everything else is in doubt,
    /// and is settled.
    pub fn endings(self, boot_id: &str, now: TimeStamp) -> Vec<Record> {
        let mut open: Vec<_> = self.calls.into_iter().collect();
        open.sort_by_key(|(call, _)| *call);
        open.into_iter()
            .map(|(call, (open, began_under))| {
                let same_boot = began_under == boot_id || mutant::is(Mutant::BootIgnored);
                if (same_boot && !open.may_be_billed()) || mutant::is(Mutant::DoubtVoided) {
                    Record::Void { call }
                } else {
                    Record::Settle(Box::new(open.in_doubt(now)))
                }
            })
            .collect()
    }
}
