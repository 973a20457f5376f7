//! The order in which a call tries its channels.

use std::sync::Arc;

use super::{ReadyKey, Route, Tiers};

/// A channel and the key to use there.
#[derive(Clone, Debug)]
pub struct Choice {
    pub(crate) route: Arc<Route>,
    at: usize,
    key: usize,
}

impl Choice {
    pub(crate) fn key(&self) -> &ReadyKey {
        &self.route.keys[self.key]
    }
}

/// What failed: a key's fault leaves the channel's other keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Only the key.
    Key,
    /// The channel, whatever the key.
    Channel,
}

/// Yields the channels of one call: the highest tier that is left, by weight within it.
#[derive(Debug)]
pub struct Picker {
    /// Sorted by falling priority.
    routes: Tiers,
    failed: Vec<(usize, Option<usize>)>,
}

impl Picker {
    pub(super) fn new(routes: Tiers) -> Self {
        Self { routes, failed: Vec::new() }
    }

    /// The next to try, until all have failed. `chance(n)` answers with a number below `n`.
    pub fn next(&mut self, chance: &mut dyn FnMut(u64) -> u64) -> Option<Choice> {
        let tier = self.routes.iter().enumerate().find(|(at, _)| self.is_left(*at))?.1.priority;
        let left = || {
            let routes = self.routes.iter().enumerate();
            routes.filter(|(at, route)| route.priority == tier && self.is_left(*at))
        };
        let total: u64 = left().map(|(_, route)| u64::from(route.weight)).sum();
        // Weight 0 takes no calls while another has more; among themselves such channels share alike.
        let share = |route: &Route| if total == 0 { 1 } else { u64::from(route.weight) };
        let mut point = chance(left().map(|(_, route)| share(route)).sum());
        let (at, route) = left().find(|(_, route)| {
            let hit = point < share(route);
            point = point.saturating_sub(share(route));
            hit
        })?;
        let keys = (0..route.keys.len()).filter(|key| !self.failed.contains(&(at, Some(*key))));
        let keys_left = u64::try_from(keys.clone().count()).ok()?;
        let turn = usize::try_from(chance(keys_left)).ok()?;
        let key = { keys }.nth(turn)?;
        Some(Choice { route: Arc::clone(route), at, key })
    }

    /// Leaves out what failed.
    pub fn exclude(&mut self, choice: &Choice, failed: Failed) {
        self.failed.push(match failed {
            Failed::Key => (choice.at, Some(choice.key)),
            Failed::Channel => (choice.at, None),
        });
    }

    fn is_left(&self, at: usize) -> bool {
        let keys = self.routes[at].keys.len();
        let gone = self.failed.iter().filter(|(failed, _)| *failed == at);
        !self.failed.contains(&(at, None)) && gone.count() < keys
    }
}
