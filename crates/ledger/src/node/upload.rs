//! Bringing the journal home: what is durable is uploaded, in order, as far as the ledger's cursor says it is not there.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Interval, MissedTickBehavior};

use super::{
    Node, NodeError,
    anew::{self, Course},
};
use crate::{
    journal::{Framed, JournalError, Reader},
    port::{RECORDS_MAX, Standing},
    step::Input,
};

/// How often what was written is made durable, and how often it is looked at what there is to upload.
const SYNC_EVERY: Duration = Duration::from_millis(50);
/// With how many of these looks what is durable is uploaded: a transaction costs the ledger the same for few records as
/// for many.
const LOOKS_PER_UPLOAD: u32 = 4;
/// So many records are uploaded sooner.
const UPLOAD_RECORDS: u64 = 1_000;
/// How often idle quota is looked for.
const TICK_EVERY: Duration = Duration::from_millis(500);
/// How long ingested files are kept: from them a restored ledger is filled again.
const KEEP: Duration = Duration::from_hours(24);
/// How often the ledger is asked what it has where there is nothing to bring it, in milliseconds: a restore shows, and the
/// ledger hears that this journal lives.
const ASK_EVERY_MS: u64 = 10_000;
/// The most journals in one upload: this one, and one that takes its place.
const JOURNALS_MAX: usize = 2;
/// The most bytes of records in one upload, beside the last one.
const UPLOAD_BYTES_MAX: usize = 8 * 1024 * 1024;

impl Node {
    /// Makes durable and uploads, until `stop` resolves; then once more. Neither waits for the other: what was written is
    /// durable soon, however long the ledger takes.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            () = self.bring_home_until(stop) => {}
            never = self.keep_durable() => match never {},
        }
        self.leave().await;
    }

    async fn keep_durable(&self) -> Infallible {
        let mut beat = beat(SYNC_EVERY);
        loop {
            beat.tick().await;
            self.sync_or_report().await;
        }
    }

    async fn bring_home_until(&self, stop: impl Future<Output = ()> + Send) {
        tokio::pin!(stop);
        let (mut look, mut tick) = (beat(SYNC_EVERY), beat(TICK_EVERY));
        let mut looks = 0;
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = look.tick() => {
                    looks = (looks + 1) % LOOKS_PER_UPLOAD;
                    if looks == 0 || self.lag() >= UPLOAD_RECORDS {
                        let came = self.bring_what_is_durable().await;
                        self.report_or_give_back(came).await;
                    }
                }
                () = self.hurry.notified() => self.upload_or_report().await,
                _ = tick.tick() => {
                    self.look_before_giving_back().await;
                    self.tidy();
                }
            }
        }
    }

    /// Where something is about to be given back of which the ledger would not hear, it is kept: calls here may need it
    /// before the ledger is there again.
    pub(super) async fn look_before_giving_back(&self) {
        let has_idle = self.inner.lock().state.has_idle(self.clock.boot_ms());
        let is_away = self.away.load(Ordering::Relaxed);
        if has_idle
            && !is_away
            && let Err(error) = self.port.cursor(self.journal_id()).await
        {
            self.report_home(&Err(error.into()));
        }
    }

    /// Gives everything back. What cannot come home now is left in the journal, for a process that soon takes this one's
    /// place: it may be needed before the ledger is there.
    pub(super) async fn leave(&self) {
        if let Err(error) = self.port.cursor(self.journal_id()).await {
            tracing::warn!(%error, journal_id = %self.journal_id(), "the ledger does not answer: the leases are not given back");
        } else if let Err(error) = self.take(Input::Recall { accounts: Vec::new() }) {
            tracing::error!(%error, "the leases were not given back");
        }
        self.upload_or_report().await;
    }

    async fn sync_or_report(&self) {
        let is_broken = self.broken.load(Ordering::Acquire);
        if self.inner.lock().journal.is_durable() && !is_broken {
            return;
        }
        if let Err(error) = self.sync().await {
            let journal_id = self.journal_id();
            tracing::error!(%error, %journal_id, "the journal was not made durable; trying again");
        }
    }

    pub(super) async fn upload_or_report(&self) {
        let came = self.upload().await;
        self.report_or_give_back(came).await;
    }

    async fn report_or_give_back(&self, came: Result<(), NodeError>) {
        let came = match came {
            Ok(()) => self.give_back_inherited().await,
            Err(error) => Err(error),
        };
        self.report_home(&came);
    }

    pub(super) fn tidy(&self) {
        let ingested = *self.ingested.borrow();
        let now_ms = self.clock.boot_ms();
        // While the ledger cannot be reached nobody else could have what is given back, and calls here may need it yet.
        let is_away = self.away.load(Ordering::Relaxed);
        let given_back = if is_away { Ok(()) } else { self.take(Input::Tick { now_ms }).map(drop) };
        let mut inner = self.inner.lock();
        let kept = inner.journal.prepare().and_then(|()| inner.retire(ingested, KEEP, self.clock.wall()));
        drop(inner);
        if let Err(error) = given_back.and_then(|()| kept.map_err(NodeError::from)) {
            tracing::error!(%error, journal_id = %self.journal_id(), "the journal cannot be kept tidy");
        }
    }

    /// Waits until the ledger has everything up to `seq`, or no longer; says whether it has.
    pub(super) async fn upload_until(&self, seq: u64) -> bool {
        let mut ingested = self.ingested.subscribe();
        self.hurry.notify_one();
        let there =
            tokio::time::timeout(self.lending.recall_max, ingested.wait_for(|there| *there >= seq)).await;
        matches!(there, Ok(Ok(_)))
    }

    /// Makes what was written durable and uploads what is.
    pub(crate) async fn upload(&self) -> Result<(), NodeError> {
        let synced = self.sync().await;
        // What is durable comes home whatever became of the rest.
        self.bring_what_is_durable().await?;
        synced
    }

    async fn bring_what_is_durable(&self) -> Result<(), NodeError> {
        let mut place = self.place.lock().await;
        if !self.has_to_ask(&place) {
            return Ok(());
        }
        for _ in 0..JOURNALS_MAX {
            match self.bring_home(&mut place).await? {
                Home::Reached => break,
                Home::BegunAnew => place.reader = None,
            }
        }
        Ok(())
    }

    fn has_to_ask(&self, place: &Place) -> bool {
        self.inner.lock().journal.durable().seq != *self.ingested.borrow()
            // That it is back is only known once it has answered.
            || self.away.load(Ordering::Relaxed)
            || self.clock.boot_ms().saturating_sub(place.asked_ms) >= ASK_EVERY_MS
    }

    async fn bring_home(&self, place: &mut Place) -> Result<Home, NodeError> {
        let (journal_id, durable) = {
            let inner = self.inner.lock();
            (inner.journal.id(), inner.journal.durable().seq)
        };
        let known = self.port.cursor(journal_id).await?;
        place.asked_ms = self.clock.boot_ms();
        // What fails on the way leaves no place: the next upload looks for it anew.
        let Some(mut reader) = self.place_at(place.reader.take(), known)? else { return Ok(Home::BegunAnew) };
        // An answer may have been lost, or the ledger restored: what it says is what it has.
        self.came_home(known.cursor.seq, known);
        let mut cursor = known.cursor;
        while cursor.seq < durable {
            let records = batch(&mut reader, durable)?;
            if records.is_empty() {
                break;
            }
            cursor = self.port.ingest(journal_id, records).await?;
            self.came_home(cursor.seq, known);
        }
        place.reader = Some(reader);
        Ok(Home::Reached)
    }

    /// Where the journal goes on after what the ledger has; `None` where it could not and another one has begun.
    fn place_at(&self, reader: Option<Reader>, known: Standing) -> Result<Option<Reader>, NodeError> {
        if let Some(reader) = reader.filter(|reader| reader.at() == known.cursor) {
            return Ok(Some(reader));
        }
        let course = {
            let inner = self.inner.lock();
            anew::notice(&inner.journal, known);
            Course::of(&inner.journal, known.cursor)?
        };
        match course {
            Course::On(reader) => Ok(Some(reader)),
            Course::Departed(departure) => {
                // Until it has: what cannot be brought home must not grow.
                self.begin_anew(departure, known).inspect_err(|_| self.fail())?;
                Ok(None)
            }
        }
    }

    fn came_home(&self, seq: u64, known: Standing) {
        self.inner.lock().journal.came_home(seq, known.log_id);
        self.ingested.send_replace(seq);
    }

    /// Nothing new is reserved on a disk that fails, until it has kept everything that it was given.
    async fn sync(&self) -> Result<(), NodeError> {
        let syncer = Arc::clone(&self.syncer);
        let synced = tokio::task::spawn_blocking(move || syncer.sync()).await;
        match synced.map_err(|error| JournalError::from(io::Error::other(error))).flatten() {
            Ok(()) => self.mend(),
            Err(error) => {
                self.fail();
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Takes reservations again once everything is written and durable, and there is room for more.
    fn mend(&self) {
        if !self.broken.load(Ordering::Acquire) {
            return;
        }
        let mut inner = self.inner.lock();
        let whole = inner.catch_up().is_ok() && inner.journal.is_durable() && inner.journal.prepare().is_ok();
        if whole && self.broken.swap(false, Ordering::AcqRel) {
            tracing::warn!(journal_id = %inner.journal.id(), "the disk keeps the journal again: reservations are taken");
        }
    }
}

/// Where an upload goes on.
pub(super) struct Place {
    reader: Option<Reader>,
    /// When the ledger was asked last.
    asked_ms: u64,
}

impl Place {
    pub(super) const fn new(reader: Option<Reader>, asked_ms: u64) -> Self {
        Self { reader, asked_ms }
    }
}

/// How far an upload came.
enum Home {
    Reached,
    BegunAnew,
}

pub(super) fn batch(reader: &mut Reader, until: u64) -> Result<Vec<Framed>, JournalError> {
    let mut records = Vec::new();
    let mut bytes = 0;
    while records.len() < RECORDS_MAX && bytes < UPLOAD_BYTES_MAX {
        let Some(framed) = reader.next(until)? else { break };
        bytes += framed.payload.len();
        records.push(framed);
    }
    Ok(records)
}

/// What was missed is not made up for.
fn beat(every: Duration) -> Interval {
    let mut beat = tokio::time::interval(every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}
