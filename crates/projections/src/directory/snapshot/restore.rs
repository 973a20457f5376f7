//! Reads a snapshot, of which one line is in memory at a time.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek},
};

use domain::ApiTokenId;
use serde::Deserialize;

use super::{
    RestoreError,
    line::{FORMAT, Head, ReadLine},
};
use crate::directory::{
    state::{Extent, State},
    token::Print,
    tokens::{Draft, Indexed, TokenCacheOptions, Tokens},
};

/// How much of the file is in memory at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// No file is believed to have more tokens before they are counted.
const TOKENS_EXPECTED_MAX: usize = 1 << 24;

/// Its lines, one at a time.
struct Lines<R> {
    from: R,
    /// Which one this is, from 1.
    number: usize,
    /// Where it begins.
    begins: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// False where there are no more.
    fn next(&mut self) -> io::Result<bool> {
        self.begins += self.text.len() as u64;
        self.text.clear();
        self.number += 1;
        Ok(self.from.read_until(b'\n', &mut self.text)? > 0)
    }

    fn parse<'l, T: Deserialize<'l>>(&'l self) -> Result<T, RestoreError> {
        serde_json::from_slice(&self.text).map_err(|source| RestoreError::Line { line: self.number, source })
    }
}

/// The tokens so far, and where the first begins.
struct Found {
    start: Option<u64>,
    draft: Draft,
}

impl Found {
    fn take(
        &mut self,
        begins: u64,
        (print, token_id, version): (Print, ApiTokenId, u64),
        line: &[u8],
    ) -> io::Result<()> {
        self.start.get_or_insert(begins);
        self.draft.push(print, token_id, version, line)
    }
}

pub(super) fn read(mut snapshot: File, cache: &TokenCacheOptions) -> Result<State, RestoreError> {
    let begins = snapshot.stream_position()?;
    let from = BufReader::with_capacity(BUFFER_BYTES, &snapshot);
    let mut lines = Lines { from, number: 0, begins, text: Vec::new() };
    if !lines.next()? {
        return Err(RestoreError::BreaksOff(0));
    }
    let head: Form = lines.parse()?;
    if head.format != FORMAT {
        return Err(RestoreError::Format(head.format));
    }
    let head: Head = lines.parse()?;
    let mut state = State::new(Extent::Calls, head.log_id, head.position);
    let mut found = Found { start: None, draft: Draft::of(head.tokens.min(TOKENS_EXPECTED_MAX)) };
    let mut rows = 0;
    while lines.next()? {
        match lines.parse()? {
            ReadLine::Token(head) => {
                let of = (head.row.key.print(), head.row.token_id, head.version);
                found.take(lines.begins, of, &lines.text)?;
            }
            ReadLine::Unread { token_id, print, version } => {
                found.take(lines.begins, (Print(print), token_id, version), &lines.text)?;
            }
            ReadLine::End { rows: said } if said == rows => {
                drop(lines);
                let base = found.draft.in_file(snapshot, found.start.unwrap_or_default());
                state.tokens = Tokens::Indexed(Indexed::new(base, cache));
                state.list_channels();
                return Ok(state);
            }
            ReadLine::End { .. } => break,
            // Tokens come last, without a gap.
            _ if found.start.is_some() => break,
            ReadLine::Channel(row) => state.put_channel(*row),
            ReadLine::User(row) => state.put_user(*row),
            ReadLine::Budget(row) => state.put_budget(*row),
            ReadLine::Group(row) => state.put_group(row),
            ReadLine::Price(row) => state.put_price(*row),
            ReadLine::Settings(row) => state.put_settings(*row),
        }
        rows += 1;
    }
    Err(RestoreError::BreaksOff(rows + 1))
}

/// What every form's first line has.
#[derive(Deserialize)]
struct Form {
    format: u32,
}
