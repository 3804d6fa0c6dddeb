//! A server that does not accept connections is left alone for a short while.
//!
//! Passive: it learns from requests that failed to connect. Each failure in a row
//! doubles the pause. When a pause ends one request probes the server while the
//! others keep avoiding it, so a server that swallows packets costs one request its
//! dial timeout, not all of them.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Standing;

/// After the first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// However often it fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long others wait for the outcome of a probe before one of them probes.
const PROBE: Duration = Duration::from_secs(2);

/// Whether a server is out of rotation. Orderings are relaxed: the times are advice.
#[derive(Debug)]
pub(super) struct Ejection {
    epoch: Instant,
    /// Milliseconds after `epoch`; 0 when nothing is wrong.
    until: AtomicU64,
    /// In a row.
    failures: AtomicU32,
    probing: AtomicBool,
}

impl Ejection {
    pub(super) fn none() -> Self {
        Self {
            epoch: Instant::now(),
            until: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            probing: AtomicBool::new(false),
        }
    }

    /// May a request be sent there? `true` at the end of a pause makes the caller the
    /// one that probes.
    pub(super) fn admits(&self) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = self.now();
        if now < until {
            return false;
        }
        let claimed = self.set_until(until, now + millis(PROBE));
        if claimed {
            self.probing.store(true, Ordering::Relaxed);
        }
        claimed
    }

    /// What [`Ejection::admits`] would say, without making the caller the one that
    /// probes.
    pub(super) fn standing(&self) -> Standing {
        match self.until.load(Ordering::Relaxed) {
            0 => Standing::InRotation,
            until => match until.checked_sub(self.now()) {
                None | Some(0) => Standing::Probe,
                Some(left) => Standing::Ejected(Duration::from_millis(left)),
            },
        }
    }

    pub(super) fn failed(&self) {
        let until = self.until.load(Ordering::Relaxed);
        let now = self.now();
        // Requests that were under way together fail together: they count once.
        if now < until && !self.probing.swap(false, Ordering::Relaxed) {
            return;
        }
        let failures = self.failures.load(Ordering::Relaxed);
        let pause = FIRST_PAUSE
            .saturating_mul(1 << failures.min(8))
            .min(LONGEST_PAUSE);
        if self.set_until(until, now + millis(pause)) {
            self.failures
                .store(failures.saturating_add(1), Ordering::Relaxed);
        }
    }

    pub(super) fn succeeded(&self) {
        if self.until.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.probing.store(false, Ordering::Relaxed);
            self.until.store(0, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        // Never 0, which means that nothing is wrong.
        millis(self.epoch.elapsed()) + 1
    }

    fn set_until(&self, from: u64, to: u64) -> bool {
        self.until
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_ejects_for_a_while_and_the_next_one_for_longer() {
        let ejection = Ejection::none();
        assert!(ejection.admits());
        for pause in [2, 4, 8, 16, 30, 30] {
            ejection.failed();
            advance(Duration::from_secs(pause) - Duration::from_millis(1)).await;
            assert!(!ejection.admits(), "before {pause} s");
            advance(Duration::from_millis(1)).await;
            assert!(ejection.admits(), "after {pause} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn looking_at_a_server_does_not_claim_its_probe() {
        let ejection = Ejection::none();
        assert_eq!(ejection.standing(), Standing::InRotation);
        ejection.failed();
        assert_eq!(ejection.standing(), Standing::Ejected(FIRST_PAUSE));
        advance(FIRST_PAUSE - Duration::from_millis(1)).await;
        assert!(!ejection.admits());
        assert!(matches!(ejection.standing(), Standing::Ejected(_)));
        advance(Duration::from_millis(1)).await;
        assert_eq!(ejection.standing(), Standing::Probe);
        assert_eq!(ejection.standing(), Standing::Probe);
        assert!(ejection.admits(), "the probe is still to be had");
        assert!(matches!(ejection.standing(), Standing::Ejected(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_at_the_same_time_count_once() {
        let ejection = Ejection::none();
        for _ in 0..50 {
            ejection.failed();
        }
        advance(FIRST_PAUSE).await;
        assert!(ejection.admits());
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_probes_and_its_success_ends_the_ejection() {
        let ejection = Ejection::none();
        ejection.failed();
        advance(FIRST_PAUSE).await;
        assert!(ejection.admits());
        assert!(!ejection.admits(), "somebody is probing");
        ejection.succeeded();
        assert!(ejection.admits() && ejection.admits());
        ejection.failed();
        advance(FIRST_PAUSE).await;
        assert!(
            ejection.admits(),
            "failures before the success are forgotten"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_was_given_up_is_followed_by_another() {
        let ejection = Ejection::none();
        ejection.failed();
        advance(FIRST_PAUSE).await;
        assert!(ejection.admits());
        advance(PROBE).await;
        assert!(ejection.admits());
    }
}
