//! The tokens of a snapshot's file: in memory what finds each and knows it again, 48 bytes for one; the rows stay on disk.

use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    io,
    ops::Range,
    os::unix::fs::FileExt,
};

use domain::ApiTokenId;

use super::super::token::Print;

/// How much of the file is read at once by whoever reads all of it.
const READ_AT_ONCE: usize = 256 * 1024;

/// What is known of a row without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Head {
    pub(in super::super) token_id: ApiTokenId,
    pub(in super::super) version: u64,
    /// A hash of its text under a key of this process: the file's mark was checked once, and whoever changes it afterwards
    /// is found out.
    check: u64,
}

/// Tokens in the order of their fingerprints, then of their ids, as their rows stand in the file, without a gap.
#[derive(Debug)]
pub(in super::super) struct Base {
    file: File,
    /// Where in the file the first begins.
    start: u64,
    index: Draft,
    /// The rows in the order of their ids.
    by_id: Vec<u32>,
}

/// The same while its file is being read or written.
#[derive(Debug, Default)]
pub(in super::super) struct Draft {
    prints: Vec<Print>,
    heads: Vec<Head>,
    /// Where each row ends, from the first one's beginning.
    ends: Vec<u32>,
    key: RandomState,
}

impl Draft {
    /// With room for so many.
    pub(in super::super) fn of(tokens: usize) -> Self {
        Self {
            prints: Vec::with_capacity(tokens),
            heads: Vec::with_capacity(tokens),
            ends: Vec::with_capacity(tokens),
            key: RandomState::new(),
        }
    }

    /// Takes in the row that comes next in the file.
    pub(in super::super) fn push(
        &mut self,
        print: Print,
        token_id: ApiTokenId,
        version: u64,
        line: &[u8],
    ) -> io::Result<()> {
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let last = self.prints.last().zip(self.heads.last()).map(|(print, head)| (*print, head.token_id));
        if last.is_some_and(|last| last >= (print, token_id)) {
            return Err(wrong("its tokens are not in order"));
        }
        let end = u64::from(self.end_of(self.ends.len())) + line.len() as u64;
        self.ends.push(u32::try_from(end).map_err(|_| wrong("its tokens take more than 4 GiB"))?);
        self.prints.push(print);
        self.heads.push(Head { token_id, version, check: self.key.hash_one(line) });
        Ok(())
    }

    /// Where the row before `index` ends.
    fn end_of(&self, index: usize) -> u32 {
        index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }

    /// Whether that is the row, as it was written.
    fn knows(&self, index: usize, line: &[u8]) -> bool {
        self.heads.get(index).is_some_and(|head| head.check == self.key.hash_one(line))
    }

    /// The rows stand in `file` from `start` on.
    pub(in super::super) fn in_file(self, file: File, start: u64) -> Base {
        let count = u32::try_from(self.heads.len()).unwrap_or(u32::MAX);
        let mut by_id: Vec<u32> = (0..count).collect();
        by_id.sort_unstable_by_key(|index| self.heads.get(*index as usize).map(|head| head.token_id));
        Base { file, start, index: self, by_id }
    }
}

impl Base {
    pub(in super::super) const fn len(&self) -> usize {
        self.index.heads.len()
    }

    /// Which rows have that fingerprint.
    pub(super) fn of_print(&self, print: Print) -> Range<usize> {
        let prints = &self.index.prints;
        let first = prints.partition_point(|other| *other < print);
        let count = prints.iter().skip(first).take_while(|other| **other == print).count();
        first..first + count
    }

    /// Which row is the token's.
    pub(in super::super) fn of_token(&self, token_id: ApiTokenId) -> Option<usize> {
        let found = self.by_id.binary_search_by_key(&Some(token_id), |index| {
            self.index.heads.get(*index as usize).map(|head| head.token_id)
        });
        found.ok().and_then(|at| self.by_id.get(at)).map(|index| *index as usize)
    }

    /// Fingerprint and head of a row.
    pub(super) fn head(&self, index: usize) -> Option<(Print, Head)> {
        Some((*self.index.prints.get(index)?, *self.index.heads.get(index)?))
    }

    /// The text of one row.
    pub(in super::super) fn line(&self, index: usize) -> io::Result<Vec<u8>> {
        let span = self.span(index);
        let mut line = vec![0; span.len()];
        self.file.read_exact_at(&mut line, self.start + span.start as u64)?;
        if self.index.knows(index, &line) {
            return Ok(line);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the file was changed since its mark was checked"))
    }

    fn span(&self, index: usize) -> Range<usize> {
        self.index.end_of(index) as usize..self.index.end_of(index + 1) as usize
    }

    /// All rows, one after another.
    pub(in super::super) const fn rows(&self) -> Rows<'_> {
        Rows { base: self, next: 0, text: Vec::new(), from: 0, is_over: false }
    }
}

/// Reads rows in their order.
pub(in super::super) struct Rows<'b> {
    base: &'b Base,
    next: usize,
    text: Vec<u8>,
    /// Where what was read begins.
    from: usize,
    /// Nothing more can be read.
    is_over: bool,
}

impl Rows<'_> {
    /// The next row's fingerprint and head, and its text unless that was lost.
    pub(in super::super) fn next(&mut self) -> Option<(Print, Head, Option<&[u8]>)> {
        let (index, span) = (self.next, self.base.span(self.next));
        let (print, head) = self.base.head(index)?;
        self.next += 1;
        if span.end > self.from + self.text.len() && !self.is_over {
            self.fill(&span);
        }
        let line = self.text.get(span.start - self.from..span.end - self.from);
        Some((print, head, line.filter(|line| self.base.index.knows(index, line))))
    }

    /// Reads from a row's beginning on, as far as the file goes.
    fn fill(&mut self, span: &Range<usize>) {
        let rest = self.base.index.end_of(self.base.len()) as usize - span.start;
        self.from = span.start;
        self.text.resize(rest.min(READ_AT_ONCE.max(span.len())), 0);
        let mut filled = 0;
        while let Some(rest) = self.text.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.base.file.read_at(rest, self.base.start + (span.start + filled) as u64) {
                Ok(0) => self.is_over = true,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::error!(%error, "rows of the snapshot cannot be read");
                    self.is_over = true;
                }
            }
            if self.is_over {
                break;
            }
        }
        self.text.truncate(filled);
    }
}
