//! What a client turns at the model, as far as it is a number: for traces, and nothing of what is said.

use super::Request;
use crate::json;

/// The numbers that a client sets. What is not set, or is none, is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tuning {
    /// `temperature`.
    pub temperature: Option<f64>,
    /// `top_p`.
    pub top_p: Option<f64>,
    /// `top_k`.
    pub top_k: Option<f64>,
    /// `frequency_penalty`.
    pub frequency_penalty: Option<f64>,
    /// `presence_penalty`.
    pub presence_penalty: Option<f64>,
    /// `seed`.
    pub seed: Option<i64>,
}

impl Request {
    /// Reads them where they stand: only of calls whose traces are recorded.
    pub fn tuning(&self) -> Tuning {
        let mut tuning = Tuning::default();
        let Ok(body) = std::str::from_utf8(&self.body) else { return tuning };
        for member in &self.members {
            let value = &body[member.value.clone()];
            let number = || value.parse().ok().filter(|number: &f64| number.is_finite());
            match json::text(&body[member.key.clone()]).as_deref() {
                Some("temperature") => tuning.temperature = number(),
                Some("top_p") => tuning.top_p = number(),
                Some("top_k") => tuning.top_k = number(),
                Some("frequency_penalty") => tuning.frequency_penalty = number(),
                Some("presence_penalty") => tuning.presence_penalty = number(),
                Some("seed") => tuning.seed = value.parse().ok(),
                _ => {}
            }
        }
        tuning
    }
}
