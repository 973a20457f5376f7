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

use super::{conduits::Conduits, egress::Connected};

/// A connection to a provider that speaks HTTP/1.
pub(super) struct Conduit {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<Connected, Full<Bytes>>>>,
    is_open: bool,
}

/// A request that was not sent whole, or not answered.
type Unsent = TrySendError<Request<Full<Bytes>>>;

impl Conduit {
    pub(super) async fn over(connected: Connected) -> hyper::Result<Self> {
        let (sender, connection) = handshake(connected).await?;
        Ok(Self { sender, connection: Box::pin(connection), is_open: true })
    }

    /// Does what there is to do on the connection now.
    fn drive(&mut self, cx: &mut Context<'_>) {
        self.is_open = self.is_open && self.connection.as_mut().poll(cx).is_pending();
    }

    /// Whether another request can be sent, as far as is known here.
    pub(super) fn is_free(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.is_open && self.sender.is_ready()
    }

    /// Sends a request and waits until its answer has begun.
    pub(super) async fn send(
        mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Self, Response<Incoming>), Unsent> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let answer = poll_fn(|cx| {
            self.drive(cx);
            answer.as_mut().poll(cx)
        });
        let answer = answer.await?;
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

    fn poll_here(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.incoming.as_mut().map_or(Poll::Ready(None), |incoming| Pin::new(incoming).poll_frame(cx))
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
        let mut frame = self.poll_here(cx);
        if frame.is_pending() {
            if let Some(conduit) = &mut self.conduit {
                conduit.drive(cx);
            }
            frame = self.poll_here(cx);
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
