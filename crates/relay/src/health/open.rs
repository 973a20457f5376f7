//! The circuits that are not closed, for those who watch.

use domain::{ChannelId, ChannelKeyId, ModelName};

pub use super::circuit::Why;
use super::{Health, circuit::Standing, memory::Memory};

/// A circuit that lets no call through, or only a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCircuit {
    /// Of which channel.
    pub channel_id: ChannelId,
    /// Of which of its keys.
    pub key_id: ChannelKeyId,
    /// For which model; nothing where it is the key's own.
    pub model: Option<ModelName>,
    /// Why.
    pub why: Why,
    /// How long it rests yet, in milliseconds; nothing while a probe is under way, 0 while one may be made.
    pub rests_ms: Option<u64>,
}

impl Health {
    /// Every circuit that is not closed, by channel, key and model.
    pub(crate) fn open_circuits(&self) -> Vec<OpenCircuit> {
        if self.is_all_well() {
            return Vec::new();
        }
        let now_ms = self.clock.boot_ms();
        let mut open = open_in(&self.memory.lock(), now_ms);
        open.sort_by(|a, b| {
            let name = |it: &OpenCircuit| (it.channel_id, it.key_id, it.model.clone());
            name(a).cmp(&name(b))
        });
        open
    }
}

fn open_in(memory: &Memory, now_ms: u64) -> Vec<OpenCircuit> {
    let mut open = Vec::new();
    memory.each(|channel_id, key_id, model, circuit| {
        open.extend(circuit.standing().map(|Standing { until_ms, why }| OpenCircuit {
            channel_id,
            key_id,
            model: model.cloned(),
            why,
            rests_ms: until_ms.map(|until_ms| until_ms.saturating_sub(now_ms)),
        }));
    });
    open
}
