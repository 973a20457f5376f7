//! When a thread answers what it has read: after it has read all there was to read.
//!
//! Whoever is written to is mostly asleep by then, and a third of what a call cost went into waking them. Written one after
//! the other, many answers wake them once.

use std::{
    io::{self, IoSlice},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::yield_now,
};

/// A connection that lets the others on its thread go first: it reads at once, and answers when it is its turn.
#[derive(Debug)]
pub struct InTurn<T> {
    connection: T,
    turn: Turn,
}

impl<T> InTurn<T> {
    /// Over `connection`.
    pub fn new(connection: T) -> Self {
        Self { connection, turn: Turn::default() }
    }
}

/// Whether what is written next is to wait.
#[derive(Debug, Default)]
struct Turn {
    has_read: bool,
}

impl Turn {
    /// Something was read: what is written next is the answer to it.
    const fn read(&mut self) {
        self.has_read = true;
    }

    /// Pending once before the first write after a read: until everything else that this thread could do has been done.
    /// Whatever follows, such as the rest of a stream, goes out at once.
    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.has_read) { pin!(yield_now()).poll(cx) } else { Poll::Ready(()) }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for InTurn<T> {
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

impl<T: AsyncWrite + Unpin> AsyncWrite for InTurn<T> {
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::future::join;
    use parking_lot::Mutex;

    use super::Turn;

    #[tokio::test]
    async fn everyone_reads_before_anyone_answers_and_what_follows_goes_out_at_once() {
        let (done, mut turns) = (Mutex::new(Vec::new()), [Turn::default(), Turn::default()]);
        let [one, other] = &mut turns;
        let converse = async |name: &'static str, turn: &mut Turn| {
            turn.read();
            done.lock().push((name, "read"));
            for piece in ["answered", "went on"] {
                poll_fn(|cx| turn.poll_last(cx)).await;
                done.lock().push((name, piece));
            }
        };
        join(converse("one", one), converse("other", other)).await;
        let in_turn = [
            ("one", "read"),
            ("other", "read"),
            ("one", "answered"),
            ("one", "went on"),
            ("other", "answered"),
            ("other", "went on"),
        ];
        assert_eq!(*done.lock(), in_turn);
    }
}
