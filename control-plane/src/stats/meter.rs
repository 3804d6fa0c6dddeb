//! One object's numbers of the last minutes: how many, how many failed, how long.

use fairway_metrics::{Bounds, Totals};

use super::view::{Chart, Rates};
use super::wheel::{Wheel, small};

/// Seconds that charts show.
pub(super) const WINDOW: u64 = 180;
/// Seconds over which a rate is taken.
const RATE_SECONDS: u64 = 10;
/// Seconds of one row of latencies where there is not one for each second, and rows.
const COARSE_SECONDS: u64 = 20;
const COARSE_ROWS: u64 = 4;

/// Requests by second. Of these two numbers, the first includes the second.
const REQUESTS: usize = 0;
const ERRORS: usize = 1;

/// What has happened lately at one object.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    /// Requests and errors of each second.
    counts: Wheel,
    latencies: Wheel,
    /// Seconds of one row of these.
    unit: u64,
}

impl Meter {
    /// With latencies of each second.
    pub(super) fn fine(buckets: usize) -> Self {
        Self {
            counts: Wheel::new(2, WINDOW + 1),
            latencies: Wheel::new(buckets, WINDOW + 1),
            unit: 1,
        }
    }

    /// With latencies of the last minute: there may be tens of thousands.
    pub(super) fn coarse(buckets: usize) -> Self {
        Self {
            counts: Wheel::new(2, WINDOW + 1),
            latencies: Wheel::new(buckets, COARSE_ROWS),
            unit: COARSE_SECONDS,
        }
    }

    /// These requests have ended in this second.
    pub(super) fn add(&mut self, second: u64, more: &Totals, failed: bool) {
        self.count(second, more.requests, failed);
        if let Some(row) = self.latencies.at(second / self.unit) {
            for (cell, count) in row.iter_mut().zip(&more.buckets) {
                *cell = cell.saturating_add(small(*count));
            }
        }
    }

    /// These have ended at some time after `from`, and not after `second`.
    pub(super) fn spread(&mut self, from: u64, second: u64, more: &Totals, failed: bool) {
        let seconds = second.saturating_sub(from).max(1);
        let each = more.requests / seconds;
        let first = second + 1 - seconds.min(WINDOW);
        if each > 0 {
            for earlier in first..second {
                self.count(earlier, each, failed);
            }
        }
        let last = Totals {
            requests: more.requests - each * (seconds - 1),
            ..more.clone()
        };
        self.add(second, &last, failed);
    }

    fn count(&mut self, second: u64, requests: u64, failed: bool) {
        if let Some([all, errors]) = self.counts.at(second) {
            *all = all.saturating_add(small(requests));
            if failed {
                *errors = errors.saturating_add(small(requests));
            }
        }
    }

    /// How it goes, as of the seconds before this one.
    pub(super) fn rates(&self, second: u64, bounds: &Bounds) -> Rates {
        let lately = second.saturating_sub(RATE_SECONDS)..second;
        let [requests, errors] = [REQUESTS, ERRORS].map(|of| {
            let rows = lately.clone().filter_map(|it| self.counts.get(it));
            let all: u64 = rows
                .filter_map(|row| row.get(of))
                .copied()
                .map(u64::from)
                .sum();
            per_second(all)
        });
        let latest = second / self.unit;
        let minute = (COARSE_SECONDS * (COARSE_ROWS - 1)).div_ceil(self.unit);
        let counts = self.latencies_of(latest.saturating_sub(minute)..latest + 1);
        Rates {
            requests_per_second: requests,
            errors_per_second: errors,
            p50: seconds(bounds.quantile(&counts, 500)),
            p99: seconds(bounds.quantile(&counts, 990)),
        }
    }

    /// The last minutes, up to the second before this one.
    pub(super) fn chart(&self, second: u64, bounds: &Bounds) -> Chart {
        let all = || second.saturating_sub(WINDOW)..second;
        let counts = |of: usize| {
            let row = move |it| self.counts.get(it).and_then(|row| row.get(of));
            all()
                .map(|it| row(it).copied().unwrap_or_default())
                .collect()
        };
        let mut chart = Chart {
            requests: counts(REQUESTS),
            errors: counts(ERRORS),
            p50: Vec::new(),
            p99: Vec::new(),
            rates: self.rates(second, bounds),
        };
        if self.unit == 1 {
            for second in all() {
                let counts = self.latencies_of(second..second + 1);
                chart.p50.push(seconds(bounds.quantile(&counts, 500)));
                chart.p99.push(seconds(bounds.quantile(&counts, 990)));
            }
        }
        chart
    }

    fn latencies_of(&self, rows: std::ops::Range<u64>) -> Vec<u64> {
        let mut sum: Vec<u64> = Vec::new();
        for row in rows.filter_map(|row| self.latencies.get(row)) {
            sum.resize(row.len(), 0);
            for (sum, count) in sum.iter_mut().zip(row) {
                *sum += u64::from(*count);
            }
        }
        sum
    }
}

/// Requests to one server through one proxy: a short while is enough.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    /// Requests, errors and microseconds of each second.
    counts: Wheel,
    /// Series that it is made of.
    pub(super) series: usize,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self {
            counts: Wheel::new(3, RATE_SECONDS + 1),
            series: 0,
        }
    }

    pub(super) fn add(&mut self, second: u64, more: &Totals, failed: bool) {
        if let Some([all, errors, micros]) = self.counts.at(second) {
            *all = all.saturating_add(small(more.requests));
            if failed {
                *errors = errors.saturating_add(small(more.requests));
            }
            *micros = micros.saturating_add(small(more.nanos / 1000));
        }
    }

    /// Requests and errors per second, and how long one took on average.
    pub(super) fn rates(&self, second: u64) -> (f64, f64, Option<f64>) {
        let lately = second.saturating_sub(RATE_SECONDS)..second;
        let mut sums = [0_u64; 3];
        for row in lately.filter_map(|it| self.counts.get(it)) {
            for (sum, count) in sums.iter_mut().zip(row) {
                *sum += u64::from(*count);
            }
        }
        let [requests, errors, micros] = sums;
        let mean = micros
            .checked_mul(1000)
            .and_then(|it| it.checked_div(requests));
        (per_second(requests), per_second(errors), seconds(mean))
    }
}

fn per_second(count: u64) -> f64 {
    f64::from(small(count)) / f64::from(small(RATE_SECONDS))
}

fn seconds(nanos: Option<u64>) -> Option<f64> {
    nanos.map(|nanos| std::time::Duration::from_nanos(nanos).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(bounds: &Bounds, requests: u64, nanos: u64) -> Totals {
        let mut buckets = vec![0; bounds.buckets()];
        buckets[bounds.bucket(nanos)] = requests;
        Totals {
            requests,
            nanos: requests * nanos,
            buckets,
            ..Totals::default()
        }
    }

    #[test]
    fn a_rate_is_that_of_the_seconds_that_are_over() {
        let bounds = Bounds::default();
        for mut meter in [
            Meter::fine(bounds.buckets()),
            Meter::coarse(bounds.buckets()),
        ] {
            for second in 91..=100 {
                meter.add(second, &totals(&bounds, 10, 1_000_000), second % 2 == 0);
            }
            let rates = meter.rates(100, &bounds);
            assert!((rates.requests_per_second - 9.0).abs() < 1e-9, "91 to 99");
            assert!((rates.errors_per_second - 4.0).abs() < 1e-9);
            let p50 = rates.p50.expect("there are some");
            assert!((0.0007..=0.001).contains(&p50), "{p50}");
            let chart = meter.chart(101, &bounds);
            assert_eq!(chart.requests.len(), 101);
            assert_eq!(chart.requests.iter().sum::<u32>(), 100);
            assert_eq!(chart.errors.last(), Some(&10));
        }
    }

    #[test]
    fn what_was_told_late_is_spread_over_the_time_it_took() {
        let bounds = Bounds::default();
        let mut meter = Meter::fine(bounds.buckets());
        meter.spread(1000, 1010, &totals(&bounds, 25, 1_000_000), false);
        let chart = meter.chart(1011, &bounds);
        let tail = chart.requests.iter().rev().take(11).copied();
        assert_eq!(tail.collect::<Vec<_>>(), [7, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0]);
        // Longer than there is room: what falls out is not added to the rest.
        let mut meter = Meter::coarse(bounds.buckets());
        meter.spread(0, 10_000, &totals(&bounds, 20_000, 1_000_000), true);
        let chart = meter.chart(10_001, &bounds);
        assert!(chart.requests.iter().all(|count| *count == 2), "{chart:?}");
    }

    #[test]
    fn a_server_as_one_proxy_sees_it() {
        let bounds = Bounds::default();
        let mut recent = Recent::new();
        recent.add(50, &totals(&bounds, 10, 2_000_000), false);
        recent.add(51, &totals(&bounds, 10, 4_000_000), true);
        let (requests, errors, mean) = recent.rates(52);
        assert!((requests - 2.0).abs() < 1e-9 && (errors - 1.0).abs() < 1e-9);
        assert!((mean.expect("there are some") - 0.003).abs() < 1e-9);
        assert_eq!(recent.rates(70), (0.0, 0.0, None));
    }
}
