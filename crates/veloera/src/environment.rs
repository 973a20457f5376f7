//! What the process is started with, read once: variables, clocks, chance.

#[cfg(feature = "faults")]
mod ahead;

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use domain::{JournalId, LeaseId, TimeStamp, trace::TraceContext};
use eventlog::SealError;
use uuid::Uuid;

/// The variables that are ours, without their prefix, in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(pub(crate) BTreeMap<String, String>);

const PREFIX: &str = "VELOERA_";

impl Environment {
    /// An empty variable counts as unset.
    pub(crate) fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
        let variables = std::env::vars_os();
        let ours = variables.filter_map(|(name, value)| {
            let name = name.into_string().ok()?.strip_prefix(PREFIX)?.to_lowercase();
            let value = value.into_string().ok()?;
            (!value.is_empty()).then_some((name, value))
        });
        let ours = Self(ours.collect());
        #[cfg(feature = "faults")]
        let ours = ours.armed();
        ours
    }

    /// Takes out `VELOERA_FAULT=<point>@<nth>@<witness>`, which is no setting but an order to die, and
    /// `VELOERA_CLOCK_AHEAD=<file>`, by which the clock is ahead.
    #[cfg(feature = "faults")]
    fn armed(mut self) -> Self {
        if let Some(file) = self.0.remove("clock_ahead") {
            ahead::read_from(file.into());
        }
        let order = self.0.remove("fault").unwrap_or_default();
        let mut parts = order.splitn(3, '@');
        let point = parts.next().and_then(eventlog::fault::Point::from_name);
        let nth = parts.next().and_then(|nth| nth.parse().ok());
        if let (Some(point), Some(nth), Some(witness)) = (point, nth, parts.next()) {
            eventlog::fault::arm(point, nth, witness.into());
        }
        self
    }
}

/// The machine's clocks and its randomness.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine;

impl Machine {
    pub(crate) fn now() -> TimeStamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed in everywhere else")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = TimeStamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        #[cfg(feature = "faults")]
        let now = now.plus_ms(ahead::ms());
        now
    }

    /// The trace that whoever ran this command is in, by the variable that OpenTelemetry names for it.
    pub(crate) fn trace() -> Option<TraceContext> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
        let parent = std::env::var_os("TRACEPARENT")?;
        TraceContext::read(parent.as_encoded_bytes())
    }

    /// 256 bits that nobody can guess.
    pub(crate) fn chance() -> Result<[u8; 32], SealError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| SealError::Random)?;
        Ok(bytes)
    }

    fn boot_ms() -> u64 {
        ms_of(rustix::time::ClockId::Boottime)
    }

    pub(crate) fn uuid() -> Uuid {
        #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
        Uuid::now_v7()
    }
}

impl eventlog::Clock for Machine {
    fn now(&self) -> TimeStamp {
        Self::now()
    }
}

impl relay::Clock for Machine {
    fn now(&self) -> TimeStamp {
        Self::now()
    }

    fn boot_ms(&self) -> u64 {
        Self::boot_ms()
    }
}

impl ledger::BankClock for Machine {
    fn monotonic_ms(&self) -> u64 {
        ms_of(rustix::time::ClockId::Monotonic)
    }
}

impl ledger::NodeClock for Machine {
    fn wall(&self) -> TimeStamp {
        Self::now()
    }

    fn boot_ms(&self) -> u64 {
        Self::boot_ms()
    }

    fn lease_id(&self) -> LeaseId {
        LeaseId(Self::uuid())
    }

    fn journal_id(&self) -> JournalId {
        JournalId(Self::uuid())
    }
}

impl api::Ids for Machine {
    fn uuid(&self) -> Uuid {
        Self::uuid()
    }

    fn secret(&self) -> Result<[u8; 32], SealError> {
        Self::chance()
    }
}

fn ms_of(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Names this boot of the kernel: what was written before it may have lost its tail. Where it cannot be told, every
/// start counts as another boot, which is the careful answer.
pub(crate) fn boot_id() -> String {
    match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => id.trim().to_owned(),
        Err(_) => Machine::uuid().to_string(),
    }
}

/// What people call this machine, where it says so.
pub(crate) fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "relay".to_owned() } else { name }
}
