//! Breadth first through every state that can be reached.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    invariants::broken,
    node::{self, Next},
    state::{LeaseState, Record, Scope, State, Upstream},
};

/// What an exploration found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The invariant that was broken first, and the shortest way there.
    pub(crate) violation: Option<(String, Vec<String>)>,
    pub(crate) states: usize,
    pub(crate) overspent_max: i16,
    pub(crate) cut_off: bool,
}

pub(crate) fn explore(scope: &Scope, states_max: usize) -> Found {
    let first = State::first(scope);
    let mut found = Found { violation: None, states: 0, overspent_max: 0, cut_off: false };
    let mut seen = HashSet::from([mark(&first)]);
    // For each state's number how it was reached.
    let mut ways: Vec<(usize, String)> = vec![(0, String::new())];
    let mut queue = VecDeque::from([(first, 0_usize)]);
    while let Some((state, number)) = queue.pop_front() {
        found.overspent_max = found.overspent_max.max(-state.ledger.available(&scope.credit));
        if let Some(invariant) = broken(scope, &state) {
            found.violation = Some((invariant, way_to(&ways, number)));
            return found;
        }
        for (following, by) in following(scope, &state) {
            if !seen.insert(mark(&following)) {
                continue;
            }
            if ways.len() >= states_max {
                found.cut_off = true;
                return found;
            }
            queue.push_back((following, ways.len()));
            ways.push((number, by));
        }
    }
    found.states = ways.len();
    found
}

/// What a state is remembered by, for states themselves would fill the memory: that two of tens of millions share 128
/// bits is less likely than that the machine errs.
fn mark(state: &State) -> (u64, u64) {
    let half = |which: u8| {
        let mut hasher = DefaultHasher::new();
        which.hash(&mut hasher);
        state.hash(&mut hasher);
        hasher.finish()
    };
    (half(0), half(1))
}

fn way_to(ways: &[(usize, String)], mut number: usize) -> Vec<String> {
    let mut path = Vec::new();
    while number > 0 {
        let (before, by) = &ways[number];
        path.push(by.clone());
        number = *before;
    }
    path.reverse();
    path
}

fn following(scope: &Scope, state: &State) -> Next {
    let mut next = Next::new();
    for k in 0..state.nodes.len() {
        node::moves(scope, state, k, &mut next);
    }
    provider(scope, state, &mut next);
    reclaims(scope, state, &mut next);
    restores(scope, state, &mut next);
    next
}

fn provider(scope: &Scope, state: &State, next: &mut Next) {
    for (call, upstream) in &state.upstream {
        if *upstream != Upstream::Called {
            continue;
        }
        let extended = |record: &Record| matches!(record, Record::Extend(of, _) if of == call);
        let may_outgrow = scope.outgrowth.needs_no_extension()
            || state.nodes[usize::from(call.0)].journal.iter().any(extended);
        let amounts: &[u8] = if may_outgrow { &[1, 3] } else { &[1, 2] };
        let outcomes = amounts.iter().map(|amount| Upstream::Billed(*amount)).chain([Upstream::Failed]);
        for outcome in outcomes {
            let mut after = state.clone();
            after.set_upstream(*call, outcome);
            next.push((after, format!("{call:?} is {outcome:?}")));
        }
    }
}

/// The ledger takes a lease back whose node was not heard of. It waits until the node cannot be spending it and has
/// brought its journal home, unless the link or the clocks are broken.
fn reclaims(scope: &Scope, state: &State, next: &mut Next) {
    for lease in state.ledger.leases.iter().filter(|lease| lease.state == LeaseState::Open) {
        let node = &state.nodes[usize::from(lease.id.0)];
        let spending = node.alive && node.leases.iter().any(|held| held.id == lease.id && held.usable);
        if spending && !scope.skew {
            continue;
        }
        let flying = node.alive
            && node
                .flights
                .iter()
                .any(|flight| flight.lease == lease.id || flight.extended == Some(lease.id));
        let same = lease.journal == (lease.id.0, node.disk);
        let behind = same && usize::from(state.ledger.cursor(lease.journal)) < node.journal.len();
        if (flying || behind) && !scope.partition && !scope.skew {
            continue;
        }
        // A node that is down is waited for: its journal is not home.
        if !node.alive && same && !scope.partition {
            continue;
        }
        let mut after = state.clone();
        after.ledger.end(lease.id, LeaseState::Reclaimed);
        next.push((after, format!("reclaim {:?}", lease.id)));
    }
}

/// A backup is taken once, and may be put back once: nodes then send again from the cursor that it holds.
fn restores(scope: &Scope, state: &State, next: &mut Next) {
    if state.restores >= scope.restores {
        return;
    }
    match &state.backup {
        None => {
            let mut after = state.clone();
            after.backup = Some(state.ledger.clone());
            next.push((after, "back up".into()));
        }
        Some(backup) => {
            let mut after = state.clone();
            let known = |lease| backup.leases.iter().any(|of: &super::state::Lease| of.id == lease);
            let forgotten = state.ledger.leases.iter().filter(|lease| !known(lease.id));
            after.forgotten += forgotten.map(|lease| lease.amount).sum::<u8>();
            after.ledger = backup.clone();
            after.restores += 1;
            next.push((after, "restore".into()));
        }
    }
}
