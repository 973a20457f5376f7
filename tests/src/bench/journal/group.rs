//! `journal_sync = group`: each call waits until the disk has its reservation and its attempt, through a real node.

use std::sync::Arc;

use domain::{AccountId, JournalId, LeaseId, account::Settlement};
use futures_util::{
    FutureExt, StreamExt,
    future::{self, BoxFuture},
    stream::{self, BoxStream},
};
use ledger::{
    Ask, Cursor, GrantError, IngestError, JournalSync, LedgerPort, News, NewsError, Node, NodeOptions,
    Standing, journal::Framed, step::Grant,
};
use parking_lot::Mutex;
use tokio::{sync::oneshot, task::JoinSet};
use uuid::Uuid;

use super::super::{
    carried::{Clock, carried},
    sample::{Calls, JOURNAL},
    spent::{Begun, Spent},
};

/// Longer than any bench.
const USABLE_MS: u64 = 24 * 60 * 60 * 1_000;

/// A ledger that limits nobody and takes everything in at once: what is measured is this side.
#[derive(Default)]
struct Open(Mutex<Cursor>);

impl LedgerPort for Open {
    fn grant(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Grant>, GrantError>> {
        let unlimited = |account_id| Grant::Unlimited { account_id, usable_ms: USABLE_MS };
        future::ready(Ok(ask.scopes.iter().map(|scope| unlimited(scope.account_id)).collect())).boxed()
    }

    fn cursor(&self, _: JournalId) -> BoxFuture<'_, Result<Standing, IngestError>> {
        future::ready(Ok(Standing { log_id: Uuid::nil(), cursor: *self.0.lock() })).boxed()
    }

    fn ingest(&self, _: JournalId, records: Vec<Framed>) -> BoxFuture<'_, Result<Cursor, IngestError>> {
        let mut cursor = self.0.lock();
        if let Some(last) = records.last() {
            *cursor = Cursor { seq: last.seq, link: last.link };
        }
        future::ready(Ok(*cursor)).boxed()
    }

    fn open_leases(&self, _: JournalId) -> BoxFuture<'_, Result<Vec<(AccountId, LeaseId)>, IngestError>> {
        future::ready(Ok(Vec::new())).boxed()
    }

    fn recalls(&self, _: JournalId) -> BoxStream<'static, AccountId> {
        stream::pending().boxed()
    }

    fn head(&self) -> u64 {
        0
    }

    fn news(&self, after: Option<u64>) -> BoxFuture<'_, Result<News, NewsError>> {
        match after {
            None => future::ready(Ok(News::default())).boxed(),
            Some(_) => future::pending().boxed(),
        }
    }
}

/// So many calls, `tasks` of them at once.
pub(super) async fn measure(tasks: usize, calls: usize) -> Spent {
    let folder = tempfile::tempdir().expect("a folder for the journal");
    let mut options = NodeOptions::new(folder.path().to_owned(), JOURNAL, "boot".into());
    options.sync = JournalSync::Group;
    let node = Node::open(options, Arc::new(Open::default()), Arc::new(Clock::of(9))).await;
    let node = node.expect("a journal");
    let (over, stop) = oneshot::channel::<()>();
    let mut running = JoinSet::new();
    running.spawn(Arc::clone(&node).run(stop.map(drop)));
    let mut sample = Calls::new();
    let mut prepared: Vec<Vec<Settlement>> = Vec::new();
    prepared.resize_with(tasks, || (0..calls / tasks).map(|_| sample.settlement()).collect());
    let begun = Begun::now();
    let mut callers = JoinSet::new();
    for settlements in prepared {
        callers.spawn(carry(Arc::clone(&node), settlements));
    }
    while let Some(carried) = callers.join_next().await {
        carried.expect("every call is carried");
    }
    let spent = begun.done((calls / tasks * tasks * 3) as u64);
    drop(over);
    running.join_all().await;
    assert_eq!(node.open_calls(), 0, "a call did not end");
    spent
}

async fn carry(node: Arc<Node>, settlements: Vec<Settlement>) {
    for settlement in settlements {
        carried(&node, settlement).await;
    }
}
