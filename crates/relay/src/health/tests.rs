//! What rests, for how long, and who is told.

mod circuits;
mod keys;
mod random;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::{
    ChannelId, ChannelKeyId, GroupName, ModelName, TimeStamp, channel::ChannelSpec, settings::Strategy,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{Health, Permit, Resting};
use crate::{ChannelKeeper, Choice, Clock, Failed, Format, Providers, Route, RouteKey, RouteTable};

#[derive(Default)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> TimeStamp {
        TimeStamp::default()
    }

    fn boot_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Default)]
struct Notes(Mutex<Vec<&'static str>>);

impl ChannelKeeper for Notes {
    fn disable(&self, _: ChannelId) {
        self.0.lock().push("disable");
    }

    fn enable(&self, _: ChannelId) {
        self.0.lock().push("enable");
    }
}

/// A health whose clock is moved by hand.
struct Rig {
    health: Arc<Health>,
    clock: Arc<Hands>,
    notes: Arc<Notes>,
}

impl Rig {
    fn new() -> Self {
        let (clock, notes) = (Arc::new(Hands(AtomicU64::new(1_000_000))), Arc::new(Notes::default()));
        Self { health: Health::new(clock.clone(), notes.clone()), clock, notes }
    }

    fn pass(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    fn admit(&self, choice: &Choice) -> Result<Permit, Resting> {
        self.health.admit(choice, &model("m"))
    }

    fn told(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.notes.0.lock())
    }
}

fn model(name: &str) -> ModelName {
    ModelName::new(name).unwrap()
}

fn route(channel: u128, keys: u128) -> Route {
    let spec = ChannelSpec {
        name: "channel".into(),
        provider: "openai".into(),
        base_url: None,
        keys: Vec::new(),
        models: [model("m")].into(),
        model_map: BTreeMap::new(),
        groups: [GroupName::default_group()].into(),
        priority: 0,
        weight: 1,
        limits: None,
    };
    let keys = (0..keys).map(|n| RouteKey { key_id: ChannelKeyId(Uuid::from_u128(n)), secret: "sk".into() });
    let provider = Providers::builtin().unwrap().find("openai").unwrap();
    Route::new(ChannelId(Uuid::from_u128(channel)), provider, &spec, keys.collect()).unwrap()
}

/// A choice of each key of a channel.
fn choices(route: Route) -> Vec<Choice> {
    let table = RouteTable::new(vec![route]);
    let (group, strategy) = (GroupName::default_group(), Strategy::WeightedRandom);
    let mut picker = table.candidates(&group, &model("m"), Format::OpenaiChat, strategy);
    let mut choices = Vec::new();
    while let Some(choice) = picker.next(&mut |_| 0) {
        picker.exclude(&choice, Failed::Key);
        choices.push(choice);
    }
    choices
}
