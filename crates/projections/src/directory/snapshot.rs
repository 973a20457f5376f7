//! What calls need of the control log, as one node hands it to another: a line that says what it is, a line for each row,
//! and a line that says how many there were.
//!
//! Nobody's name, sign-in or session is in it. Channel keys are, sealed as they stand in events.

use std::{
    io::{self, BufRead, Write},
    sync::Arc,
};

use eventlog::{Place, Recorded, StoreError};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Directory,
    state::{Extent, State},
    token::TokenEntry,
};
use crate::{
    budgets::BudgetRow, channels::ChannelRow, groups::GroupRow, prices::PriceRow, settings::SettingsRow,
    tokens::TokenRow, users::UserRow,
};

/// The form of the lines. A node that meets another one asks for the events instead, or is as old as its snapshot.
const FORMAT: u32 = 1;

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
    /// Lines are missing.
    #[error("the snapshot breaks off after line {0}")]
    BreaksOff(usize),
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    log_id: Uuid,
    position: u64,
}

/// A row, or that there are no more.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Channel(Box<ChannelRow>),
    Token(Box<TokenRow>),
    User(Box<UserRow>),
    Budget(Box<BudgetRow>),
    Group(GroupRow),
    Price(Box<PriceRow>),
    Settings(Box<SettingsRow>),
    End { rows: usize },
}

impl Directory {
    /// A directory of what [`Directory::snapshot`] wrote, for calls alone.
    ///
    /// # Errors
    /// When it is not that.
    pub fn restore(snapshot: &[u8]) -> Result<Arc<Self>, RestoreError> {
        Self::restore_from(snapshot)
    }

    /// The same of a file, of which one line is in memory at a time.
    ///
    /// # Errors
    /// As [`Directory::restore`], and when it cannot be read.
    pub fn restore_from(snapshot: impl BufRead) -> Result<Arc<Self>, RestoreError> {
        Ok(Arc::new(Self::of(read(snapshot)?)))
    }

    pub(super) fn of(state: State) -> Self {
        let positions = watch::Sender::new(state.place().position);
        Self { state: RwLock::new(state), positions }
    }

    /// Puts what [`Directory::snapshot`] wrote in the place of everything that is known: the log is another one than it
    /// was.
    ///
    /// # Errors
    /// When it is not that; then what is known stays.
    pub fn rebuild(&self, snapshot: &[u8]) -> Result<(), RestoreError> {
        let mut anew = read(snapshot)?;
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
        let (taken, position) = {
            let mut state = self.state.write();
            (state.take(events), state.place().position)
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

    /// All that calls need, as it stands, for [`Directory::restore`]; and where that is.
    ///
    /// # Errors
    /// When a row cannot be written, which none refuses.
    pub fn snapshot(&self) -> io::Result<(Place, Vec<u8>)> {
        let mut text = Vec::new();
        Ok((self.write_snapshot(&mut text)?, text))
    }

    /// The same, written as it is made.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_snapshot(&self, mut out: &mut dyn Write) -> io::Result<Place> {
        // There may be a million rows: they are shared, and written without the lock.
        let (place, shared) = {
            let state = self.state.read();
            (state.place(), state.shared())
        };
        line(&mut out, &Head { format: FORMAT, log_id: place.log_id, position: place.position })?;
        let mut rows = 0;
        for row in shared.lines() {
            line(&mut out, &row)?;
            rows += 1;
        }
        line(&mut out, &Line::End { rows })?;
        Ok(place)
    }
}

/// Every row that calls need, as it stood at one moment.
pub(super) struct Shared {
    pub(super) channels: Vec<Arc<ChannelRow>>,
    pub(super) tokens: Vec<Arc<TokenEntry>>,
    pub(super) users: Vec<Arc<UserRow>>,
    pub(super) budgets: Vec<Arc<BudgetRow>>,
    pub(super) groups: Vec<Arc<GroupRow>>,
    pub(super) prices: Vec<Arc<PriceRow>>,
    pub(super) settings: Vec<Arc<SettingsRow>>,
}

impl Shared {
    fn lines(&self) -> impl Iterator<Item = Line> {
        let users = self.users.iter().map(|row| {
            let mut row = row.as_ref().clone();
            row.forget_person();
            Line::User(Box::new(row))
        });
        let channels = self.channels.iter().map(|row| Line::Channel(Box::new(row.as_ref().clone())));
        channels
            .chain(self.tokens.iter().map(|entry| Line::Token(Box::new(entry.row()))))
            .chain(users)
            .chain(self.budgets.iter().map(|row| Line::Budget(Box::new(row.as_ref().clone()))))
            .chain(self.groups.iter().map(|row| Line::Group(row.as_ref().clone())))
            .chain(self.prices.iter().map(|row| Line::Price(Box::new(row.as_ref().clone()))))
            .chain(self.settings.iter().map(|row| Line::Settings(Box::new(row.as_ref().clone()))))
    }
}

fn line(mut out: impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")
}

/// A snapshot's lines, one at a time.
struct Lines<R> {
    from: R,
    /// Which one this is, from 1.
    number: usize,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// False where there are no more.
    fn next(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.number += 1;
        Ok(self.from.read_until(b'\n', &mut self.text)? > 0)
    }
}

fn read(snapshot: impl BufRead) -> Result<State, RestoreError> {
    let mut lines = Lines { from: snapshot, number: 0, text: Vec::new() };
    if !lines.next()? {
        return Err(RestoreError::BreaksOff(0));
    }
    let head: Head = parse(lines.number, &lines.text)?;
    if head.format != FORMAT {
        return Err(RestoreError::Format(head.format));
    }
    let mut state = State::new(Extent::Calls, head.log_id, head.position);
    let mut rows = 0;
    while lines.next()? {
        match parse(lines.number, &lines.text)? {
            Line::End { rows: said } if said == rows => {
                state.list_channels();
                return Ok(state);
            }
            Line::End { .. } => break,
            Line::Channel(row) => state.put_channel(*row),
            Line::Token(row) => state.put_token(&row),
            Line::User(row) => state.put_user(*row),
            Line::Budget(row) => state.put_budget(*row),
            Line::Group(row) => state.put_group(row),
            Line::Price(row) => state.put_price(*row),
            Line::Settings(row) => state.put_settings(*row),
        }
        rows += 1;
    }
    Err(RestoreError::BreaksOff(rows + 1))
}

fn parse<'l, T: Deserialize<'l>>(line: usize, text: &'l [u8]) -> Result<T, RestoreError> {
    serde_json::from_slice(text).map_err(|source| RestoreError::Line { line, source })
}
