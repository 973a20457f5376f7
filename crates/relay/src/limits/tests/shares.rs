//! Several nodes that count together, over a board that loses what it is told, on clocks that are moved by hand.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
};

use domain::{ApiTokenId, CallCounts, CallLimits};
use rand::{Rng, SeedableRng, rngs::StdRng};
use uuid::Uuid;

use super::super::{
    board::{BoardError, Exchanged, Said},
    book::Book,
    exchange::{AWAY_MS, Telling},
    limited::Metered,
    shared::Footing,
    subject::Subject,
};

const LIMIT: u64 = 100;
const MINUTE_MS: u64 = 60_000;
/// The most that a call takes.
const TOKENS_MAX: u64 = 20;

const fn subject() -> Subject {
    Subject::Token(ApiTokenId(Uuid::from_u128(1)))
}

fn requests(limit: u64) -> CallLimits {
    let limit = NonZeroU32::new(u32::try_from(limit).unwrap());
    CallLimits { requests_per_minute: limit, ..CallLimits::NONE }
}

fn tokens(limit: u64) -> CallLimits {
    let limit = NonZeroU32::new(u32::try_from(limit).unwrap());
    CallLimits { tokens_per_minute: limit, ..CallLimits::NONE }
}

fn at_once(limit: u64) -> CallLimits {
    let limit = NonZeroU32::new(u32::try_from(limit).unwrap());
    CallLimits { concurrent_calls: limit, ..CallLimits::NONE }
}

/// What a server does that keeps what nodes tell one another.
#[derive(Default)]
struct Server {
    epoch: u64,
    there: BTreeMap<usize, u64>,
    told: HashMap<String, BTreeMap<usize, (u64, CallCounts)>>,
}

impl Server {
    fn exchange(&mut self, node: usize, said: Vec<Said>, now_ms: u64) -> Exchanged {
        self.there.insert(node, now_ms);
        let others = said.into_iter().map(|Said { subject, counts }| {
            let told = self.told.entry(subject).or_default();
            told.insert(node, (now_ms, counts));
            let others = told.iter().filter(|(other, _)| **other != node);
            others.fold(CallCounts::default(), |sum, (_, (told_ms, counts))| {
                sum.plus(&counts.aged(now_ms - told_ms))
            })
        });
        let others = others.collect();
        Exchanged { nodes: self.there.len() as u64, epoch: self.epoch.to_string(), others }
    }

    fn wipe(&mut self) {
        *self = Self { epoch: self.epoch + 1, ..Self::default() };
    }
}

/// A node, whose clock began at some other time.
struct Node {
    book: Book,
    began_ms: u64,
    heard_ms: u64,
    /// What it waits for, and since when.
    asked: Option<(Telling, Option<Exchanged>)>,
}

struct World {
    chance: StdRng,
    server: Server,
    nodes: Vec<Node>,
    now_ms: u64,
    limits: CallLimits,
    /// When, and how much of what is limited.
    admitted: Vec<(u64, u64)>,
    /// Where, and when by that node's clock.
    open: Vec<(usize, u64)>,
    open_most: u64,
}

impl World {
    fn new(seed: u64, nodes: usize) -> Self {
        Self::limited(seed, nodes, requests(LIMIT))
    }

    fn limited(seed: u64, nodes: usize, limits: CallLimits) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let node = |_| {
            let mut book = Book::default();
            book.share();
            Node { book, began_ms: chance.random_range(0..1_000_000), heard_ms: 0, asked: None }
        };
        let nodes = (0..nodes).map(node).collect();
        let (server, now_ms) = (Server::default(), 1_000_000);
        let (admitted, open) = (Vec::new(), Vec::new());
        let mut world = Self { chance, server, nodes, now_ms, limits, admitted, open, open_most: 0 };
        // All know how many they are.
        for _ in 0..2 {
            world.now_ms += 1_000;
            for node in 0..world.nodes.len() {
                world.exchange(node);
            }
        }
        world
    }

    fn local_ms(&self, node: usize) -> u64 {
        self.now_ms + self.nodes[node].began_ms
    }

    fn call(&mut self, node: usize) -> bool {
        let now_ms = self.local_ms(node);
        let (is_by_tokens, stays_open) =
            (self.limits.tokens_per_minute.is_some(), self.limits.concurrent_calls.is_some());
        let tokens = if is_by_tokens { self.chance.random_range(1..=TOKENS_MAX) } else { 0 };
        let book = &mut self.nodes[node].book;
        if book.admit(&[(subject(), self.limits)], tokens, now_ms).is_err() {
            return false;
        }
        if stays_open {
            self.open.push((node, now_ms));
            self.open_most = self.open_most.max(self.open.len() as u64);
            return true;
        }
        let used = self.chance.random_range(0..=tokens);
        book.end(&[subject()], tokens, used, now_ms, now_ms);
        self.admitted.push((self.now_ms, if is_by_tokens { used } else { 1 }));
        true
    }

    fn end_some(&mut self) {
        for _ in 0..self.chance.random_range(0..=self.open.len()) {
            let (node, begun_ms) = self.open.swap_remove(self.chance.random_range(0..self.open.len()));
            let now_ms = self.local_ms(node);
            self.nodes[node].book.end(&[subject()], 0, 0, begun_ms, now_ms);
        }
    }

    /// A whole exchange, where there is anything to tell.
    fn exchange(&mut self, node: usize) {
        self.ask(node, true);
        self.answer(node, true);
    }

    fn ask(&mut self, node: usize, arrives: bool) {
        let now_ms = self.local_ms(node);
        if self.nodes[node].asked.is_some() {
            return;
        }
        let Some(told) = self.nodes[node].book.due(now_ms) else { return };
        let answer = arrives.then(|| self.server.exchange(node, told.said(), self.now_ms));
        self.nodes[node].asked = Some((told, answer));
    }

    fn answer(&mut self, node: usize, arrives: bool) {
        let (now_ms, at) = (self.local_ms(node), self.now_ms);
        let node = &mut self.nodes[node];
        let Some((told, answer)) = node.asked.take() else { return };
        let answer = answer.filter(|_| arrives).ok_or(BoardError("lost".into()));
        if node.book.hear(told, answer, now_ms).is_ok() {
            node.heard_ms = at;
        }
    }

    /// Something happens: calls come in, something is told, something is heard or lost.
    fn step(&mut self, heard_within_ms: u64) {
        self.now_ms += self.chance.random_range(0..300);
        let is_late = |node: &usize| self.now_ms - self.nodes[*node].heard_ms > heard_within_ms;
        let late: Vec<_> = (0..self.nodes.len()).filter(is_late).collect();
        if !late.is_empty() {
            for node in &late {
                self.answer(*node, false);
            }
            self.now_ms += 600;
            for node in late {
                self.exchange(node);
            }
        }
        let node = self.chance.random_range(0..self.nodes.len());
        let arrives = self.chance.random_bool(0.8);
        match self.chance.random_range(0..10) {
            0..4 => {
                for _ in 0..self.chance.random_range(0..60) {
                    self.call(node);
                }
            }
            4 => self.end_some(),
            5..8 => self.ask(node, arrives),
            _ => self.answer(node, arrives),
        }
    }

    /// The most that any minute held.
    fn most(&self) -> u64 {
        let (mut most, mut sum, mut past) = (0, 0, self.admitted.iter().peekable());
        for (at, amount) in &self.admitted {
            sum += amount;
            while let Some((_, gone)) = past.next_if(|(from, _)| from + MINUTE_MS <= *at) {
                sum -= gone;
            }
            most = most.max(sum);
        }
        most
    }
}

#[test]
fn whatever_is_lost_on_the_way_no_minute_holds_more_than_the_limit_and_a_share_of_each_node() {
    let mut most = 0;
    for seed in 0..24 {
        let nodes = 2 + seed % 4;
        let mut world = World::new(seed, usize::try_from(nodes).unwrap());
        for _ in 0..1_500 {
            world.step(AWAY_MS - 1_500);
        }
        let bound = LIMIT + nodes * Footing::Near { nodes }.share(LIMIT);
        assert!(world.most() <= bound, "seed {seed}: {} with {nodes} nodes", world.most());
        most = most.max(world.most());
    }
    assert!(most > LIMIT, "nothing was ever in the way: the test shows nothing");
}

#[test]
fn tokens_and_calls_at_once_are_bounded_in_the_same_way() {
    let mut most = (0, 0);
    for seed in 0..24 {
        let nodes = 2 + seed % 4;
        let share = Footing::Near { nodes }.share(LIMIT);
        let work = |limits| {
            let mut world = World::limited(seed, usize::try_from(nodes).unwrap(), limits);
            for _ in 0..1_500 {
                world.step(AWAY_MS - 1_500);
            }
            world
        };
        let tokens = work(tokens(LIMIT)).most();
        // The last call that a share admits may go beyond it.
        assert!(tokens <= LIMIT + nodes * (share + TOKENS_MAX), "seed {seed}: {tokens} with {nodes} nodes");
        let open = work(at_once(LIMIT)).open_most;
        assert!(open <= LIMIT + nodes * share, "seed {seed}: {open} with {nodes} nodes");
        most = (most.0.max(tokens), most.1.max(open));
    }
    assert!(most.0 > LIMIT && most.1 > LIMIT, "nothing was ever in the way: {most:?}");
}

/// Lets nodes work for some minutes while the board forgets everything from time to time; the most that a minute held.
fn worked(seed: u64, nodes: u64, heard_within_ms: u64, forgets: bool) -> u64 {
    let mut world = World::new(seed, usize::try_from(nodes).unwrap());
    for step in 0..1_500 {
        world.step(heard_within_ms);
        if forgets && step % 400 == 399 {
            world.server.wipe();
        }
    }
    world.most()
}

#[test]
fn nodes_that_are_cut_off_and_a_board_that_forgets_never_let_more_through_than_twice_and_the_shares() {
    for seed in 0..12 {
        let nodes = 2 + seed % 4;
        let bound = 2 * LIMIT + nodes * Footing::Near { nodes }.share(LIMIT);
        let cut_off = worked(seed, nodes, u64::MAX, false);
        assert!(cut_off <= bound, "seed {seed}: {cut_off} with {nodes} nodes");
        let forgotten = worked(seed, nodes, AWAY_MS - 1_500, true);
        assert!(forgotten <= bound, "seed {seed}: {forgotten} with {nodes} nodes");
    }
}

#[test]
fn all_of_a_limit_can_be_used_wherever_the_calls_come_in() {
    for nodes in [1, 2, 5] {
        let mut world = World::new(0, nodes);
        for turn in 0..400 {
            world.now_ms += 50;
            world.call(turn % nodes);
            (0..nodes).for_each(|node| world.exchange(node));
        }
        // Each lacks only what the others did since its own last call.
        let admitted = world.admitted.len();
        assert!((100..=99 + nodes).contains(&admitted), "{nodes} nodes: {admitted}");
    }
}

#[test]
fn calls_that_all_come_to_one_node_may_use_all_of_a_limit() {
    let mut world = World::new(0, 5);
    for _ in 0..200 {
        world.now_ms += 60;
        world.call(0);
        world.exchange(0);
    }
    assert_eq!(world.admitted.len() as u64, LIMIT);
}

#[test]
fn when_nobody_is_heard_each_node_keeps_to_its_part_and_all_of_it_is_there_again_once_they_are() {
    let mut world = World::new(0, 4);
    world.now_ms += AWAY_MS + 1;
    for node in (0..4).cycle().take(400) {
        world.call(node);
    }
    assert_eq!(world.admitted.len(), 100, "four times a quarter");
    let now_ms = world.local_ms(0);
    let refused = world.nodes[0].book.admit(&[(subject(), requests(LIMIT))], 0, now_ms);
    let refused = refused.unwrap_err();
    assert_eq!((refused.metered, refused.limit), (Metered::Requests, LIMIT));
    world.now_ms += 70_000;
    for _ in 0..2 {
        world.now_ms += 1_000;
        (0..4).for_each(|node| world.exchange(node));
    }
    let before = world.admitted.len();
    for _ in 0..200 {
        world.now_ms += 60;
        world.call(2);
        world.exchange(2);
    }
    assert_eq!(world.admitted.len() - before, 100);
}

#[test]
fn calls_at_once_are_counted_on_all_nodes_and_those_of_a_dead_node_only_for_a_while() {
    let mut world = World::new(0, 2);
    let limited = [(subject(), at_once(8))];
    let admits = |world: &mut World, node: usize| {
        let now_ms = world.local_ms(node);
        let is_admitted = world.nodes[node].book.admit(&limited, 0, now_ms).is_ok();
        world.now_ms += 300;
        (0..world.nodes.len()).for_each(|node| world.exchange(node));
        is_admitted
    };
    let open = (0..20).filter(|call| admits(&mut world, call % 2)).count();
    assert!((8..=9).contains(&open), "{open}");
    // They stay open, and both say so again.
    for _ in 0..40 {
        world.now_ms += 1_000;
        (0..2).for_each(|node| world.exchange(node));
    }
    assert!(!admits(&mut world, 0));
    // The first one is not heard of any more.
    assert!(!admits(&mut world, 1));
    for _ in 0..20 {
        world.now_ms += 1_000;
        world.exchange(1);
    }
    let now_ms = world.local_ms(1);
    assert!(world.nodes[1].book.admit(&limited, 0, now_ms).is_ok());
}
