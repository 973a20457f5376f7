//! An answer that is too long for memory: its mark comes at its end.

use std::io::{self, Write};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};

use super::{
    ControlError, Inner,
    exchange::{Asked, broken, in_time},
    urls::ControlUrl,
};
use crate::{
    protocol::HEADER_MARK,
    signature::{STREAM_MARK_BYTES, StreamMark},
};

impl Inner {
    /// Asks the control nodes in turn, and writes what the first that is of help answers to what `begin` makes.
    pub(super) async fn fetch<W: Write + Send>(
        &self,
        asked: &Asked,
        begin: impl Fn() -> io::Result<W> + Send + Sync,
    ) -> Result<W, ControlError> {
        self.in_turn(|url| in_time(url, asked, self.copy(url, asked, &begin))).await
    }

    async fn copy<W: Write + Send>(
        &self,
        url: &ControlUrl,
        asked: &Asked,
        begin: &(impl Fn() -> io::Result<W> + Send + Sync),
    ) -> Result<W, ControlError> {
        let (nonce, response) = self.send(url, asked).await?;
        let mut out = begin().map_err(ControlError::Disk)?;
        if response.status() != StatusCode::OK || response.headers().contains_key(&HEADER_MARK) {
            // It says no, or all that it has to say is short.
            let body = self.read(url, asked, nonce, response).await?;
            out.write_all(&body).map_err(ControlError::Disk)?;
            return Ok(out);
        }
        let mut body = Limited::new(response.into_body(), asked.bytes_max);
        let mut held = Held { mark: StreamMark::default(), last: Vec::new() };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(url, asked, error.as_ref()))?;
            let Ok(data) = frame.into_data() else { continue };
            held.pass(&data, &mut out).map_err(ControlError::Disk)?;
        }
        if held.mark.is_that(&self.sealer, nonce, &held.last) {
            return Ok(out);
        }
        Err(ControlError::Unmarked { url: url.to_string() })
    }
}

/// What came so far: all but the last of it was passed on, for that may be the mark.
struct Held {
    mark: StreamMark,
    last: Vec<u8>,
}

impl Held {
    fn pass(&mut self, data: &Bytes, out: &mut impl Write) -> io::Result<()> {
        self.last.extend_from_slice(data);
        let passed = self.last.len().saturating_sub(STREAM_MARK_BYTES);
        self.mark.update(&self.last[..passed]);
        out.write_all(&self.last[..passed])?;
        self.last.drain(..passed);
        Ok(())
    }
}
