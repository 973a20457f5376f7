//! What calls come to, as the conventions for generative AI have it, and what of it the gateway took.

use std::fmt;

use domain::price::Usage;

use super::{Labels, Page};
use crate::telemetry::{CallMeter, GenAi, Kind, Operations, Tally};

pub(super) fn encode(page: &mut Page<'_>, meter: &CallMeter) -> fmt::Result {
    meter.count(|totals| {
        page.histogram(
            "veloera_overhead_seconds",
            "What the gateway took of a call until the answer, or the first byte of a stream, was ready; providers' time apart",
            [(Labels::new(), &totals.overhead)],
        )?;
        times(page, totals)?;
        seen(page, totals)?;
        tokens(page, totals)?;
        used(page, totals)
    })?;
    let missed =
        [("calls", meter.missed()), ("refused", meter.refused_missed()), ("requests", meter.asked_missed())]
            .map(|(signal, count)| (vec![("signal", signal.to_owned())], count));
    let Some(outbox) = meter.outbox() else {
        return page.counter("veloera_telemetry_dropped", DROPPED, missed);
    };
    let [spans, logs] = [outbox.spans.counts(), outbox.logs.counts()];
    let each = |of: [u64; 2]| {
        ["spans", "logs"]
            .into_iter()
            .zip(of)
            .map(|(signal, count)| (vec![("signal", signal.to_owned())], count))
    };
    let uncounted = (vec![("signal", "calls".to_owned())], meter.waiting());
    page.gauge(
        "veloera_telemetry_waiting",
        "What waits to be counted, or sent to the collector",
        each([spans[0], logs[0]]).chain([uncounted]),
    )?;
    page.counter("veloera_telemetry_sent", "What the collector has taken", each([spans[1], logs[1]]))?;
    let dropped = missed.into_iter().chain(each([spans[2], logs[2]]));
    page.counter("veloera_telemetry_dropped", DROPPED, dropped)
}

const DROPPED: &str = "What was not counted or sent: there was no room, or the collector did not take it";

fn times(page: &mut Page<'_>, totals: &GenAi) -> fmt::Result {
    let duration = totals.kinds.iter().map(|(kind, of)| (labels(kind), &of.duration));
    page.histogram(
        "gen_ai_client_operation_duration_seconds",
        "How long providers took, each attempt by itself",
        duration,
    )?;
    let first_chunk = totals.kinds.iter().map(|(kind, of)| (labels(kind), &of.first_chunk));
    page.histogram(
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        "How long providers took until a stream began",
        first_chunk.filter(|(_, tally)| !tally.is_empty()),
    )?;
    let per_chunk = totals.kinds.iter().map(|(kind, of)| (labels(kind), &of.per_chunk));
    page.histogram(
        "gen_ai_client_operation_time_per_output_chunk_seconds",
        "How long each further chunk of a stream took, by the mean of its stream",
        per_chunk.filter(|(_, tally)| !tally.is_empty()),
    )
}

/// As clients see it: the gateway is what serves them.
fn seen(page: &mut Page<'_>, totals: &GenAi) -> fmt::Result {
    let mut times = |name, help, of: fn(&Operations) -> &Tally| {
        let all = totals.kinds.iter().map(|(kind, operations)| (labels(kind), of(operations)));
        page.histogram(name, help, all.filter(|(_, tally)| !tally.is_empty()))
    };
    times("gen_ai_server_request_duration_seconds", "How long calls took in all", |of| &of.call)?;
    times("gen_ai_server_time_to_first_token_seconds", "How long calls took until a stream began", |of| {
        &of.first_token
    })?;
    times(
        "gen_ai_server_time_per_output_token_seconds",
        "How long each further token of a stream took, by the mean of its stream",
        |of| &of.per_token,
    )
}

fn tokens(page: &mut Page<'_>, totals: &GenAi) -> fmt::Result {
    let of_type = |of: &'static str, tally: fn(&Operations) -> &Tally| {
        totals.kinds.iter().filter(|(kind, _)| kind.error.is_none()).map(move |(kind, operations)| {
            let mut labels = labels(kind);
            labels.push(("gen_ai_token_type", of.to_owned()));
            (labels, tally(operations))
        })
    };
    let both = of_type("input", |of| &of.input).chain(of_type("output", |of| &of.output));
    page.histogram(
        "gen_ai_client_token_usage",
        "Tokens of operations, as the conventions counted them before",
        both,
    )?;
    let input = totals.kinds.iter().map(|(kind, of)| (labels(kind), &of.input));
    page.histogram("gen_ai_client_inference_operation_input_tokens", "Input tokens of operations", input)?;
    let output = totals.kinds.iter().map(|(kind, of)| (labels(kind), &of.output));
    page.histogram("gen_ai_client_inference_operation_output_tokens", "Output tokens of operations", output)
}

/// Each count with its modality; what is not said to be audio is unknown.
fn used(page: &mut Page<'_>, totals: &GenAi) -> fmt::Result {
    let mut sums = |name: &str, help: &str, of: fn(&Usage) -> [u64; 2]| {
        let lines = totals.kinds.iter().flat_map(|(kind, operations)| {
            let [unknown, audio] = of(&operations.used);
            let line = |modality: &str, count| {
                let mut labels = labels(kind);
                labels.push(("gen_ai_token_modality", modality.to_owned()));
                (labels, count)
            };
            let audio = (audio > 0).then(|| line("audio", audio));
            [line("unknown", unknown)].into_iter().chain(audio)
        });
        page.counter(name, help, lines)
    };
    sums("gen_ai_client_inference_usage_input_tokens", "Input tokens", |it| {
        [it.input_tokens.saturating_sub(it.audio_input_tokens), it.audio_input_tokens]
    })?;
    sums("gen_ai_client_inference_usage_output_tokens", "Output tokens", |it| {
        [it.output_tokens.saturating_sub(it.audio_output_tokens), it.audio_output_tokens]
    })?;
    sums(
        "gen_ai_client_inference_usage_cache_read_input_tokens",
        "Of the input: read from a provider's cache",
        |it| [it.cache_read_tokens, 0],
    )?;
    sums(
        "gen_ai_client_inference_usage_cache_write_input_tokens",
        "Of the input: written to a provider's cache",
        |it| [it.cache_write_tokens, 0],
    )?;
    sums("gen_ai_client_inference_usage_reasoning_output_tokens", "Of the output: spent on thinking", |it| {
        [it.reasoning_tokens, 0]
    })
}

fn labels(kind: &Kind) -> Labels {
    let model = kind.model.as_ref().map_or_else(|| "(others)".to_owned(), ToString::to_string);
    let mut labels = vec![
        ("gen_ai_operation_name", kind.operation.to_owned()),
        ("gen_ai_provider_name", kind.provider.to_string()),
        ("gen_ai_request_model", model),
    ];
    labels.extend(kind.error.as_ref().map(|error| ("error_type", error.to_string())));
    labels
}
