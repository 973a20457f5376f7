//! The beginning of a stream. Until it has come another channel may still answer.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use wire::{FRAME_BYTES_MAX, openai_chat::StreamDecoder};

use crate::upstream::{UpstreamBody, UpstreamError};

/// A stream that has begun.
pub(crate) struct First {
    pub(crate) body: UpstreamBody,
    pub(crate) decoder: StreamDecoder,
    /// What goes to the client first.
    pub(crate) bytes: Bytes,
    /// Whether that was all.
    pub(crate) is_last: bool,
}

/// Reads up to the first frame. Comments before it are kept back with it: they are no answer yet.
pub(crate) async fn first(
    mut body: UpstreamBody,
    mut decoder: StreamDecoder,
) -> Result<First, UpstreamError> {
    let mut held = Held::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(UpstreamError::broken)?.into_data() else { continue };
        held.push(decoder.push(data)?)?;
        let is_last = decoder.is_done();
        if decoder.frames() > 0 || is_last {
            return Ok(First { body, decoder, bytes: held.whole(), is_last });
        }
    }
    held.push(decoder.finish()?)?;
    Ok(First { body, decoder, bytes: held.whole(), is_last: true })
}

#[derive(Default)]
struct Held {
    first: Bytes,
    rest: BytesMut,
}

impl Held {
    fn push(&mut self, bytes: Bytes) -> Result<(), UpstreamError> {
        if self.first.is_empty() {
            self.first = bytes;
            return Ok(());
        }
        if self.first.len() + self.rest.len() + bytes.len() > FRAME_BYTES_MAX {
            return Err(UpstreamError::TooLong { bytes_max: FRAME_BYTES_MAX });
        }
        self.rest.extend_from_slice(&bytes);
        Ok(())
    }

    fn whole(mut self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut whole = BytesMut::from(&*self.first);
        whole.extend_from_slice(&std::mem::take(&mut self.rest));
        whole.freeze()
    }
}
