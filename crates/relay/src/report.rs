//! What came of a call, for whoever counts calls and draws their traces: facts that are there anyway, handed over once, at
//! the end.

mod recording;

use std::{borrow::Cow, sync::Arc, time::Duration};

use domain::{
    CallId, ModelName, TimeStamp,
    account::Attempt,
    price::Usage,
    trace::{CallTrace, TraceContext},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use wire::{Tuning, openai_chat::Nature};

pub(crate) use self::recording::{Begun, Recording};
use crate::{Format, Route};

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
/// The longest `tracestate` that is passed on, in bytes: what the standard asks for.
const TRACE_STATE_BYTES_MAX: usize = 512;

/// Takes reports. It never waits.
pub trait Observer: Send + Sync + 'static {
    /// A call has ended.
    fn ended(&self, report: CallReport);
}

/// Nobody looks.
impl Observer for () {
    fn ended(&self, _: CallReport) {}
}

/// The trace that a client says its call belongs to.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    parent: Option<TraceContext>,
    state: Option<HeaderValue>,
}

impl Incoming {
    /// What the headers say; what is malformed, or said twice, is nothing.
    pub fn read(headers: &HeaderMap) -> Self {
        let mut said = headers.get_all(&TRACE_PARENT).iter();
        let parent = match (said.next(), said.next()) {
            (Some(said), None) => TraceContext::read(said.as_bytes()),
            _ => None,
        };
        let short = |state: &&HeaderValue| state.len() <= TRACE_STATE_BYTES_MAX;
        let state = parent.and_then(|_| headers.get(&TRACE_STATE).filter(short).cloned());
        Self { parent, state }
    }

    /// The client's place in the trace.
    pub const fn parent(&self) -> Option<TraceContext> {
        self.parent
    }

    /// A call in that trace, with what the client says of it.
    pub fn traced(self, trace: CallTrace) -> Traced {
        Traced { trace, state: self.state }
    }
}

/// A call that belongs to a trace.
#[derive(Clone, Debug)]
pub struct Traced {
    /// Which, and whether it is recorded.
    pub trace: CallTrace,
    state: Option<HeaderValue>,
}

impl Traced {
    /// The span of an attempt.
    pub fn of_attempt(&self, attempt: u32) -> TraceContext {
        if self.trace.is_recorded { self.trace.context.child(attempt) } else { self.trace.context }
    }

    /// Tells the provider.
    pub(crate) fn tell(&self, attempt: u32, headers: &mut HeaderMap) {
        if let Ok(parent) = HeaderValue::from_bytes(&self.of_attempt(attempt).text()) {
            headers.insert(TRACE_PARENT, parent);
        }
        if let Some(state) = &self.state {
            headers.insert(TRACE_STATE, state.clone());
        }
    }
}

/// Why something failed, in a word of which there are few: a status, or a kind of error.
pub type ErrorType = Cow<'static, str>;

/// One call, at its end.
#[derive(Debug)]
pub struct CallReport {
    /// The call.
    pub call_id: CallId,
    /// What it asked for.
    pub format: Format,
    /// Whether the answer was streamed.
    pub is_streamed: bool,
    /// The model that the client named; known of calls that are recorded.
    pub model: Option<ModelName>,
    /// When it came in.
    pub started_at: TimeStamp,
    /// From then to its end.
    pub took: Duration,
    /// What of it the gateway took, until the answer, or its first byte, was ready for the client.
    pub overhead: Duration,
    /// The most output that the client wants.
    pub output_limit: Option<u64>,
    /// What else is known of calls that are recorded.
    pub noted: Option<Box<Noted>>,
    /// The status that the client was answered with, where that is known.
    pub status: Option<u16>,
    /// What was used; nothing where nobody answered.
    pub usage: Option<Usage>,
    /// Why it failed, if it did.
    pub error: Option<ErrorType>,
    /// The attempts that failed before the last one.
    pub failed: Vec<AttemptReport>,
    /// The last attempt, if there was one.
    pub last: Option<AttemptReport>,
    /// The trace that it belongs to.
    pub traced: Option<Box<Traced>>,
}

impl CallReport {
    /// Whether spans are drawn of it.
    pub fn is_recorded(&self) -> bool {
        self.traced.as_ref().is_some_and(|traced| traced.trace.is_recorded)
    }

    /// Whether the client was told that it asks for what it may not have.
    pub fn is_clients_fault(&self) -> bool {
        self.status.is_some_and(|status| (400..500).contains(&status))
    }
}

/// What is looked at only for traces: numbers and names, and nothing of what is said.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// What the client sets.
    pub tuning: Tuning,
    /// What the answer says of itself.
    pub nature: Nature,
}

/// One attempt of a call. The model in it is what the provider was asked for.
#[derive(Debug)]
pub struct AttemptReport {
    /// Which, where, and what is known of its bill.
    pub attempt: Attempt,
    /// Where it was sent.
    pub route: Arc<Route>,
    /// How long after the call it began.
    pub after: Duration,
    /// How long it took.
    pub took: Duration,
    /// How long the first chunk of a stream took.
    pub first_chunk: Option<Duration>,
    /// How many chunks of a stream have come.
    pub chunks: u64,
    /// Why it failed, if it did.
    pub error: Option<ErrorType>,
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::Incoming;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(said: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_trace_is_read_with_its_state() {
        let read = Incoming::read(&headers(&[("traceparent", PARENT), ("tracestate", "a=1")]));
        assert_eq!(read.parent.unwrap().to_string(), PARENT);
        assert_eq!(read.state.unwrap(), "a=1");
    }

    #[test]
    fn what_is_malformed_said_twice_or_too_long_is_nothing() {
        let wrong = [("traceparent", "00-zz"), ("tracestate", "a=1")];
        let twice = [("traceparent", PARENT), ("traceparent", PARENT)];
        for said in [&wrong[..], &twice[..], &[]] {
            let read = Incoming::read(&headers(said));
            assert!(read.parent.is_none() && read.state.is_none(), "{said:?}");
        }
        let long = "a".repeat(513);
        assert!(Incoming::read(&headers(&[("traceparent", PARENT), ("tracestate", &long)])).state.is_none());
    }
}
