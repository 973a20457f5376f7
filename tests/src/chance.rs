//! Chance, which a seed repeats.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// The seed of this run: `VELOERA_SEED`, else a new one. Printed, so that a failure can be repeated.
pub fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a seed to repeat comes from outside, and only here")]
    let named = std::env::var("VELOERA_SEED").ok();
    let seed = match named {
        Some(text) => text.parse().expect("VELOERA_SEED is a whole number"),
        None => rand::rng().random(),
    };
    println!("repeat with VELOERA_SEED={seed}");
    seed
}

/// The numbers of `seed`, and of one of its parts.
pub fn numbers(seed: u64, part: usize) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_add(part as u64))
}
