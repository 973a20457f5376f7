//! Snapshots of aggregates: long streams are loaded without reading all of them.
//!
//! A snapshot is a fold of stored events and of nothing else. Never is a state kept that a decision has just touched:
//! a load that had to fold many events only says so, and a task beside the appender folds what is committed once more
//! and has that written. A load trusts a snapshot that was made by this very fold (its schema hash) from this very
//! history (the leaf hash of its last event), and that it can read; whatever else stands there is as good as nothing,
//! and is replaced. That its content is right, an audit shows: [`verify_snapshots`].
//!
//! To delete rows of the table `snapshots` is always safe.

mod fold;
mod maker;
mod store;
mod verify;

use std::{
    any::TypeId,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use domain::{Aggregate, Log, StoredEvent};
use parking_lot::RwLock;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use self::maker::Due;
pub(crate) use self::maker::Maker;
pub use self::verify::verify_snapshots;
use crate::{Connection, StoreError};

/// How many events a load folds before it asks for a snapshot.
pub(crate) const SNAPSHOT_EVERY: u64 = 500;
/// The most snapshots that wait to be made; one that finds no room is asked for by the next load.
const DUE_MAX: usize = 64;

/// Names the fold of one aggregate: the shape of its state, and what it is folded from.
type SchemaHash = [u8; 32];

/// One stored state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Snapshot {
    log: Log,
    stream: String,
    /// That of the last event in it.
    version: u64,
    schema_hash: Vec<u8>,
    /// That of the last event in it.
    leaf_hash: Vec<u8>,
    payload: String,
}

/// Loads aggregates by way of their snapshots. A cheap handle.
#[derive(Clone)]
pub(crate) struct Snapshots {
    every: u64,
    due: mpsc::Sender<Due>,
    /// A schema is some work to make, and never changes while a program runs.
    hashes: Arc<RwLock<HashMap<TypeId, SchemaHash>>>,
}

impl Snapshots {
    /// With what is asked of the task that makes them.
    pub(crate) fn new(every: u64) -> (Self, mpsc::Receiver<Due>) {
        let (due, asked) = mpsc::channel(DUE_MAX);
        (Self { every: every.max(1), due, hashes: Arc::default() }, asked)
    }

    /// An aggregate as its stored events make it, with the version of its stream.
    pub(crate) async fn load<A: Aggregate>(
        &self,
        connection: &mut Connection,
        stream: &str,
    ) -> Result<(A, u64), StoreError> {
        let folded = fold::fold::<A>(connection, stream, self.schema_hash::<A>()).await?;
        if folded.since >= self.every {
            // Where the task is far behind or has ended, this one is not made: the load is right without it.
            let _ = self.due.try_send(Due::of::<A>(stream));
        }
        Ok((folded.state, folded.version))
    }

    fn schema_hash<A: Aggregate>(&self) -> SchemaHash {
        let of = TypeId::of::<A>();
        if let Some(known) = self.hashes.read().get(&of) {
            return *known;
        }
        let hash = schema_hash::<A>();
        self.hashes.write().insert(of, hash);
        hash
    }
}

/// Changes with the state's shape, with the shape of any event, and with what is made of them. Words that only explain
/// are a part of it: to fold anew after one was changed costs little.
fn schema_hash<A: Aggregate>() -> SchemaHash {
    let schema = SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<A>();
    let samples = <A::Event as StoredEvent>::samples();
    let events: BTreeSet<_> = samples.iter().map(|sample| (sample.tag(), sample.schema_version())).collect();
    let mut hash = Sha256::new();
    let mut part = |text: String| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    part(A::KIND.to_owned());
    part(A::FOLD_VERSION.to_string());
    part(schema.to_value().to_string());
    for (tag, version) in events {
        part(format!("{tag}@{version}"));
    }
    hash.finalize().into()
}
