//! An answer that comes piece by piece.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use self::chunk::Chunk;
use super::{AnswerError, Nature};
use crate::{
    FRAME_BYTES_MAX, Usage, splice,
    sse::{self, Framer, Frames},
};

mod chunk;

/// Reads a stream on its way to the client.
///
/// What it passes on and what it has learnt do not depend on how the bytes were cut.
#[derive(Debug)]
pub struct StreamDecoder {
    withhold_usage: bool,
    framer: Framer,
    usage: Option<Usage>,
    text_bytes: u64,
    frames: u64,
    is_done: bool,
    /// The choices that were begun and those that were finished, one bit each.
    begun: u128,
    finished: u128,
    /// What it says of itself, where somebody wants to know.
    nature: Option<Box<Nature>>,
    /// What stands behind frames that were passed on.
    failure: Option<StreamError>,
}

/// Why a stream cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StreamError {
    /// A frame that has no end.
    #[error("a frame is longer than {FRAME_BYTES_MAX} bytes")]
    FrameTooLong,
    /// A frame that is no piece of an answer.
    #[error("a frame cannot be read: {0}")]
    Malformed(#[source] AnswerError),
    /// The provider says that it failed.
    #[error("the provider failed: {message}")]
    Provider {
        /// What it says, at most 2 KiB of it.
        message: String,
    },
    /// It ended before its end.
    #[error("it ended before the answer was complete")]
    Cut,
}

/// What becomes of a frame.
enum Passed {
    Whole,
    Changed(Vec<u8>),
    LeftOut,
}

impl StreamDecoder {
    /// A decoder that keeps usage from a client that did not ask for it, or not.
    pub fn new(withhold_usage: bool) -> Self {
        Self {
            withhold_usage,
            framer: Framer::default(),
            usage: None,
            text_bytes: 0,
            frames: 0,
            is_done: false,
            begun: 0,
            finished: 0,
            nature: None,
            failure: None,
        }
    }

    /// The same, which also notes what the stream says of itself.
    #[must_use]
    pub fn noting(self, nature: Option<Box<Nature>>) -> Self {
        Self { nature, ..self }
    }

    /// What it has noted of that.
    pub fn take_nature(&mut self) -> Option<Box<Nature>> {
        self.nature.take()
    }

    /// The whole frames that have come with this chunk, for the client. What comes after `[DONE]` is left out.
    ///
    /// # Errors
    /// When the stream cannot go on. Pieces of the answer that came before are passed on first, and the error stays
    /// for the next call.
    pub fn push(&mut self, chunk: Bytes) -> Result<Bytes, StreamError> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        if self.is_done {
            return Ok(Bytes::new());
        }
        let Frames { bytes, ends } = self.framer.push(chunk);
        let passed = self.read(&bytes, &ends)?;
        if self.framer.pending_bytes() > FRAME_BYTES_MAX && !self.is_done && self.failure.is_none() {
            self.failure = Some(StreamError::FrameTooLong);
            if passed.is_empty() {
                return Err(StreamError::FrameTooLong);
            }
        }
        Ok(passed)
    }

    /// What is left at the provider's end of the stream.
    ///
    /// # Errors
    /// When it ends before `[DONE]`, and not every choice that was begun is finished.
    pub fn finish(&mut self) -> Result<Bytes, StreamError> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        let rest = self.framer.finish();
        if self.is_done {
            return Ok(Bytes::new());
        }
        let ends = [rest.len()];
        let passed = self.read(&rest, &ends).map_err(|error| match error {
            StreamError::Malformed(_) => StreamError::Cut,
            other => other,
        })?;
        let is_complete = self.is_done || (self.begun != 0 && self.begun == self.finished);
        if is_complete { Ok(passed) } else { Err(StreamError::Cut) }
    }

    /// The provider's count, the last that it told.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// The bytes of all that was written so far: content, refusals, reasoning, names and arguments of tool calls.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// How many frames carried a piece of the answer.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether the provider has said that this is all.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    fn read(&mut self, bytes: &Bytes, ends: &[usize]) -> Result<Bytes, StreamError> {
        let frames_before = self.frames;
        let mut output = Output { whole: bytes, kept: 0, changed: None };
        let mut start = 0;
        for end in ends {
            let frame = &bytes[start..*end];
            match self.frame(frame) {
                Ok(Passed::Whole) => output.keep(frame),
                Ok(Passed::Changed(other)) => output.change(&other),
                Ok(Passed::LeftOut) => output.change(b""),
                Err(error) => {
                    self.failure = Some(error.clone());
                    if self.frames == frames_before {
                        return Err(error);
                    }
                    break;
                }
            }
            start = *end;
            if self.is_done {
                break;
            }
        }
        Ok(output.finish())
    }

    fn frame(&mut self, frame: &[u8]) -> Result<Passed, StreamError> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(StreamError::FrameTooLong);
        }
        let data = sse::data(frame).unwrap_or_default();
        let data = data.trim_ascii();
        if data.is_empty() {
            return Ok(Passed::Whole);
        }
        if data.starts_with(b"[DONE]") {
            self.is_done = true;
            return Ok(Passed::Whole);
        }
        let object = super::answer::object(data).map_err(StreamError::Malformed)?;
        let chunk = Chunk::read(object)?;
        self.learn(&chunk);
        self.note(&chunk, data);
        if !self.withhold_usage || !chunk.tells_usage {
            return Ok(Passed::Whole);
        }
        if chunk.choices == 0 {
            return Ok(Passed::LeftOut);
        }
        let other =
            splice::without(object, "usage").map_err(|_| StreamError::Malformed(AnswerError::Json))?;
        Ok(Passed::Changed(sse::with_data(frame, &other)))
    }

    fn learn(&mut self, chunk: &Chunk) {
        self.frames += 1;
        self.usage = chunk.usage.or(self.usage);
        self.text_bytes += chunk.tally.text_bytes;
        self.begun |= chunk.begun;
        self.finished |= chunk.finished;
    }

    /// Few pieces say anything new: those before it is named, and those that end an answer.
    fn note(&mut self, chunk: &Chunk, data: &[u8]) {
        if let Some(nature) = self.nature.as_mut().filter(|nature| chunk.finished != 0 || !nature.is_named())
        {
            nature.learn(data);
        }
    }
}

/// What goes on to the client: a part of what came, unless something was changed.
struct Output<'a> {
    whole: &'a Bytes,
    kept: usize,
    changed: Option<BytesMut>,
}

impl Output<'_> {
    fn keep(&mut self, frame: &[u8]) {
        match &mut self.changed {
            Some(changed) => changed.extend_from_slice(frame),
            None => self.kept += frame.len(),
        }
    }

    fn change(&mut self, frame: &[u8]) {
        let before = &self.whole[..self.kept];
        self.changed.get_or_insert_with(|| BytesMut::from(before)).extend_from_slice(frame);
    }

    fn finish(self) -> Bytes {
        self.changed.map_or_else(|| self.whole.slice(..self.kept), BytesMut::freeze)
    }
}
