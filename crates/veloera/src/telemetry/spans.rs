//! The spans of a call that is recorded: drawn when it has ended, from what is known of it anyway.

use std::time::Duration;

use api::Asked;
use domain::{price::Usage, trace::TraceContext};
use eventlog::passage::{Passage, Step};
use ledger::Charged;
use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    trace::v1::{Span, Status, span::SpanKind, status::StatusCode},
};
use relay::{AttemptReport, CallReport, Noted, Traced};

use super::{
    genai::operation,
    nanos,
    value::{fraction, integer, number, text, texts, truth},
};

/// The call's own span, and one for each attempt; nothing of a call that is not recorded.
pub(super) fn of(report: &CallReport, mut put: impl FnMut(Span)) {
    let Some(traced) = report.traced.as_deref().filter(|_| report.is_recorded()) else { return };
    put(of_call(report, traced));
    for attempt in &report.failed {
        put(of_attempt(report, traced, attempt, None));
    }
    if let Some(attempt) = &report.last {
        put(of_attempt(report, traced, attempt, report.usage));
    }
}

fn of_call(report: &CallReport, traced: &Traced) -> Span {
    let path = report.format.path();
    let attempts = report.failed.len() + usize::from(report.last.is_some());
    let mut attributes = vec![
        text("http.request.method", "POST"),
        text("http.route", path),
        text("veloera.call.id", report.call_id.to_string()),
        number("veloera.attempts", attempts as u64),
        fraction("veloera.overhead", report.overhead.as_secs_f64()),
    ];
    attributes.extend(report.status.map(|status| number("http.response.status_code", status.into())));
    attributes.extend(report.model.as_ref().map(|model| text("veloera.model", model.as_str())));
    attributes.extend(report.error.as_ref().map(|error| text("error.type", error.as_ref())));
    let parent = traced.trace.parent.as_ref();
    let began = nanos(report.started_at);
    Span {
        name: format!("POST {path}"),
        kind: SpanKind::Server.into(),
        end_time_unix_nano: began.saturating_add(nanos_of(report.took)),
        attributes,
        // What the client did wrong is no fault of whoever serves it.
        status: status(report.error.as_deref().filter(|_| !report.is_clients_fault())),
        ..placed(&traced.trace.context, parent, began)
    }
}

/// What was asked beside calls, answered by `now`.
pub(super) fn of_asked(asked: &Asked, now: u64) -> Span {
    let mut attributes = vec![
        text("http.request.method", asked.method),
        number("http.response.status_code", asked.status.into()),
        text("veloera.request.id", asked.request_id.to_string()),
    ];
    attributes.extend(asked.route.as_ref().map(|route| text("http.route", route.as_ref())));
    let error = (asked.status >= 500).then(|| asked.status.to_string());
    attributes.extend(error.as_ref().map(|error| text("error.type", error.as_str())));
    let began = now.saturating_sub(nanos_of(asked.took));
    let place = asked.route.as_ref().map(|route| format!(" {route}"));
    Span {
        name: format!("{}{}", asked.method, place.unwrap_or_default()),
        kind: SpanKind::Server.into(),
        end_time_unix_nano: now,
        attributes,
        status: status(error.as_deref()),
        ..placed(&asked.trace.context, asked.trace.parent.as_ref(), began)
    }
}

fn of_attempt(report: &CallReport, traced: &Traced, attempt: &AttemptReport, usage: Option<Usage>) -> Span {
    let model = attempt.attempt.upstream_model.as_str();
    let (operation, provider) = (operation(report.format), attempt.route.telemetry_name());
    let began = nanos(report.started_at).saturating_add(nanos_of(attempt.after));
    let mut attributes = vec![
        text("gen_ai.operation.name", operation),
        text("gen_ai.provider.name", provider.as_ref()),
        // What that was called before; many still look for it.
        text("gen_ai.system", provider.as_ref()),
        text("gen_ai.request.model", model),
        truth("gen_ai.request.stream", report.is_streamed),
        number("veloera.attempt", attempt.attempt.attempt.into()),
        text("veloera.channel.id", attempt.attempt.channel_id.to_string()),
        text("veloera.key.id", attempt.attempt.key_id.to_string()),
    ];
    attributes.extend(attempt.route.url(report.format).into_iter().flat_map(server));
    attributes.extend(report.output_limit.map(|limit| number("gen_ai.request.max_tokens", limit)));
    let first_chunk = attempt.first_chunk.map(|took| took.as_secs_f64());
    attributes.extend(first_chunk.map(|took| fraction("gen_ai.response.time_to_first_chunk", took)));
    attributes.extend(attempt.error.as_ref().map(|error| text("error.type", error.as_ref())));
    attributes.extend(usage.iter().flat_map(used));
    attributes.extend(report.noted.iter().flat_map(|noted| tuned(noted)));
    if usage.is_some() {
        attributes.extend(report.noted.iter().flat_map(|noted| answered(noted)));
    }
    let own = traced.of_attempt(attempt.attempt.attempt);
    Span {
        name: format!("{operation} {model}"),
        kind: SpanKind::Client.into(),
        end_time_unix_nano: began.saturating_add(nanos_of(attempt.took)),
        attributes,
        status: status(attempt.error.as_deref()),
        ..placed(&own, Some(&traced.trace.context), began)
    }
}

/// What the client sets.
fn tuned(noted: &Noted) -> impl Iterator<Item = KeyValue> + use<> {
    let tuning = noted.tuning;
    let fractions = [
        ("gen_ai.request.temperature", tuning.temperature),
        ("gen_ai.request.top_p", tuning.top_p),
        ("gen_ai.request.top_k", tuning.top_k),
        ("gen_ai.request.frequency_penalty", tuning.frequency_penalty),
        ("gen_ai.request.presence_penalty", tuning.presence_penalty),
    ];
    let fractions = fractions.into_iter().filter_map(|(name, value)| Some(fraction(name, value?)));
    fractions.chain(tuning.seed.map(|seed| integer("gen_ai.request.seed", seed)))
}

/// What the answer says of itself.
fn answered(noted: &Noted) -> impl Iterator<Item = KeyValue> + use<> {
    let nature = &noted.nature;
    let id = nature.id.as_deref().map(|id| text("gen_ai.response.id", id));
    let model = nature.model.as_deref().map(|model| text("gen_ai.response.model", model));
    let mut reasons = nature.finish_reasons().peekable();
    let reasons = reasons.peek().is_some().then(|| texts("gen_ai.response.finish_reasons", reasons));
    id.into_iter().chain(model).chain(reasons)
}

fn server(url: &axum::http::Uri) -> impl Iterator<Item = KeyValue> {
    let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
    let address = url.host().map(|host| text("server.address", host));
    address.into_iter().chain([number("server.port", url.port_u16().unwrap_or(usual).into())])
}

/// The names of now, and those of before.
fn used(usage: &Usage) -> impl Iterator<Item = KeyValue> + use<> {
    let counts = [
        ("gen_ai.usage.input_tokens", usage.input_tokens),
        ("gen_ai.usage.output_tokens", usage.output_tokens),
        ("gen_ai.usage.prompt_tokens", usage.input_tokens),
        ("gen_ai.usage.completion_tokens", usage.output_tokens),
        ("gen_ai.usage.cache_read.input_tokens", usage.cache_read_tokens),
        ("gen_ai.usage.cache_creation.input_tokens", usage.cache_write_tokens),
        ("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens),
        ("gen_ai.usage.audio.input_tokens", usage.audio_input_tokens),
        ("gen_ai.usage.audio.output_tokens", usage.audio_output_tokens),
    ];
    counts
        .into_iter()
        .enumerate()
        .filter(|(nth, (_, count))| *nth < 4 || *count > 0)
        .map(|(_, (name, count))| number(name, count))
}

/// The charge of a call, as the ledger took it in.
pub(super) fn of_charge(charge: &Charged, now: u64, took: Duration) -> Span {
    let attributes = vec![
        text("veloera.call.id", charge.call.call_id.to_string()),
        number("veloera.part", charge.call.part.into()),
    ];
    let began = now.saturating_sub(nanos_of(took));
    Span {
        name: "quota_deducted".to_owned(),
        kind: SpanKind::Consumer.into(),
        end_time_unix_nano: now,
        attributes,
        ..placed(&charge.own, Some(&charge.parent), began)
    }
}

/// One event on its way: published, or taken in by a read model with the others of a page.
pub(super) fn of_passage(
    passage: &Passage,
    (position, event): (u64, TraceContext),
    now: u64,
    salt: u32,
) -> Span {
    let began = now.saturating_sub(nanos_of(passage.took));
    let (name, kind) = match passage.step {
        Step::Published => (format!("publish {}", passage.log), SpanKind::Producer),
        Step::Applied(read_model) => (format!("apply {read_model}"), SpanKind::Consumer),
    };
    let mut attributes = vec![
        text("veloera.log", passage.log.to_string()),
        number("veloera.position", position),
        number("veloera.page.first", passage.first),
        number("veloera.page.last", passage.last),
    ];
    if passage.step == Step::Published {
        attributes.extend([text("messaging.system", "nats"), text("messaging.operation.type", "send")]);
    }
    // Another one for each event, step and process.
    let nth = name.bytes().fold(low(position) ^ salt, |nth, byte| nth.rotate_left(5) ^ u32::from(byte));
    Span {
        name,
        kind: kind.into(),
        end_time_unix_nano: now,
        attributes,
        ..placed(&event.child(nth), Some(&event), began)
    }
}

/// Its lower half.
pub(super) fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

/// A span at its place in the trace.
fn placed(own: &TraceContext, parent: Option<&TraceContext>, began: u64) -> Span {
    Span {
        trace_id: own.trace_id().to_vec(),
        span_id: own.span_id().to_vec(),
        parent_span_id: parent.map(|parent| parent.span_id().to_vec()).unwrap_or_default(),
        flags: u32::from(own.is_sampled()),
        start_time_unix_nano: began,
        ..Span::default()
    }
}

fn status(error: Option<&str>) -> Option<Status> {
    error.map(|error| Status { message: error.to_owned(), code: StatusCode::Error.into() })
}

fn nanos_of(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
