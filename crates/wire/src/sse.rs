//! Server-sent events: frames cut from a byte stream that may come in any pieces.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// Collects bytes until they make whole frames.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    pending: BytesMut,
    /// What was looked at already.
    seen: usize,
    /// Where the line begins that is being read.
    line: usize,
}

/// Whole frames, one after the other.
#[derive(Debug)]
pub(crate) struct Frames {
    pub(crate) bytes: Bytes,
    pub(crate) ends: Vec<usize>,
}

impl Framer {
    /// The frames that `chunk` completes; not copied where none was begun before.
    pub(crate) fn push(&mut self, mut chunk: Bytes) -> Frames {
        if self.pending.is_empty() {
            let ends = self.ends(&chunk);
            let bytes = chunk.split_to(self.forget(&ends));
            self.pending.extend_from_slice(&chunk);
            return Frames { bytes, ends };
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(&chunk);
        let ends = self.ends(&pending);
        let bytes = pending.split_to(self.forget(&ends)).freeze();
        self.pending = pending;
        Frames { bytes, ends }
    }

    /// How much has come of a frame that is not whole yet.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// What is left at the end of the stream, ended as a frame should be.
    pub(crate) fn finish(&mut self) -> Bytes {
        let mut rest = std::mem::take(&mut self.pending);
        let ended: &[u8] = match rest.last() {
            None => b"",
            Some(b'\r') if self.line + 1 == rest.len() => b"",
            Some(_) if self.line == rest.len() => b"\n",
            Some(_) => b"\n\n",
        };
        rest.extend_from_slice(ended);
        (self.seen, self.line) = (0, 0);
        rest.freeze()
    }

    /// Where frames end: after an empty line. A carriage return at the end of the buffer waits for its line feed.
    fn ends(&mut self, buffer: &[u8]) -> Vec<usize> {
        let mut ends = Vec::new();
        while let Some(found) = memchr2(b'\n', b'\r', &buffer[self.seen..]) {
            let at = self.seen + found;
            let next = match (buffer[at], buffer.get(at + 1)) {
                (b'\r', None) => {
                    self.seen = at;
                    return ends;
                }
                (b'\r', Some(b'\n')) => at + 2,
                _ => at + 1,
            };
            if self.line == at {
                ends.push(next);
            }
            (self.seen, self.line) = (next, next);
        }
        self.seen = buffer.len();
        ends
    }

    fn forget(&mut self, ends: &[usize]) -> usize {
        let end = ends.last().copied().unwrap_or(0);
        self.seen -= end;
        self.line -= end;
        end
    }
}

/// What a frame carries: its `data` lines, joined. Nothing where it has none, as a comment.
pub(crate) fn data(frame: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut lines = lines(frame).filter_map(|(line, _)| data_of(line));
    let first = lines.next()?;
    let mut joined = Cow::Borrowed(first);
    for line in lines {
        let joined = joined.to_mut();
        joined.push(b'\n');
        joined.extend_from_slice(line);
    }
    Some(joined)
}

/// The frame with other JSON for data, in one line; its other lines stay.
pub(crate) fn with_data(frame: &[u8], json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame.len());
    let mut is_written = false;
    for (line, end) in lines(frame) {
        if data_of(line).is_none() {
            out.extend_from_slice(line);
            out.extend_from_slice(end);
        } else if !std::mem::replace(&mut is_written, true) {
            out.extend_from_slice(b"data: ");
            // A line feed in JSON is white space: in a text it would be escaped.
            out.extend(json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
            out.extend_from_slice(end);
        }
    }
    out
}

fn data_of(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"data")?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

/// The lines of a frame, each with what ends it.
fn lines(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let at = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(at);
        let width = if after.starts_with(b"\r\n") { 2 } else { after.len().min(1) };
        let (end, next) = after.split_at(width);
        rest = next;
        Some((line, end))
    })
}

#[cfg(test)]
mod tests;
