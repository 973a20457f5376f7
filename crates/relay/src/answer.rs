//! What goes back to the client.

mod streamed;

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::{Body, Frame, SizeHint};

pub(crate) use self::streamed::Aftermath;
use self::streamed::StreamAnswer;
use crate::{Rates, stream::StreamRest};

/// An answer, whole or as events.
#[derive(Debug)]
pub struct Answer {
    /// 200.
    pub status: StatusCode,
    /// What kind of body it is.
    pub headers: HeaderMap,
    /// The provider's bytes.
    pub body: AnswerBody,
}

impl Answer {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        Self { status: StatusCode::OK, headers, body: AnswerBody(Inner::Whole(bytes)) }
    }

    /// The same, which tells the client what is left of its limits.
    pub(crate) fn telling(mut self, rates: &Rates) -> Self {
        self.headers.extend(rates.headers());
        self
    }

    pub(crate) fn stream(rest: StreamRest, aftermath: Aftermath) -> Self {
        let headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ]);
        let body = AnswerBody(Inner::Stream(Box::new(StreamAnswer::new(rest, aftermath))));
        Self { status: StatusCode::OK, headers, body }
    }
}

/// The body of an [`Answer`]. A stream that breaks off ends with an error frame and without `[DONE]`; dropped
/// before its end, it is read on to its usage and settled.
pub struct AnswerBody(Inner);

enum Inner {
    Whole(Bytes),
    Stream(Box<StreamAnswer>),
}

impl std::fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Inner::Whole(_) => "AnswerBody(whole)",
            Inner::Stream(_) => "AnswerBody(stream)",
        })
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut self.0 {
            Inner::Whole(bytes) if bytes.is_empty() => None,
            Inner::Whole(bytes) => Some(std::mem::take(bytes)),
            Inner::Stream(stream) => match stream.poll_bytes(cx) {
                Poll::Ready(bytes) => bytes,
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(bytes) => bytes.is_empty(),
            Inner::Stream(stream) => stream.has_ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(_) => SizeHint::default(),
        }
    }
}
