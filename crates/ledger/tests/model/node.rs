//! A node's moves, and what befalls it.

use super::state::{
    ESTIMATE, EXTENSION, Flight, HeldLease, Mutant, Node, Record, Scope, State, Sync, Upstream,
};

/// A state that can follow, and by which move.
pub(crate) type Next = Vec<(State, String)>;

/// Everything that node `k` may do next.
pub(crate) fn moves(scope: &Scope, state: &State, k: usize, next: &mut Next) {
    if state.nodes[k].alive {
        asks(scope, state, k, next);
        reserves(scope, state, k, next);
        flies(scope, state, k, next);
        gives_back(scope, state, k, next);
        dies(scope, state, k, next);
    } else {
        restarts(scope, state, k, next);
    }
    if scope.power_losses > 0 {
        syncs(state, k, next);
    }
    uploads(scope, state, k, next);
}

fn with(state: &State, k: usize, change: impl FnOnce(&mut Node)) -> State {
    let mut state = state.clone();
    change(&mut state.nodes[k]);
    state
}

fn asks(scope: &Scope, state: &State, k: usize, next: &mut Next) {
    let node = &state.nodes[k];
    // One lease at a time, and no more in all than calls could need: the space stays small.
    let asked_max = scope.leases_max as u8 + scope.kills + scope.power_losses;
    if node.leases.len() >= scope.leases_max || node.leases_asked >= asked_max {
        return;
    }
    let id = (k as u8, node.leases_asked);
    let mut granted = with(state, k, |node| node.leases_asked += 1);
    let Some(amount) = granted.ledger.grant(scope, id, (k as u8, node.disk)) else { return };
    next.push((granted.clone(), format!("grant {id:?}, the answer is lost")));
    granted.nodes[k].leases.push(HeldLease { id, room: amount, usable: true });
    granted.nodes[k].leases.sort_unstable();
    next.push((granted, format!("grant {id:?}")));
}

fn reserves(scope: &Scope, state: &State, k: usize, next: &mut Next) {
    let node = &state.nodes[k];
    for call in scope.calls().filter(|(of, _)| usize::from(*of) == k) {
        let begun = |record: &Record| matches!(record, Record::Reserve(of, _) | Record::Settle(of, ..) | Record::Void(of) if *of == call);
        let flying = node.flights.iter().any(|flight| flight.call == call);
        if flying || node.journal.iter().any(begun) || state.upstream(call) != Upstream::Untouched {
            continue;
        }
        for (index, lease) in node.leases.iter().enumerate() {
            if !lease.usable || lease.room < ESTIMATE {
                continue;
            }
            let record = Record::Reserve(call, lease.id);
            let reserved = with(state, k, |node| {
                node.leases[index].room -= ESTIMATE;
                node.flights.push(Flight {
                    call,
                    lease: node.leases[index].id,
                    extended: None,
                    sent: false,
                    dispatched: false,
                });
                node.flights.sort_unstable();
                if scope.is(Mutant::VolatileReserve) {
                    node.unwritten.push(record);
                } else {
                    node.journal.push(record);
                }
            });
            next.push((reserved, format!("reserve {call:?}")));
        }
    }
    if !node.unwritten.is_empty() {
        next.push((with(state, k, |node| node.journal.append(&mut node.unwritten)), "write late".into()));
    }
}

fn flies(scope: &Scope, state: &State, k: usize, next: &mut Next) {
    for (index, flight) in state.nodes[k].flights.iter().enumerate() {
        let call = flight.call;
        if !flight.sent {
            let sent = with(state, k, |node| {
                node.flights[index].sent = true;
                if node.unwritten.is_empty() {
                    node.journal.push(Record::Sent(call));
                }
            });
            next.push((sent, format!("sent {call:?}")));
        }
        if flight.sent && !flight.dispatched && may_dispatch(scope, &state.nodes[k], *flight) {
            let mut dispatched = with(state, k, |node| node.flights[index].dispatched = true);
            dispatched.set_upstream(call, Upstream::Called);
            next.push((dispatched, format!("dispatch {call:?}")));
        }
        match state.upstream(call) {
            Upstream::Untouched | Upstream::Failed => {
                next.push((ended(scope, state, k, index, None), format!("void {call:?}")));
            }
            Upstream::Billed(amount) => {
                next.push((ended(scope, state, k, index, Some(amount)), format!("settle {call:?}")));
            }
            Upstream::Called => {}
        }
        if scope.outgrowth.extends() && flight.dispatched && flight.extended.is_none() {
            extends(state, k, index, next);
        }
    }
}

/// Sets more aside, on whichever lease has room.
fn extends(state: &State, k: usize, index: usize, next: &mut Next) {
    let call = state.nodes[k].flights[index].call;
    for (held, lease) in state.nodes[k].leases.iter().enumerate() {
        if !lease.usable || lease.room < EXTENSION {
            continue;
        }
        let extended = with(state, k, |node| {
            node.leases[held].room -= EXTENSION;
            node.flights[index].extended = Some(lease.id);
            node.journal.push(Record::Extend(call, lease.id));
        });
        next.push((extended, format!("extend {call:?} on {:?}", lease.id)));
    }
}

/// Whether what must be durable before the first byte leaves is.
fn may_dispatch(scope: &Scope, node: &Node, flight: Flight) -> bool {
    let place = |wanted: Record| node.journal.iter().position(|record| *record == wanted);
    let durable = |place: Option<usize>| place.is_some_and(|place| place < usize::from(node.durable));
    match scope.sync {
        Sync::Os => true,
        Sync::ReserveOnly => durable(place(Record::Reserve(flight.call, flight.lease))),
        Sync::Group => durable(place(Record::Sent(flight.call))),
    }
}

fn ended(_scope: &Scope, state: &State, k: usize, index: usize, amount: Option<u8>) -> State {
    with(state, k, |node| {
        let flight = node.flights.remove(index);
        let amount_used = amount.unwrap_or(0);
        let extension = if flight.extended.is_some() { EXTENSION } else { 0 };
        let later = amount_used.saturating_sub(ESTIMATE).min(extension);
        let left = [
            (Some(flight.lease), ESTIMATE.saturating_sub(amount_used - later)),
            (flight.extended, extension - later),
        ];
        for (id, left) in left {
            if let Some(lease) = node.leases.iter_mut().find(|lease| Some(lease.id) == id) {
                lease.room += left;
            }
        }
        node.journal.push(match amount {
            Some(amount) => Record::Settle(flight.call, flight.lease, amount, flight.extended),
            None => Record::Void(flight.call),
        });
    })
}

fn gives_back(scope: &Scope, state: &State, k: usize, next: &mut Next) {
    let node = &state.nodes[k];
    for (index, lease) in node.leases.iter().enumerate() {
        if lease.usable {
            next.push((
                with(state, k, |node| node.leases[index].usable = false),
                format!("expire {:?}", lease.id),
            ));
        }
        let extends =
            |flight: &Flight| flight.extended == Some(lease.id) && !scope.is(Mutant::CloseExtension);
        let in_use = node.flights.iter().any(|flight| flight.lease == lease.id || extends(flight));
        let closed = node.journal.contains(&Record::Close(lease.id));
        let mutant = scope.is(Mutant::CloseInUse);
        if !closed && ((!lease.usable && !in_use) || mutant) {
            let given_back = with(state, k, |node| {
                node.journal.push(Record::Close(lease.id));
                if !mutant {
                    node.leases.remove(index);
                }
            });
            next.push((given_back, format!("close {:?}", lease.id)));
        }
    }
}

fn dies(scope: &Scope, state: &State, k: usize, next: &mut Next) {
    let dead = |node: &mut Node| {
        node.alive = false;
        node.leases.clear();
        node.flights.clear();
        node.unwritten.clear();
    };
    if state.kills < scope.kills {
        let mut killed = with(state, k, dead);
        killed.kills += 1;
        next.push((killed, format!("kill -9 node {k}")));
    }
    if state.power_losses < scope.power_losses {
        let node = &state.nodes[k];
        // Any prefix that holds what is durable may be what is left.
        for left in usize::from(node.durable)..=node.journal.len() {
            let mut off = with(state, k, |node| {
                dead(node);
                node.journal.truncate(left);
                node.durable = left as u8;
                node.rebooted = true;
            });
            off.power_losses += 1;
            next.push((off, format!("power loss at node {k}, {left} records left")));
        }
    }
}

fn restarts(scope: &Scope, state: &State, k: usize, next: &mut Next) {
    let mut restarted = with(state, k, |node| {
        let endings: Vec<Record> = open_calls(&node.journal)
            .into_iter()
            .map(|(call, lease)| {
                let extended = extended(&node.journal, call);
                let most = ESTIMATE + if extended.is_some() { EXTENSION } else { 0 };
                let sent = node.journal.contains(&Record::Sent(call));
                let trusted = !node.rebooted || scope.is(Mutant::VoidAfterPowerLoss);
                if scope.is(Mutant::VoidInDoubt) || (!sent && trusted) {
                    Record::Void(call)
                } else {
                    Record::Settle(call, lease, most, extended)
                }
            })
            .collect();
        node.journal.extend(endings);
        node.alive = true;
        node.rebooted = false;
    });
    // The dead process's leases, as the ledger knows them, are given back behind its charges.
    let held = restarted.ledger.leases.clone();
    let node = &mut restarted.nodes[k];
    for lease in held.iter().filter(|lease| lease.journal == (k as u8, node.disk)) {
        let close = Record::Close(lease.id);
        if !node.journal.contains(&close) {
            node.journal.push(close);
        }
    }
    next.push((restarted, format!("restart node {k}")));
    if state.disk_losses < scope.disk_losses {
        let mut lost = with(state, k, |node| {
            node.disk += 1;
            node.journal.clear();
            node.durable = 0;
        });
        lost.disk_losses += 1;
        let on_disk = state.nodes[k].journal.iter().filter_map(|record| match record {
            Record::Reserve(call, _) => Some(*call),
            _ => None,
        });
        lost.lost.extend(on_disk);
        next.push((lost, format!("node {k} loses its disk")));
    }
}

fn open_calls(journal: &[Record]) -> Vec<(super::state::Call, super::state::LeaseId)> {
    let ended = |call| {
        journal
            .iter()
            .any(|record| matches!(record, Record::Settle(of, ..) | Record::Void(of) if *of == call))
    };
    let reserved = journal.iter().filter_map(|record| match record {
        Record::Reserve(call, lease) => Some((*call, *lease)),
        _ => None,
    });
    reserved.filter(|(call, _)| !ended(*call)).collect()
}

fn extended(journal: &[Record], call: super::state::Call) -> Option<super::state::LeaseId> {
    journal.iter().find_map(|record| match record {
        Record::Extend(of, lease) if *of == call => Some(*lease),
        _ => None,
    })
}

fn syncs(state: &State, k: usize, next: &mut Next) {
    let node = &state.nodes[k];
    if usize::from(node.durable) < node.journal.len() {
        next.push((with(state, k, |node| node.durable = node.journal.len() as u8), format!("sync node {k}")));
    }
}

fn uploads(scope: &Scope, state: &State, k: usize, next: &mut Next) {
    let node = &state.nodes[k];
    let journal = (k as u8, node.disk);
    let known = state.ledger.cursor(journal);
    // Where no power is lost, what is durable is what is written: the moves between would only multiply the states.
    let all = scope.is(Mutant::IngestUnsynced) || scope.power_losses == 0;
    let end = if all { node.journal.len() as u8 } else { node.durable };
    // The last record that is known is sent once more: a repeat must do nothing.
    for from in [known.max(1), known + 1] {
        for to in from..=end {
            let mut ingested = state.clone();
            if ingested.ledger.ingest(scope, journal, &node.journal, from, to) {
                next.push((ingested, format!("ingest node {k} {from}..={to}")));
            }
        }
    }
}
