//! When a thread answers what it has read: after it has read all there was to read.
//!
//! Whoever is written to is mostly asleep by then, and to wake it costs the writer as much as all else that it does for a
//! call. Written one after the other, many answers wake it once.

use std::{
    pin::pin,
    task::{Context, Poll},
};

use tokio::task::yield_now;

/// Whether a connection is to let the others on its thread go first.
#[derive(Debug, Default)]
pub struct Turn {
    has_read: bool,
}

impl Turn {
    /// Something was read: what is written next is the answer to it.
    pub const fn read(&mut self) {
        self.has_read = true;
    }

    /// Pending once before the first write after a read: until everything else that this thread could do has been done.
    /// Whatever follows, such as the rest of a stream, goes out at once.
    pub fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.has_read) { pin!(yield_now()).poll(cx) } else { Poll::Ready(()) }
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
