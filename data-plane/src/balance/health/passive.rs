//! What the answers of a server say about its health: so many failures in a row in
//! so much time, and it is left alone for as long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fairway_proto::discovery::v1 as wire;
use tokio::time::Instant;

/// Failures that are remembered. Who allows more, allows these.
const MOST_ATTEMPTS: usize = 1000;
/// Until something else brings the server back.
const FOR_GOOD: u64 = u64::MAX;

/// The failures of one server. Orderings are relaxed: the times are advice.
#[derive(Debug)]
pub(super) struct Passive {
    epoch: Instant,
    window: u64,
    /// Times of the last failures, in milliseconds after `epoch`; as many as make a
    /// server fail. Failure n is in slot n modulo their number.
    times: Box<[AtomicU64]>,
    /// Failures so far.
    count: AtomicU64,
    /// Failures before the last success.
    forgiven: AtomicU64,
    /// Since when it is left alone; 0: it is not.
    since: AtomicU64,
    until: AtomicU64,
}

/// A server that is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failing {
    /// Milliseconds after the epoch: tells who was first.
    pub(crate) since: u64,
    /// `None`: until a health check finds it well.
    pub(crate) left: Option<Duration>,
}

impl Passive {
    pub(super) fn build(spec: &wire::PassiveHealthCheck, epoch: Instant) -> Self {
        let attempts = usize::try_from(spec.max_failed_attempts).unwrap_or(MOST_ATTEMPTS);
        Self {
            epoch,
            window: u64::from(spec.failure_window_ms),
            times: (0..attempts.clamp(1, MOST_ATTEMPTS))
                .map(|_| AtomicU64::new(0))
                .collect(),
            count: AtomicU64::new(0),
            forgiven: AtomicU64::new(0),
            since: AtomicU64::new(0),
            until: AtomicU64::new(0),
        }
    }

    /// An answer of 500 or above, or none. `for_good`: time alone does not bring the
    /// server back.
    pub(super) fn failed(&self, for_good: bool) {
        let now = self.now();
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(slot) = self.slot(number) {
            slot.store(now, Ordering::Relaxed);
        }
        let attempts = u64::try_from(self.times.len()).unwrap_or(u64::MAX);
        let in_a_row = (number + 1).saturating_sub(self.forgiven.load(Ordering::Relaxed));
        if in_a_row < attempts || self.failing().is_some() {
            return;
        }
        let first = self.slot((number + 1).saturating_sub(attempts));
        let first = first.map_or(0, |slot| slot.load(Ordering::Relaxed));
        if first.saturating_add(self.window) >= now {
            let until = if for_good {
                FOR_GOOD
            } else {
                now.saturating_add(self.window)
            };
            self.since.store(now, Ordering::Relaxed);
            self.until.store(until, Ordering::Relaxed);
        }
    }

    /// An answer below 500.
    pub(super) fn succeeded(&self) {
        let count = self.count.load(Ordering::Relaxed);
        if self.forgiven.load(Ordering::Relaxed) != count {
            self.forgiven.store(count, Ordering::Relaxed);
        }
    }

    /// A health check found it well.
    pub(super) fn recovered(&self) {
        self.succeeded();
        self.until.store(0, Ordering::Relaxed);
    }

    /// Whether it is left alone.
    pub(super) fn failing(&self) -> Option<Failing> {
        let left = match self.until.load(Ordering::Relaxed) {
            0 => return None,
            FOR_GOOD => None,
            until => match until.checked_sub(self.now()) {
                None | Some(0) => return None,
                Some(left) => Some(Duration::from_millis(left)),
            },
        };
        let since = self.since.load(Ordering::Relaxed);
        Some(Failing { since, left })
    }

    fn slot(&self, number: u64) -> Option<&AtomicU64> {
        let slots = u64::try_from(self.times.len()).ok()?;
        let at = usize::try_from(number.checked_rem(slots)?).ok()?;
        self.times.get(at)
    }

    fn now(&self) -> u64 {
        let elapsed = self.epoch.elapsed().as_millis();
        // Never 0, which means that nothing is wrong.
        u64::try_from(elapsed).unwrap_or(FOR_GOOD / 2) + 1
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn passive(attempts: u32) -> Passive {
        let spec = wire::PassiveHealthCheck {
            failure_window_ms: 10_000,
            max_failed_attempts: attempts,
        };
        Passive::build(&spec, Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_failures_in_the_window_take_a_server_out_for_as_long() {
        let passive = passive(3);
        for _ in 0..2 {
            passive.failed(false);
            assert_eq!(passive.failing(), None);
            advance(Duration::from_secs(4)).await;
        }
        passive.failed(false);
        let left = passive.failing().unwrap().left;
        assert_eq!(left, Some(Duration::from_secs(10)));
        advance(Duration::from_millis(9_999)).await;
        assert!(passive.failing().is_some());
        advance(Duration::from_millis(1)).await;
        assert_eq!(passive.failing(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_are_far_apart_do_not_count_together() {
        let passive = passive(3);
        for _ in 0..20 {
            passive.failed(false);
            advance(Duration::from_millis(5_001)).await;
            assert_eq!(passive.failing(), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_clears_the_list() {
        let passive = passive(2);
        for _ in 0..5 {
            passive.failed(false);
            passive.succeeded();
        }
        assert_eq!(passive.failing(), None);
        passive.failed(false);
        passive.failed(false);
        assert!(passive.failing().is_some());
        passive.succeeded();
        assert!(passive.failing().is_some(), "an answer that was on its way");
    }

    #[tokio::test(start_paused = true)]
    async fn beside_a_health_check_only_that_brings_it_back() {
        let passive = passive(1);
        passive.failed(true);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(passive.failing().unwrap().left, None);
        passive.recovered();
        assert_eq!(passive.failing(), None);
    }
}
