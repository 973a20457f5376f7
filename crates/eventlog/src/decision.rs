//! What is decided inside the append transaction, and how to ask for it.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::oneshot;

use crate::{
    Command, EventLog, ExecuteError, Executed, Fault, Heads, Metadata, StoreError, Tx, appender::Job, repeats,
};

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
            let Some(decide) = self.decide.take() else { return false };
            // A decision that panics takes nobody down with it: its savepoint takes back what it did.
            let outcome = AssertUnwindSafe(once(tx, self.command.as_ref(), decide)).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|_| Err(StoreError::Panicked.into()));
            let stays = outcome.is_ok();
            self.outcome = Some(outcome);
            stays
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), &Arc<StoreError>>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Closed.into()),
            // What failed by itself says more than what it took down.
            (Err(_), Some(Err(ExecuteError::Store(error)))) => Err(error.into()),
            // A refusal too: it may rest on what others did in the same transaction, which does not stand.
            (Err(error), _) => Err(StoreError::Aborted(Arc::clone(error)).into()),
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
        && let Some(earlier) = repeats::earlier(tx, command).await?
    {
        return if earlier.fingerprint == command.fingerprint {
            Ok(Executed::Repeated { positions: earlier.positions, answer: earlier.answer })
        } else {
            Err(ExecuteError::KeyReused)
        };
    }
    let mark = tx.mark();
    let value = match decide(tx).await {
        Ok(value) => value,
        Err(Fault::Refused(refusal)) => return Err(ExecuteError::Refused(refusal)),
        Err(Fault::Store(error)) => return Err(error.into()),
    };
    tx.check()?;
    let mut positions = tx.moved_since(&mark);
    if positions == Heads::default() {
        // Nothing happened: the answer holds as of now.
        positions = tx.heads();
    }
    if let Some(command) = command {
        repeats::remember(tx, command, positions).await?;
    }
    Ok(Executed::Done { value, positions })
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
