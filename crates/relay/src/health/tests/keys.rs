use super::{super::circuit::*, *};
use crate::health::{Fault, memory::TELL_AGAIN_MS};

const REFUSED: Option<Fault> = Some(Fault::Refused);

#[test]
fn a_refused_key_rests_for_every_model_and_the_other_keys_go_on() {
    let (rig, keys) = (Rig::new(), choices(route(1, 2)));
    rig.admit(&keys[0]).unwrap().failed(REFUSED);
    assert!(rig.admit(&keys[0]).is_err());
    assert!(rig.health.admit(&keys[0], &model("other")).is_err());
    rig.admit(&keys[1]).unwrap().succeeded();
    assert!(rig.told().is_empty(), "the channel still works");
}

#[test]
fn a_channel_all_of_whose_keys_are_refused_is_disabled_once() {
    let (rig, keys) = (Rig::new(), choices(route(1, 3)));
    let late = rig.admit(&keys[2]).unwrap();
    for key in &keys {
        rig.admit(key).unwrap().failed(REFUSED);
    }
    late.failed(REFUSED);
    assert_eq!(rig.told(), ["disable"]);
    rig.pass(TELL_AGAIN_MS);
    rig.admit(&keys[0]).unwrap().failed(REFUSED);
    assert_eq!(rig.told(), ["disable"], "again, where the record does not say so yet");
}

#[test]
fn a_refusal_that_may_be_about_the_request_is_doubted_until_it_comes_again_and_again() {
    let doubt = |rig: &Rig, key: &Choice| rig.admit(key).unwrap().failed(Some(Fault::Doubted));
    let (rig, keys) = (Rig::new(), choices(route(1, 1)));
    for _ in 0..5 {
        for _ in 1..DOUBTS_MAX {
            doubt(&rig, &keys[0]);
        }
        rig.admit(&keys[0]).unwrap().succeeded();
    }
    assert!(rig.told().is_empty());
    for _ in 0..DOUBTS_MAX {
        doubt(&rig, &keys[0]);
    }
    assert!(rig.admit(&keys[0]).is_err());
    assert_eq!(rig.told(), ["disable"]);
}

#[test]
fn a_channel_whose_record_says_refused_gets_probes_until_one_is_taken() {
    let rig = Rig::new();
    let disabled = choices(route(1, 1).disabled()).remove(0);
    let probe = rig.admit(&disabled).unwrap();
    assert!(rig.admit(&disabled).is_err(), "one at a time, also right after a start");
    probe.failed(REFUSED);
    assert!(rig.told().is_empty(), "it says so already");
    rig.pass(REST_MS_MIN * 2);
    rig.admit(&disabled).unwrap().succeeded();
    assert_eq!(rig.told(), ["enable"]);
    rig.admit(&disabled).unwrap().succeeded();
    assert!(rig.told().is_empty(), "told, and on its way");
    let enabled = choices(route(1, 1)).remove(0);
    let many: Vec<_> = (0..9).map(|_| rig.admit(&enabled).unwrap()).collect();
    drop(many);
    assert!(rig.health.is_all_well());
}

#[test]
fn a_channel_that_an_admin_has_enabled_is_asked_at_once() {
    let rig = Rig::new();
    let disabled = choices(route(1, 1).disabled()).remove(0);
    rig.admit(&disabled).unwrap().failed(REFUSED);
    assert!(rig.admit(&disabled).is_err());
    assert!(rig.admit(&choices(route(1, 1))[0]).is_ok());
}

#[test]
fn an_answer_of_another_kind_says_that_the_key_is_known() {
    let (rig, keys) = (Rig::new(), choices(route(1, 1)));
    for fault in [Fault::Doubted, Fault::Doubted, Fault::Failed(None), Fault::Doubted, Fault::Doubted] {
        rig.admit(&keys[0]).unwrap().failed(Some(fault));
    }
    assert!(rig.admit(&keys[0]).is_ok());
}
