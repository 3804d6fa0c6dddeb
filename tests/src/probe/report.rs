//! What a probe counted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// Failures are listed one by one up to this many; all of them are counted.
const LISTED: usize = 200;

/// How a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No connection could be made.
    Connect,
    /// The connection ended or broke after the request was written (or while it
    /// was) and before the answer's head was there.
    InFlight,
    /// The connection ended in the middle of an answer.
    Truncated,
    /// The answer is not HTTP.
    Malformed,
    /// Another status than 200.
    BadStatus,
    /// Somebody else's answer, or none of a backend.
    WrongNonce,
    /// A container answered that must not.
    WrongContainer,
    /// No whole answer in time.
    Timeout,
}

/// One failed request.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// A few words.
    pub detail: String,
    /// The request's nonce.
    pub nonce: String,
    /// Milliseconds since the probe started.
    pub at_ms: u64,
    /// Milliseconds since 1970.
    pub unix_ms: u64,
}

/// Numbers so far.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counts {
    /// Requests begun.
    pub sent: u64,
    /// Answered as they should be.
    pub ok: u64,
    /// All failures.
    pub failed: u64,
    /// Failures of each kind.
    pub failures: BTreeMap<FailureKind, u64>,
    /// Right answers of each container.
    pub containers: BTreeMap<String, u64>,
    /// Requests sent a second time (never, unless asked for).
    pub retried: u64,
    /// Connections made.
    pub connections: u64,
}

/// Milliseconds from due to the last byte, of right answers.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// Half are faster.
    pub p50: f64,
    /// 99 of 100 are faster.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

/// The end of a probe.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Numbers.
    #[serde(flatten)]
    pub counts: Counts,
    /// Milliseconds.
    pub latency_ms: Latency,
    /// How long it ran.
    pub seconds: f64,
    /// The first failures, in order.
    pub list: Vec<Failure>,
}

impl Report {
    /// Checks that something was sent and nothing failed.
    ///
    /// # Panics
    /// With the report otherwise.
    pub fn assert_flawless(&self) {
        assert!(self.counts.ok > 0, "nothing was answered: {self:#?}");
        assert_eq!(self.counts.failed, 0, "{self:#?}");
        assert_eq!(self.counts.sent, self.counts.ok, "{self:#?}");
    }

    /// Failures of one kind.
    pub fn failures(&self, kind: FailureKind) -> u64 {
        self.counts.failures.get(&kind).copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// Microseconds.
    latencies: Vec<u32>,
    list: Vec<Failure>,
}

impl Tally {
    pub(crate) fn ok(&mut self, container: String, latency: Duration) {
        self.counts.ok += 1;
        *self.counts.containers.entry(container).or_default() += 1;
        self.latencies
            .push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn failed(&mut self, failure: Failure) {
        self.counts.failed += 1;
        *self.counts.failures.entry(failure.kind).or_default() += 1;
        if self.list.len() < LISTED {
            self.list.push(failure);
        }
    }

    pub(crate) fn report(&mut self, seconds: f64) -> Report {
        self.latencies.sort_unstable();
        let at = |percent: usize| {
            let rank = (self.latencies.len() * percent)
                .div_ceil(100)
                .saturating_sub(1);
            self.latencies
                .get(rank)
                .map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
        };
        Report {
            counts: self.counts.clone(),
            latency_ms: Latency {
                p50: at(50),
                p99: at(99),
                max: at(100),
            },
            seconds,
            list: self.list.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks_of_the_sorted_latencies() {
        let mut tally = Tally::default();
        for milliseconds in (1..=100).rev() {
            tally.ok("web".to_owned(), Duration::from_millis(milliseconds));
        }
        let latency = tally.report(1.0).latency_ms;
        assert_eq!((latency.p50, latency.p99, latency.max), (50.0, 99.0, 100.0));
    }
}
