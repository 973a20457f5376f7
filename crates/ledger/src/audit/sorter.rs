//! Keys in order, however many there are: what memory should not hold lies in a file that has no name.
//!
//! An external merge sort. What is held is sorted and becomes a run in the file whenever it is as much as may be held;
//! in the end the runs are merged, so many at a time that their pieces are no more than that.

mod merge;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use self::merge::Merge;

/// The most keys that are held in memory at any time.
pub(crate) const KEYS_HELD_MAX: usize = 1 << 18;
/// The most runs that are merged at once.
const RUNS_MERGED_MAX: usize = 64;

/// A part of the file: keys in order.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// In keys, from the file's beginning.
    start: u64,
    count: u64,
}

/// Takes keys in any order.
pub(super) struct Sorter<const BYTES: usize> {
    /// Where files may be made.
    dir: PathBuf,
    held_max: usize,
    held: Vec<[u8; BYTES]>,
    spilt: Option<Spill<BYTES>>,
}

/// A file of runs that is gone when it is closed, whatever becomes of the process.
struct Spill<const BYTES: usize> {
    file: File,
    runs: Vec<Run>,
}

impl<const BYTES: usize> Sorter<BYTES> {
    /// Files are made in `dir`, and only for more keys than may be held.
    pub(super) fn new(dir: &Path) -> Self {
        Self::holding(dir, KEYS_HELD_MAX)
    }

    fn holding(dir: &Path, held_max: usize) -> Self {
        Self { dir: dir.to_owned(), held_max, held: Vec::new(), spilt: None }
    }

    /// Takes one more.
    pub(super) fn push(&mut self, key: [u8; BYTES]) -> io::Result<()> {
        if self.held.len() == self.held_max {
            self.spill()?;
        }
        self.held.push(key);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        let spilt = match self.spilt.take() {
            Some(spilt) => self.spilt.insert(spilt),
            None => self.spilt.insert(Spill::new(&self.dir)?),
        };
        self.held.sort_unstable();
        spilt.write(self.held.drain(..).map(Ok))
    }

    /// All keys, in order.
    pub(super) fn sorted(mut self) -> io::Result<Sorted<BYTES>> {
        if self.spilt.is_none() {
            self.held.sort_unstable();
            return Ok(Sorted::Held(self.held.into_iter()));
        }
        self.spill()?;
        // Now that nothing is held there is room for the pieces of the runs.
        self.held = Vec::new();
        let Some(mut spilt) = self.spilt else { return Ok(Sorted::Held(Vec::new().into_iter())) };
        while spilt.runs.len() > RUNS_MERGED_MAX {
            spilt = spilt.with_fewer_runs(&self.dir, self.held_max)?;
        }
        Ok(Sorted::Spilt(Merge::of(spilt.file, &spilt.runs, self.held_max)?))
    }
}

impl<const BYTES: usize> Spill<BYTES> {
    fn new(dir: &Path) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile_in(dir)?, runs: Vec::new() })
    }

    /// Writes one more run.
    fn write(&mut self, keys: impl Iterator<Item = io::Result<[u8; BYTES]>>) -> io::Result<()> {
        let mut run = Run { start: self.runs.last().map_or(0, |run| run.start + run.count), count: 0 };
        let mut out = BufWriter::new(&self.file);
        for key in keys {
            out.write_all(&key?)?;
            run.count += 1;
        }
        out.flush()?;
        self.runs.push(run);
        Ok(())
    }

    /// The same keys in a new file, as many runs of it merged into one as can be at once.
    fn with_fewer_runs(self, dir: &Path, held_max: usize) -> io::Result<Self> {
        let mut merged = Self::new(dir)?;
        for runs in self.runs.chunks(RUNS_MERGED_MAX) {
            merged.write(Merge::of(self.file.try_clone()?, runs, held_max)?)?;
        }
        Ok(merged)
    }
}

/// Keys in order.
pub(super) enum Sorted<const BYTES: usize> {
    Held(std::vec::IntoIter<[u8; BYTES]>),
    Spilt(Merge<BYTES>),
}

impl<const BYTES: usize> Iterator for Sorted<BYTES> {
    type Item = io::Result<[u8; BYTES]>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Held(keys) => keys.next().map(Ok),
            Self::Spilt(merge) => merge.next(),
        }
    }
}
