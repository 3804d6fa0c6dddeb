//! The buckets of all histograms.
//!
//! One histogram serves two readers: Prometheus, which wants the bounds a person has
//! asked for and exact counts below them, and the charts, which want quantiles. Its
//! bounds are those of a fixed grid and those asked for, so that both are right.

use std::time::Duration;

/// Traefik's.
pub const DEFAULT_BUCKETS: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(1200),
    Duration::from_millis(5000),
];

/// Buckets a person may ask for.
pub const MOST_BUCKETS: usize = 50;

/// The first bounds of the grid, and one decade of what follows, in units of 10 µs: a
/// quantile read between two of them is off by a quarter at most.
const GRID_START: [u64; 2] = [5, 7];
const GRID_DECADE: [u64; 6] = [10, 15, 20, 30, 50, 70];
const GRID_DECADES: u32 = 6;
const GRID_UNIT: u64 = 10_000;

/// Upper bounds of buckets, inclusive, rising; behind the last one is one bucket more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    nanos: Box<[u64]>,
    /// Those asked for.
    shown: Box<[u64]>,
}

impl Bounds {
    /// The grid and these.
    #[must_use]
    pub fn new(asked: impl IntoIterator<Item = Duration>) -> Self {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).ok();
        let mut shown: Vec<u64> = asked.into_iter().filter_map(nanos).collect();
        shown.sort_unstable();
        shown.dedup();
        shown.truncate(MOST_BUCKETS);
        let mut all: Vec<u64> = grid().chain(shown.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        Self {
            nanos: all.into(),
            shown: shown.into(),
        }
    }

    /// In nanoseconds.
    #[must_use]
    pub fn nanos(&self) -> &[u64] {
        &self.nanos
    }

    /// Buckets: one more than bounds.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.nanos.len() + 1
    }

    /// The bucket of a time.
    #[must_use]
    pub fn bucket(&self, nanos: u64) -> usize {
        self.nanos.partition_point(|bound| *bound < nanos)
    }

    /// The bounds asked for, in seconds, each with how many of `counts` are at or below it.
    pub fn cumulative<'a>(&'a self, counts: &'a [u64]) -> impl Iterator<Item = (f64, u64)> + 'a {
        self.shown.iter().map(|bound| {
            let below = counts.iter().take(self.bucket(*bound) + 1).sum();
            (Duration::from_nanos(*bound).as_secs_f64(), below)
        })
    }

    /// The time that this share of what is in `counts` is below, in nanoseconds: between
    /// the bounds of its bucket, as if what is in a bucket were spread evenly. `None`
    /// without any.
    #[must_use]
    pub fn quantile(&self, counts: &[u64], per_mille: u64) -> Option<u64> {
        let total: u64 = counts.iter().sum();
        let rank = (total * per_mille).div_ceil(1000).max(1);
        let mut below = 0;
        for (bucket, count) in counts.iter().enumerate() {
            if *count > 0 && below + count >= rank {
                let lower = bucket.checked_sub(1).and_then(|it| self.nanos.get(it));
                let lower = lower.copied().unwrap_or_default();
                // Of what is above the last bound no more is known.
                let upper = self.nanos.get(bucket).copied().unwrap_or(lower);
                let part = u128::from(upper - lower) * u128::from(rank - below);
                let part = u64::try_from(part / u128::from(*count)).unwrap_or_default();
                return Some(lower + part);
            }
            below += count;
        }
        None
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::new(DEFAULT_BUCKETS)
    }
}

fn grid() -> impl Iterator<Item = u64> {
    let decades = (0..GRID_DECADES).map(|decade| 10_u64.pow(decade));
    let rest = decades.flat_map(|scale| GRID_DECADE.map(|it| it * scale));
    GRID_START.into_iter().chain(rest).map(|it| it * GRID_UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn counts(bounds: &Bounds, times: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; bounds.buckets()];
        for time in times {
            counts[bounds.bucket(*time)] += 1;
        }
        counts
    }

    #[test]
    fn what_was_asked_for_is_counted_exactly_whatever_the_grid_is() {
        let asked = [0.25, 0.1, 0.0333, 0.1].map(Duration::from_secs_f64);
        let bounds = Bounds::new(asked);
        let times = [
            33 * MS,
            33_300_000,
            33_300_001,
            100 * MS,
            250 * MS,
            900 * MS,
        ];
        let counts = counts(&bounds, &times);
        let shown: Vec<_> = bounds.cumulative(&counts).collect();
        assert_eq!(shown, [(0.0333, 2), (0.1, 4), (0.25, 5)]);
    }

    #[test]
    fn a_quantile_is_within_its_bucket() {
        let bounds = Bounds::default();
        let times: Vec<u64> = (1..=1000).map(|it| it * MS).collect();
        let counts = counts(&bounds, &times);
        for (per_mille, exact) in [(10, 10 * MS), (500, 500 * MS), (990, 990 * MS)] {
            let found = bounds.quantile(&counts, per_mille).expect("there are some");
            let off = found.abs_diff(exact);
            assert!(off * 4 <= exact, "{found} for {exact}");
        }
        assert_eq!(bounds.quantile(&[], 500), None);
        let slow = self::counts(&bounds, &[u64::MAX]);
        assert_eq!(bounds.quantile(&slow, 500), bounds.nanos().last().copied());
    }

    #[test]
    fn the_grid_reaches_from_half_a_tenth_of_a_millisecond_to_a_minute() {
        let bounds = Bounds::new([]);
        assert_eq!(bounds.nanos().first(), Some(&50_000));
        assert_eq!(bounds.nanos().last(), Some(&70_000_000_000));
        assert!(bounds.nanos().is_sorted());
        assert_eq!(bounds.buckets(), 39);
    }
}
