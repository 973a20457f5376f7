//! Calls that have ended, on their way from the threads that carry them to what counts them and draws their traces.
//!
//! Whoever carries a call puts its report where the others wait and goes on: nobody is woken. They are taken every quarter
//! of a second, and whenever somebody asks.

use std::{sync::Arc, time::Duration};

use api::{Asked, Onlooker};
use eventlog::passage::{Passage, PassageObserver};
use ledger::{ChargeObserver, Charged};
use parking_lot::Mutex;
use relay::{CallReport, Observer};
use tokio::time::{MissedTickBehavior, interval};

use super::{Outbox, genai::GenAi, nanos, outbox::Waiting, spans};
use crate::environment::Machine;

const COUNT_EVERY: Duration = Duration::from_millis(250);
/// The most that waits of calls that were refused, and of requests that are none: whoever has no key, or no money, can ask
/// for so many spans of that and no more, and displaces none of those that count.
const REFUSED_MAX: usize = 256;

/// Counts calls, and draws those that are recorded.
pub(crate) struct CallMeter {
    ended: Waiting<CallReport>,
    /// Of which nothing is counted: they went to no provider.
    refused: Waiting<CallReport>,
    /// Of which nothing is counted here.
    asked: Waiting<(Asked, u64)>,
    totals: Mutex<GenAi>,
    outbox: Option<Arc<Outbox>>,
    /// Of this process: several may do the same with the same event, each in a span of its own.
    salt: u32,
}

impl std::fmt::Debug for CallMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallMeter").finish_non_exhaustive()
    }
}

impl CallMeter {
    pub(super) fn new(outbox: Option<Arc<Outbox>>) -> Self {
        let (refused, asked) = (Waiting::at_most(REFUSED_MAX), Waiting::at_most(REFUSED_MAX));
        let salt = spans::low(Machine::uuid().as_u64_pair().1);
        Self { ended: Waiting::default(), refused, asked, totals: Mutex::default(), outbox, salt }
    }

    /// Counts what has ended every now and then, so that the queue has room.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut beat = interval(COUNT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            self.count(|_| ());
        }
    }

    /// Counts what has ended until now, and looks at all of it.
    pub(crate) fn count<T>(&self, look: impl FnOnce(&GenAi) -> T) -> T {
        let mut totals = self.totals.lock();
        for report in self.ended.take().into_iter().chain(self.refused.take()) {
            if let Some(outbox) = &self.outbox {
                spans::of(&report, |span| outbox.spans.put(span));
            }
            totals.take(report);
        }
        for (asked, now) in self.asked.take() {
            if let Some(outbox) = &self.outbox {
                outbox.spans.put(spans::of_asked(&asked, now));
            }
        }
        look(&totals)
    }

    /// How many calls wait to be counted.
    pub(crate) fn waiting(&self) -> u64 {
        let [waiting, ..] = self.ended.counts();
        waiting
    }

    /// How many calls were not counted: there was no room.
    pub(crate) fn missed(&self) -> u64 {
        let [.., missed] = self.ended.counts();
        missed
    }

    /// How many calls that were refused left no span: there was no room.
    pub(crate) fn refused_missed(&self) -> u64 {
        let [.., missed] = self.refused.counts();
        missed
    }

    /// How many requests beside calls left no span: there was no room.
    pub(crate) fn asked_missed(&self) -> u64 {
        let [.., missed] = self.asked.counts();
        missed
    }

    /// What waits to be sent, where there is a collector.
    pub(crate) fn outbox(&self) -> Option<&Outbox> {
        self.outbox.as_deref()
    }
}

impl Observer for CallMeter {
    fn ended(&self, report: CallReport) {
        match report.last {
            Some(_) => self.ended.put(report),
            None if report.is_recorded() && self.outbox.is_some() => self.refused.put(report),
            None => {}
        }
    }
}

impl Onlooker for CallMeter {
    fn answered(&self, asked: Asked) {
        if self.outbox.is_some() {
            self.asked.put((asked, nanos(Machine::now())));
        }
    }
}

impl ChargeObserver for CallMeter {
    fn charged(&self, charged: &[Charged], took: Duration) {
        let Some(outbox) = &self.outbox else { return };
        let now = nanos(Machine::now());
        for charge in charged {
            outbox.spans.put(spans::of_charge(charge, now, took));
        }
    }
}

impl PassageObserver for CallMeter {
    fn passed(&self, passage: Passage) {
        let Some(outbox) = &self.outbox else { return };
        let now = nanos(Machine::now());
        for traced in &passage.traced {
            outbox.spans.put(spans::of_passage(&passage, *traced, now, self.salt));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use domain::{CallId, TimeStamp, trace::Sampling};
    use relay::{CallReport, Format, Incoming, Observer};

    use super::{Asked, CallMeter, Onlooker, Outbox, REFUSED_MAX};

    fn refused() -> CallReport {
        let call_id = CallId(uuid::Uuid::from_u128(7));
        let trace = Sampling::per_million(1_000_000).of(call_id, None).unwrap();
        CallReport {
            call_id,
            format: Format::OpenaiChat,
            is_streamed: false,
            model: None,
            started_at: TimeStamp::default(),
            took: Duration::ZERO,
            overhead: Duration::ZERO,
            output_limit: None,
            noted: None,
            status: Some(401),
            usage: None,
            error: Some("invalid_api_key".into()),
            failed: Vec::new(),
            last: None,
            traced: Some(Box::new(Incoming::default().traced(trace))),
        }
    }

    #[test]
    fn calls_that_are_refused_have_room_of_their_own_and_are_counted_nowhere() {
        let outbox = Arc::new(Outbox::default());
        let meter = CallMeter::new(Some(Arc::clone(&outbox)));
        (0..REFUSED_MAX + 3).for_each(|_| meter.ended(refused()));
        meter.ended(CallReport { traced: None, ..refused() });
        let seen = meter.count(|totals| totals.kinds.len());
        assert_eq!((seen, outbox.spans.counts()[0]), (0, REFUSED_MAX as u64));
        assert_eq!((meter.refused_missed(), meter.missed()), (3, 0));
    }

    #[test]
    fn whoever_asks_without_a_key_displaces_no_call() {
        let outbox = Arc::new(Outbox::default());
        let meter = CallMeter::new(Some(Arc::clone(&outbox)));
        let request_id = CallId(uuid::Uuid::from_u128(7));
        let trace = Sampling::per_million(1_000_000).of(request_id, None).unwrap();
        let route = Some("/api/v1/me".into());
        let asked = Asked { request_id, method: "GET", route, status: 401, took: Duration::ZERO, trace };
        (0..REFUSED_MAX + 3).for_each(|_| meter.answered(asked.clone()));
        meter.count(|_| ());
        assert_eq!((meter.asked_missed(), outbox.spans.counts()[0]), (3, REFUSED_MAX as u64));
    }
}
