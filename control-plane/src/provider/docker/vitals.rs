//! How the provider does, for `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// Numbers of the provider. Cheap to clone: all clones show the same.
#[derive(Clone, Debug)]
pub struct DockerVitals(Arc<Numbers>);

#[derive(Debug)]
struct Numbers {
    began: Instant,
    events: AtomicU64,
    /// When the last complete list came, in milliseconds since then; 0: never.
    synced: AtomicU64,
}

impl Default for DockerVitals {
    fn default() -> Self {
        Self(Arc::new(Numbers {
            began: Instant::now(),
            events: AtomicU64::new(0),
            synced: AtomicU64::new(0),
        }))
    }
}

impl DockerVitals {
    /// Events that were taken in.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.0.events.load(Relaxed)
    }

    /// For how long no complete list has come; `None`: there was none yet.
    #[must_use]
    pub fn last_sync_age(&self) -> Option<Duration> {
        let synced = Some(self.0.synced.load(Relaxed)).filter(|it| *it > 0)?;
        Some(
            self.0
                .began
                .elapsed()
                .saturating_sub(Duration::from_millis(synced)),
        )
    }

    /// An event has come.
    pub(super) fn event(&self) {
        self.0.events.fetch_add(1, Relaxed);
    }

    /// A complete list has come.
    pub(super) fn synced(&self) {
        let now = self.0.began.elapsed().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX).max(1);
        self.0.synced.store(now, Relaxed);
    }
}
