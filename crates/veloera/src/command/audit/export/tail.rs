//! The lines of a file from its end, since a long export is gone on with from there.

use std::io::{self, Read, Seek, SeekFrom};

/// How much is read at once, at first.
const PIECE_BYTES: usize = 64 * 1024;
/// The longest line.
const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Gives whole lines, last first, without their ends.
pub(super) struct Tail<F> {
    file: F,
    /// Where in the file `held` begins.
    start: u64,
    /// What was read and not given, up to a line's end.
    held: Vec<u8>,
}

impl<F: Read + Seek> Tail<F> {
    /// With what stands behind the last line's end, which is torn.
    pub(super) fn of(mut file: F) -> io::Result<(Self, Vec<u8>)> {
        let start = file.seek(SeekFrom::End(0))?;
        let mut tail = Self { file, start, held: Vec::new() };
        let torn = tail.take()?;
        Ok((tail, torn))
    }

    /// The line in front of those that were given.
    pub(super) fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        // Its end stands last in what is held; where nothing is held, the file was given whole.
        if self.held.pop().is_none() { Ok(None) } else { self.take().map(Some) }
    }

    /// Takes what stands behind the last line's end.
    fn take(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let unsearched = &self.held[..self.held.len() - searched];
            if let Some(end) = unsearched.iter().rposition(|byte| *byte == b'\n') {
                return Ok(self.held.split_off(end + 1));
            }
            if self.start == 0 {
                return Ok(std::mem::take(&mut self.held));
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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{PIECE_BYTES, Tail};

    /// What is torn off `text`, and its whole lines, last first.
    fn lines(text: &str) -> (String, Vec<String>) {
        let (mut tail, torn) = Tail::of(Cursor::new(text)).unwrap();
        let lines = std::iter::from_fn(|| tail.line().unwrap());
        let lines = lines.map(|line| String::from_utf8(line).unwrap()).collect();
        (String::from_utf8(torn).unwrap(), lines)
    }

    #[test]
    fn lines_come_last_first_and_what_is_torn_comes_apart() {
        for (text, torn, expected) in [
            ("", "", vec![]),
            ("torn", "torn", vec![]),
            ("\n", "", vec![""]),
            ("one\n", "", vec!["one"]),
            ("one\ntwo\ntorn", "torn", vec!["two", "one"]),
            ("\n\nthree\n", "", vec!["three", "", ""]),
        ] {
            let expected = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(lines(text), (torn.to_owned(), expected), "{text:?}");
        }
    }

    #[test]
    fn a_line_may_begin_and_end_anywhere_in_what_is_read_at_once() {
        for bytes in [1, 100, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES] {
            let expected: Vec<String> = ["a", "b", "c"].map(|letter| letter.repeat(bytes)).into();
            let text: Vec<&str> = expected.iter().rev().map(String::as_str).chain([""]).collect();
            assert_eq!(lines(&text.join("\n")), (String::new(), expected), "{bytes}");
        }
    }
}
