//! Bringing the journal home: what is durable is uploaded, in order, as far as the ledger's cursor says it is not there.

use std::{
    fs::File,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{Node, NodeError};
use crate::{
    journal::{Framed, Journal, JournalError, Reader},
    port::{Cursor, IngestError, RECORDS_MAX},
    step::Input,
};

/// How often what was written is made durable and uploaded.
const SYNC_EVERY: Duration = Duration::from_millis(50);
/// How often idle quota is looked for.
const TICK_EVERY: Duration = Duration::from_millis(500);
/// How long ingested files are kept: from them a restored ledger is filled again.
const KEEP: Duration = Duration::from_hours(24);
/// The most bytes of records in one upload, beside the last one.
const UPLOAD_BYTES_MAX: usize = 8 * 1024 * 1024;

impl Node {
    /// Makes durable and uploads, until `stop` resolves; then once more.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()> + Send) {
        tokio::pin!(stop);
        let mut sync = tokio::time::interval(SYNC_EVERY);
        let mut tick = tokio::time::interval(TICK_EVERY);
        sync.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = sync.tick() => self.upload_or_report().await,
                _ = tick.tick() => self.tidy(),
            }
        }
        if let Err(error) = self.take(Input::Recall { accounts: Vec::new() }) {
            tracing::error!(%error, "the leases were not given back");
        }
        self.upload_or_report().await;
    }

    pub(super) async fn upload_or_report(&self) {
        let Err(error) = self.upload().await else { return };
        // What cannot be brought home must not grow.
        let forked = matches!(error, NodeError::Ingest(IngestError::Fork { .. }));
        self.broken.fetch_or(forked, Ordering::AcqRel);
        tracing::error!(%error, journal_id = %self.journal_id, "the journal was not brought home; trying again");
    }

    pub(super) fn tidy(&self) {
        let ingested = *self.ingested.borrow();
        let now_ms = self.clock.boot_ms();
        let given_back = self.take(Input::Tick { now_ms }).map(drop);
        let mut inner = self.inner.lock();
        let kept = inner.journal.prepare().and_then(|()| inner.retire(ingested, KEEP, self.clock.wall()));
        drop(inner);
        if let Err(error) = given_back.and_then(|()| kept.map_err(NodeError::from)) {
            tracing::error!(%error, journal_id = %self.journal_id, "the journal cannot be kept tidy");
        }
    }

    /// Waits until the ledger has everything up to `seq`, or no longer; says whether it has.
    pub(super) async fn upload_until(&self, seq: u64) -> bool {
        let mut ingested = self.ingested.subscribe();
        let there =
            tokio::time::timeout(self.lending.recall_max, ingested.wait_for(|there| *there >= seq)).await;
        matches!(there, Ok(Ok(_)))
    }

    /// Makes what was written durable and uploads it.
    pub(crate) async fn upload(&self) -> Result<(), NodeError> {
        let mut place = self.place.lock().await;
        let (files, durable) = {
            let mut inner = self.inner.lock();
            if inner.journal.seq() == *self.ingested.borrow() {
                return Ok(());
            }
            inner.journal.unsynced()
        };
        self.sync(files).await?;
        let mut cursor = self.port.cursor(self.journal_id).await?.cursor;
        // An answer may have been lost, or the ledger restored: what it says is what it has.
        self.ingested.send_replace(cursor.seq);
        // What fails on the way leaves no place: the next upload looks for it anew.
        let mut reader = match place.take().filter(|reader| is_at(reader, cursor)) {
            Some(reader) => reader,
            None => place_of(&self.inner.lock().journal, cursor)?,
        };
        while cursor.seq < durable {
            let records = batch(&mut reader, durable)?;
            if records.is_empty() {
                break;
            }
            cursor = self.port.ingest(self.journal_id, records).await?;
            self.ingested.send_replace(cursor.seq);
        }
        *place = Some(reader);
        Ok(())
    }

    /// What a disk would not keep is uploaded by the next round all the same, while it can still be read; but nothing
    /// new is reserved on such a disk.
    async fn sync(&self, files: Vec<Arc<File>>) -> Result<(), JournalError> {
        let synced =
            tokio::task::spawn_blocking(move || files.iter().try_for_each(|file| file.sync_data())).await;
        synced.map_err(io::Error::other).and_then(|synced| synced).map_err(|error| {
            self.broken.store(true, Ordering::Release);
            error.into()
        })
    }
}

/// Where the journal goes on after what the ledger has. A ledger that has another record than this journal there, or
/// one that this journal lacks, was given it by a copy of this journal: this disk was rolled back.
pub(super) fn place_of(journal: &Journal, cursor: Cursor) -> Result<Reader, NodeError> {
    let fork = || IngestError::Fork { journal_id: journal.id(), seq: cursor.seq };
    if cursor.seq > journal.seq() {
        return Err(fork().into());
    }
    let reader = journal.reader(cursor.seq)?;
    if is_at(&reader, cursor) { Ok(reader) } else { Err(fork().into()) }
}

fn is_at(reader: &Reader, cursor: Cursor) -> bool {
    reader.seq() == cursor.seq && reader.link() == cursor.link
}

fn batch(reader: &mut Reader, until: u64) -> Result<Vec<Framed>, JournalError> {
    let mut records = Vec::new();
    let mut bytes = 0;
    while records.len() < RECORDS_MAX && bytes < UPLOAD_BYTES_MAX {
        let Some(framed) = reader.next(until)? else { break };
        bytes += framed.payload.len();
        records.push(framed);
    }
    Ok(records)
}
