//! What one round gives, and the middle of several.

use std::time::Duration;

use super::{
    cpu::{Cpu, GROUPS},
    load::Seen,
};

/// What was measured of one lane at one server.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// CPU microseconds for one exchange, work after the answer included.
    pub(super) cpu: f64,
    /// The same by the group of threads.
    pub(super) groups: [f64; GROUPS.len()],
    pub(super) per_second: f64,
    pub(super) p50_micros: f64,
    pub(super) p99_micros: f64,
    /// How long the ledger took to come after.
    pub(super) quiet_ms: f64,
}

impl Figures {
    /// Those of one round.
    pub(super) fn new(mut seen: Seen, cpu: Cpu, quiet: Duration) -> Self {
        seen.micros.sort_unstable();
        let count = seen.micros.len() as f64;
        let at = |hundredth: usize| {
            let place = (seen.micros.len() * hundredth / 100).min(seen.micros.len().saturating_sub(1));
            seen.micros.get(place).copied().unwrap_or_default() as f64
        };
        Self {
            cpu: cpu.total as f64 / count,
            groups: cpu.groups.map(|group| group as f64 / count),
            per_second: count / seen.elapsed.as_secs_f64(),
            p50_micros: at(50),
            p99_micros: at(99),
            quiet_ms: quiet.as_secs_f64() * 1_000.0,
        }
    }

    /// The median of each figure.
    pub(super) fn median(rounds: &[Self]) -> Self {
        let of = |figure: &dyn Fn(&Self) -> f64| middle(rounds.iter().map(figure).collect());
        Self {
            cpu: of(&|round| round.cpu),
            groups: std::array::from_fn(|group| of(&|round| round.groups[group])),
            per_second: of(&|round| round.per_second),
            p50_micros: of(&|round| round.p50_micros),
            p99_micros: of(&|round| round.p99_micros),
            quiet_ms: of(&|round| round.quiet_ms),
        }
    }
}

/// The median.
pub(super) fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cpu, Figures, Seen, middle};

    #[test]
    fn the_median_is_the_middle() {
        assert!((middle(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((middle(vec![4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn cpu_is_counted_for_one_exchange() {
        let seen = Seen { micros: (1..=200).rev().collect(), elapsed: Duration::from_secs(2) };
        let cpu = Cpu { total: 4_000, groups: [2_000, 0, 0, 0, 2_000] };
        let figures = Figures::new(seen, cpu, Duration::from_millis(7));
        let expected = Figures {
            cpu: 20.0,
            groups: [10.0, 0.0, 0.0, 0.0, 10.0],
            per_second: 100.0,
            p50_micros: 101.0,
            p99_micros: 199.0,
            quiet_ms: 7.0,
        };
        assert_eq!(figures, expected);
    }
}
