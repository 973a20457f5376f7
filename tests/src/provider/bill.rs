//! What the provider bills.

use crate::price;

/// One request that was billed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Counts the requests from 1.
    pub number: usize,
    /// The text of the request's last message: tests mark their calls by it.
    pub text: String,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

impl Bill {
    /// What the customer owes for it, in nano-dollars.
    pub fn nanos(&self) -> u64 {
        price::nanos(self.input_tokens, self.output_tokens)
    }
}
