//! A client's connection, counted for as long as it is open.

use std::{
    io::{self, IoSlice},
    net,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use relay::Turn;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::sleep,
};

/// How HTTP/2 begins where no TLS has agreed on it, as far as it takes to tell it from any method of HTTP/1.
const PREFACE: [u8; 4] = *b"PRI ";
/// Until the rest of a beginning is looked for.
const PREFACE_PAUSE: Duration = Duration::from_millis(10);

/// What a connection holds while it is open: its thread's count, and one of the places that there are.
pub(super) struct Place {
    pub(super) _open: Arc<()>,
    pub(super) _slot: OwnedSemaphorePermit,
}

/// On the thread that made it.
pub(in super::super) struct Carried {
    connection: TcpStream,
    turn: Turn,
    _place: Place,
}

impl Carried {
    pub(super) fn new(connection: net::TcpStream, place: Place) -> io::Result<Self> {
        let connection = TcpStream::from_std(connection)?;
        // Small frames go out at once: without this streams stall 40 ms.
        connection.set_nodelay(true)?;
        Ok(Self { connection, turn: Turn::default(), _place: place })
    }

    /// Waits for the first bytes, and leaves them where they are.
    pub(super) async fn speaks_http2(&self) -> io::Result<bool> {
        let mut first = [0; PREFACE.len()];
        loop {
            let count = self.connection.peek(&mut first).await?;
            if count == 0 || first[..count] != PREFACE[..count] {
                return Ok(false);
            }
            if count == PREFACE.len() {
                return Ok(true);
            }
            sleep(PREFACE_PAUSE).await;
        }
    }
}

impl AsyncRead for Carried {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.connection).poll_read(cx, buf))?;
        self.turn.read();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Carried {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll_last(cx));
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll_last(cx));
        Pin::new(&mut self.connection).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}
