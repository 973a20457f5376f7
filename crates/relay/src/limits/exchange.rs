//! Which counters are told to other nodes, and what is made of what they say.

use std::collections::VecDeque;

use domain::CallCounts;

use super::{
    board::{BoardError, Exchanged, Said},
    book::{Book, SharingView},
    counter::Counter,
    shared::{Ahead, Footing},
    subject::Subject,
};

/// The most subjects in one exchange.
pub(super) const SAID_MAX: usize = 128;
/// The most that are looked at for it.
const LOOKED_AT_MAX: usize = 4 * SAID_MAX;
/// How often a node says that it is there.
const THERE_MS: u64 = 1_000;
/// How long after a failure it tries again.
const AGAIN_MS: u64 = 500;
/// After so long without an answer the others are not heard.
pub(super) const AWAY_MS: u64 = 3_000;
/// How long the others may take to tell again what was forgotten.
pub(super) const SETTLE_MS: u64 = 3_000;

/// How this node and the others count together.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    /// How many there were when they were heard last, this one among them.
    nodes: u64,
    epoch: String,
    heard_ms: Option<u64>,
    tried_ms: Option<u64>,
    failed_ms: Option<u64>,
    /// Until then not everybody may have told again what was forgotten.
    unsettled_until_ms: u64,
    /// Those that wait to be told.
    queue: VecDeque<Subject>,
}

/// What is being told.
#[derive(Debug)]
pub(super) struct Telling(Vec<(Subject, (CallCounts, Ahead))>);

impl Telling {
    pub(super) fn said(&self) -> Vec<Said> {
        let said = |(subject, (counts, _)): &(Subject, (CallCounts, Ahead))| Said {
            subject: subject.to_string(),
            counts: *counts,
        };
        self.0.iter().map(said).collect()
    }
}

impl Sharing {
    pub(super) fn view(&self, is_away: bool) -> SharingView {
        SharingView { nodes: self.nodes.max(1), is_away, waiting: self.queue.len() }
    }

    fn is_there(&self, now_ms: u64) -> bool {
        self.heard_ms.is_some_and(|heard_ms| now_ms.saturating_sub(heard_ms) <= AWAY_MS)
            && now_ms >= self.unsettled_until_ms
    }
}

fn passed(since: Option<u64>, now_ms: u64, ms: u64) -> bool {
    since.is_none_or(|since| now_ms.saturating_sub(since) >= ms)
}

impl Book {
    /// Other nodes count too, from now on.
    pub(super) fn share(&mut self) {
        self.sharing.get_or_insert_default();
        self.tell_all();
    }

    /// How this node stands to the others.
    pub(super) fn footing(&self, now_ms: u64) -> Footing {
        let Some(sharing) = &self.sharing else { return Footing::Alone };
        let nodes = sharing.nodes.max(1);
        if sharing.is_there(now_ms) { Footing::Near { nodes } } else { Footing::Away { nodes } }
    }

    /// What was counted is news to the others.
    pub(super) fn wait_to_tell(&mut self, subject: &Subject) {
        let Some(sharing) = &mut self.sharing else { return };
        if self.counters.get_mut(subject).is_some_and(Counter::queue) {
            sharing.queue.push_back(subject.clone());
        }
    }

    fn tell_all(&mut self) {
        let Some(sharing) = &mut self.sharing else { return };
        for (subject, counter) in &mut self.counters {
            counter.share();
            if counter.queue() {
                sharing.queue.push_back(subject.clone());
            }
            counter.hurry();
        }
    }

    /// What is to be told now; `None` where there is nothing, and it was said of late that this node is there.
    pub(super) fn due(&mut self, now_ms: u64) -> Option<Telling> {
        let sharing = self.sharing.as_mut()?;
        if !passed(sharing.failed_ms, now_ms, AGAIN_MS) {
            return None;
        }
        let mut told = Vec::new();
        for _ in 0..sharing.queue.len().min(LOOKED_AT_MAX) {
            if told.len() == SAID_MAX {
                break;
            }
            let Some(subject) = sharing.queue.pop_front() else { break };
            let Some(counter) = self.counters.get_mut(&subject) else { continue };
            let is_due = counter.is_due(now_ms);
            if is_due {
                told.push((subject.clone(), counter.say(now_ms)));
            }
            if !is_due || counter.is_open() {
                sharing.queue.push_back(subject);
            } else {
                counter.unqueue();
            }
        }
        if told.is_empty() && !passed(sharing.tried_ms, now_ms, THERE_MS) {
            return None;
        }
        sharing.tried_ms = Some(now_ms);
        Some(Telling(told))
    }

    /// Takes in what the others say. Where nobody was heard, what was told is told again.
    pub(super) fn hear(
        &mut self,
        Telling(told): Telling,
        exchanged: Result<Exchanged, BoardError>,
        now_ms: u64,
    ) -> Result<(), BoardError> {
        let exchanged = exchanged.and_then(|exchanged| {
            let is_whole = exchanged.others.len() == told.len();
            if is_whole { Ok(exchanged) } else { Err(BoardError("an answer is not whole".into())) }
        });
        match exchanged {
            Ok(Exchanged { nodes, epoch, others }) => {
                for ((subject, told), others) in told.into_iter().zip(&others) {
                    if let Some(counter) = self.counters.get_mut(&subject) {
                        counter.hear(told, others, now_ms);
                    }
                }
                self.stand(nodes, epoch, now_ms);
                Ok(())
            }
            Err(error) => {
                if let Some(sharing) = &mut self.sharing {
                    sharing.failed_ms = Some(now_ms);
                }
                for (subject, _) in told {
                    self.wait_to_tell(&subject);
                }
                Err(error)
            }
        }
    }

    fn stand(&mut self, nodes: u64, epoch: String, now_ms: u64) {
        let Some(sharing) = &mut self.sharing else { return };
        (sharing.nodes, sharing.heard_ms, sharing.failed_ms) = (nodes, Some(now_ms), None);
        if sharing.epoch == epoch {
            return;
        }
        let was_forgotten = !std::mem::replace(&mut sharing.epoch, epoch).is_empty();
        if was_forgotten {
            tracing::warn!(
                "what nodes had told one another of their counts was lost: all of it is told again"
            );
            sharing.unsettled_until_ms = now_ms.saturating_add(SETTLE_MS);
            self.tell_all();
        }
    }
}
