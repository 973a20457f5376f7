//! A report in the making.

use std::{sync::Arc, time::Duration};

use domain::{CallId, TimeStamp, account::Attempt, price::Usage};
use tokio::time::Instant;
use wire::openai_chat::Nature;

use super::{AttemptReport, CallReport, ErrorType, Noted, Observer, Traced};
use crate::{Choice, Format, Route};

/// The status of every answer.
const ANSWERED: u16 = 200;

/// Notes when what happened, and hands the report over at the end.
pub(crate) struct Recording {
    observer: Arc<dyn Observer>,
    began: Instant,
    call_id: CallId,
    format: Format,
    is_streamed: bool,
    started_at: TimeStamp,
    output_limit: Option<u64>,
    /// How long providers were waited for.
    waited: Duration,
    overhead: Option<Duration>,
    status: Option<u16>,
    noted: Option<Box<Noted>>,
    failed: Vec<AttemptReport>,
    asked: Option<Asked>,
    pub(crate) traced: Option<Box<Traced>>,
}

/// Whom the attempt at hand goes to.
struct Asked {
    route: Arc<Route>,
    at: Instant,
    first_chunk: Option<Duration>,
    chunks: u64,
}

/// What is known of a call from the beginning on.
pub(crate) struct Begun {
    pub(crate) at: Instant,
    pub(crate) call_id: CallId,
    pub(crate) format: Format,
    pub(crate) is_streamed: bool,
    pub(crate) started_at: TimeStamp,
    pub(crate) output_limit: Option<u64>,
    pub(crate) noted: Option<Box<Noted>>,
    pub(crate) traced: Option<Box<Traced>>,
}

impl Recording {
    pub(crate) fn new(observer: Arc<dyn Observer>, begun: Begun) -> Self {
        let Begun { at, call_id, format, is_streamed, started_at, output_limit, noted, traced } = begun;
        Self {
            observer,
            began: at,
            call_id,
            format,
            is_streamed,
            started_at,
            output_limit,
            waited: Duration::ZERO,
            overhead: None,
            status: None,
            noted,
            failed: Vec::new(),
            asked: None,
            traced,
        }
    }

    pub(crate) const fn started_at(&self) -> TimeStamp {
        self.started_at
    }

    /// Somebody is asked.
    pub(crate) fn asks(&mut self, choice: &Choice) {
        let route = Arc::clone(&choice.route);
        self.asked = Some(Asked { route, at: Instant::now(), first_chunk: None, chunks: 0 });
    }

    /// Whoever was asked has answered, or begun to: what the gateway took until then is known.
    pub(crate) fn answered(&mut self) {
        let now = Instant::now();
        if let Some(asked) = &mut self.asked {
            let waited = now - asked.at;
            asked.first_chunk = self.is_streamed.then_some(waited);
            self.waited += waited;
        }
        self.overhead = Some((now - self.began).saturating_sub(self.waited));
        self.status = Some(ANSWERED);
    }

    /// What to note of an answer, where that is looked at.
    pub(crate) fn to_note(&self) -> Option<Box<Nature>> {
        self.noted.is_some().then(Box::default)
    }

    /// What a whole answer says of itself.
    pub(crate) fn came(&mut self, answer: &[u8]) {
        if let Some(noted) = &mut self.noted {
            noted.nature.learn(answer);
        }
    }

    /// So many chunks of a stream have come, and it says that of itself.
    pub(crate) fn streamed(&mut self, chunks: u64, nature: Option<Box<Nature>>) {
        if let Some(asked) = &mut self.asked {
            asked.chunks = chunks;
        }
        if let Some((noted, nature)) = self.noted.as_mut().zip(nature) {
            noted.nature = *nature;
        }
    }

    /// The client is answered with an error of that status.
    pub(crate) fn refuses(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Whoever was asked did not answer.
    pub(crate) fn attempt_failed(&mut self, attempt: Option<Attempt>, error: ErrorType) {
        let now = Instant::now();
        let Some((asked, attempt)) = self.asked.take().zip(attempt) else { return };
        self.waited += now - asked.at;
        self.failed.push(self.report(asked, attempt, now, Some(error)));
    }

    /// The call has ended.
    pub(crate) fn end(
        &mut self,
        model: &domain::ModelName,
        attempt: Option<Attempt>,
        usage: Option<Usage>,
        error: Option<ErrorType>,
    ) {
        let now = Instant::now();
        let took = now - self.began;
        let last = self.asked.take().zip(attempt);
        let last = last.map(|(asked, attempt)| self.report(asked, attempt, now, error.clone()));
        let mut failed = std::mem::take(&mut self.failed);
        let last = last.or_else(|| failed.pop());
        let error = error.or_else(|| last.as_ref().filter(|_| usage.is_none())?.error.clone());
        let traced = self.traced.take();
        let is_recorded = traced.as_ref().is_some_and(|traced| traced.trace.is_recorded);
        self.observer.ended(CallReport {
            call_id: self.call_id,
            format: self.format,
            is_streamed: self.is_streamed,
            model: is_recorded.then(|| model.clone()),
            started_at: self.started_at,
            took,
            overhead: self.overhead.unwrap_or_else(|| took.saturating_sub(self.waited)),
            output_limit: self.output_limit,
            noted: self.noted.take(),
            status: self.status,
            usage,
            error,
            failed,
            last,
            traced,
        });
    }

    fn report(
        &self,
        asked: Asked,
        attempt: Attempt,
        now: Instant,
        error: Option<ErrorType>,
    ) -> AttemptReport {
        AttemptReport {
            attempt,
            route: asked.route,
            after: asked.at - self.began,
            took: now - asked.at,
            first_chunk: asked.first_chunk,
            chunks: asked.chunks,
            error,
        }
    }
}
