//! Histograms of whole numbers: nothing is lost to rounding, and nobody else writes them.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

/// Where one bucket ends and the next begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    bounds: &'static [u64],
    /// Whether they are microseconds, which are told in seconds.
    is_time: bool,
}

impl Bounds {
    /// What a gateway takes: from 50 µs to 250 ms.
    pub(crate) const OVERHEAD: Self = Self {
        bounds: &[50, 100, 200, 300, 500, 750, 1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000],
        is_time: true,
    };
    /// The conventions': from 10 ms to 82 s.
    pub(crate) const DURATION: Self = Self {
        bounds: &[
            10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_280_000, 2_560_000, 5_120_000,
            10_240_000, 20_480_000, 40_960_000, 81_920_000,
        ],
        is_time: true,
    };
    /// The conventions', until a first token: from 1 ms to 10 s.
    pub(crate) const FIRST_TOKEN: Self = Self {
        bounds: &[
            1_000, 5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 250_000, 500_000, 750_000,
            1_000_000, 2_500_000, 5_000_000, 7_500_000, 10_000_000,
        ],
        is_time: true,
    };
    /// The conventions', for each token after that: from 10 ms to 2.5 s.
    pub(crate) const PER_TOKEN: Self = Self {
        bounds: &[
            10_000, 25_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 400_000, 500_000, 750_000,
            1_000_000, 2_500_000,
        ],
        is_time: true,
    };
    /// The conventions': powers of four.
    pub(crate) const TOKENS: Self = Self {
        bounds: &[
            1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
            67_108_864,
        ],
        is_time: false,
    };

    fn told(self, value: u64) -> f64 {
        if self.is_time {
            return Duration::from_micros(value).as_secs_f64();
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "no count of tokens comes near to what an f64 cannot hold"
        )]
        let told = value as f64;
        told
    }
}

/// How many values fell into which bucket.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    of: Bounds,
    counts: Vec<u64>,
    sum: u64,
}

impl Tally {
    pub(super) fn new(of: Bounds) -> Self {
        Self { of, counts: vec![0; of.bounds.len() + 1], sum: 0 }
    }

    pub(super) fn take(&mut self, value: u64) {
        self.take_alike(value, 1);
    }

    pub(super) fn take_time(&mut self, time: Duration) {
        self.take_times(time, 1);
    }

    /// So many that took as long.
    pub(super) fn take_times(&mut self, time: Duration, times: u64) {
        self.take_alike(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), times);
    }

    fn take_alike(&mut self, value: u64, times: u64) {
        let bucket = self.of.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(times);
        }
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
    }

    /// Whether nothing was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

impl EncodeMetric for &Tally {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let bounds = self.of.bounds.iter().map(|bound| self.of.told(*bound)).chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts.iter().copied()).collect();
        let count = self.counts.iter().sum();
        encoder.encode_histogram::<NoLabelSet>(self.of.told(self.sum), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Bounds, Tally};

    #[test]
    fn a_value_falls_into_the_first_bucket_that_holds_it() {
        let mut tally = Tally::new(Bounds::TOKENS);
        assert!(tally.is_empty());
        for value in [0, 1, 2, 4, 5, u64::MAX] {
            tally.take(value);
        }
        assert_eq!((&tally.counts[..4], tally.counts[14]), (&[2, 2, 1, 0][..], 1));
        assert_eq!(tally.sum, u64::MAX);
    }

    #[test]
    fn times_are_told_in_seconds() {
        let mut tally = Tally::new(Bounds::OVERHEAD);
        tally.take_time(Duration::from_micros(50));
        assert_eq!((tally.counts[0], tally.sum), (1, 50));
        assert_eq!(format!("{}", Bounds::OVERHEAD.told(50)), "0.00005");
        tally.take_times(Duration::from_micros(100), 3);
        assert_eq!((tally.counts[1], tally.sum), (3, 350), "so many at once");
    }
}
