//! A relay over a ledger that records and a directory that stands still.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use domain::{
    AccountId, ApiTokenId, BudgetId, CallId, ChannelId, ChannelKeyId, GroupName, ModelName, Nanos, TimeStamp,
    UserId,
    account::{Attempt, AttemptOutcome, CallFacts, CallPart, Flag, Mode},
    budget::{Binding, HolderKind, Period},
    channel::ChannelSpec,
    price::{Pinned, Price, Rates, Usage},
    settings::CallRules,
};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::provider::{Act, Provider};
use crate::{
    Answer, CallError, CallReport, Caller, CallerLimits, ChannelKeeper, Clock, Directory, Durable, Format,
    Incoming, Ledger, LedgerError, Observer, Ports, Priced, Providers, Relay, RelayConfig, ReserveError,
    Route, RouteKey, RouteTable, Tenure,
};

pub(super) const CALL: CallId = CallId(Uuid::from_u128(7));
/// What binds every call.
pub(super) const BUDGET: Binding =
    Binding { budget_id: BudgetId(Uuid::from_u128(5)), holder: HolderKind::Token, period: Period::Day };

/// What came of calls.
#[derive(Default)]
pub(super) struct Reports(pub(super) Mutex<Vec<CallReport>>);

impl Observer for Reports {
    fn ended(&self, report: CallReport) {
        self.0.lock().push(report);
    }
}

/// Records in words what it is told.
pub(super) struct Recorder {
    pub(super) records: Mutex<Vec<String>>,
    /// What an account has.
    pub(super) room: Mutex<Option<Nanos>>,
    /// What a call is refused with, and what it is to be extended by; another part of it is not.
    pub(super) refusal: Mutex<Option<ReserveError>>,
    /// The kind of record that the journal does not take.
    pub(super) refused: Mutex<Option<&'static str>>,
    /// Whether the disk does not keep what it is given.
    pub(super) lost: Mutex<bool>,
    /// What a call is told about its lease.
    pub(super) tenure: Mutex<Tenure>,
    /// What more is waited for.
    pub(super) gate: Mutex<Option<Arc<Notify>>>,
    ended: Mutex<BTreeSet<u32>>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            records: Mutex::default(),
            room: Mutex::default(),
            refusal: Mutex::default(),
            refused: Mutex::default(),
            lost: Mutex::default(),
            tenure: Mutex::new(Tenure::Good),
            gate: Mutex::default(),
            ended: Mutex::default(),
        }
    }
}

impl Recorder {
    fn record(&self, call: CallPart, record: String) -> Result<(), LedgerError> {
        if self.refused.lock().is_some_and(|refused| record.starts_with(refused)) {
            return Err(LedgerError("the disk is full".into()));
        }
        let mut records = self.records.lock();
        let mut ended = self.ended.lock();
        assert!(!ended.contains(&call.part), "{record} after the end: {records:?}");
        if record.starts_with("settle") || record.starts_with("void") {
            ended.insert(call.part);
        }
        records.push(if call.part == 0 { record } else { format!("part {}: {record}", call.part) });
        Ok(())
    }

    fn give(&self, call: CallPart, amount: Nanos, floor: Nanos, what: &str) -> Result<Nanos, ReserveError> {
        if self.ended.lock().contains(&call.part) {
            return Err(ReserveError::Unavailable);
        }
        let given = amount.min(self.room.lock().unwrap_or(Nanos::MAX));
        if given < floor {
            return Err(ReserveError::Insufficient);
        }
        self.record(call, what.replace('?', &given.to_string())).unwrap();
        Ok(given)
    }

    async fn wait(&self) {
        let gate = self.gate.lock().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
    }
}

impl Ledger for Recorder {
    fn reserve(
        &self,
        facts: CallFacts,
        budgets: Vec<Binding>,
        amount: Nanos,
        floor: Nanos,
    ) -> BoxFuture<'_, Result<Nanos, ReserveError>> {
        Box::pin(async move {
            assert_eq!(budgets, [BUDGET], "every part is bound by what binds the call");
            if facts.part > 0 {
                self.wait().await;
            } else if let Some(refusal) = *self.refusal.lock() {
                return Err(refusal);
            }
            // Some tests make a call of the same id again.
            self.ended.lock().remove(&facts.part);
            let what = format!("reserve ? {:?} input {}", facts.mode, facts.input_tokens);
            self.give(CallPart::of(&facts), amount, floor, &what)
        })
    }

    fn extend(
        &self,
        call: CallPart,
        amount: Nanos,
        floor: Nanos,
    ) -> BoxFuture<'_, Result<Nanos, ReserveError>> {
        Box::pin(async move {
            self.wait().await;
            if let Some(refusal) = *self.refusal.lock() {
                return Err(refusal);
            }
            self.give(call, amount, floor, &format!("extend ? at least {floor}"))
        })
    }

    fn sent(&self, call: CallPart, attempt: Attempt) -> Result<Durable, LedgerError> {
        self.record(call, format!("sent {} {}", attempt.attempt, attempt.upstream_model))?;
        let lost = *self.lost.lock();
        // Not at the first look.
        Ok(Durable::after(Box::pin(async move {
            tokio::task::yield_now().await;
            if lost { Err(LedgerError("the disk did not keep it".into())) } else { Ok(()) }
        })))
    }

    fn attempt_ended(
        &self,
        call: CallPart,
        attempt: u32,
        outcome: AttemptOutcome,
    ) -> Result<(), LedgerError> {
        self.record(call, format!("ended {attempt} {outcome:?}"))
    }

    fn progress(&self, call: CallPart, output_tokens: u64) -> Result<Tenure, LedgerError> {
        self.record(call, format!("progress {output_tokens}"))?;
        Ok(*self.tenure.lock())
    }

    fn settle(
        &self,
        call: CallPart,
        usage: Usage,
        amount: Nanos,
        flags: Vec<Flag>,
    ) -> Result<(), LedgerError> {
        let Usage { input_tokens, output_tokens, .. } = usage;
        self.record(call, format!("settle {input_tokens}+{output_tokens} for {amount} {flags:?}"))
    }

    fn void(&self, call: CallPart) -> Result<(), LedgerError> {
        self.record(call, "void".into())
    }
}

/// A call of 11 input tokens, at one nano-dollar each and ten per output token.
pub(super) fn facts(reserved: u64) -> CallFacts {
    let caller = Rig::caller();
    CallFacts {
        call_id: CALL,
        part: 0,
        user_id: caller.user_id,
        token_id: caller.token_id,
        scopes: Vec::new(),
        group: caller.group,
        model: model("m"),
        pinned: pinned(),
        service_tier: None,
        control_position: 3,
        mode: Mode::Stream,
        input_tokens: 11,
        reserved: Nanos::new(reserved).unwrap(),
        extensions: Vec::new(),
        trace: None,
        started_at: TimeStamp::default(),
    }
}

fn pinned() -> Pinned {
    let rates = Rates { input: Some(1_000), output: Some(10_000), ..Rates::default() };
    Pinned { price: Price { rates, ..Price::default() }.into(), ..Pinned::default() }
}

/// A directory and clocks that stand still unless they are moved by hand.
struct Still(Arc<RouteTable>, Arc<AtomicU64>, Arc<Mutex<CallRules>>);

impl Directory for Still {
    /// One nano-dollar per input token, ten per output token.
    fn price(&self, model: &ModelName, _: &GroupName) -> Option<Arc<Priced>> {
        let priced = Priced {
            pinned: pinned(),
            control_position: 3,
            input_tokens_max: None,
            output_tokens_max: Some(1_000),
        };
        (model.as_str() != "unpriced").then(|| Arc::new(priced))
    }

    fn routes(&self) -> Arc<RouteTable> {
        Arc::clone(&self.0)
    }

    fn rules(&self, _: &GroupName, _: &ModelName) -> CallRules {
        *self.2.lock()
    }
}

impl Clock for Still {
    fn now(&self) -> TimeStamp {
        TimeStamp::from_micros(1_000_000)
    }

    fn boot_ms(&self) -> u64 {
        self.1.load(Ordering::SeqCst)
    }
}

/// Notes what it is told about channels.
#[derive(Default)]
pub(super) struct Notes(pub(super) Mutex<Vec<String>>);

impl ChannelKeeper for Notes {
    fn disable(&self, channel: ChannelId) {
        self.0.lock().push(format!("disable {}", channel.0.as_u128()));
    }

    fn enable(&self, channel: ChannelId) {
        self.0.lock().push(format!("enable {}", channel.0.as_u128()));
    }
}

pub(super) struct Rig {
    pub(super) relay: Arc<Relay>,
    pub(super) ledger: Arc<Recorder>,
    pub(super) provider: Provider,
    pub(super) tasks: TaskTracker,
    pub(super) boot_ms: Arc<AtomicU64>,
    pub(super) notes: Arc<Notes>,
    pub(super) reports: Arc<Reports>,
    /// What the settings say.
    pub(super) rules: Arc<Mutex<CallRules>>,
}

pub(super) fn model(name: &str) -> ModelName {
    ModelName::new(name).unwrap()
}

/// A channel of `provider` at `base_url` with one key; the later it stands, the later it is tried.
pub(super) fn route(provider: &str, base_url: Option<String>, at: i32) -> Route {
    let spec = ChannelSpec {
        name: "channel".into(),
        provider: provider.into(),
        base_url,
        keys: Vec::new(),
        models: ["m", "unpriced"].map(model).into(),
        model_map: [(model("m"), model("up"))].into(),
        groups: [GroupName::default_group()].into(),
        priority: -at,
        weight: 1,
        limits: None,
    };
    let key = RouteKey { key_id: ChannelKeyId(Uuid::from_u128(1)), secret: "sk-secret".into() };
    let catalogue = Providers::builtin()
        .unwrap()
        .over("[hangs_up]\npaths = { openai_chat = \"chat/completions\" }\ncancel_stops_billing = true")
        .unwrap();
    let provider = catalogue.find(provider).unwrap();
    let channel_id = ChannelId(Uuid::from_u128(9 + u128::try_from(at).unwrap()));
    Route::new(channel_id, provider, &spec, vec![key]).unwrap()
}

impl Rig {
    /// Two channels of one provider, which follows these scripts, one per attempt.
    pub(super) async fn new(scripts: Vec<Vec<Act>>) -> Self {
        let url = |provider: &Provider| Some(format!("http://{}/v1", provider.address));
        Self::over(scripts, RelayConfig::default(), |provider| {
            vec![route("openai_compatible", url(provider), 0), route("openai_compatible", url(provider), 1)]
        })
        .await
    }

    pub(super) async fn over(
        scripts: Vec<Vec<Act>>,
        config: RelayConfig,
        routes: impl FnOnce(&Provider) -> Vec<Route>,
    ) -> Self {
        let provider = Provider::start(scripts).await;
        let table = Arc::new(RouteTable::new(routes(&provider)));
        let (ledger, tasks) = (Arc::new(Recorder::default()), TaskTracker::new());
        let (boot_ms, notes) = (Arc::new(AtomicU64::new(1_000_000)), Arc::new(Notes::default()));
        let reports = Arc::new(Reports::default());
        let rules = Arc::<Mutex<CallRules>>::default();
        let still = Arc::new(Still(table, Arc::clone(&boot_ms), Arc::clone(&rules)));
        let ports = Ports {
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            directory: Arc::clone(&still) as Arc<dyn Directory>,
            clock: still,
            keeper: Arc::clone(&notes) as Arc<dyn ChannelKeeper>,
            observer: Arc::clone(&reports) as Arc<dyn Observer>,
        };
        let relay = Relay::new(ports, config, tasks.clone()).unwrap();
        Self { relay, ledger, provider, tasks, boot_ms, notes, reports, rules }
    }

    pub(super) fn caller() -> Caller {
        Caller {
            token_id: ApiTokenId(Uuid::from_u128(2)),
            user_id: UserId(Uuid::from_u128(3)),
            group: GroupName::default_group(),
            scopes: vec![AccountId(Uuid::from_u128(4))],
            budgets: vec![BUDGET],
            models: None,
            limits: CallerLimits::default(),
        }
    }

    pub(super) async fn chat(&self, body: &str) -> Result<Answer, CallError> {
        self.call(Format::OpenaiChat, body).await
    }

    pub(super) async fn call(&self, format: Format, body: &str) -> Result<Answer, CallError> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.relay.call(format, CALL, Self::caller(), body, Incoming::default()).await
    }

    /// The client's answer in full.
    pub(super) async fn text(&self, body: &str) -> String {
        text(self.chat(body).await.unwrap()).await
    }

    /// Everything that the ledger was told, once all has ended.
    pub(super) async fn records(&self) -> Vec<String> {
        self.tasks.close();
        self.tasks.wait().await;
        self.ledger.records.lock().clone()
    }
}

/// A client that waits for its answer until `asked` is told, and then leaves.
pub(super) async fn leave(call: impl Future<Output = Result<Answer, CallError>>, asked: &Notify) {
    tokio::select! {
        answer = call => panic!("it is still to be answered, not {answer:?}"),
        () = asked.notified() => {}
    }
}

pub(super) async fn text(answer: Answer) -> String {
    String::from_utf8(answer.body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

pub(super) const WHOLE: &str =
    r#"{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"hello you"}]}"#;
pub(super) const STREAM: &str =
    r#"{"model":"m","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"hello you"}]}"#;
/// Nine bytes are three tokens, and eight for the message; a hundred may come out.
pub(super) const RESERVE_WHOLE: &str = "reserve 1011 Whole input 11";
pub(super) const RESERVE_STREAM: &str = "reserve 1011 Stream input 11";
