//! Letting go of files that the ledger has taken in.

use std::{fs, time::Duration};

use super::{Journal, JournalError, files};

/// What part of all that the journal may hold is kept after it was ingested, however young it is: one in so many.
const KEPT_PART: usize = 4;

impl Journal {
    /// The last record that [`Journal::retire`] would remove; 0 where there is none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn expired(&self, seq: u64, keep: Duration) -> Result<u64, JournalError> {
        let old = self.old(seq, keep)?;
        Ok(if old == 0 { 0 } else { self.firsts.get(old).map_or(0, |next| next.saturating_sub(1)) })
    }

    /// Removes what is ingested up to `seq` and older than `keep`, or more than its part of what the journal may hold;
    /// never the file in use.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn retire(&mut self, seq: u64, keep: Duration) -> Result<(), JournalError> {
        for _ in 0..self.old(seq, keep)? {
            let Some(first) = self.firsts.front() else { break };
            fs::remove_file(files::segment_path(&self.dir, *first))?;
            self.firsts.pop_front();
        }
        Ok(())
    }

    /// How many files may go: from the first on and without a gap, whatever a clock that was changed says of their ages.
    fn old(&self, seq: u64, keep: Duration) -> Result<usize, JournalError> {
        let kept_max = (self.limits.segments_max / KEPT_PART).max(1);
        for (index, (first, next)) in self.firsts.iter().zip(self.firsts.iter().skip(1)).enumerate() {
            if next.saturating_sub(1) > seq {
                return Ok(index);
            }
            if self.firsts.len() - index > kept_max {
                continue;
            }
            let written = fs::metadata(files::segment_path(&self.dir, *first))?.modified()?;
            if written.elapsed().unwrap_or_default() < keep {
                return Ok(index);
            }
        }
        Ok(self.firsts.len().saturating_sub(1))
    }
}
