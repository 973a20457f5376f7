//! A connection without a task of its own: whoever waits for an answer on it drives it, so that no frame is handed from one
//! task to another.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response, uri::Authority};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{Connection, SendRequest, handshake},
    },
};
use hyper_util::rt::TokioIo;

use super::{alarm::Alarm, conduits::Conduits, egress::Connected};
use crate::InTurn;

/// A connection as hyper drives it.
type Wire = TokioIo<InTurn<TokioIo<Connected>>>;

/// A connection to a provider that speaks HTTP/1.
pub(super) struct Conduit {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<Wire, Full<Bytes>>>>,
    alarm: Arc<Alarm>,
    /// Rings it.
    bell: Waker,
    is_open: bool,
}

/// How often a connection is looked after again that changes while it is looked after, before others have their turn.
const LOOKS_MAX: usize = 4;

/// A request that was not sent whole, or not answered.
type Unsent = TrySendError<Request<Full<Bytes>>>;

impl Conduit {
    pub(super) async fn over(connected: Connected) -> hyper::Result<Self> {
        let (sender, connection) = handshake(TokioIo::new(InTurn::new(TokioIo::new(connected)))).await?;
        let alarm = Arc::<Alarm>::default();
        let bell = Waker::from(Arc::clone(&alarm));
        Ok(Self { sender, connection: Box::pin(connection), alarm, bell, is_open: true })
    }

    /// Does what there is to do on the connection now.
    fn drive(&mut self) {
        let mut cx = Context::from_waker(&self.bell);
        self.is_open = self.is_open && self.connection.as_mut().poll(&mut cx).is_pending();
    }

    /// Drives the connection until `found` finds what it brings, or it has no more to bring now.
    ///
    /// What `found` looks at changes only while the connection is driven, which is done here: it is given no waker.
    fn poll<T>(&mut self, cx: &Context<'_>, mut found: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        for _ in 0..LOOKS_MAX {
            self.alarm.begin();
            self.drive();
            let found = found(&mut Context::from_waker(Waker::noop()));
            if found.is_ready() || self.alarm.may_sleep(cx) {
                return found;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether another request can be sent, as far as is known here.
    pub(super) fn is_free(&mut self) -> bool {
        self.drive();
        self.is_open && self.sender.is_ready()
    }

    /// Sends a request and waits until its answer has begun.
    pub(super) async fn send(
        mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Self, Response<Incoming>), Unsent> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let answer = poll_fn(|cx| self.poll(cx, |cx| answer.as_mut().poll(cx))).await?;
        Ok((self, answer))
    }
}

/// An answer as it comes. Read to its end, its connection is kept for the next call.
pub(super) struct ConduitBody {
    /// Both are `None` once it has ended.
    incoming: Option<Incoming>,
    conduit: Option<Conduit>,
    conduits: Arc<Conduits>,
    origin: Authority,
}

impl ConduitBody {
    pub(super) const fn new(
        incoming: Incoming,
        conduit: Conduit,
        conduits: Arc<Conduits>,
        origin: Authority,
    ) -> Self {
        Self { incoming: Some(incoming), conduit: Some(conduit), conduits, origin }
    }

    /// Gives the connection back. One on which more of the answer is still to come is closed.
    fn end(&mut self) {
        drop(self.incoming.take());
        if let Some(mut conduit) = self.conduit.take()
            && conduit.is_free()
        {
            self.conduits.keep(&self.origin, conduit);
        }
    }
}

impl Body for ConduitBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { incoming, conduit, .. } = &mut *self;
        let (Some(incoming), Some(conduit)) = (incoming, conduit) else { return Poll::Ready(None) };
        let mut incoming = Pin::new(incoming);
        // What has come already is taken before more is read.
        let mut frame = incoming.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()));
        if frame.is_pending() {
            frame = conduit.poll(cx, |cx| incoming.as_mut().poll_frame(cx));
        }
        if matches!(frame, Poll::Ready(None)) {
            self.end();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for ConduitBody {
    fn drop(&mut self) {
        self.end();
    }
}
