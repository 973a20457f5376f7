//! What must hold in every state.

use super::state::{LeaseState, Scope, State, Upstream};

/// The invariant that does not hold, if one does not.
pub(crate) fn broken(scope: &Scope, state: &State) -> Option<String> {
    let ledger = &state.ledger;
    let mut calls: Vec<_> = ledger.events.iter().map(|(call, _)| *call).collect();
    calls.dedup();
    if calls.len() != ledger.events.len() {
        return Some("I3: a call ended twice".into());
    }
    let charged: u8 = ledger.events.iter().map(|(_, amount)| amount).sum();
    if ledger.posted.iter().any(|posted| *posted != charged) {
        return Some(format!("I1: posted {:?}, events say {charged}", ledger.posted));
    }
    let open = ledger.leases.iter().filter(|lease| lease.state == LeaseState::Open);
    let held: u8 = open.map(|lease| lease.amount - lease.settled).sum();
    if ledger.pending.iter().any(|pending| *pending != held) {
        return Some(format!("I1: pending {:?}, leases hold {held}", ledger.pending));
    }
    overspent(scope, state).or_else(|| cursors(state)).or_else(|| settled(state))
}

/// I2: an account is overdrawn only by what is flagged, and that only where a lease was reclaimed or forgotten.
fn overspent(scope: &Scope, state: &State) -> Option<String> {
    let ledger = &state.ledger;
    let deficit = -ledger.available(&scope.credit);
    let explained = i16::from(ledger.late) + i16::from(ledger.overshot);
    if deficit > explained {
        return Some(format!("I2: overdrawn by {deficit}, flagged charges explain {explained}"));
    }
    let reclaimed: u8 =
        ledger.leases.iter().filter(|l| l.state == LeaseState::Reclaimed).map(|lease| lease.amount).sum();
    if ledger.late > 0 && reclaimed == 0 && state.forgotten == 0 && ledger.overshot == 0 {
        return Some("I2: a late charge without a reclaimed lease".into());
    }
    if deficit > i16::from(reclaimed) + i16::from(state.forgotten) + i16::from(ledger.overshot) {
        return Some(format!("I2: overdrawn by {deficit}, only {reclaimed} were reclaimed"));
    }
    None
}

/// I5: nothing is known of a journal that its disk does not hold.
fn cursors(state: &State) -> Option<String> {
    for (k, node) in state.nodes.iter().enumerate() {
        let known = state.ledger.cursor((k as u8, node.disk));
        if usize::from(known) > node.journal.len() {
            return Some(format!("I5: journal {k} is known up to {known}, it holds {}", node.journal.len()));
        }
    }
    None
}

/// I4: once everything is home, every call that was billed has its end.
fn settled(state: &State) -> Option<String> {
    let home = state.nodes.iter().enumerate().all(|(k, node)| {
        let idle = node.alive && node.flights.is_empty() && node.unwritten.is_empty();
        idle && usize::from(state.ledger.cursor((k as u8, node.disk))) == node.journal.len()
    });
    if !home {
        return None;
    }
    let unpaid = state.upstream.iter().find(|(call, upstream)| {
        let ended = state.ledger.events.iter().any(|(of, _)| of == call);
        matches!(upstream, Upstream::Billed(_)) && !ended && !state.lost.contains(call)
    });
    unpaid.map(|(call, _)| format!("I4: call {call:?} was billed and never settled"))
}
