//! Several runs of one file, read as one.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    fs::File,
    io,
    os::unix::fs::FileExt,
};

use super::Run;

/// The keys of some runs, in order.
pub(in crate::audit) struct Merge<const BYTES: usize> {
    file: File,
    parts: Vec<Part<BYTES>>,
    /// The first key of each part that has one, and which part's it is.
    firsts: BinaryHeap<Reverse<([u8; BYTES], usize)>>,
    /// How many keys of one run are read at once.
    piece: usize,
}

/// What is left of a run.
struct Part<const BYTES: usize> {
    /// What of it is still in the file.
    unread: Run,
    read: VecDeque<[u8; BYTES]>,
}

impl<const BYTES: usize> Merge<BYTES> {
    /// Holds at most `held_max` keys, but at least one of each run.
    pub(super) fn of(file: File, runs: &[Run], held_max: usize) -> io::Result<Self> {
        let parts: Vec<_> = runs.iter().map(|run| Part { unread: *run, read: VecDeque::new() }).collect();
        let piece = (held_max / parts.len().max(1)).max(1);
        let mut merge = Self { file, firsts: BinaryHeap::with_capacity(parts.len()), parts, piece };
        for index in 0..merge.parts.len() {
            merge.advance(index)?;
        }
        Ok(merge)
    }

    /// Puts the next key of a part among the firsts.
    fn advance(&mut self, index: usize) -> io::Result<()> {
        let Some(part) = self.parts.get_mut(index) else { return Ok(()) };
        if part.read.is_empty() {
            part.read_piece(&self.file, self.piece)?;
        }
        if let Some(key) = part.read.pop_front() {
            self.firsts.push(Reverse((key, index)));
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.firsts.len() + self.parts.iter().map(|part| part.read.len()).sum::<usize>()
    }
}

impl<const BYTES: usize> Iterator for Merge<BYTES> {
    type Item = io::Result<[u8; BYTES]>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((key, index)) = self.firsts.pop()?;
        Some(self.advance(index).map(|()| key))
    }
}

impl<const BYTES: usize> Part<BYTES> {
    fn read_piece(&mut self, file: &File, piece: usize) -> io::Result<()> {
        let count = usize::try_from(self.unread.count).map_or(piece, |unread| unread.min(piece));
        let mut bytes = vec![0; count * BYTES];
        file.read_exact_at(&mut bytes, self.unread.start * BYTES as u64)?;
        self.unread.start += count as u64;
        self.unread.count -= count as u64;
        let (keys, _) = bytes.as_chunks::<BYTES>();
        self.read.extend(keys);
        Ok(())
    }
}
