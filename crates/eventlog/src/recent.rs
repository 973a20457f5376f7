//! The last events of each log, as they were committed here: whoever follows close behind need not ask the database.

use std::collections::VecDeque;

use domain::Log;
use parking_lot::Mutex;

use crate::Recorded;

/// How much is kept of each log, in bytes of text: some pages of events.
const BYTES_MAX: usize = 4 << 20;

/// What was committed last. The database has it too, and all that came before.
#[derive(Debug, Default)]
pub(crate) struct Recent([Mutex<Tail>; 2]);

/// Events without a hole between them, up to the last one that this process appended.
#[derive(Debug, Default)]
struct Tail {
    events: VecDeque<Recorded>,
    bytes: usize,
}

impl Recent {
    /// Keeps what was committed.
    pub(crate) fn push(&self, committed: impl IntoIterator<Item = Recorded>) {
        for event in committed {
            self.0[event.log as usize].lock().push(event);
        }
    }

    /// The next events after `after`, at most `limit`, where they are all here; there may be more behind them.
    pub(crate) fn after(&self, log: Log, after: u64, limit: usize) -> Option<Vec<Recorded>> {
        let tail = self.0[log as usize].lock();
        let first = tail.events.front()?.position;
        let skipped = usize::try_from(after.checked_add(1)?.checked_sub(first)?).ok()?;
        let found: Vec<Recorded> = tail.events.iter().skip(skipped).take(limit).cloned().collect();
        // Others may append to the same database: that nothing follows is only known there.
        (!found.is_empty()).then_some(found)
    }
}

impl Tail {
    fn push(&mut self, event: Recorded) {
        if self.events.back().is_some_and(|last| last.position + 1 != event.position) {
            // Others have appended in between.
            self.events.clear();
            self.bytes = 0;
        }
        self.bytes += bytes(&event);
        self.events.push_back(event);
        while self.bytes > BYTES_MAX
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= bytes(&oldest);
        }
    }
}

fn bytes(event: &Recorded) -> usize {
    event.stream.len() + event.event_type.len() + event.payload.len() + event.metadata.len()
}

#[cfg(test)]
mod tests {
    use domain::{Log, TimeStamp};
    use uuid::Uuid;

    use super::{BYTES_MAX, Recent};
    use crate::Recorded;

    fn event(position: u64, payload_bytes: usize) -> Recorded {
        Recorded {
            log: Log::Ledger,
            position,
            stream: "account:1".into(),
            version: position,
            event_id: Uuid::from_u128(u128::from(position)),
            event_type: "account_deposited".into(),
            schema_version: 1,
            payload: "x".repeat(payload_bytes),
            metadata: String::new(),
            recorded_at: TimeStamp::from_micros(0),
            leaf_hash: [0; 32],
        }
    }

    fn positions(recent: &Recent, after: u64, limit: usize) -> Option<Vec<u64>> {
        let events = recent.after(Log::Ledger, after, limit)?;
        Some(events.iter().map(|event| event.position).collect())
    }

    #[test]
    fn what_is_kept_is_told_from_any_place_in_it() {
        let recent = Recent::default();
        assert_eq!(positions(&recent, 0, 9), None);
        recent.push((5..=8).map(|position| event(position, 1)));
        assert_eq!(positions(&recent, 4, 9), Some(vec![5, 6, 7, 8]));
        assert_eq!(positions(&recent, 5, 2), Some(vec![6, 7]));
        assert_eq!(positions(&recent, 3, 9), None, "event 4 is not here");
        assert_eq!(positions(&recent, 8, 9), None, "what follows only the database knows");
        assert_eq!(positions(&recent, u64::MAX, 9), None, "whoever asks may ask anything");
        assert!(recent.after(Log::Control, 4, 9).is_none());
    }

    #[test]
    fn behind_a_hole_it_begins_anew() {
        let recent = Recent::default();
        recent.push([event(1, 1), event(2, 1), event(4, 1)]);
        assert_eq!(positions(&recent, 1, 9), None);
        assert_eq!(positions(&recent, 3, 9), Some(vec![4]));
    }

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let recent = Recent::default();
        recent.push((1..=3).map(|position| event(position, BYTES_MAX / 2)));
        assert_eq!(positions(&recent, 0, 9), None);
        assert_eq!(positions(&recent, 2, 9), Some(vec![3]));
    }
}
