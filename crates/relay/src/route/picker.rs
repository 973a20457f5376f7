//! The order in which a call tries its channels.

use std::{
    cmp::Reverse,
    sync::{Arc, atomic::Ordering},
};

use domain::settings::Strategy;
use http::Uri;

use super::{Candidates, ReadyKey, Route};
use crate::Format;

/// A channel and the key to use there.
#[derive(Clone, Debug)]
pub struct Choice {
    pub(crate) route: Arc<Route>,
    pub(crate) url: Uri,
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

/// Yields the channels of one call: the highest tier that is left, and within it as the strategy says.
#[derive(Debug)]
pub struct Picker {
    candidates: Arc<Candidates>,
    format: Format,
    strategy: Strategy,
    failed: Vec<(usize, Option<usize>)>,
}

impl Picker {
    pub(super) const fn new(candidates: Arc<Candidates>, format: Format, strategy: Strategy) -> Self {
        Self { candidates, format, strategy, failed: Vec::new() }
    }

    /// The next to try, until all have failed. `chance(n)` answers with a number below `n`.
    pub fn next(&mut self, chance: &mut dyn FnMut(u64) -> u64) -> Option<Choice> {
        let shares = self.shares()?;
        let at = match self.strategy {
            Strategy::WeightedRandom => by_chance(&shares, chance)?,
            Strategy::RoundRobin => self.candidates.in_turn(&shares)?,
        };
        let route = &self.candidates.routes[at];
        let keys = (0..route.keys.len()).filter(|key| !self.failed.contains(&(at, Some(*key))));
        let keys_left = u64::try_from(keys.clone().count()).ok()?;
        let turn = match self.strategy {
            Strategy::WeightedRandom => chance(keys_left),
            Strategy::RoundRobin => route.key_turns.fetch_add(1, Ordering::Relaxed) % keys_left,
        };
        let key = { keys }.nth(usize::try_from(turn).ok()?)?;
        let url = route.url(self.format)?.clone();
        Some(Choice { route: Arc::clone(route), url, at, key })
    }

    /// Leaves out what failed.
    pub fn exclude(&mut self, choice: &Choice, failed: Failed) {
        self.failed.push(match failed {
            Failed::Key => (choice.at, Some(choice.key)),
            Failed::Channel => (choice.at, None),
        });
    }

    /// The channels of the highest tier that is left, each with its share of the calls.
    fn shares(&self) -> Option<Vec<(usize, u64)>> {
        let routes = &self.candidates.routes;
        let tier = (0..routes.len()).find(|at| self.is_left(*at)).map(|at| routes[at].priority)?;
        let of_tier = (0..routes.len()).filter(|at| routes[*at].priority == tier && self.is_left(*at));
        let mut shares: Vec<_> = of_tier.map(|at| (at, u64::from(routes[at].weight))).collect();
        // Weight 0 takes no calls while another has more; among themselves such channels share alike.
        if shares.iter().all(|(_, weight)| *weight == 0) {
            for (_, weight) in &mut shares {
                *weight = 1;
            }
        }
        Some(shares)
    }

    fn is_left(&self, at: usize) -> bool {
        let route = &self.candidates.routes[at];
        let gone = self.failed.iter().filter(|(failed, _)| *failed == at);
        let has_a_key = !self.failed.contains(&(at, None)) && gone.count() < route.keys.len();
        has_a_key && route.url(self.format).is_some()
    }
}

fn by_chance(shares: &[(usize, u64)], chance: &mut dyn FnMut(u64) -> u64) -> Option<usize> {
    let mut point = chance(shares.iter().map(|(_, share)| share).sum());
    let hit = shares.iter().find(|(_, share)| {
        let is_hit = point < *share;
        point = point.saturating_sub(*share);
        is_hit
    });
    hit.map(|(at, _)| *at)
}

impl Candidates {
    /// The smooth weighted turn: each channel's claim grows by its share, and the largest claim is served and pays
    /// for all. So none waits for another to use its whole share up.
    fn in_turn(&self, shares: &[(usize, u64)]) -> Option<usize> {
        let mut claims = self.claims.lock();
        let mut total = 0;
        for (at, share) in shares {
            let share = i64::try_from(*share).unwrap_or(i64::MAX);
            claims[*at] += share;
            total += share;
        }
        let (at, _) = shares.iter().max_by_key(|(at, _)| (claims[*at], Reverse(*at)))?;
        claims[*at] -= total;
        Some(*at)
    }
}
