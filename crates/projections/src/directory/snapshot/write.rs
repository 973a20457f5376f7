//! Writes a snapshot. Rows of tokens that are on disk already are copied as they stand.

use std::{
    collections::HashSet,
    io::{self, Write},
    sync::Arc,
};

use domain::ApiTokenId;
use eventlog::Place;

use super::line::{self, FORMAT, Head, Line, TokenLine};
use crate::{
    budgets::BudgetRow,
    channels::ChannelRow,
    directory::{
        token::Print,
        tokens::{Base, Draft, LiveRow, SharedTokens},
    },
    groups::GroupRow,
    prices::PriceRow,
    settings::SettingsRow,
    users::UserRow,
};

/// Every row that calls need, as it stood at one moment.
pub(in super::super) struct Shared {
    pub(in super::super) channels: Vec<Arc<ChannelRow>>,
    pub(in super::super) tokens: SharedTokens,
    pub(in super::super) users: Vec<Arc<UserRow>>,
    pub(in super::super) budgets: Vec<Arc<BudgetRow>>,
    pub(in super::super) groups: Vec<Arc<GroupRow>>,
    pub(in super::super) prices: Vec<Arc<PriceRow>>,
    pub(in super::super) settings: Vec<Arc<SettingsRow>>,
}

impl Shared {
    /// All but tokens.
    fn lines(&self) -> impl Iterator<Item = Line> {
        let users = self.users.iter().map(|row| {
            let mut row = row.as_ref().clone();
            row.forget_person();
            Line::User(Box::new(row))
        });
        let channels = self.channels.iter().map(|row| Line::Channel(Box::new(row.as_ref().clone())));
        channels
            .chain(users)
            .chain(self.budgets.iter().map(|row| Line::Budget(Box::new(row.as_ref().clone()))))
            .chain(self.groups.iter().map(|row| Line::Group(row.as_ref().clone())))
            .chain(self.prices.iter().map(|row| Line::Price(Box::new(row.as_ref().clone()))))
            .chain(self.settings.iter().map(|row| Line::Settings(Box::new(row.as_ref().clone()))))
    }
}

impl SharedTokens {
    fn count(&self) -> usize {
        match self {
            Self::Held(all) => all.len(),
            Self::Indexed { base, live, changed } => {
                let replaced = changed.iter().filter(|id| base.of_token(**id).is_some()).count();
                base.len() - replaced + live.len()
            }
        }
    }
}

/// A directory as it stood at one moment.
pub(super) struct Copy {
    pub(super) place: Place,
    pub(super) shared: Shared,
}

impl Copy {
    /// Where tokens begin in what was written, and what finds them, where whoever has this reads them from there.
    pub(super) fn write(self, out: &mut dyn Write) -> io::Result<Option<(u64, Draft)>> {
        let Self { place: Place { log_id, position }, shared } = self;
        let tokens = shared.tokens.count();
        let mut out = Counted { out, bytes: 0 };
        line::write(&mut out, &Head { format: FORMAT, log_id, position, tokens })?;
        let mut rows = tokens;
        for row in shared.lines() {
            line::write(&mut out, &row)?;
            rows += 1;
        }
        let start = out.bytes;
        let draft = match shared.tokens {
            SharedTokens::Held(mut all) => {
                // Here, where nobody waits for a lock.
                all.sort_unstable_by_key(|entry| (entry.print(), entry.token_id));
                for entry in all {
                    line::write(&mut out, &TokenLine::Token(Box::new(entry.versioned())))?;
                }
                None
            }
            SharedTokens::Indexed { base, live, changed } => {
                let mut copied = Copied { out: &mut out, draft: Draft::of(tokens), text: Vec::new() };
                copied.merge(&base, live, &changed)?;
                Some((start, copied.draft))
            }
        };
        line::write(&mut out, &Line::End { rows })?;
        Ok(draft)
    }
}

/// Knows how much went through it.
struct Counted<'o> {
    out: &'o mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Tokens on their way into a new file.
struct Copied<'o, 'w> {
    out: &'o mut Counted<'w>,
    draft: Draft,
    text: Vec<u8>,
}

impl Copied<'_, '_> {
    /// The rows of the file before but for those that changed, and those that are not in it, in one order.
    fn merge(&mut self, base: &Base, live: Vec<LiveRow>, changed: &HashSet<ApiTokenId>) -> io::Result<()> {
        let (mut live, mut lost) = (live.into_iter().peekable(), 0);
        let mut rows = base.rows();
        while let Some((print, head, text)) = rows.next() {
            if changed.contains(&head.token_id) {
                continue;
            }
            while let Some(row) = live.next_if(|row| (row.print, row.token_id) < (print, head.token_id)) {
                self.live(row)?;
            }
            if let Some(text) = text {
                self.put(print, head.token_id, head.version, text)?;
            } else {
                lost += 1;
                self.unread(print, head.token_id, head.version)?;
            }
        }
        if lost > 0 {
            tracing::error!(lost, "rows of tokens were lost on disk: they are looked up elsewhere");
        }
        live.try_for_each(|row| self.live(row))
    }

    fn live(&mut self, LiveRow { print, token_id, version, entry }: LiveRow) -> io::Result<()> {
        let Some(entry) = entry else { return self.unread(print, token_id, version) };
        self.line(print, token_id, version, &TokenLine::Token(Box::new(entry.versioned())))
    }

    fn unread(&mut self, print: Print, token_id: ApiTokenId, version: u64) -> io::Result<()> {
        self.line(print, token_id, version, &TokenLine::Unread { token_id, print: print.0, version })
    }

    fn line(&mut self, print: Print, token_id: ApiTokenId, version: u64, line: &TokenLine) -> io::Result<()> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        line::write(&mut text, line)?;
        self.put(print, token_id, version, &text)?;
        self.text = text;
        Ok(())
    }

    fn put(&mut self, print: Print, token_id: ApiTokenId, version: u64, text: &[u8]) -> io::Result<()> {
        self.out.write_all(text)?;
        self.draft.push(print, token_id, version, text)
    }
}
