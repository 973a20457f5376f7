//! A connection to a provider that is written to last of all.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};

use super::egress::Connected;
use crate::Turn;

/// Reads at once, writes when it is its turn.
pub(super) struct Late {
    connected: Connected,
    turn: Turn,
}

impl Late {
    pub(super) fn new(connected: Connected) -> Self {
        Self { connected, turn: Turn::default() }
    }
}

impl Read for Late {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.connected).poll_read(cx, buf))?;
        self.turn.read();
        Poll::Ready(Ok(()))
    }
}

impl Write for Late {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll_last(cx));
        Pin::new(&mut self.connected).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll_last(cx));
        Pin::new(&mut self.connected).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.connected.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connected).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connected).poll_shutdown(cx)
    }
}
