//! What the conventions of OpenTelemetry call what Prometheus calls otherwise. All else has one name.

/// A name on the metrics page, the name of the conventions, and its unit.
const METRICS: &[(&str, &str, &str)] = &[
    ("gen_ai_client_operation_duration_seconds", "gen_ai.client.operation.duration", "s"),
    (
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        "gen_ai.client.operation.time_to_first_chunk",
        "s",
    ),
    (
        "gen_ai_client_operation_time_per_output_chunk_seconds",
        "gen_ai.client.operation.time_per_output_chunk",
        "s",
    ),
    ("gen_ai_server_request_duration_seconds", "gen_ai.server.request.duration", "s"),
    ("gen_ai_server_time_to_first_token_seconds", "gen_ai.server.time_to_first_token", "s"),
    ("gen_ai_server_time_per_output_token_seconds", "gen_ai.server.time_per_output_token", "s"),
    ("gen_ai_client_token_usage", "gen_ai.client.token.usage", "{token}"),
    ("gen_ai_client_inference_usage_input_tokens", "gen_ai.client.inference.usage.input_tokens", "{token}"),
    ("gen_ai_client_inference_usage_output_tokens", "gen_ai.client.inference.usage.output_tokens", "{token}"),
    (
        "gen_ai_client_inference_usage_cache_read_input_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "{token}",
    ),
    (
        "gen_ai_client_inference_usage_cache_write_input_tokens",
        "gen_ai.client.inference.usage.cache_write.input_tokens",
        "{token}",
    ),
    (
        "gen_ai_client_inference_usage_reasoning_output_tokens",
        "gen_ai.client.inference.usage.reasoning.output_tokens",
        "{token}",
    ),
    (
        "gen_ai_client_inference_operation_input_tokens",
        "gen_ai.client.inference.operation.input_tokens",
        "{token}",
    ),
    (
        "gen_ai_client_inference_operation_output_tokens",
        "gen_ai.client.inference.operation.output_tokens",
        "{token}",
    ),
];

const ATTRIBUTES: &[(&str, &str)] = &[
    ("gen_ai_operation_name", "gen_ai.operation.name"),
    ("gen_ai_provider_name", "gen_ai.provider.name"),
    ("gen_ai_request_model", "gen_ai.request.model"),
    ("gen_ai_token_type", "gen_ai.token.type"),
    ("gen_ai_token_modality", "gen_ai.token.modality"),
    ("server_address", "server.address"),
    ("server_port", "server.port"),
    ("error_type", "error.type"),
];

/// The name and the unit of a metric.
pub(super) fn metric(name: &str) -> (&str, &str) {
    if let Some((_, name, unit)) = METRICS.iter().find(|(known, ..)| *known == name) {
        return (name, unit);
    }
    let units = [("_seconds", "s"), ("_bytes", "By"), ("_nanos", "{nano_usd}"), ("_tokens", "{token}")];
    let unit = units.iter().find(|(end, _)| name.ends_with(end));
    (name, unit.map_or("1", |(_, unit)| unit))
}

/// The name of an attribute.
pub(super) fn attribute(label: &str) -> &str {
    ATTRIBUTES.iter().find(|(known, _)| *known == label).map_or(label, |(_, name)| name)
}
