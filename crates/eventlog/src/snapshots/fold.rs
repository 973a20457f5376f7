//! A state made from events, begun where a snapshot left off.

use domain::Aggregate;

use super::{SchemaHash, Snapshot, store};
use crate::{Connection, Recorded, StoreError, decode};

/// A state, with where its stream stood.
#[derive(Clone, Debug, Default)]
pub(super) struct Folded<A> {
    pub(super) state: A,
    pub(super) version: u64,
    /// That of the last event.
    pub(super) leaf_hash: [u8; 32],
    /// How many events were folded onto a snapshot.
    pub(super) since: u64,
}

impl<A: Aggregate> Folded<A> {
    pub(super) fn take(&mut self, event: &Recorded) -> Result<(), StoreError> {
        self.state.evolve(&decode(event)?);
        self.version = event.version;
        self.leaf_hash = event.leaf_hash;
        self.since += 1;
        Ok(())
    }

    /// What to go on from; `None` where a snapshot is of another fold, or is none.
    fn from(snapshot: &Snapshot, schema_hash: SchemaHash) -> Option<Self> {
        if snapshot.schema_hash != schema_hash {
            return None;
        }
        let leaf_hash = snapshot.leaf_hash.as_slice().try_into().ok()?;
        match serde_json::from_str(&snapshot.payload) {
            Ok(state) => Some(Self { state, version: snapshot.version, leaf_hash, since: 0 }),
            Err(error) => {
                tracing::warn!(%error, stream = %snapshot.stream, "a snapshot cannot be read; folding anew");
                None
            }
        }
    }
}

pub(super) async fn fold<A: Aggregate>(
    connection: &mut Connection,
    stream: &str,
    schema_hash: SchemaHash,
) -> Result<Folded<A>, StoreError> {
    let snapshot = store::standing(connection, A::LOG, stream).await?;
    let mut folded = snapshot.and_then(|snapshot| Folded::from(&snapshot, schema_hash)).unwrap_or_default();
    loop {
        let page = store::events(connection, A::LOG, stream, folded.version).await?;
        for event in &page {
            folded.take(event)?;
        }
        if page.len() < store::FOLD_PAGE {
            return Ok(folded);
        }
    }
}
