//! The W3C trace that a call belongs to: read from the client's `traceparent`, else made of the call's own id.

mod text;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::CallId;

/// Whoever began the trace records it.
const SAMPLED: u8 = 1;
/// The last seven bytes of the trace's id are random.
const RANDOM: u8 = 2;
const MILLION: u64 = 1_000_000;

/// A place in a trace: one span of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

/// How one call is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallTrace {
    /// What is passed on with the call: its own span where it is recorded, else what the client sent.
    pub context: TraceContext,
    /// The client's span, where the client sent one.
    pub parent: Option<TraceContext>,
    /// Whether spans of it are made.
    pub is_recorded: bool,
}

/// Which calls are recorded, so many of a million; none where there is nobody to send them to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    per_million: Option<u32>,
}

impl Sampling {
    /// Traces are passed on and nothing is recorded.
    pub const NONE: Self = Self { per_million: None };

    /// So many calls of a million are recorded, of those whose clients have not decided it.
    pub const fn per_million(calls: u32) -> Self {
        Self { per_million: Some(calls) }
    }

    /// How a call is traced; nothing where nobody asks for it. No chance is needed: a call's id is random enough, and
    /// every node decides alike.
    pub fn of(self, call_id: CallId, parent: Option<TraceContext>) -> Option<CallTrace> {
        match (self.per_million, parent) {
            (None, None) => None,
            (Some(_), Some(parent)) if parent.is_sampled() => {
                let context = TraceContext { span_id: span_of(call_id), ..parent };
                Some(CallTrace { context, parent: Some(parent), is_recorded: true })
            }
            (_, Some(parent)) => {
                Some(CallTrace { context: parent, parent: Some(parent), is_recorded: false })
            }
            (Some(per_million), None) => {
                let among = call_id.0.as_u64_pair().1 % MILLION;
                let (trace_id, span_id) = (call_id.0.into_bytes(), span_of(call_id));
                let context = TraceContext { trace_id, span_id, flags: SAMPLED | RANDOM };
                (among < u64::from(per_million)).then_some(CallTrace {
                    context,
                    parent: None,
                    is_recorded: true,
                })
            }
        }
    }
}

/// The last eight bytes of a call's id: random, and never all zero.
fn span_of(call_id: CallId) -> [u8; 8] {
    call_id.0.as_u64_pair().1.to_be_bytes()
}

impl TraceContext {
    /// The trace.
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The trace, in hexadecimal digits.
    pub fn trace_text(&self) -> String {
        self.to_string()[3..35].to_owned()
    }

    /// The span, in hexadecimal digits.
    pub fn span_text(&self) -> String {
        self.to_string()[36..52].to_owned()
    }

    /// The span.
    pub const fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Whether whoever began the trace records it.
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Another span of the same trace: always the same one for the same `nth`.
    #[must_use]
    pub const fn child(self, nth: u32) -> Self {
        // SplitMix64: two inputs never come to the same.
        let mut mixed = u64::from_be_bytes(self.span_id)
            .wrapping_add((nth as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // A span of zero is none.
        let mixed = if mixed == 0 { 1 } else { mixed };
        Self { span_id: mixed.to_be_bytes(), ..self }
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::read(text.as_bytes()).ok_or_else(|| de::Error::custom("this is no `traceparent`"))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{CallTrace, Sampling, TraceContext};
    use crate::CallId;

    const CALL: CallId = CallId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0007));
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parent(text: &str) -> TraceContext {
        TraceContext::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_clients_trace_goes_on_in_a_span_of_the_call() {
        let CallTrace { context, is_recorded, .. } =
            Sampling::per_million(0).of(CALL, Some(parent(PARENT))).unwrap();
        assert_eq!(context.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-8000000000000007-01");
        assert!(is_recorded, "the client has decided it");
    }

    #[test]
    fn what_is_not_recorded_is_passed_on_as_it_came() {
        let unsampled = parent(&PARENT.replace("-01", "-00"));
        for (sampling, sent) in
            [(Sampling::per_million(1_000_000), unsampled), (Sampling::NONE, parent(PARENT))]
        {
            let trace = sampling.of(CALL, Some(sent)).unwrap();
            assert_eq!((trace.context, trace.is_recorded), (sent, false));
        }
    }

    #[test]
    fn without_a_client_that_asks_the_share_decides() {
        assert_eq!(Sampling::NONE.of(CALL, None), None);
        assert_eq!(Sampling::per_million(0).of(CALL, None), None);
        let trace = Sampling::per_million(1_000_000).of(CALL, None).unwrap();
        assert_eq!(trace.context.to_string(), "00-01900000000070008000000000000007-8000000000000007-03");
    }

    #[test]
    fn of_many_calls_about_the_share_is_recorded() {
        let mut id = parent(PARENT);
        let recorded = (0..10_000).filter(|nth| {
            id = id.child(*nth);
            let call = CallId(Uuid::from_u64_pair(7, u64::from_be_bytes(id.span_id())));
            Sampling::per_million(100_000).of(call, None).is_some()
        });
        let recorded = recorded.count();
        assert!((900..1_100).contains(&recorded), "{recorded}");
    }

    #[test]
    fn children_differ_and_stay_in_the_trace() {
        let spans: std::collections::BTreeSet<_> =
            (0..100).map(|nth| parent(PARENT).child(nth).span_id()).collect();
        assert_eq!(spans.len(), 100);
        assert_eq!(parent(PARENT).child(3).trace_id(), parent(PARENT).trace_id());
    }

    #[test]
    fn a_trace_is_kept_as_the_header_says_it() {
        let text = serde_json::to_string(&parent(PARENT)).unwrap();
        assert_eq!(text, format!("\"{PARENT}\""));
        assert_eq!(serde_json::from_str::<TraceContext>(&text).unwrap(), parent(PARENT));
        assert!(serde_json::from_str::<TraceContext>("\"00-1\"").is_err());
    }
}
