//! The one task that writes: it gathers what waits into one transaction (group commit).

use domain::Log;
use futures_util::future::BoxFuture;
use serde::Serialize;
use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    Command, EventLog, ExecuteError, Executed, Fault, Heads, Metadata, Recorded, StoreError,
    leaf::table,
    tx::{Mark, Tx, signed},
};

/// The most commands in one transaction.
pub const BATCH_MAX: usize = 256;
/// The most commands that may wait; more wait in line to wait.
pub const QUEUE_MAX: usize = 1_024;

/// Writes what is executed on its [`EventLog`].
pub struct Appender {
    pub(crate) tx: Tx,
    pub(crate) queue: mpsc::Receiver<Box<dyn Job>>,
    pub(crate) heads_tx: watch::Sender<Heads>,
}

/// One command on its way through a transaction, whatever it decides about.
pub(crate) trait Job: Send {
    fn metadata(&self) -> Metadata;
    /// Runs inside the transaction; `false` when nothing of it may stay.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool>;
    /// Answers whoever asked, once it is known whether the transaction stands.
    fn answer(self: Box<Self>, committed: Result<(), &StoreError>);
}

impl Appender {
    /// Works until every handle of the log is gone.
    pub async fn run(mut self) {
        let mut jobs = Vec::with_capacity(BATCH_MAX);
        while self.queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
            let before = self.tx.mark();
            let committed = self.transaction(&mut jobs, &before).await;
            match &committed {
                Ok(()) => {
                    let heads = self.tx.heads();
                    self.heads_tx.send_if_modified(|known| std::mem::replace(known, heads) != heads);
                }
                Err(error) => {
                    tracing::error!(%error, jobs = jobs.len(), "an append transaction failed");
                    self.tx.reset(&before);
                    // Whatever is left open is undone; where nothing is open this fails, and that is right.
                    let _ = sqlx::query("ROLLBACK").execute(self.tx.connection()).await;
                }
            }
            for job in jobs.drain(..) {
                job.answer(committed.as_ref().map(|&()| ()));
            }
        }
    }

    async fn transaction(&mut self, jobs: &mut [Box<dyn Job>], before: &Mark) -> Result<(), StoreError> {
        let tx = &mut self.tx;
        sqlx::query("BEGIN IMMEDIATE").execute(tx.connection()).await?;
        for job in jobs.iter_mut() {
            let mark = tx.mark();
            sqlx::query("SAVEPOINT job").execute(tx.connection()).await?;
            tx.begin_job(job.metadata());
            if !job.run(tx).await {
                sqlx::query("ROLLBACK TO job").execute(tx.connection()).await?;
                tx.reset(&mark);
            }
            sqlx::query("RELEASE job").execute(tx.connection()).await?;
        }
        tx.write_heads(before).await?;
        sqlx::query("COMMIT").execute(tx.connection()).await?;
        Ok(())
    }
}

/// A decision, with the command it belongs to if it has one.
struct Decision<T, R: std::error::Error, F> {
    command: Option<Command>,
    metadata: Metadata,
    decide: Option<F>,
    outcome: Option<Result<Executed<T>, ExecuteError<R>>>,
    reply: oneshot::Sender<Result<Executed<T>, ExecuteError<R>>>,
}

impl<T, R, F> Job for Decision<T, R, F>
where
    T: Send,
    R: std::error::Error + Send,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Fault<R>>> + Send,
{
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let outcome = match self.decide.take() {
                Some(decide) => once(tx, self.command.as_ref(), decide).await,
                None => Err(ExecuteError::Store(StoreError::Closed)),
            };
            let stays = outcome.is_ok();
            self.outcome = Some(outcome);
            stays
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), &StoreError>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            // A refusal stands whether or not the others' work does.
            (Err(_), Some(Err(ExecuteError::Refused(refusal)))) => Err(ExecuteError::Refused(refusal)),
            (Ok(()) | Err(_), _) => Err(ExecuteError::Store(StoreError::Closed)),
        };
        // Whoever asked may have gone; what was committed stands all the same.
        let _ = self.reply.send(outcome);
    }
}

async fn once<T, R, F>(
    tx: &mut Tx,
    command: Option<&Command>,
    decide: F,
) -> Result<Executed<T>, ExecuteError<R>>
where
    R: std::error::Error,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Fault<R>>>,
{
    if let Some(command) = command
        && let Some(earlier) = earlier(tx, command).await?
    {
        return earlier;
    }
    let mark = tx.mark();
    let value = match decide(tx).await {
        Ok(value) => value,
        Err(Fault::Refused(refusal)) => return Err(ExecuteError::Refused(refusal)),
        Err(Fault::Store(error)) => return Err(error.into()),
    };
    let mut positions = tx.moved_since(&mark);
    if positions == Heads::default() {
        // Nothing happened: the answer holds as of now.
        positions = tx.heads();
    }
    if let Some(command) = command {
        remember(tx, command, positions).await?;
    }
    Ok(Executed::Done { value, positions })
}

type Earlier<T, R> = Option<Result<Executed<T>, ExecuteError<R>>>;

async fn earlier<T, R: std::error::Error>(
    tx: &mut Tx,
    command: &Command,
) -> Result<Earlier<T, R>, StoreError> {
    let row: Option<(Vec<u8>, i64, i64, Option<String>)> =
        sqlx::query_as("SELECT fingerprint, control, ledger, answer FROM commands WHERE command_id = ?")
            .bind(command.command_id.0.as_bytes().as_slice())
            .fetch_optional(tx.connection())
            .await?;
    let Some((fingerprint, control, ledger, answer)) = row else { return Ok(None) };
    if fingerprint != command.fingerprint {
        return Ok(Some(Err(ExecuteError::KeyReused)));
    }
    let number = |n| u64::try_from(n).unwrap_or(0);
    let positions = Heads { control: number(control), ledger: number(ledger) };
    Ok(Some(Ok(Executed::Repeated { positions, answer })))
}

/// How long the answer to a command is kept, in microseconds: ten minutes.
const ANSWER_KEPT_US: i64 = 600 * 1_000_000;

async fn remember(tx: &mut Tx, command: &Command, positions: Heads) -> Result<(), StoreError> {
    let now = tx.now().micros();
    let answer = tx.take_answer();
    if answer.is_some() {
        sqlx::query("UPDATE commands SET answer = NULL WHERE answer IS NOT NULL AND recorded_at < ?")
            .bind(now - ANSWER_KEPT_US)
            .execute(tx.connection())
            .await?;
    }
    sqlx::query(
        "INSERT INTO commands(command_id, fingerprint, control, ledger, answer, recorded_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(command.command_id.0.as_bytes().as_slice())
    .bind(command.fingerprint.as_slice())
    .bind(signed(positions.control))
    .bind(signed(positions.ledger))
    .bind(answer)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(())
}

impl EventLog {
    /// Carries a command out once: `decide` runs inside the append transaction, alone, and what it appends stands
    /// together or not at all.
    ///
    /// # Errors
    /// When the business says no, the command's id was used for something else, or the store fails.
    pub async fn execute<T, R, F>(&self, command: Command, decide: F) -> Result<Executed<T>, ExecuteError<R>>
    where
        T: Send + 'static,
        R: std::error::Error + Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Fault<R>>> + Send + 'static,
    {
        let metadata = Metadata { command_id: Some(command.command_id), ..command.metadata.clone() };
        self.submit(Some(command), metadata, decide).await
    }

    /// Decides inside the append transaction without a command of its own: for what is made safe to repeat by other
    /// means, such as a lease's id or a journal's cursor. Answers with how far the logs have come.
    ///
    /// # Errors
    /// When the business says no, or the store fails.
    pub async fn transact<T, R, F>(
        &self,
        metadata: Metadata,
        decide: F,
    ) -> Result<(T, Heads), ExecuteError<R>>
    where
        T: Send + 'static,
        R: std::error::Error + Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Fault<R>>> + Send + 'static,
    {
        match self.submit(None, metadata, decide).await? {
            Executed::Done { value, positions } => Ok((value, positions)),
            // What has no command is never a repeat.
            Executed::Repeated { .. } => Err(StoreError::Malformed("decision").into()),
        }
    }

    async fn submit<T, R, F>(
        &self,
        command: Option<Command>,
        metadata: Metadata,
        decide: F,
    ) -> Result<Executed<T>, ExecuteError<R>>
    where
        T: Send + 'static,
        R: std::error::Error + Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Fault<R>>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Decision { command, metadata, decide: Some(decide), outcome: None, reply });
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// One event as the insert below takes it: text stays text, never parsed by the database.
#[derive(Serialize)]
struct Row<'a>(u64, &'a str, u64, String, &'a str, u32, &'a str, &'a str, i64, String);

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    log: Log,
    events: impl Iterator<Item = &Recorded>,
) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = events
        .map(|event| {
            Row(
                event.position,
                &event.stream,
                event.version,
                event.event_id.to_string(),
                &event.event_type,
                event.schema_version,
                &event.payload,
                &event.metadata,
                event.recorded_at.micros(),
                hex::encode(event.leaf_hash),
            )
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {} SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, \
         value->>8, unhex(value->>9) FROM json_each(?)",
        table(log)
    );
    let rows = serde_json::to_string(&rows).map_err(StoreError::Encode)?;
    sqlx::query(&sql).bind(rows).execute(connection).await?;
    Ok(())
}
