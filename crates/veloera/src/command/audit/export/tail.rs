//! The lines of a file from its end, since a long export is gone on with from there.

use std::io::{self, Read, Seek, SeekFrom};

/// How much is read at once, at first.
const PIECE_BYTES: usize = 64 * 1024;
/// The longest line.
const LINE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Gives whole lines, last first, without their ends.
pub(super) struct Tail<F> {
    file: F,
    /// Where in the file `held` begins.
    start: u64,
    /// What was read and not given, up to a line's end.
    held: Vec<u8>,
}

impl<F: Read + Seek> Tail<F> {
    /// With the number of bytes up to the end of the last whole line: what stands behind it is torn.
    pub(super) fn of(mut file: F) -> io::Result<(Self, u64)> {
        let start = file.seek(SeekFrom::End(0))?;
        let mut tail = Self { file, start, held: Vec::new() };
        let torn = tail.take_line()?.map_or(0, |torn| torn.len() as u64);
        Ok((tail, start - torn))
    }

    /// The line in front of those that were given.
    pub(super) fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.held.is_empty() && self.start == 0 {
            return Ok(None);
        }
        // The end of the line that is given next stands last in what is held.
        self.held.pop();
        self.take_line()
    }

    /// Takes what stands behind the last line's end.
    fn take_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            let open = self.held.len() - searched;
            if let Some(end) = self.held[..open].iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(self.held.split_off(end + 1)));
            }
            if self.start == 0 {
                return Ok(Some(std::mem::take(&mut self.held)));
            }
            searched = self.held.len();
            self.read_piece()?;
        }
    }

    /// Reads more from in front of what is held: as much again, so that a long line costs no more than its length.
    fn read_piece(&mut self) -> io::Result<()> {
        if self.held.len() > LINE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
        }
        let wanted = self.held.len().max(PIECE_BYTES);
        let wanted = usize::try_from(self.start).map_or(wanted, |start| start.min(wanted));
        let mut piece = vec![0; wanted];
        self.start -= wanted as u64;
        self.file.seek(SeekFrom::Start(self.start))?;
        self.file.read_exact(&mut piece)?;
        piece.append(&mut self.held);
        self.held = piece;
        Ok(())
    }
}
