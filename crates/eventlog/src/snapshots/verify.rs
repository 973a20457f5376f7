//! The audit of snapshots: each against the events that it stands for.

use domain::Aggregate;
use serde_json::Value;

use super::{Snapshot, fold::Folded, schema_hash, store};
use crate::{LogFault, LogSnapshot, StoreError, stream_name};

/// Folds every stream of `A` that has a snapshot anew, from its first event on, and says which snapshots are false, at
/// most `faults_max` of them. What another version of this program has kept is not looked at: no load reads it.
///
/// # Errors
/// When the database fails, or an event cannot be read.
pub async fn verify_snapshots<A: Aggregate>(
    snapshot: &mut LogSnapshot,
    faults_max: usize,
) -> Result<Vec<LogFault>, StoreError> {
    let (of_kind, hash) = (stream_name(A::KIND, ""), schema_hash::<A>());
    let mut faults = Vec::new();
    for stream in store::streams(snapshot.connection(), A::LOG).await? {
        if faults.len() >= faults_max {
            break;
        }
        if !stream.starts_with(&of_kind) {
            continue;
        }
        let Some(kept) = store::find(snapshot.connection(), A::LOG, &stream).await? else { continue };
        if kept.schema_hash == hash && !holds::<A>(snapshot, &kept).await? {
            faults.push(LogFault::Snapshot { log: A::LOG, stream, version: kept.version });
        }
    }
    Ok(faults)
}

/// Whether a snapshot is what the events up to its version make.
async fn holds<A: Aggregate>(snapshot: &mut LogSnapshot, kept: &Snapshot) -> Result<bool, StoreError> {
    let log_id = snapshot.log_id(A::LOG);
    let mut folded = Folded::<A>::default();
    while folded.version < kept.version {
        let page = store::events(snapshot.connection(), A::LOG, &kept.stream, folded.version).await?;
        if page.is_empty() {
            return Ok(false);
        }
        for event in page.iter().take_while(|event| event.version <= kept.version) {
            // The audit of the log says so; what was changed is no evidence for or against anything.
            if event.expected_hash(log_id) != event.leaf_hash {
                return Ok(true);
            }
            folded.take(event)?;
        }
        if page.last().is_some_and(|event| event.version > kept.version) {
            break;
        }
    }
    let state = serde_json::to_value(&folded.state).map_err(StoreError::Encode)?;
    let same = serde_json::from_str::<Value>(&kept.payload).is_ok_and(|kept| kept == state);
    Ok(same && folded.version == kept.version && kept.leaf_hash == folded.leaf_hash)
}
