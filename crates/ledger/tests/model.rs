//! The protocol of leases, journal and ingest, explored exhaustively in small scopes.
//!
//! The model is the protocol, not the code: the code is held against it by the seeded simulation and the kill points. It
//! knows `Sent`, power loss against the watermark of what is durable, a database restored from a backup, charges beyond
//! the estimate, calls that are extended on whichever lease has room, and calls that are charged to two accounts at
//! once. Each broken variant must be caught.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the model counts to a handful; small states are fast states"
)]
#![expect(clippy::panic, reason = "a helper of tests")]

#[path = "model/explore.rs"]
mod explore;
#[path = "model/invariants.rs"]
mod invariants;
#[path = "model/ledger.rs"]
mod ledger;
#[path = "model/node.rs"]
mod node;
#[path = "model/state.rs"]
mod state;

use explore::{Found, explore};
use state::{Mutant, Outgrowth, Scope, Sync};

/// Enough for every scope below; a scope that outgrows it is a fault of the test.
const STATES_MAX: usize = if SOAK { 30_000_000 } else { 1_000_000 };
/// Whether the larger scopes are explored too: minutes and gigabytes, for `make soak`.
const SOAK: bool = cfg!(feature = "soak");

#[expect(clippy::print_stdout, reason = "says what was run, for those who ask with --nocapture")]
fn holds(scope: &Scope) -> Found {
    let found = explore(scope, STATES_MAX);
    assert!(found.violation.is_none(), "{scope:?}: {:?}", found.violation);
    assert!(!found.cut_off, "{scope:?} has more than {STATES_MAX} states");
    println!("soak-model: | {scope} | {} | {} |", found.states, found.overspent_max);
    found
}

#[track_caller]
fn is_caught(scope: &Scope, by: &str) {
    let found = explore(scope, STATES_MAX);
    let Some((invariant, path)) = found.violation else { panic!("{scope:?} was not caught") };
    assert!(invariant.starts_with(by), "{scope:?} was caught by {invariant}: {path:?}");
}

#[test]
fn without_crashes_nothing_is_lost_doubled_or_overspent() {
    let found = holds(&Scope { requests: vec![1, 1], credit: vec![3], ..Scope::default() });
    assert_eq!(found.overspent_max, 0);
    let found = holds(&Scope { requests: vec![2], leases_max: 2, ..Scope::default() });
    assert_eq!(found.overspent_max, 0);
}

#[test]
fn a_kill_at_any_step_loses_and_doubles_nothing() {
    holds(&Scope { requests: vec![2], kills: 1, ..Scope::default() });
    holds(&Scope { requests: vec![1], kills: 2, ..Scope::default() });
    if SOAK {
        holds(&Scope { requests: vec![1, 1], kills: 1, ..Scope::default() });
        holds(&Scope { requests: vec![2], kills: 2, ..Scope::default() });
    }
}

#[test]
fn a_power_loss_at_any_step_loses_nothing_where_the_journal_is_synced_before_dispatch() {
    holds(&Scope { requests: vec![1], power_losses: 2, sync: Sync::Group, ..Scope::default() });
    if SOAK {
        holds(&Scope { requests: vec![2], power_losses: 2, sync: Sync::Group, ..Scope::default() });
    }
}

#[test]
fn a_power_loss_may_lose_what_was_not_synced_which_is_why_there_is_the_group_mode() {
    let scope = Scope { requests: vec![1], power_losses: 1, sync: Sync::Os, ..Scope::default() };
    is_caught(&scope, "I4");
}

#[test]
fn a_lost_disk_loses_only_what_was_on_it() {
    holds(&Scope { requests: vec![1], kills: 1, disk_losses: 1, ..Scope::default() });
}

#[test]
fn a_partition_that_outlasts_the_grace_overspends_by_no_more_than_was_reclaimed() {
    let found = holds(&Scope { requests: vec![1, 1], partition: true, ..Scope::default() });
    assert!(found.overspent_max <= 2);
}

#[test]
fn clocks_that_disagree_overspend_by_no_more_than_was_reclaimed() {
    let found = holds(&Scope { requests: vec![1, 1], skew: true, ..Scope::default() });
    assert!(found.overspent_max <= 2);
}

#[test]
fn a_database_restored_from_a_backup_is_filled_again_from_the_journals() {
    holds(&Scope { requests: vec![2], restores: 1, ..Scope::default() });
    holds(&Scope { requests: vec![1], restores: 1, kills: 1, ..Scope::default() });
}

#[test]
fn a_charge_beyond_its_estimate_overdraws_by_no_more_than_the_overshoot() {
    holds(&Scope { requests: vec![2], outgrowth: Outgrowth::Unseen, kills: 1, ..Scope::default() });
}

#[test]
fn a_call_that_is_extended_is_charged_once_to_the_leases_that_it_drew_on() {
    let scope = Scope { outgrowth: Outgrowth::Extended, leases_max: 2, ..Scope::default() };
    let found = holds(&scope);
    assert_eq!(found.overspent_max, 0);
    holds(&Scope { kills: 1, ..scope.clone() });
    if SOAK {
        holds(&Scope { power_losses: 1, sync: Sync::Group, ..scope.clone() });
        holds(&Scope { restores: 1, ..scope.clone() });
        holds(&Scope { outgrowth: Outgrowth::Either, kills: 1, ..scope.clone() });
        holds(&Scope { requests: vec![2], kills: 1, ..scope });
    }
}

#[test]
fn a_call_on_two_accounts_is_charged_to_both_or_to_none() {
    holds(&Scope { requests: vec![2], credit: vec![4, 2], kills: 1, ..Scope::default() });
    if SOAK {
        holds(&Scope { requests: vec![1, 1], credit: vec![4, 2], kills: 1, ..Scope::default() });
    }
}

#[test]
fn the_mutant_that_ignores_the_cursor_is_caught() {
    is_caught(&Scope { mutant: Some(Mutant::NoCursor), ..Scope::default() }, "I3");
}

#[test]
fn the_mutant_that_dispatches_before_the_reservation_is_written_is_caught() {
    is_caught(&Scope { mutant: Some(Mutant::VolatileReserve), kills: 1, ..Scope::default() }, "I4");
}

#[test]
fn the_mutant_that_voids_what_is_in_doubt_is_caught() {
    is_caught(&Scope { mutant: Some(Mutant::VoidInDoubt), kills: 1, ..Scope::default() }, "I4");
}

#[test]
fn the_mutant_that_closes_a_lease_in_use_is_caught() {
    let scope = Scope { requests: vec![2], mutant: Some(Mutant::CloseInUse), ..Scope::default() };
    is_caught(&scope, "I2");
}

#[test]
fn the_mutant_that_trusts_a_missing_sent_after_a_power_loss_is_caught() {
    let scope = Scope {
        power_losses: 1,
        sync: Sync::ReserveOnly,
        mutant: Some(Mutant::VoidAfterPowerLoss),
        ..Scope::default()
    };
    is_caught(&scope, "I4");
}

#[test]
fn the_mutant_that_charges_only_the_first_account_is_caught() {
    let scope = Scope { credit: vec![4, 2], mutant: Some(Mutant::FirstAccountOnly), ..Scope::default() };
    is_caught(&scope, "I1");
}

#[test]
fn the_mutant_that_ingests_what_is_not_durable_is_caught() {
    let scope = Scope {
        requests: vec![2],
        power_losses: 1,
        sync: Sync::Group,
        mutant: Some(Mutant::IngestUnsynced),
        ..Scope::default()
    };
    is_caught(&scope, "I5");
}

#[test]
fn the_mutant_that_settles_without_freeing_is_caught() {
    is_caught(&Scope { mutant: Some(Mutant::NeverFrees), ..Scope::default() }, "I1");
}

#[test]
fn the_mutant_that_closes_a_lease_that_a_call_was_extended_on_is_caught() {
    let mutant = Some(Mutant::CloseExtension);
    is_caught(&Scope { outgrowth: Outgrowth::Extended, leases_max: 2, mutant, ..Scope::default() }, "I2");
}

#[test]
fn the_mutant_that_charges_an_extension_to_the_first_lease_is_caught() {
    let mutant = Some(Mutant::FirstLeaseOnly);
    is_caught(&Scope { outgrowth: Outgrowth::Extended, leases_max: 2, mutant, ..Scope::default() }, "I2");
}
