//! Brings what accounts come to, about once a second.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{AccountId, Log};
use eventlog::{EventLog, LogReader, PAGE_MAX, Sealer, StoreError};
use fred::{clients::Client, types::scripts::Script};
use tokio::time::sleep;

use super::{
    super::{
        RedisModelError,
        projector::{event_at, stands},
        scripts::{Answer, ask, run},
    },
    AccountKeys, AccountSource,
};

/// How often it is looked what has changed.
const EVERY: Duration = Duration::from_secs(1);
/// How many pages of events one look takes; where there are more, the next one follows at once.
const PAGES_MAX: usize = 10;
/// How many accounts are sent at once.
const ROWS_AT_ONCE: usize = 500;
/// For how long whoever makes all of it anew may send nothing, in seconds; then another begins.
const UNENDED_S: u32 = 60;

/// What one look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is nothing new, or somebody else is at it.
    Idle,
    /// What was new was brought; there may be more.
    Brought,
    /// All of it was made anew.
    Anew,
}

/// Which place the rows have come to, and whoever is making them anew.
struct Place {
    log_id: String,
    position: u64,
    event: String,
    building: String,
}

struct Scripts {
    look: Script,
    begin: Script,
    step: Script,
}

/// Keeps a Redis server up with what accounts come to. Several may do so at once, for one server and one log.
pub struct AccountProjector {
    client: Client,
    sealer: Sealer,
    keys: AccountKeys,
    scripts: Scripts,
    source: Box<dyn AccountSource>,
    /// Names this process among the others.
    node: String,
    position: AtomicU64,
}

impl AccountProjector {
    /// For the server that `client` connects to; `node` is of this process alone.
    pub fn new(client: Client, sealer: Sealer, source: Box<dyn AccountSource>, node: String) -> Self {
        let scripts = Scripts {
            look: Script::from_lua(include_str!("look.lua")),
            begin: Script::from_lua(include_str!("begin.lua")),
            step: Script::from_lua(include_str!("step.lua")),
        };
        let keys = AccountKeys::of(&sealer);
        Self { client, sealer, keys, scripts, source, node, position: AtomicU64::new(0) }
    }

    /// How far the server had come when it was last looked at; 0 where it had lost everything.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Follows until the log's appender has ended. Where the server is away it goes on when it is back.
    pub async fn follow(self: Arc<Self>, log: EventLog) {
        let (reader, heads) = (log.reader().clone(), log.subscribe());
        // The appender works until every handle is gone, and this reads only.
        drop(log);
        let mut is_away = false;
        while heads.has_changed().is_ok() {
            match self.step(&reader).await {
                Ok(step) => {
                    if std::mem::take(&mut is_away) {
                        tracing::info!("what accounts come to is kept up at the Redis server again");
                    }
                    if step != Step::Brought {
                        sleep(EVERY).await;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_away, true) {
                        tracing::warn!(%error, "what accounts come to is not kept up at the Redis server");
                    }
                    sleep(EVERY).await;
                }
            }
        }
    }

    /// Brings what changed since the place that was reached, or all of it.
    pub(super) async fn step(&self, reader: &LogReader) -> Result<Step, RedisModelError> {
        let Some(place) = self.look().await? else { return self.anew(reader).await };
        self.position.store(place.position, Ordering::Relaxed);
        if !place.building.is_empty() {
            // Whoever it is ends it, or is forgotten.
            return Ok(Step::Idle);
        }
        if !stands(reader, Log::Ledger, &place.log_id, place.position, &place.event).await? {
            tracing::warn!(
                position = place.position,
                "what accounts come to at the Redis server is of another log"
            );
            return self.anew(reader).await;
        }
        let (mut touched, mut reached) = (BTreeSet::new(), (place.position, place.event.clone()));
        for _ in 0..PAGES_MAX {
            let events = reader.read(Log::Ledger, reached.0, PAGE_MAX).await?;
            let Some(last) = events.last() else { break };
            reached = (last.position, last.event_id.to_string());
            touched.append(&mut self.source.touched(&events)?);
        }
        if reached.0 == place.position {
            return Ok(Step::Idle);
        }
        let ids: Vec<AccountId> = touched.into_iter().collect();
        for ids in ids.chunks(ROWS_AT_ONCE) {
            if self.bring(reader, &place, ids, None).await? != Answer::Applied {
                return Ok(Step::Idle);
            }
        }
        // The place moves when all rows are there: one that is brought twice is as it was.
        let moved = self.bring(reader, &place, &[], Some(&reached)).await?;
        if moved == Answer::Applied {
            self.position.store(reached.0, Ordering::Relaxed);
        }
        Ok(Step::Brought)
    }

    async fn anew(&self, reader: &LogReader) -> Result<Step, RedisModelError> {
        let position = reader.heads().await?.ledger;
        let event = event_at(reader, Log::Ledger, position).await?.unwrap_or_default();
        let log_id = reader.log_id(Log::Ledger).to_string();
        let place = Place { log_id, position, event, building: self.node.clone() };
        let keys = vec![self.keys.place.clone(), self.keys.rows.clone()];
        let head = vec![
            place.log_id.clone(),
            position.to_string(),
            place.event.clone(),
            place.building.clone(),
            UNENDED_S.to_string(),
        ];
        run(&self.client, &self.scripts.begin, keys, head).await?;
        let mut after = None;
        loop {
            let ids = self.source.ids(reader.pool(), after, ROWS_AT_ONCE).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            if self.bring(reader, &place, &ids, None).await? != Answer::Applied {
                return Ok(Step::Idle);
            }
        }
        let ended = self.bring(reader, &place, &[], Some(&(position, place.event.clone()))).await?;
        tracing::info!(position, ?ended, "what accounts come to was brought to the Redis server anew");
        Ok(Step::Anew)
    }

    /// Brings these accounts as they stand; `reached` where no more come.
    async fn bring(
        &self,
        reader: &LogReader,
        place: &Place,
        ids: &[AccountId],
        reached: Option<&(u64, String)>,
    ) -> Result<Answer, RedisModelError> {
        let (to, event) = reached.map_or_else(
            || (String::new(), String::new()),
            |(position, event)| (position.to_string(), event.clone()),
        );
        let (log_id, from) = (place.log_id.clone(), place.position.to_string());
        let building = place.building.clone();
        let mut arguments =
            vec![log_id, from, place.event.clone(), to, event, building, UNENDED_S.to_string()];
        if !ids.is_empty() {
            let ids = ids.iter().copied().collect();
            for row in self.source.rows(reader.pool(), &ids).await? {
                let value =
                    self.keys.write(&self.sealer, place.position, &row).map_err(StoreError::Encode)?;
                arguments.extend([row.row.account_id.to_string(), row.version.to_string(), value]);
            }
        }
        let keys = vec![self.keys.place.clone(), self.keys.rows.clone()];
        run(&self.client, &self.scripts.step, keys, arguments).await
    }

    async fn look(&self) -> Result<Option<Place>, RedisModelError> {
        let told = ask(&self.client, &self.scripts.look, vec![self.keys.place.clone()], Vec::new()).await?;
        let Ok([log_id, position, event, building]) = <[String; 4]>::try_from(told) else { return Ok(None) };
        let Ok(position) = position.parse() else { return Ok(None) };
        Ok(Some(Place { log_id, position, event, building }))
    }
}
