//! How busy a server is and how soon it answers, as far as a strategy asks.
//!
//! Belongs to the server, not to a service, and lives as long as it: a change of
//! configuration forgets nothing. Orderings are relaxed: the numbers are advice.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Answers that the mean is taken of.
const SAMPLES: usize = 100;

/// What is known of one server.
#[derive(Debug, Default)]
pub(super) struct Load {
    in_flight: AtomicUsize,
    /// Only once somebody measures.
    latency: OnceLock<Box<Latency>>,
}

/// The last times to the first byte, in microseconds.
#[derive(Debug)]
struct Latency {
    samples: [AtomicU32; SAMPLES],
    sum: AtomicU64,
    taken: AtomicUsize,
}

/// One request that a server is busy with, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Load>);

impl Load {
    /// Counts one request more.
    pub(super) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// An answer began after this time.
    pub(super) fn answered(&self, after: Duration) {
        let micros = u32::try_from(after.as_micros()).unwrap_or(u32::MAX);
        let latency = self.latency.get_or_init(Box::default);
        let turn = latency.taken.fetch_add(1, Relaxed);
        if let Some(sample) = latency.samples.get(turn % SAMPLES) {
            let old = sample.swap(micros, Relaxed);
            latency.sum.fetch_add(micros.into(), Relaxed);
            latency.sum.fetch_sub(old.into(), Relaxed);
        }
    }

    /// Mean time to the first byte, in microseconds; 0 while there is none.
    pub(super) fn mean(&self) -> u32 {
        let Some(latency) = self.latency.get() else {
            return 0;
        };
        let count = latency.taken.load(Relaxed).min(SAMPLES);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let mean = latency.sum.load(Relaxed).checked_div(count);
        u32::try_from(mean.unwrap_or(0)).unwrap_or(u32::MAX)
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            samples: [const { AtomicU32::new(0) }; SAMPLES],
            sum: AtomicU64::new(0),
            taken: AtomicUsize::new(0),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_of_the_last_answers() {
        let load = Load::default();
        assert_eq!(load.mean(), 0);
        load.answered(Duration::from_millis(10));
        load.answered(Duration::from_millis(30));
        assert_eq!(load.mean(), 20_000);
        for _ in 0..SAMPLES {
            load.answered(Duration::from_millis(5));
        }
        assert_eq!(load.mean(), 5_000);
    }

    #[test]
    fn a_request_counts_until_it_is_dropped() {
        let load = Arc::new(Load::default());
        let (first, second) = (load.enter(), load.enter());
        assert_eq!(load.in_flight(), 2);
        drop(first);
        assert_eq!(load.in_flight(), 1);
        drop(second);
        assert_eq!(load.in_flight(), 0);
    }
}
