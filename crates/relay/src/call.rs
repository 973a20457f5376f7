//! The flow of one call: read, reserve, try, answer.

mod attempts;
mod attended;
mod error;
mod plan;
mod refused;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{CallId, GroupName, ModelName, account::Flag};
use tokio::{runtime::Handle, time::Instant};
use tokio_util::task::TaskTracker;

use self::{
    attempts::Answered,
    attended::{Attended, Client},
    plan::Plan,
};
pub use self::{
    error::{CallError, Retry},
    refused::Refused,
};
use crate::{
    Answer, Caller, Clock, Directory, Format, Incoming, Ledger, Noted, Observer, Ports, RelayConfig,
    RelayConfigError, Traced,
    answer::Aftermath,
    health::{Health, OpenCircuit},
    limits::{Admission, Limits, LimitsView},
    open_call::OpenCall,
    report::{Begun, Recording},
    stream::{Beside, StreamRest},
    upstream::Upstream,
};

/// The data plane of one process.
pub struct Relay {
    ledger: Arc<dyn Ledger>,
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    pub(crate) upstream: Upstream,
    health: Arc<Health>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) config: RelayConfig,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Relay {
    /// Calls count among `tasks`: a shutdown waits for them.
    ///
    /// # Errors
    /// When the configuration would let no call through.
    pub fn new(ports: Ports, config: RelayConfig, tasks: TaskTracker) -> Result<Arc<Self>, RelayConfigError> {
        config.check()?;
        let Ports { ledger, directory, clock, keeper, observer } = ports;
        let upstream = Upstream::new(&config, Arc::clone(&clock));
        let health = Health::new(Arc::clone(&clock), keeper);
        let limits = Limits::new(Arc::clone(&clock));
        Ok(Arc::new(Self { ledger, directory, clock, observer, upstream, health, limits, config, tasks }))
    }

    /// Every circuit that lets no call through, or only a probe.
    pub fn open_circuits(&self) -> Vec<OpenCircuit> {
        self.health.open_circuits()
    }

    /// What is counted against limits.
    pub fn limits(&self) -> LimitsView {
        self.limits.view()
    }

    /// Relays one call: whoever waits for it carries it. Dropped, it runs on by itself and is settled.
    ///
    /// # Errors
    /// Why there is no answer; nothing is owed then.
    pub async fn call(
        self: &Arc<Self>,
        format: Format,
        call_id: CallId,
        caller: Caller,
        body: Bytes,
        from: Incoming,
    ) -> Result<Answer, CallError> {
        let begun = Instant::now();
        let (plan, admission) = match self.admit(format, caller, body) {
            Ok(admitted) => admitted,
            Err(error) => {
                self.refused(format, call_id, from, Refused::from(&error));
                return Err(error);
            }
        };
        let trace = self.config.sampling.of(call_id, from.parent());
        let recording =
            self.recording(begun, call_id, &plan, trace.map(|trace| Box::new(from.traced(trace))));
        let (relay, client) = (Arc::clone(self), Client::default());
        let work = {
            let client = client.clone();
            Box::pin(async move {
                let rates = admission.rates();
                let outcome = relay.run(call_id, &plan, admission, recording, &client).await;
                outcome.map(|answer| answer.telling(&rates))
            })
        };
        Attended::new(work, client, &self.tasks).await
    }

    /// What is known of a call that may be made, which counts against limits from now on.
    fn admit(&self, format: Format, caller: Caller, body: Bytes) -> Result<(Plan, Admission), CallError> {
        let plan = Plan::read(&*self.directory, format, caller, body)?;
        let admission = self.limits.admit(plan.limited(), plan.tokens())?;
        Ok((plan, admission))
    }

    fn recording(&self, at: Instant, call_id: CallId, plan: &Plan, traced: Option<Box<Traced>>) -> Recording {
        let is_recorded = traced.as_ref().is_some_and(|traced| traced.trace.is_recorded);
        let noted = is_recorded.then(|| Box::new(Noted { tuning: plan.asked.tuning(), ..Noted::default() }));
        let begun = Begun {
            at,
            call_id,
            format: plan.format,
            is_streamed: plan.asked.stream(),
            started_at: self.clock.now(),
            output_limit: plan.asked.output_limit(),
            noted,
            traced,
        };
        Recording::new(Arc::clone(&self.observer), begun)
    }

    /// What `group` is served of what is `allowed`, sorted.
    pub fn models(
        &self,
        group: &GroupName,
        allowed: Option<&std::collections::BTreeSet<ModelName>>,
    ) -> Vec<ModelName> {
        let mut models = self.directory.routes().models(group);
        models.retain(|model| {
            allowed.is_none_or(|allowed| allowed.contains(model))
                && self.directory.price(model, group).is_some()
        });
        models
    }

    async fn run(
        &self,
        call_id: CallId,
        plan: &Plan,
        admission: Admission,
        recording: Recording,
        client: &Client,
    ) -> Result<Answer, CallError> {
        let deadline = Instant::now() + Duration::from_millis(self.config.total_timeout_ms);
        let (mut call, output_limit) = self.reserve(call_id, plan, admission, recording).await?;
        match self.attempts(plan, &mut call, output_limit, deadline).await? {
            Answered::Whole(bytes, measured) => {
                call.came(&bytes);
                let left = client.has_left().then_some(Flag::ClientLeft);
                call.settle(&measured, left.into_iter().collect());
                Ok(Answer::whole(bytes))
            }
            Answered::Stream { first, permit, cancel_stops_billing } => {
                let idle = Duration::from_millis(self.config.idle_timeout_ms);
                let beside = Beside { tasks: self.tasks.clone(), runtime: Handle::current() };
                let rest = StreamRest::new(*first, call, permit, idle, deadline, beside.clone());
                Ok(Answer::stream(rest, Aftermath { beside, deadline, cancel_stops_billing }))
            }
        }
    }

    /// Sets the money aside; answers also with the limit that the provider must then keep.
    async fn reserve(
        &self,
        call_id: CallId,
        plan: &Plan,
        admission: Admission,
        mut recording: Recording,
    ) -> Result<(OpenCall, Option<u64>), CallError> {
        let tier = plan.asked.service_tier();
        let asked = plan.estimate.reservation(&plan.priced, tier);
        let mut facts = plan.facts(call_id, recording.started_at());
        facts.trace = recording.traced.as_ref().map(|traced| traced.trace.context);
        let budgets = plan.caller.budgets.clone();
        let reserved = self.ledger.reserve(facts.clone(), budgets.clone(), asked.amount, asked.floor).await;
        facts.reserved = reserved.map_err(|error| {
            let error = CallError::from(error);
            recording.refuses(error.status().as_u16());
            recording.end(&plan.model, None, None, Some(error.code().code().into()));
            error
        })?;
        let limit = plan.estimate.limit_within(facts.reserved, &asked, &plan.priced, tier);
        let (covered, choices) = (plan.estimate.output_tokens(limit, &plan.priced), plan.estimate.choices);
        let call = OpenCall::new(Arc::clone(&self.ledger), facts, budgets, covered, choices, admission)
            .recorded_by(recording);
        Ok((call, limit))
    }
}
