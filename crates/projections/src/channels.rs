//! Channels as they stand. Deleted ones are gone.

use domain::{
    ChannelId,
    channel::{Channel, ChannelEvent, ChannelSpec, DisabledBy},
};
use eventlog::{Pool, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    Stored,
    model::{self, Model},
};

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRow {
    /// Names it.
    pub channel_id: ChannelId,
    /// What is set on it.
    pub spec: ChannelSpec,
    /// Why it takes no calls; `None` while it does.
    pub disabled: Option<DisabledBy>,
}

impl Model for ChannelRow {
    type Of = Channel;
    type Key = ChannelId;
    const TABLE: &'static str = "channels";

    fn key(id: &str, _: &ChannelEvent) -> Option<ChannelId> {
        id.parse().ok()
    }

    fn evolve(row: Option<Self>, &channel_id: &ChannelId, event: &ChannelEvent) -> Option<Self> {
        if let ChannelEvent::Created { spec } = event {
            return Some(Self { channel_id, spec: (**spec).clone(), disabled: None });
        }
        let mut row = row?;
        match event {
            ChannelEvent::Changed { change } => row.spec = row.spec.changed(change),
            ChannelEvent::KeysRotated { keys } => row.spec.keys.clone_from(keys),
            ChannelEvent::Enabled {} => row.disabled = None,
            ChannelEvent::Disabled { by } => row.disabled = Some(*by),
            ChannelEvent::Deleted {} => return None,
            ChannelEvent::Created { .. } => {}
        }
        Some(row)
    }
}

/// One channel.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &Pool, id: ChannelId) -> Result<Option<Stored<ChannelRow>>, StoreError> {
    model::find(pool, &id).await
}

/// Channels from after `after`, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &Pool,
    after: Option<ChannelId>,
    limit: usize,
) -> Result<Vec<Stored<ChannelRow>>, StoreError> {
    model::list(pool, after.as_ref(), limit, None).await
}
