//! The ledger of a node that has no database: asked for over HTTP.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{AccountId, JournalId, LeaseId};
use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use ledger::{
    Ask, Cursor, GrantError, IngestError, LedgerPort, News, NewsError, Standing, journal::Framed, step::Grant,
};
use tokio::time::timeout;

use crate::{
    Control, ControlError,
    control::Asked,
    protocol::{
        NewsView, RecallsView, WAIT_MS_MAX,
        journal::{IngestedView, JournalView},
        lease::{AskBody, AskedView},
        records,
    },
};

/// How long a call waits for quota, all control nodes together: longer, and its client has lost its patience.
const GRANT_MAX: Duration = Duration::from_secs(5);
/// How long it waits for one of them: the next may do better, and grants the same lease.
const GRANT_TRY_MAX: Duration = Duration::from_secs(2);
/// How long to wait after no control node told of recalls.
const PAUSE: Duration = Duration::from_secs(1);

/// How long records may take to be taken in, in milliseconds, beyond any other answer.
const UPLOAD_MS_MAX: u64 = 20_000;

/// The ledger, behind the control nodes. A cheap handle.
#[derive(Clone)]
pub struct RemoteLedger {
    control: Control,
    /// The farthest that it was heard to have come.
    head: Arc<AtomicU64>,
}

impl RemoteLedger {
    /// The ledger behind these control nodes.
    pub fn new(control: Control) -> Self {
        Self { control, head: Arc::new(AtomicU64::new(0)) }
    }

    async fn ask(&self, ask: Ask) -> Result<Vec<Grant>, GrantError> {
        let unavailable = |error: ControlError| GrantError::Unavailable(error.to_string());
        let asked = Asked::json("/sync/leases".into(), &AskBody::from(ask));
        let asked = asked.map_err(|error| unavailable(error.into()))?.within(GRANT_TRY_MAX);
        match timeout(GRANT_MAX, self.control.read::<AskedView>(asked)).await {
            Ok(answer) => answer.map_err(unavailable)?.into_answer(),
            Err(_) => Err(GrantError::Unavailable("no control node answered in time".into())),
        }
    }

    async fn journal(&self, journal_id: JournalId, query: &str) -> Result<JournalView, IngestError> {
        let asked = Asked::get(format!("/sync/journals/{journal_id}{query}"));
        self.control.read(asked).await.map_err(|error| lost(journal_id, &error))
    }

    async fn bring(&self, journal_id: JournalId, records: Vec<Framed>) -> Result<Cursor, IngestError> {
        let target = format!("/sync/journals/{journal_id}/records");
        let asked =
            Asked::post(target, records::CONTENT_TYPE, records::encode(&records)).later(UPLOAD_MS_MAX);
        let ingested: Result<IngestedView, _> = self.control.read(asked).await;
        ingested.map_err(|error| lost(journal_id, &error))?.into_answer(journal_id)
    }

    async fn hear(&self, after: Option<u64>) -> Result<News, ControlError> {
        let (after, wait_ms) =
            after.map_or((String::new(), 0), |after| (format!("&after={after}"), WAIT_MS_MAX));
        let asked = Asked::get(format!("/sync/accounts?wait_ms={wait_ms}{after}")).later(wait_ms);
        let news: News = self.control.read::<NewsView>(asked).await?.into();
        self.head.store(news.head, Ordering::Relaxed);
        Ok(news)
    }

    async fn recalled(&self, journal_id: JournalId) -> Vec<AccountId> {
        let asked = Asked::get(format!("/sync/journals/{journal_id}/recalls?wait_ms={WAIT_MS_MAX}"));
        match self.control.read::<RecallsView>(asked.later(WAIT_MS_MAX)).await {
            Ok(RecallsView { accounts }) => accounts,
            Err(error) => {
                tracing::debug!(%error, "no control node tells what other nodes would like to have");
                tokio::time::sleep(PAUSE).await;
                Vec::new()
            }
        }
    }
}

fn lost(journal_id: JournalId, error: &ControlError) -> IngestError {
    if error.is_foreign() {
        return IngestError::Foreign { journal_id };
    }
    IngestError::Unavailable(error.to_string())
}

impl LedgerPort for RemoteLedger {
    fn grant(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Grant>, GrantError>> {
        Box::pin(self.ask(ask))
    }

    fn cursor(&self, journal_id: JournalId) -> BoxFuture<'_, Result<Standing, IngestError>> {
        Box::pin(async move { Ok(self.journal(journal_id, "").await?.standing()) })
    }

    fn ingest(
        &self,
        journal_id: JournalId,
        records: Vec<Framed>,
    ) -> BoxFuture<'_, Result<Cursor, IngestError>> {
        Box::pin(self.bring(journal_id, records))
    }

    fn open_leases(
        &self,
        journal_id: JournalId,
    ) -> BoxFuture<'_, Result<Vec<(AccountId, LeaseId)>, IngestError>> {
        Box::pin(async move { Ok(self.journal(journal_id, "?leases=true").await?.leases()) })
    }

    /// Never ends: a control node that is away comes back.
    fn recalls(&self, journal_id: JournalId) -> BoxStream<'static, AccountId> {
        let pages = stream::unfold(self.clone(), move |ledger| async move {
            Some((stream::iter(ledger.recalled(journal_id).await), ledger))
        });
        pages.flatten().boxed()
    }

    fn head(&self) -> u64 {
        self.head.load(Ordering::Relaxed)
    }

    fn news(&self, after: Option<u64>) -> BoxFuture<'_, Result<News, NewsError>> {
        Box::pin(
            async move { self.hear(after).await.map_err(|error| NewsError::Unavailable(error.to_string())) },
        )
    }
}
