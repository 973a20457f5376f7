//! Writes what the `control` log changes, in its order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::Log;
use eventlog::{
    EventLog, Heads, LogReader, Recorded, Sealer, StoreError,
    passage::{self, Passage, PassageObserver},
};
use fred::clients::Client;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    RedisModelError,
    changes::{Changes, Touched},
    keys::Keys,
    scripts::{Answer, Scripts, ask, run},
};

/// How long to wait after the server or the store has failed.
const PAUSE: Duration = Duration::from_millis(500);
/// How often to look whether what was written is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many events one step takes: what is read of them is sent at once.
const STEP_MAX: usize = 500;

/// What is at the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Empty where none is active.
    pub(super) generation: String,
    /// The log that it is made from, the position that it has come to and the event there; none where that is gone.
    pub(super) place: Option<(String, u64, String)>,
}

/// What one look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is nothing new.
    Idle,
    /// A range was brought, with this answer.
    Range(Answer),
    /// It was made anew, with this answer.
    Anew(Answer),
}

/// Keeps a Redis server up with the `control` log. Several may do so at once, for one server and one log.
pub struct RedisProjector {
    pub(super) client: Client,
    pub(super) sealer: Sealer,
    pub(super) keys: Keys,
    pub(super) scripts: Scripts,
    /// Names this process among the others, so that no two make one generation.
    node: String,
    made: AtomicU64,
    position: AtomicU64,
    observer: Option<Arc<dyn PassageObserver>>,
}

impl RedisProjector {
    /// For the server that `client` connects to; `node` is of this process alone.
    pub fn new(client: Client, sealer: Sealer, node: String) -> Self {
        let keys = Keys::of(&sealer);
        Self {
            client,
            sealer,
            keys,
            scripts: Scripts::new(),
            node,
            made: AtomicU64::new(0),
            position: AtomicU64::new(0),
            observer: None,
        }
    }

    /// The same, which tells `observer` of every range in which there is a traced event.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn PassageObserver>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// How far the server had come when it was last looked at; 0 where it had lost everything.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Follows until the log's appender has ended. Where the server is away it goes on when it is back.
    pub async fn follow(self: Arc<Self>, log: EventLog) {
        let reader = log.reader().clone();
        let mut heads = log.subscribe();
        // The appender works until every handle is gone, and this reads only.
        drop(log);
        let mut is_away = false;
        loop {
            match self.step(&reader).await {
                Ok(step) => {
                    if std::mem::take(&mut is_away) {
                        tracing::info!("the read models at the Redis server are kept up again");
                    }
                    if matches!(step, Step::Idle) && !self.wait(&reader, &mut heads).await {
                        return;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_away, true) {
                        tracing::warn!(%error, "the read models at the Redis server are not kept up");
                    }
                    if heads.has_changed().is_err() {
                        return;
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits for an event, or until it is time to look again. False when none will come.
    async fn wait(&self, reader: &LogReader, heads: &mut watch::Receiver<Heads>) -> bool {
        let Ok(known) = reader.heads().await else { return heads.has_changed().is_ok() };
        let more = heads.wait_for(|heads| heads.control > known.control);
        !matches!(timeout(LOOK_EVERY, more).await, Ok(Err(_)))
    }

    /// Brings what comes next, or makes all of it anew where that is needed.
    pub(super) async fn step(&self, reader: &LogReader) -> Result<Step, RedisModelError> {
        let found = self.look().await?;
        self.position.store(found.place.as_ref().map_or(0, |(_, position, _)| *position), Ordering::Relaxed);
        let Some((log_id, position, event)) = &found.place else {
            tracing::info!("nothing is at the Redis server: the read models there are made anew");
            return Ok(Step::Anew(self.rebuild(reader, &found).await?));
        };
        if !stands(reader, Log::Control, log_id, *position, event).await? {
            tracing::warn!(
                position,
                "the read models at the Redis server are of another log: they are made anew"
            );
            return Ok(Step::Anew(self.rebuild(reader, &found).await?));
        }
        let events = reader.read(Log::Control, *position, STEP_MAX).await?;
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(Step::Idle) };
        let range = [log_id.clone(), first.position.to_string(), last.position.to_string(), event.clone()];
        let begun = Instant::now();
        let answer = self.bring(reader, &found.generation, range, &events).await?;
        if answer == Answer::Applied
            && let Some(observer) = &self.observer
            && let Some(passage) = Passage::of(passage::Step::Applied("redis"), &events, begun.elapsed())
        {
            observer.passed(passage);
        }
        if answer == Answer::Fork {
            return Ok(Step::Anew(self.rebuild(reader, &found).await?));
        }
        // Where another projector was quicker, or it was wiped just now, the next look tells.
        Ok(Step::Range(answer))
    }

    /// Brings one range to one generation.
    pub(super) async fn bring(
        &self,
        reader: &LogReader,
        generation: &str,
        [log_id, first, last, before]: [String; 4],
        events: &[Recorded],
    ) -> Result<Answer, RedisModelError> {
        let (position, event) = events.last().map_or((0, String::new()), at);
        let head = vec![log_id, first, last, before, event];
        let mut changes = Changes::new(&self.keys, &self.sealer, generation, position, head);
        let mut connection = reader.pool().acquire().await?;
        changes.read(&Touched::by(events), &mut connection).await?;
        drop(connection);
        run(&self.client, &self.scripts.step, self.keys.all(generation), changes.arguments).await
    }

    pub(super) async fn look(&self) -> Result<Found, RedisModelError> {
        let arguments = vec![self.keys.generations(), super::keys::Rows::Place.ending().to_owned()];
        let told = ask(&self.client, &self.scripts.look, vec![self.keys.active()], arguments).await?;
        let mut told = told.into_iter();
        let generation = told.next().unwrap_or_default();
        let place = (told.next(), told.next().and_then(|text| text.parse().ok()), told.next());
        let place = if let (Some(log_id), Some(position), Some(event)) = place {
            Some((log_id, position, event))
        } else {
            None
        };
        Ok(Found { generation, place })
    }

    /// A name that no other generation has.
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.node, self.made.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where an event stands, and its name.
fn at(event: &Recorded) -> (u64, String) {
    (event.position, event.event_id.to_string())
}

/// The name of the event at a log's position; empty at the beginning, none where the log does not reach so far.
pub(super) async fn event_at(
    reader: &LogReader,
    log: Log,
    position: u64,
) -> Result<Option<String>, StoreError> {
    let Some(before) = position.checked_sub(1) else { return Ok(Some(String::new())) };
    let events = reader.read(log, before, 1).await?;
    Ok(events.first().map(|event| event.event_id.to_string()))
}

/// Whether what is there was made from this very log: one that was put back has another event there, or none.
pub(super) async fn stands(
    reader: &LogReader,
    log: Log,
    log_id: &str,
    position: u64,
    event: &str,
) -> Result<bool, StoreError> {
    if log_id != reader.log_id(log).to_string() {
        return Ok(false);
    }
    Ok(event_at(reader, log, position).await?.as_deref() == Some(event))
}
