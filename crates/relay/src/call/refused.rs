//! Calls that end before anything is set aside for them: they owe nothing, and where they are recorded a trace says why.

use std::time::Duration;

use domain::{CallId, ModelName, TimeStamp, trace::CallTrace};

use super::{CallError, Relay};
use crate::{CallReport, ErrorType, Format, Incoming};

/// Why a call is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What the client is answered with.
    pub status: u16,
    /// The error's code, of a closed list.
    pub error: ErrorType,
    /// The model that it names, where that was read.
    pub model: Option<ModelName>,
}

impl From<&CallError> for Refused {
    fn from(error: &CallError) -> Self {
        let model = match error {
            CallError::ModelNotFound(model) | CallError::NotServedAs(model) | CallError::NoPrice(model) => {
                Some(model.clone())
            }
            _ => None,
        };
        Self { status: error.status().as_u16(), error: error.code().code().into(), model }
    }
}

impl Relay {
    /// The trace that a call belongs to, if any.
    pub fn trace_of(&self, call_id: CallId, from: &Incoming) -> Option<CallTrace> {
        self.config.sampling.of(call_id, from.parent())
    }

    /// Reports a call that was refused, if it is recorded; answers with its trace, for log lines. When it came in is what
    /// its id says, to the millisecond: nobody looks at a clock for calls that are taken.
    pub fn refused(
        &self,
        format: Format,
        call_id: CallId,
        from: Incoming,
        refused: Refused,
    ) -> Option<String> {
        let trace = self.config.sampling.of(call_id, from.parent())?;
        let trace_id = trace.context.trace_text();
        if !trace.is_recorded {
            return Some(trace_id);
        }
        let now = self.clock.now();
        let started_at = came_at(call_id).filter(|at| *at <= now).unwrap_or(now);
        let took = Duration::from_micros(u64::try_from(now.micros() - started_at.micros()).unwrap_or(0));
        self.observer.ended(CallReport {
            call_id,
            format,
            is_streamed: false,
            model: refused.model,
            started_at,
            took,
            overhead: took,
            output_limit: None,
            noted: None,
            status: Some(refused.status),
            usage: None,
            error: Some(refused.error),
            failed: Vec::new(),
            last: None,
            traced: Some(Box::new(from.traced(trace))),
        });
        Some(trace_id)
    }
}

fn came_at(call_id: CallId) -> Option<TimeStamp> {
    let (seconds, nanos) = call_id.0.get_timestamp()?.to_unix();
    let micros =
        i64::try_from(seconds).ok()?.checked_mul(1_000_000)?.checked_add(i64::from(nanos / 1_000))?;
    Some(TimeStamp::from_micros(micros))
}
