use std::time::Duration;

use super::{super::circuit::*, *};
use crate::health::{Fault, Why};

fn choice() -> Choice {
    choices(route(1, 1)).remove(0)
}

const FAILED: Option<Fault> = Some(Fault::Failed(None));

fn fail(rig: &Rig, choice: &Choice, times: u32, fault: Fault) {
    for _ in 0..times {
        rig.admit(choice).unwrap().failed(Some(fault));
    }
}

/// Every second one fails.
fn half(n: u32, permit: Permit) {
    if n.is_multiple_of(2) {
        permit.succeeded();
    } else {
        permit.failed(FAILED);
    }
}

fn rests_ms(rig: &Rig, choice: &Choice) -> u64 {
    let rest = rig.admit(choice).err().expect("it rests");
    u64::try_from(rest.pause.as_millis()).unwrap()
}

#[test]
fn failures_in_a_row_open_a_circuit_and_a_success_between_them_does_not_let_them_add_up() {
    let (rig, choice) = (Rig::new(), choice());
    for _ in 0..3 {
        fail(&rig, &choice, IN_A_ROW_MAX - 1, Fault::Failed(None));
        rig.admit(&choice).unwrap().succeeded();
        rig.pass(WINDOW_MS);
    }
    fail(&rig, &choice, IN_A_ROW_MAX, Fault::Failed(None));
    assert_eq!(rests_ms(&rig, &choice), REST_MS_MIN);
}

#[test]
fn half_of_many_attempts_within_a_window_open_a_circuit() {
    let (rig, choice) = (Rig::new(), choice());
    for n in 1..ATTEMPTS_MIN {
        let permit = rig.admit(&choice).unwrap();
        half(n, permit);
    }
    rig.admit(&choice).unwrap().failed(FAILED);
    assert_eq!(rests_ms(&rig, &choice), REST_MS_MIN);
}

#[test]
fn failures_of_an_earlier_window_are_forgotten() {
    let (rig, choice) = (Rig::new(), choice());
    for n in 0..10 * ATTEMPTS_MIN {
        let permit = rig.admit(&choice).unwrap();
        half(n, permit);
        rig.pass(WINDOW_MS / u64::from(ATTEMPTS_MIN) + 1);
    }
}

#[test]
fn a_rested_circuit_lets_one_probe_through_and_its_end_decides() {
    let (rig, choice) = (Rig::new(), choice());
    fail(&rig, &choice, IN_A_ROW_MAX, Fault::Failed(None));
    rig.pass(REST_MS_MIN);
    let probe = rig.admit(&choice).unwrap();
    assert!(rig.admit(&choice).is_err(), "no second probe beside it");
    probe.failed(FAILED);
    assert_eq!(rests_ms(&rig, &choice), 2 * REST_MS_MIN, "twice as long");
    rig.pass(2 * REST_MS_MIN);
    rig.admit(&choice).unwrap().succeeded();
    let all: Vec<_> = (0..100).map(|_| rig.admit(&choice).unwrap()).collect();
    drop(all);
    fail(&rig, &choice, IN_A_ROW_MAX, Fault::Failed(None));
    assert_eq!(rests_ms(&rig, &choice), REST_MS_MIN, "and from the beginning again");
}

#[test]
fn no_rest_is_longer_than_the_longest() {
    let (rig, choice) = (Rig::new(), choice());
    fail(&rig, &choice, IN_A_ROW_MAX, Fault::Failed(None));
    for _ in 0..40 {
        rig.pass(REST_MS_MAX);
        rig.admit(&choice).unwrap().failed(FAILED);
    }
    assert_eq!(rests_ms(&rig, &choice), REST_MS_MAX);
}

#[test]
fn a_probe_that_came_to_no_verdict_makes_way_for_the_next() {
    let (rig, choice) = (Rig::new(), choice());
    fail(&rig, &choice, IN_A_ROW_MAX, Fault::Failed(None));
    rig.pass(REST_MS_MIN);
    drop(rig.admit(&choice).unwrap());
    rig.admit(&choice).unwrap().failed(None);
    assert!(rig.admit(&choice).is_ok());
}

#[test]
fn a_probe_that_begins_to_answer_is_enough_and_a_cut_after_it_counts() {
    let (rig, choice) = (Rig::new(), choice());
    fail(&rig, &choice, IN_A_ROW_MAX, Fault::Failed(None));
    rig.pass(REST_MS_MIN);
    let mut streams: Vec<_> = Vec::new();
    for _ in 0..IN_A_ROW_MAX {
        let mut permit = rig.admit(&choice).unwrap();
        permit.begun();
        streams.push(permit);
    }
    for permit in streams {
        permit.failed(FAILED);
    }
    assert_eq!(rests_ms(&rig, &choice), REST_MS_MIN);
}

#[test]
fn a_pause_that_the_provider_asks_for_is_kept_from_the_first_time() {
    for (fault, why) in [
        (Fault::Limited(Some(Duration::from_secs(7))), Why::Limited),
        (Fault::Failed(Some(Duration::from_secs(7))), Why::Failing),
    ] {
        let (rig, choice) = (Rig::new(), choice());
        fail(&rig, &choice, 1, fault);
        let rest = rig.admit(&choice).err().unwrap();
        assert_eq!(rest, Resting { pause: Duration::from_secs(7), why });
        rig.pass(6_999);
        assert!(rig.admit(&choice).is_err());
        rig.pass(1);
        assert!(rig.admit(&choice).is_ok());
    }
}

#[test]
fn a_day_is_not_waited_for() {
    let (rig, choice) = (Rig::new(), choice());
    fail(&rig, &choice, 1, Fault::Limited(Some(Duration::from_hours(24))));
    assert_eq!(rests_ms(&rig, &choice), RETRY_AFTER_MS_MAX);
}

#[test]
fn answers_to_what_was_sent_before_change_nothing_but_the_length_that_is_asked_for() {
    let (rig, choice) = (Rig::new(), choice());
    let mut early: Vec<_> = (0..6).map(|_| rig.admit(&choice).unwrap()).collect();
    fail(&rig, &choice, IN_A_ROW_MAX, Fault::Failed(None));
    early.remove(0).succeeded();
    early.remove(0).failed(FAILED);
    assert_eq!(rests_ms(&rig, &choice), REST_MS_MIN);
    early.remove(0).failed(Some(Fault::Limited(Some(Duration::from_secs(9)))));
    early.remove(0).failed(Some(Fault::Limited(Some(Duration::from_secs(8)))));
    assert_eq!(rests_ms(&rig, &choice), 9_000);
    rig.pass(9_000);
    let probe = rig.admit(&choice).unwrap();
    early.remove(0).succeeded();
    assert!(rig.admit(&choice).is_err(), "the probe is still out");
    probe.succeeded();
}

#[test]
fn one_models_failures_leave_the_others_and_other_channels_alone() {
    let (rig, choice) = (Rig::new(), choice());
    fail(&rig, &choice, IN_A_ROW_MAX, Fault::Failed(None));
    assert!(rig.health.admit(&choice, &model("other")).is_ok());
    assert!(rig.admit(&choices(route(2, 1))[0]).is_ok());
    assert!(rig.told().is_empty(), "it is the model that fails, not the key");
}

#[test]
fn what_is_well_again_is_forgotten() {
    let (rig, choice) = (Rig::new(), choice());
    fail(&rig, &choice, 1, Fault::Failed(None));
    assert_eq!(rig.health.memory.lock().circuits(), 2, "the key's and the model's");
    rig.pass(WINDOW_MS);
    rig.admit(&choice).unwrap().succeeded();
    assert!(rig.health.is_all_well());
    assert_eq!(rig.health.memory.lock().circuits(), 0);
}

#[test]
fn whoever_watches_sees_which_circuits_are_open_and_which_are_being_probed() {
    let (rig, choice) = (Rig::new(), choice());
    assert!(rig.health.open_circuits().is_empty());
    fail(&rig, &choice, IN_A_ROW_MAX, Fault::Failed(None));
    rig.pass(1_000);
    let seen = |rig: &Rig| {
        let open = rig.health.open_circuits();
        open.into_iter().map(|it| (it.model, it.why, it.rests_ms)).collect::<Vec<_>>()
    };
    let of_model = |rests_ms| vec![(Some(model("m")), Why::Failing, rests_ms)];
    assert_eq!(seen(&rig), of_model(Some(REST_MS_MIN - 1_000)));
    rig.pass(REST_MS_MIN);
    assert_eq!(seen(&rig), of_model(Some(0)));
    let probe = rig.admit(&choice).unwrap();
    assert_eq!(seen(&rig), of_model(None));
    probe.succeeded();
    assert_eq!(seen(&rig), []);
}
