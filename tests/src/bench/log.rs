//! A log without a gateway, in which no time passes but for its order.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use domain::TimeStamp;
use eventlog::{Clock, Component, Database, EventLog, Inline, LogOptions, MasterKey, Sealer};
use tokio::task::JoinSet;

use super::sample::MORNING;

/// A microsecond later each time that it is asked.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> TimeStamp {
        TimeStamp::from_micros(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// The log in this database, and its appender at work.
pub(super) async fn open(
    database: impl Into<Database>,
    inline: Arc<dyn Inline>,
    components: Vec<Component>,
) -> (EventLog, JoinSet<()>) {
    let options = LogOptions {
        clock: Arc::new(Ticking(AtomicI64::new(MORNING.micros()))),
        inline: vec![inline],
        components,
        sealer: Sealer::new(&MasterKey::random().expect("a key")),
    };
    let (log, working) = EventLog::open(database, options).await.expect("the log opens");
    let mut appender = JoinSet::new();
    appender.spawn(working.run());
    (log, appender)
}

/// Lets go of the database, and waits until it is.
pub(super) async fn close(log: EventLog, mut appender: JoinSet<()>) {
    drop(log);
    while appender.join_next().await.is_some() {}
}
