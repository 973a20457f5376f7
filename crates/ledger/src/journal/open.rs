//! Opening a journal: what stands there is read, and it is told apart what may be missing and what may not.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::JournalId;

use super::{
    Journal, JournalError, JournalOptions, Limits, anew,
    files::{self, Found, Rest, Scanned},
    mark::{self, Mark, Said},
    segment::{HEADER_BYTES, Header, Segment},
    spares::{self, Spares},
    sync::Tail,
};
use crate::{port::Cursor, record::Record};

impl Journal {
    /// Whether there is one in a directory. Nothing is made there.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn is_in(dir: &Path) -> Result<bool, JournalError> {
        match files::list(dir) {
            Ok(found) => Ok(!found.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the journal in a directory, or begins one, and hands every record that it holds to `visit`. A torn end,
    /// which a power loss leaves, is cut off; a copy of what is cut is kept.
    ///
    /// # Errors
    /// When another process has it, the disk fails, or something is not what was written and no power loss explains it.
    pub fn open(options: JournalOptions, visit: impl FnMut(u64, Record)) -> Result<Self, JournalError> {
        fs::create_dir_all(&options.dir)?;
        let lock = Arc::new(lock(&options.dir)?);
        anew::finish(&options.dir)?;
        spares::remove(&options.dir)?;
        let mut opening =
            Opening { mark: mark::read(&options.dir)?, boot_id: None, visit, options: &options };
        let mut found = files::list(&options.dir)?;
        let read = opening.read(&found)?;
        let said = opening.mark;
        let Some(read) = read else { return Self::begin(&options, lock) };
        let limits = Limits::of(&options);
        let current = Segment::reopen(&options.disk, &read.last, read.scanned.length, limits.segment_bytes)?;
        if read.scanned.rest != Rest::Nothing {
            current.wipe_rest()?;
        }
        found.truncate(read.files);
        let said = said.unwrap_or(Said::nothing(read.journal_id));
        let lost = (said.durable.seq > read.scanned.end.seq).then_some(said.durable.seq);
        let mut journal = Self {
            mark: Mark::create(&options.dir, said)?,
            lost,
            dir: options.dir,
            id: read.journal_id,
            limits,
            disk: options.disk,
            current,
            spares: Spares::default(),
            firsts: found.iter().map(|found| found.first_seq).collect(),
            end: read.scanned.end,
            tail: Tail::after(read.scanned.end),
            lock,
        };
        // What a process before this one wrote may not be durable yet; of that there is no copy here.
        journal.tail.dirty =
            found.iter().map(|found| File::open(&found.path).map(Arc::new)).collect::<io::Result<_>>()?;
        journal.tail.names = true;
        if lost.is_none() {
            journal.sync()?;
        }
        // A full disk keeps no node from starting: it can settle, and says why it takes no reservation.
        let _ = journal.prepare();
        Ok(journal)
    }

    /// Begins a journal where there is none.
    pub(super) fn begin(options: &JournalOptions, lock: Arc<File>) -> Result<Self, JournalError> {
        let JournalOptions { dir, new_id: id, disk, .. } = options;
        let limits = Limits::of(options);
        let mut current = Segment::allocate(disk, &spares::path(dir), limits.segment_bytes)?;
        current.begin(&Header { journal_id: *id, first_seq: 1, before: Cursor::default().link })?;
        current.name(&files::segment_path(dir, 1))?;
        let mut journal = Self {
            mark: Mark::create(dir, Said::nothing(*id))?,
            lost: None,
            dir: dir.clone(),
            id: *id,
            limits,
            disk: Arc::clone(disk),
            current,
            spares: Spares::default(),
            firsts: VecDeque::from([1]),
            end: Cursor::default(),
            tail: Tail::after(Cursor::default()),
            lock,
        };
        journal.tail.names = true;
        journal.sync()?;
        journal.prepare()?;
        Ok(journal)
    }
}

/// What is known while a journal is read.
struct Opening<'a, V> {
    options: &'a JournalOptions,
    /// What the mark says of this journal; `None` where nothing does.
    mark: Option<Said>,
    /// Under which boot of the kernel the last process wrote.
    boot_id: Option<String>,
    visit: V,
}

/// What there is of a journal.
struct Read {
    journal_id: JournalId,
    /// How many files of those that were found.
    files: usize,
    /// The last one.
    last: PathBuf,
    scanned: Scanned,
}

/// Something that is not what was written.
struct Flaw {
    path: PathBuf,
    offset: usize,
    /// The record that should stand there.
    seq: u64,
    rest: Rest,
    /// Whether it is in the last file.
    at_end: bool,
}

impl<V: FnMut(u64, Record)> Opening<'_, V> {
    /// `None` where nothing was ever written.
    fn read(&mut self, found: &[Found]) -> Result<Option<Read>, JournalError> {
        let Some(first) = found.first() else { return self.none_left().map(|()| None) };
        let Some((header, mut at)) = first.header.zip(first.before()) else {
            return self.headless(first, found.len() == 1).map(|()| None);
        };
        let journal_id = header.journal_id;
        self.mark = self.mark.filter(|said| said.journal_id == journal_id);
        let mut read: Option<Read> = None;
        for (index, file) in found.iter().enumerate() {
            let goes_on = file.header.is_some_and(|header| header.journal_id == journal_id);
            if !goes_on || file.before() != Some(at) {
                let rest = if file.header.is_some() { Rest::Damaged } else { files::remains(file, at)? };
                self.accept(&Flaw::of(file, 0, file.first_seq, rest, index + 1 == found.len()))?;
                break;
            }
            let until = found.get(index + 1).map_or(u64::MAX, |next| next.first_seq.saturating_sub(1));
            let scanned = self.scan(file, at, until)?;
            at = scanned.end;
            let (offset, rest, at_end) = (scanned.length, scanned.rest, until == u64::MAX);
            read = Some(Read { journal_id, files: index + 1, last: file.path.clone(), scanned });
            if rest != Rest::Nothing || (!at_end && at.seq < until) {
                self.accept(&Flaw::of(file, offset, at.seq + 1, rest, at_end))?;
                break;
            }
        }
        let kept = read.as_ref().map_or(0, |read| read.files);
        for later in &found[kept..] {
            fs::rename(&later.path, later.path.with_extension("torn"))?;
        }
        Ok(read)
    }

    fn scan(&mut self, file: &Found, before: Cursor, until: u64) -> Result<Scanned, JournalError> {
        files::scan(file, before, until, |at, payload| {
            let changed = |said: &Said| said.durable.seq == at.seq && said.durable.link != at.link;
            if self.mark.as_ref().is_some_and(changed) {
                return Err(JournalError::Swapped { path: file.path.clone(), record: at.seq });
            }
            let record = Record::decode(payload)?;
            if let Record::Started { boot_id, .. } = &record {
                self.boot_id = Some(boot_id.clone());
            }
            (self.visit)(at.seq, record);
            Ok(())
        })
    }

    /// No file at all. What the ledger has is no loss.
    fn none_left(&self) -> Result<(), JournalError> {
        match self.mark {
            Some(Said { home_seq, durable, .. }) if home_seq < durable.seq => {
                let path = files::segment_path(&self.options.dir, home_seq + 1);
                Err(JournalError::Gap { path, record: home_seq + 1 })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A first file without a header: it was never begun, or it is damaged.
    fn headless(&mut self, file: &Found, alone: bool) -> Result<(), JournalError> {
        let bytes = fs::read(&file.path)?;
        let begun = bytes.get(HEADER_BYTES..).is_some_and(|rest| rest.iter().any(|byte| *byte != 0));
        if begun || !alone || self.mark.is_some_and(|said| said.durable.seq > 0) {
            return Err(Flaw::of(file, 0, file.first_seq, Rest::Damaged, alone).refused());
        }
        Ok(fs::remove_file(&file.path)?)
    }

    /// Lets a journal end before a flaw where a power loss explains it: what was not durable may be missing in any
    /// order then. What was, may not, nor may anything while the kernel ran on.
    fn accept(&self, flaw: &Flaw) -> Result<(), JournalError> {
        let was_durable = self.mark.is_some_and(|said| flaw.seq <= said.durable.seq);
        let other_boot = |boot_id: &String| *boot_id != self.options.boot_id;
        let power_loss = self.mark.is_some() && self.boot_id.as_ref().is_some_and(other_boot);
        let cut_short = flaw.at_end && flaw.rest == Rest::Torn;
        if was_durable || !(power_loss || cut_short) {
            return Err(flaw.refused());
        }
        let kept = flaw.path.with_extension("torn");
        fs::copy(&flaw.path, &kept)?;
        tracing::warn!(
            path = %flaw.path.display(), offset = flaw.offset, record = flaw.seq, kept = %kept.display(),
            "cut off a torn journal record"
        );
        Ok(())
    }
}

impl Flaw {
    fn of(file: &Found, offset: usize, seq: u64, rest: Rest, at_end: bool) -> Self {
        Self { path: file.path.clone(), offset, seq, rest, at_end }
    }

    fn refused(&self) -> JournalError {
        let (path, offset, record) = (self.path.clone(), self.offset, self.seq);
        match self.rest {
            // It ends as a whole file does, only too early.
            Rest::Nothing => JournalError::Gap { path, record },
            Rest::Torn | Rest::Damaged => JournalError::Corrupt { path, offset, record },
        }
    }
}

fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join("lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::Locked(dir.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}
