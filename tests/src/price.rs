//! What the model of the tests costs, worked out here once more and by hand.

/// A model that the built-in catalogue prices.
pub const MODEL: &str = "gpt-4o-mini";

/// Nano-dollars an input token: 150 000 picodollars.
pub const INPUT_NANOS: u64 = 150;
/// Nano-dollars an output token: 600 000 picodollars.
pub const OUTPUT_NANOS: u64 = 600;
/// Nano-dollars an input token that came from the provider's cache: 75 000 picodollars.
pub const CACHE_READ_NANOS: u64 = 75;

/// What so many tokens cost, in nano-dollars.
pub fn nanos(input_tokens: u64, output_tokens: u64) -> u64 {
    input_tokens * INPUT_NANOS + output_tokens * OUTPUT_NANOS
}
