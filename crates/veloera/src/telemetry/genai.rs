//! What calls come to, as the conventions for generative AI count it: old names and new ones side by side.

use std::{collections::HashMap, sync::Arc};

use domain::{ModelName, price::Usage};
use relay::{AttemptReport, CallReport, ErrorType, Format};

use super::histogram::{Bounds, Tally};

/// The most kinds of operations that are told apart; those beyond are one.
const KINDS_MAX: usize = 1_024;

/// Whom was asked for what, and why that failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    pub(crate) operation: &'static str,
    pub(crate) provider: Arc<str>,
    /// None where there are too many.
    pub(crate) model: Option<ModelName>,
    pub(crate) error: Option<ErrorType>,
}

/// What operations of one kind come to.
#[derive(Clone, Debug)]
pub(crate) struct Operations {
    pub(crate) duration: Tally,
    pub(crate) first_chunk: Tally,
    /// Between two chunks of a stream.
    pub(crate) per_chunk: Tally,
    pub(crate) input: Tally,
    pub(crate) output: Tally,
    pub(crate) used: Usage,
    /// As the client sees it, of calls whose last attempt was of this kind: the whole call, until its first token, and
    /// for each token after that.
    pub(crate) call: Tally,
    pub(crate) first_token: Tally,
    pub(crate) per_token: Tally,
}

/// All of it, since the process started.
#[derive(Clone, Debug)]
pub(crate) struct GenAi {
    /// What the gateway took of each call.
    pub(crate) overhead: Tally,
    pub(crate) kinds: HashMap<Kind, Operations>,
}

impl Default for GenAi {
    fn default() -> Self {
        Self { overhead: Tally::new(Bounds::OVERHEAD), kinds: HashMap::new() }
    }
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            duration: Tally::new(Bounds::DURATION),
            first_chunk: Tally::new(Bounds::DURATION),
            per_chunk: Tally::new(Bounds::DURATION),
            input: Tally::new(Bounds::TOKENS),
            output: Tally::new(Bounds::TOKENS),
            used: Usage::NONE,
            call: Tally::new(Bounds::DURATION),
            first_token: Tally::new(Bounds::FIRST_TOKEN),
            per_token: Tally::new(Bounds::PER_TOKEN),
        }
    }
}

/// What the conventions call what a format asks for.
pub(super) const fn operation(format: Format) -> &'static str {
    match format {
        Format::OpenaiChat => "chat",
        Format::OpenaiCompletions => "text_completion",
        Format::OpenaiEmbeddings => "embeddings",
    }
}

impl GenAi {
    pub(super) fn take(&mut self, report: CallReport) {
        // A call that was refused here went through no gateway.
        if report.last.is_some() {
            self.overhead.take_time(report.overhead);
        }
        for attempt in report.failed {
            self.attempt(report.format, attempt, None);
        }
        if let Some(attempt) = report.last {
            let first_token = attempt.first_chunk.map(|first_chunk| attempt.after + first_chunk);
            let operations = self.attempt(report.format, attempt, report.usage);
            operations.call.take_time(report.took);
            if let (Some(first), Some(usage)) = (first_token, report.usage) {
                operations.first_token.take_time(first);
                let others = u32::try_from(usage.output_tokens.saturating_sub(1)).unwrap_or(u32::MAX);
                if let Some(each) = report.took.saturating_sub(first).checked_div(others) {
                    operations.per_token.take_time(each);
                }
            }
        }
    }

    fn attempt(&mut self, format: Format, report: AttemptReport, usage: Option<Usage>) -> &mut Operations {
        let AttemptReport { attempt, route, took, first_chunk, chunks, error, .. } = report;
        let provider = route.telemetry_name();
        let mut kind =
            Kind { operation: operation(format), provider, model: Some(attempt.upstream_model), error };
        if self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(&kind) {
            kind.model = None;
        }
        let operations = self.kinds.entry(kind).or_default();
        operations.duration.take_time(took);
        if let Some(first_chunk) = first_chunk {
            operations.first_chunk.take_time(first_chunk);
            // Nobody notes when each of them came: what they took together is counted for all of them alike.
            let (others, streaming) = (chunks.saturating_sub(1), took.saturating_sub(first_chunk));
            if let Some(each) = streaming.checked_div(u32::try_from(others).unwrap_or(u32::MAX)) {
                operations.per_chunk.take_times(each, others);
            }
        }
        // Operations that failed used nothing that anybody knows of.
        let usage = usage.unwrap_or(Usage::NONE);
        operations.input.take(usage.input_tokens);
        operations.output.take(usage.output_tokens);
        operations.used = operations.used.plus(&usage);
        operations
    }
}
