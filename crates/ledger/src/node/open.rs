//! Opening a node: what a process before it left behind is brought to its end first.

use std::sync::{Arc, atomic::AtomicBool};

use domain::JournalId;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::{
    Node, NodeClock, NodeError, NodeOptions,
    anew::{self, Course, Departure, Unsent},
    durable::Syncer,
    inherit::{self, Heard, Inherited},
    lend::Lending,
    upload::Place,
    write::Inner,
};
use crate::{
    journal::{Journal, JournalError, JournalOptions, Reader},
    port::{LedgerPort, Standing},
    record::Record,
    step::{NodeState, Replay},
};

impl Node {
    /// Opens the journal, ends the calls that a dead process left open, brings everything home and gives back the
    /// leases that it held. Where the ledger knows another journal by this name, a new one begins. Where it does not answer,
    /// and `options` say so, the node goes on with those leases.
    ///
    /// # Errors
    /// When the journal cannot be used, or the ledger does not take it in.
    pub async fn open(
        options: NodeOptions,
        port: Arc<dyn LedgerPort>,
        clock: Arc<dyn NodeClock>,
    ) -> Result<Arc<Self>, NodeError> {
        let unheard = options.unheard;
        let mut replay = Replay::default();
        let mut journal = Journal::open(options.journal(), |_, record| replay.take(record))?;
        let leases_of = journal.id();
        let heard = inherit::hear(&journal, &*port, unheard).await?;
        let known = heard.standing();
        let endings = replay.endings(&options.boot_id, clock.wall());
        let stood = stand(&mut journal, known, &endings, &*clock)?;
        let ingested = if stood.reader.is_some() { known.cursor.seq } else { 0 };
        journal.came_home(ingested, known.log_id);
        let inherited = Inherited { from: leases_of, into: journal.id() };
        let inherited = stood.holds_leases.then_some(inherited);
        let state = match heard {
            Heard::Before(_) if stood.reader.is_some() => replay.left(&options.boot_id, clock.boot_ms()),
            _ => NodeState::default(),
        };
        let inner = Arc::new(Mutex::new(Inner::start(journal, state, options.boot_id, clock.wall())?));
        let node = Arc::new(Self {
            syncer: Arc::new(Syncer::new(Arc::clone(&inner), options.sync)),
            inner,
            place: tokio::sync::Mutex::new(Place::new(stood.reader, clock.boot_ms())),
            port,
            clock,
            broken: AtomicBool::new(false),
            away: AtomicBool::new(false),
            inherited: tokio::sync::Mutex::new(inherited),
            lending: Lending::new(options.recall_max),
            ingested: watch::Sender::new(ingested),
            hurry: Notify::new(),
        });
        node.begin(unheard).await?;
        Ok(node)
    }
}

impl NodeOptions {
    fn journal(&self) -> JournalOptions {
        JournalOptions {
            dir: self.dir.clone(),
            new_id: self.new_journal_id,
            boot_id: self.boot_id.clone(),
            segment_bytes: self.segment_bytes,
            bytes_max: self.journal_bytes_max,
            disk: Arc::clone(&self.disk),
        }
    }
}

/// Where a journal stood when it was opened.
struct Stood {
    /// Where it is gone on with; `None` where another one has begun.
    reader: Option<Reader>,
    /// Whether the leases of the journal that was opened are this process' to give back. Where it was forked, whoever
    /// goes on with it may be alive: the ledger takes them back once it hears of that one no more.
    holds_leases: bool,
}

/// Writes how the open calls end, into this journal or into the one that takes its place.
fn stand(
    journal: &mut Journal,
    known: Standing,
    endings: &[Record],
    clock: &dyn NodeClock,
) -> Result<Stood, NodeError> {
    if let Some(durable) = journal.lost().filter(|durable| known.cursor.seq < *durable) {
        let (found, home) = (journal.seq(), known.cursor.seq);
        return Err(JournalError::RolledBack { found, durable, home }.into());
    }
    anew::notice(journal, known);
    let departure = match Course::of(journal, known.cursor)? {
        Course::On(reader) => {
            journal.append_all(endings).1?;
            return Ok(Stood { reader: Some(reader), holds_leases: true });
        }
        Course::Departed(departure) => departure,
    };
    let (old, new): (JournalId, JournalId) = (journal.id(), clock.journal_id());
    let unsent = Unsent::of(journal, departure, known)?;
    let kept = journal.begin_anew(new, |journal| {
        unsent.carry(journal)?;
        journal.append_all(endings).1
    })?;
    anew::report(old, new, departure, &kept);
    Ok(Stood { reader: None, holds_leases: matches!(departure, Departure::Retired { .. }) })
}
