//! How a read model stands, for whoever asks from outside.

use domain::{Log, TimeStamp};
use eventlog::{LogReader, StoreError};
use serde::Serialize;

use super::{Checkpoint, Generation, Projection};

/// How a read model stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name.
    pub projection: &'static str,
    /// Which log it follows.
    pub log: Log,
    /// Which of its tables are in use, counted from 1.
    pub generation: i64,
    /// The last position that it has taken in.
    pub position: u64,
    /// The last one that there is.
    pub head: u64,
    /// How many events it has yet to take in.
    pub lag_events: u64,
    /// How long ago the first of them was recorded, in milliseconds.
    pub lag_ms: u64,
    /// Whether its checkpoint is an event of this log. If not, it begins anew when a node follows it next.
    pub is_of_this_log: bool,
    /// How far tables have come that are being built to take the place of these.
    pub rebuilt_to: Option<u64>,
}

/// How it stands.
pub(crate) async fn status<P: Projection>(reader: &LogReader, now: TimeStamp) -> Result<Status, StoreError> {
    let mut connection = reader.pool().acquire().await?;
    let active = Generation::active::<P>(&mut connection).await?;
    let found = Checkpoint::find::<P>(&mut connection, active).await?;
    let next = Checkpoint::find::<P>(&mut connection, active.next()).await?;
    drop(connection);
    let at = found.unwrap_or(Checkpoint::start(reader.log_id(P::LOG)));
    let (head, position) = (reader.heads().await?.of(P::LOG), at.position);
    let waiting = if position < head { reader.read(P::LOG, position, 1).await? } else { Vec::new() };
    let lag_ms = waiting.first().map_or(0, |event| now.ms_since(event.recorded_at));
    Ok(Status {
        projection: P::NAME,
        log: P::LOG,
        generation: active.number(),
        position,
        head,
        lag_events: head.saturating_sub(position),
        lag_ms,
        is_of_this_log: at.stands(reader, P::LOG).await?,
        rebuilt_to: next.map(|next| next.position),
    })
}
