//! What calls need of the control log, as one node hands it to another and keeps it on disk: a line that says what it is, a
//! line for each row, those of tokens last, and a line that says how many there were.
//!
//! Nobody's name, sign-in or session is in it. Channel keys are, sealed as they stand in events.

mod line;
mod restore;
mod write;

use std::{
    fs::File,
    io::{self, Write},
    sync::Arc,
};

use eventlog::{Place, Recorded, StoreError};
use parking_lot::RwLock;
use thiserror::Error;
use tokio::sync::watch;

use self::{line::FORMAT, write::Copy};
pub(super) use self::{line::token, write::Shared};
use super::{
    Directory,
    state::State,
    tokens::{Draft, Indexed, TokenCacheOptions},
};

/// Why a snapshot is not taken.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// It is of another version of this program.
    #[error("the snapshot has the form {0}; this program reads the form {FORMAT}")]
    Format(u32),
    /// A line is not what it should be.
    #[error("line {line} of the snapshot cannot be read: {source}")]
    Line {
        /// Which one, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It cannot be read.
    #[error("the snapshot cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Lines are missing, or stand where they should not.
    #[error("the snapshot breaks off after line {0}")]
    BreaksOff(usize),
}

/// What was written, and how to find the tokens in it.
#[derive(Debug)]
pub struct Written {
    /// Where what was written stands.
    pub place: Place,
    /// How often the directory had been rebuilt by then.
    rebuilt: u64,
    /// Where its tokens begin, and each of them; none where the directory has them in memory.
    tokens: Option<(u64, Draft)>,
}

impl Directory {
    /// A directory of what [`Directory::write`] wrote, for calls alone. `snapshot` is read from where it stands to its end,
    /// and rows of tokens are read from it for as long as the directory goes by it: nobody may write there.
    ///
    /// # Errors
    /// When it is not that, or cannot be read.
    pub fn restore(snapshot: File, cache: TokenCacheOptions) -> Result<Arc<Self>, RestoreError> {
        let state = restore::read(snapshot, &cache)?;
        Ok(Arc::new(Self { cache, ..Self::of(state) }))
    }

    pub(super) fn of(state: State) -> Self {
        let positions = watch::Sender::new(state.place().position);
        Self { state: RwLock::new(state), positions, cache: TokenCacheOptions::default() }
    }

    /// Puts what [`Directory::write`] wrote in the place of everything that is known: the log is another one than it was.
    ///
    /// # Errors
    /// When it is not that; then what is known stays.
    pub fn rebuild(&self, snapshot: File) -> Result<(), RestoreError> {
        let mut anew = restore::read(snapshot, &self.cache)?;
        let (position, before) = {
            let mut state = self.state.write();
            anew.comes_after(&state);
            (anew.place().position, std::mem::replace(&mut *state, anew))
        };
        // There may be much of it: nobody waits while it goes.
        drop(before);
        self.positions.send_replace(position);
        Ok(())
    }

    /// Takes in what comes next in the control log, as far as it can be read.
    ///
    /// # Errors
    /// When it is not what comes next, or cannot be read; what came before it holds.
    pub fn take(&self, events: &[Recorded]) -> Result<(), StoreError> {
        // The disk is read before the lock is taken: calls wait for that one.
        let before = self.rows_before(events);
        let (taken, position) = {
            let mut state = self.state.write();
            (state.take(events, &before), state.place().position)
        };
        // Told even where a later event cannot be read: what came before it holds.
        self.positions.send_replace(position);
        taken
    }

    /// Which log this follows, and how far it has come.
    pub fn place(&self) -> Place {
        self.state.read().place()
    }

    /// Events of kinds of streams that this version of the program does not know, left out so far.
    pub fn skipped(&self) -> u64 {
        self.state.read().skipped()
    }

    /// Writes all that calls need, as it stands, for [`Directory::restore`]: as it goes, for there may be much of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<Written> {
        // There may be a million rows: they are shared, and written without the lock.
        let (copy, rebuilt) = {
            let state = self.state.read();
            (Copy { place: state.place(), shared: state.shared() }, state.moment().rebuilt)
        };
        let place = copy.place;
        Ok(Written { place, rebuilt, tokens: copy.write(out)? })
    }

    /// Reads rows of tokens from now on where they were written: `file` stands where that began.
    ///
    /// # Errors
    /// When it cannot be read; then they are read where they were before.
    pub fn read_from(&self, written: Written, mut file: File) -> io::Result<()> {
        let Written { rebuilt, tokens: Some((start, draft)), .. } = written else { return Ok(()) };
        let start = io::Seek::stream_position(&mut file)? + start;
        let base = draft.in_file(file, start);
        let mut state = self.state.write();
        if state.moment().rebuilt != rebuilt {
            // What was written is of another log by now.
            return Ok(());
        }
        let before = state.tokens.indexed_mut().map(|tokens| tokens.read_from(base));
        drop(state);
        drop(before);
        Ok(())
    }

    /// Whether so much happened to tokens since a snapshot was written that the next one should not wait.
    pub fn is_crowded(&self) -> bool {
        self.state.read().tokens.indexed().is_some_and(Indexed::is_crowded)
    }

    /// Whether rows were found elsewhere that the snapshot lacks.
    pub fn has_learned(&self) -> bool {
        self.state.read().tokens.indexed().is_some_and(Indexed::has_learned)
    }
}
