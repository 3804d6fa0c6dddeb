//! How long to wait before the next connection.
//!
//! Full jitter: a random time up to a ceiling that doubles with each attempt, so that
//! proxies that lost their control plane together do not come back together. Lives
//! outside the connection loop; only an update resets it, as a server that accepts
//! and closes is no better than one that does not accept.

use std::time::Duration;

use rand::Rng as _;

const FIRST_CEILING: Duration = Duration::from_millis(100);
pub(super) const LAST_CEILING: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Waits before the next attempt, after whatever end the last one had.
    pub(super) async fn sleep(&mut self) {
        let ceiling = self.ceiling();
        self.attempts = self.attempts.saturating_add(1);
        let delay = rand::rng().random_range(Duration::ZERO..=ceiling);
        tokio::time::sleep(delay).await;
    }

    /// The control plane answers: the next failure is a first one.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    fn ceiling(&self) -> Duration {
        let factor = 2_u32.saturating_pow(self.attempts);
        FIRST_CEILING.saturating_mul(factor).min(LAST_CEILING)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_ceiling_doubles_up_to_its_limit_and_an_update_resets_it() {
        let mut backoff = Backoff::default();
        for ceiling in [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000] {
            assert_eq!(backoff.ceiling(), Duration::from_millis(ceiling));
            let start = Instant::now();
            backoff.sleep().await;
            // The timer rounds up to a millisecond.
            assert!(start.elapsed() <= Duration::from_millis(ceiling + 1));
        }
        backoff.attempts = u32::MAX;
        backoff.sleep().await;
        backoff.reset();
        assert_eq!(backoff.ceiling(), FIRST_CEILING);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_times_differ() {
        let mut waited = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            Backoff { attempts: 7 }.sleep().await;
            waited.push(start.elapsed());
        }
        waited.sort();
        waited.dedup();
        assert!(waited.len() > 1);
    }
}
