//! The metrics of the registry as OTLP has them: read from the same text that Prometheus reads, so that both say the same.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
        metric::Data, number_data_point,
    },
};

use super::{names, value::text};

/// What a process has counted since it began, and when that was, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) began: u64,
    pub(crate) now: u64,
}

/// Reads an exposition in the text format that Prometheus reads. A line that is none is left out.
pub(crate) fn read(text: &str, span: Span) -> Vec<Metric> {
    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("# HELP ") {
            let (name, help) = said.split_once(' ').unwrap_or((said, ""));
            families.push(Family::new(name, help.trim_end_matches('.')));
        } else if let Some(said) = line.strip_prefix("# TYPE ") {
            if let (Some(family), Some((_, kind))) = (families.last_mut(), said.split_once(' ')) {
                kind.clone_into(&mut family.kind);
            }
        } else if !line.starts_with('#')
            && let (Some(family), Some(sample)) = (families.last_mut(), Sample::read(line))
        {
            family.samples.push(sample);
        }
    }
    families.into_iter().filter_map(|family| family.metric(span)).collect()
}

struct Family {
    name: String,
    help: String,
    kind: String,
    samples: Vec<Sample>,
}

type Labels = Vec<(String, String)>;

/// One line.
struct Sample {
    name: String,
    labels: Labels,
    value: f64,
}

impl Family {
    fn new(name: &str, help: &str) -> Self {
        Self { name: name.to_owned(), help: help.to_owned(), kind: String::new(), samples: Vec::new() }
    }

    fn metric(self, span: Span) -> Option<Metric> {
        let cumulative = AggregationTemporality::Cumulative.into();
        let data = match self.kind.as_str() {
            "counter" => Data::Sum(Sum {
                data_points: self.samples.into_iter().map(|sample| sample.point(span)).collect(),
                aggregation_temporality: cumulative,
                is_monotonic: true,
            }),
            "gauge" => Data::Gauge(Gauge {
                data_points: self.samples.into_iter().map(|sample| sample.point(span)).collect(),
            }),
            "histogram" => Data::Histogram(Histogram {
                data_points: histograms(&self.name, self.samples, span),
                aggregation_temporality: cumulative,
            }),
            _ => return None,
        };
        let (name, unit) = names::metric(&self.name);
        Some(Metric {
            name: name.to_owned(),
            description: self.help,
            unit: unit.to_owned(),
            data: Some(data),
            ..Metric::default()
        })
    }
}

impl Sample {
    fn read(line: &str) -> Option<Self> {
        // An exemplar may follow.
        let (name, labels, rest) = match line.split_once('{') {
            None => line.split_once(' ').map(|(name, rest)| (name, Vec::new(), rest))?,
            Some((name, rest)) => {
                let (labels, rest) = read_labels(rest)?;
                (name, labels, rest)
            }
        };
        let value = rest.split_whitespace().next()?.parse().ok()?;
        Some(Self { name: name.to_owned(), labels, value })
    }

    fn point(self, Span { began, now }: Span) -> NumberDataPoint {
        NumberDataPoint {
            attributes: attributes(self.labels),
            start_time_unix_nano: began,
            time_unix_nano: now,
            value: Some(number_data_point::Value::AsDouble(self.value)),
            ..NumberDataPoint::default()
        }
    }
}

/// Up to the closing brace, with what comes after it.
fn read_labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (mut value, mut escaped, mut end) = (String::new(), false, None);
        for (at, character) in quoted.char_indices() {
            match (escaped, character) {
                (false, '\\') => escaped = true,
                (false, '"') => {
                    end = Some(at);
                    break;
                }
                (was_escaped, other) => {
                    escaped = false;
                    value.push(if was_escaped && other == 'n' { '\n' } else { other });
                }
            }
        }
        labels.push((name.to_owned(), value));
        rest = &quoted[end? + 1..];
    }
}

/// The lines of each histogram come one after the other, its buckets each with all that are below.
fn histograms(family: &str, samples: Vec<Sample>, Span { began, now }: Span) -> Vec<HistogramDataPoint> {
    let mut points: Vec<(Labels, HistogramDataPoint, u64)> = Vec::new();
    for Sample { name, mut labels, value } in samples {
        let bound = labels.iter().position(|(name, _)| name == "le").map(|at| labels.remove(at).1);
        if points.last().is_none_or(|(of, ..)| *of != labels) {
            let point = HistogramDataPoint {
                attributes: attributes(labels.clone()),
                start_time_unix_nano: began,
                time_unix_nano: now,
                ..HistogramDataPoint::default()
            };
            points.push((labels, point, 0));
        }
        let Some((_, point, below)) = points.last_mut() else { continue };
        match (name.strip_prefix(family), bound) {
            (Some("_sum"), _) => point.sum = Some(value),
            (Some("_count"), _) => point.count = count(value),
            (Some("_bucket"), Some(bound)) => {
                point.bucket_counts.push(count(value).saturating_sub(*below));
                *below = count(value);
                // The last bucket has no bound.
                point.explicit_bounds.extend(bound.parse::<f64>().ok().filter(|bound| bound.is_finite()));
            }
            _ => {}
        }
    }
    points.into_iter().map(|(_, point, _)| point).collect()
}

fn count(value: f64) -> u64 {
    format!("{value:.0}").parse().unwrap_or(0)
}

fn attributes(labels: Labels) -> Vec<KeyValue> {
    labels.into_iter().map(|(name, value)| text(names::attribute(&name), value)).collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};

    use super::{Span, read};

    const TEXT: &str = "# HELP veloera_calls_open Calls that are open.\n# TYPE veloera_calls_open gauge\n\
        veloera_calls_open 3\n\
        # HELP veloera_http_requests Requests.\n# TYPE veloera_http_requests counter\n\
        veloera_http_requests_total{method=\"GET\",route=\"/a\\\"{b}\"} 7\n\
        # HELP gen_ai_client_operation_duration_seconds Length.\n\
        # TYPE gen_ai_client_operation_duration_seconds histogram\n\
        gen_ai_client_operation_duration_seconds_sum{gen_ai_operation_name=\"chat\"} 1.5\n\
        gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name=\"chat\"} 3\n\
        gen_ai_client_operation_duration_seconds_bucket{le=\"0.01\",gen_ai_operation_name=\"chat\"} 1\n\
        gen_ai_client_operation_duration_seconds_bucket{le=\"0.02\",gen_ai_operation_name=\"chat\"} 1\n\
        gen_ai_client_operation_duration_seconds_bucket{le=\"+Inf\",gen_ai_operation_name=\"chat\"} 3\n# EOF\n";

    #[test]
    fn what_prometheus_reads_is_what_a_collector_is_sent() {
        let metrics = read(TEXT, Span { began: 1, now: 2 });
        let [open, requests, duration] = &metrics[..] else { panic!("{metrics:?}") };
        let Some(Data::Gauge(gauge)) = &open.data else { panic!("{open:?}") };
        assert_eq!(gauge.data_points[0].value, Some(Value::AsDouble(3.0)));
        let Some(Data::Sum(sum)) = &requests.data else { panic!("{requests:?}") };
        assert!(sum.is_monotonic);
        let point = &sum.data_points[0];
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1, 2));
        assert_eq!(point.attributes.len(), 2);
        assert!(format!("{:?}", point.attributes[1]).contains(r#"/a\"{b}"#), "{point:?}");
        assert_eq!(
            (duration.name.as_str(), duration.unit.as_str()),
            ("gen_ai.client.operation.duration", "s")
        );
        let Some(Data::Histogram(histogram)) = &duration.data else { panic!("{duration:?}") };
        let [point] = &histogram.data_points[..] else { panic!("{histogram:?}") };
        assert_eq!(
            (&point.bucket_counts[..], &point.explicit_bounds[..]),
            (&[1, 0, 2][..], &[0.01, 0.02][..])
        );
        assert_eq!((point.count, point.sum), (3, Some(1.5)));
        assert_eq!(point.attributes[0].key, "gen_ai.operation.name");
    }
}
