use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{super::circuit::*, *};
use crate::health::{Fault, memory::CIRCUITS_MAX};

/// Whatever happens: between the opening of a circuit and the end of a probe no attempt comes through but probes.
#[test]
fn an_open_circuit_never_lets_more_than_its_probes_through() {
    for seed in 0..200 {
        let mut chance = StdRng::seed_from_u64(seed);
        let (mut circuit, mut now_ms) = (Circuit::closed(), 0);
        let mut out = Vec::new();
        for _ in 0..500 {
            now_ms += chance.random_range(0..2_000);
            if out.is_empty() || chance.random_bool(0.6) {
                let was_closed = circuit.is_closed();
                if let Ok(pass) = circuit.admit(now_ms) {
                    assert_eq!(pass == Pass::Freely, was_closed, "seed {seed}");
                    out.push(pass);
                }
            } else {
                let pass = out.swap_remove(chance.random_range(0..out.len()));
                match chance.random_range(0..4) {
                    0 => circuit.succeeded(pass, now_ms),
                    1 => circuit.give_back(pass, now_ms),
                    _ => circuit.failed(pass, Fault::Failed(None), now_ms),
                }
            }
            let probes = out.iter().filter(|pass| **pass == Pass::AsProbe).count();
            assert!(probes <= PROBES_MAX as usize, "seed {seed}: {probes} probes");
        }
    }
}

#[test]
fn so_many_failing_channels_are_remembered_and_no_more() {
    let rig = Rig::new();
    let channels = CIRCUITS_MAX / 2 + 10;
    let one = choices(route(0, 1)).remove(0);
    let models: Vec<_> = (0..channels).map(|n| model(&format!("m{n}"))).collect();
    for model in &models {
        rig.health
            .admit(&one, model)
            .unwrap()
            .failed(Some(Fault::Limited(Some(std::time::Duration::from_mins(9)))));
    }
    let remembered = rig.health.memory.lock().circuits();
    assert!(remembered <= CIRCUITS_MAX, "{remembered}");
    assert!(rig.health.admit(&one, &models[0]).is_err(), "what came first still rests");
}
