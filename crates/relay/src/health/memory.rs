//! Every circuit that is not as good as new.

use std::collections::HashMap;

use domain::{ChannelId, ChannelKeyId, ModelName};

use super::{
    Outcome,
    circuit::{Circuit, Fault, Pass, Rest},
};
use crate::{Choice, Route};

/// The most circuits that are remembered. Beyond them a failure is only its own call's.
pub(super) const CIRCUITS_MAX: usize = 65_536;
/// A channel's owner is told again after this, as long as the channel is not what it should be.
pub(super) const TELL_AGAIN_MS: u64 = 30_000;

/// What an attempt is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) channel_id: ChannelId,
    pub(super) key_id: ChannelKeyId,
    pub(super) model: &'a ModelName,
    route: &'a Route,
}

impl<'a> Target<'a> {
    pub(super) fn of(choice: &'a Choice, model: &'a ModelName) -> Self {
        let route = &*choice.route;
        Self { channel_id: route.channel_id, key_id: choice.key().key_id, model, route }
    }
}

/// How an attempt came through both of its circuits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passes {
    pub(super) key: Pass,
    pub(super) model: Pass,
}

/// What the channel's record should say from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Its provider refuses every key.
    AllRefused,
    /// Its provider takes a key again.
    Taken,
}

#[derive(Default)]
pub(super) struct Memory {
    channels: HashMap<ChannelId, Channel>,
    circuits: usize,
}

#[derive(Default)]
struct Channel {
    keys: HashMap<ChannelKeyId, Key>,
    was_disabled: bool,
    told: Option<(News, u64)>,
}

struct Key {
    circuit: Circuit,
    models: HashMap<ModelName, Circuit>,
}

impl Memory {
    pub(super) fn channels(&self) -> usize {
        self.channels.len()
    }

    #[cfg(test)]
    pub(super) const fn circuits(&self) -> usize {
        self.circuits
    }

    /// Shows every circuit: those of keys, and of the models that are asked through them.
    pub(super) fn each(&self, mut show: impl FnMut(ChannelId, ChannelKeyId, Option<&ModelName>, &Circuit)) {
        for (channel_id, channel) in &self.channels {
            for (key_id, key) in &channel.keys {
                show(*channel_id, *key_id, None, &key.circuit);
                for (model, circuit) in &key.models {
                    show(*channel_id, *key_id, Some(model), circuit);
                }
            }
        }
    }

    /// Lets an attempt through both of its circuits, or says how long one of them rests.
    pub(super) fn admit(&mut self, target: &Target<'_>, now_ms: u64) -> Result<Passes, Rest> {
        self.heed_the_record(target, now_ms);
        let Some(key) = self.find(target) else { return Ok(Passes::default()) };
        let through_key = key.circuit.admit(now_ms)?;
        let through_model = key.models.get_mut(target.model).map_or(Ok(Pass::Freely), |it| it.admit(now_ms));
        match through_model {
            Ok(model) => Ok(Passes { key: through_key, model }),
            Err(rest) => {
                key.circuit.give_back(through_key, now_ms);
                Err(rest)
            }
        }
    }

    /// Takes in how an attempt went, and says what that means for the channel's record.
    pub(super) fn learn(
        &mut self,
        target: &Target<'_>,
        passes: Passes,
        outcome: Outcome,
        now_ms: u64,
    ) -> Option<News> {
        match outcome {
            Outcome::Neutral => self.give_back(target, passes, now_ms),
            Outcome::Succeeded => self.succeeded(target, passes, now_ms),
            Outcome::Failed(fault) => self.failed(target, passes, fault, now_ms),
        }
        let news = match outcome {
            Outcome::Succeeded if target.route.is_disabled() => News::Taken,
            Outcome::Failed(fault) if fault.is_of_key() && self.is_all_refused(target) => News::AllRefused,
            _ => return None,
        };
        self.is_new(news, target.channel_id, now_ms).then_some(news)
    }

    fn find(&mut self, target: &Target<'_>) -> Option<&mut Key> {
        self.channels.get_mut(&target.channel_id)?.keys.get_mut(&target.key_id)
    }

    /// A channel whose record says that it is refused begins with a probe; one that someone has enabled is asked
    /// with every key again.
    fn heed_the_record(&mut self, target: &Target<'_>, now_ms: u64) {
        let is_disabled = target.route.is_disabled();
        if is_disabled && self.find(target).is_none() {
            self.remember(target, Circuit::rested(now_ms), now_ms);
        }
        let Some(channel) = self.channels.get_mut(&target.channel_id) else { return };
        if std::mem::replace(&mut channel.was_disabled, is_disabled) && !is_disabled {
            channel.told = None;
            for key in channel.keys.values_mut() {
                key.circuit = Circuit::closed();
            }
            self.forget(target.channel_id, now_ms);
        }
    }

    fn give_back(&mut self, target: &Target<'_>, passes: Passes, now_ms: u64) {
        let Some(key) = self.find(target) else { return };
        key.circuit.give_back(passes.key, now_ms);
        if let Some(circuit) = key.models.get_mut(target.model) {
            circuit.give_back(passes.model, now_ms);
        }
    }

    fn succeeded(&mut self, target: &Target<'_>, passes: Passes, now_ms: u64) {
        let Some(key) = self.find(target) else { return };
        key.circuit.succeeded(passes.key, now_ms);
        if let Some(circuit) = key.models.get_mut(target.model) {
            circuit.succeeded(passes.model, now_ms);
        }
        self.forget(target.channel_id, now_ms);
    }

    fn failed(&mut self, target: &Target<'_>, passes: Passes, fault: Fault, now_ms: u64) {
        if !self.remember(target, Circuit::closed(), now_ms) {
            return;
        }
        let Some(key) = self.find(target) else { return };
        let model = key.models.get_mut(target.model);
        if fault.is_of_key() {
            key.circuit.failed(passes.key, fault, now_ms);
            if let Some(circuit) = model {
                circuit.give_back(passes.model, now_ms);
            }
        } else {
            // Whatever else it says, it took the key.
            key.circuit.succeeded(passes.key, now_ms);
            if let Some(circuit) = model {
                circuit.failed(passes.model, fault, now_ms);
            }
        }
    }

    /// Whether no key of the channel is taken.
    fn is_all_refused(&self, target: &Target<'_>) -> bool {
        let Some(channel) = self.channels.get(&target.channel_id) else { return false };
        let refused = |key_id| channel.keys.get(&key_id).is_some_and(|key| !key.circuit.is_closed());
        target.route.keys.iter().all(|key| refused(key.key_id)) && !target.route.is_disabled()
    }

    fn is_new(&mut self, news: News, channel_id: ChannelId, now_ms: u64) -> bool {
        let Some(channel) = self.channels.get_mut(&channel_id) else { return true };
        let is_fresh = |at_ms: u64| now_ms < at_ms.saturating_add(TELL_AGAIN_MS);
        if channel.told.is_some_and(|(told, at_ms)| told == news && is_fresh(at_ms)) {
            return false;
        }
        channel.told = Some((news, now_ms));
        true
    }

    /// Makes room for the target's circuits; false where there is none.
    fn remember(&mut self, target: &Target<'_>, of_key: Circuit, now_ms: u64) -> bool {
        let is_known = self.find(target).is_some_and(|key| key.models.contains_key(target.model));
        if is_known {
            return true;
        }
        let is_new_channel = !self.channels.contains_key(&target.channel_id);
        if is_new_channel || self.circuits + 2 > CIRCUITS_MAX {
            self.sweep(now_ms);
        }
        if self.circuits + 2 > CIRCUITS_MAX {
            tracing::warn!(CIRCUITS_MAX, "so many circuits are open that another is not remembered");
            return false;
        }
        let channel = self.channels.entry(target.channel_id).or_default();
        let before = channel.circuits();
        let key = channel.keys.entry(target.key_id);
        let key = key.or_insert_with(|| Key { circuit: of_key, models: HashMap::new() });
        key.models.entry(target.model.clone()).or_insert_with(Circuit::closed);
        self.circuits += channel.circuits() - before;
        true
    }

    /// Forgets what has become as good as new.
    fn forget(&mut self, channel_id: ChannelId, now_ms: u64) {
        let Some(channel) = self.channels.get_mut(&channel_id) else { return };
        let before = channel.circuits();
        channel.sweep(now_ms);
        self.circuits -= before - channel.circuits();
        if channel.keys.is_empty() && !channel.was_disabled {
            self.channels.remove(&channel_id);
        }
    }

    fn sweep(&mut self, now_ms: u64) {
        for channel in self.channels.values_mut() {
            channel.sweep(now_ms);
        }
        self.channels.retain(|_, channel| !channel.keys.is_empty());
        self.circuits = self.channels.values().map(Channel::circuits).sum();
    }
}

impl Channel {
    fn circuits(&self) -> usize {
        self.keys.values().map(|key| 1 + key.models.len()).sum()
    }

    fn sweep(&mut self, now_ms: u64) {
        for key in self.keys.values_mut() {
            key.models.retain(|_, circuit| !circuit.says_nothing(now_ms));
        }
        self.keys.retain(|_, key| !key.models.is_empty() || !key.circuit.says_nothing(now_ms));
    }
}
