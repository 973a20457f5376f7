//! Whether what came is what the provider sent.

use super::workload::{self, FRAMES, piece};

/// What every answer must hold, worked out once.
#[derive(Debug)]
pub(super) struct Expected {
    whole: String,
    frames: Vec<String>,
}

/// Reads one stream.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    expected: &'a Expected,
    rest: Vec<u8>,
    seen: usize,
}

impl Expected {
    pub(super) fn new() -> Self {
        let content = |text: String| format!("\"content\":\"{text}\"");
        let mut frames: Vec<String> = (0..FRAMES - 1).map(|frame| content(piece(frame))).collect();
        frames.push("\"prompt_tokens\":".to_owned());
        frames.push("[DONE]".to_owned());
        Self { whole: content(workload::text()), frames }
    }

    /// Says what is wrong with a whole answer.
    pub(super) fn check_whole(&self, body: &[u8]) -> Result<(), String> {
        if holds(body, &self.whole) { Ok(()) } else { Err(wrong("the answer", body)) }
    }

    /// Begins to read a stream.
    pub(super) fn stream(&self) -> Checker<'_> {
        Checker { expected: self, rest: Vec::new(), seen: 0 }
    }
}

impl Checker<'_> {
    /// Takes in what came, and says what is wrong with the frames that are whole by now.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), String> {
        self.rest.extend_from_slice(chunk);
        let mut start = 0;
        while let Some(length) = self.rest[start..].windows(2).position(|pair| pair == b"\n\n") {
            let frame = &self.rest[start..start + length];
            let expected = self.expected.frames.get(self.seen);
            if !expected.is_some_and(|expected| holds(frame, expected)) {
                return Err(wrong(&format!("frame {}", self.seen), frame));
            }
            self.seen += 1;
            start += length + 2;
        }
        self.rest.drain(..start);
        Ok(())
    }

    /// Says what is missing at the end.
    pub(super) fn finish(self) -> Result<(), String> {
        if self.seen == self.expected.frames.len() && self.rest.is_empty() {
            return Ok(());
        }
        Err(wrong(&format!("the end after {} frames", self.seen), &self.rest))
    }
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.contains(needle))
}

fn wrong(what: &str, bytes: &[u8]) -> String {
    format!("{what} is not what the provider sent: {}", String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::{super::workload, Expected};

    #[test]
    fn what_the_provider_sends_is_right_however_it_is_cut() {
        let expected = Expected::new();
        expected.check_whole(&workload::answer()).unwrap();
        for size in [1, 100, 100_000] {
            let mut checker = expected.stream();
            for chunk in workload::frames().concat().chunks(size) {
                checker.push(chunk).unwrap();
            }
            checker.finish().unwrap();
        }
    }

    #[test]
    fn a_stream_that_lacks_a_frame_is_wrong() {
        let expected = Expected::new();
        let frames = workload::frames();
        for missing in 0..frames.len() {
            let mut checker = expected.stream();
            let kept = frames.iter().enumerate().filter(|(frame, _)| *frame != missing);
            let mut pushed = kept.map(|(_, frame)| checker.push(frame)).collect::<Result<Vec<_>, _>>();
            if pushed.is_ok() {
                pushed = checker.finish().map(|()| Vec::new());
            }
            assert!(pushed.is_err(), "nobody missed frame {missing}");
        }
    }
}
