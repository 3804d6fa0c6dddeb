//! Waiting for something to become true, with deadlines that a busy machine keeps.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for what should take milliseconds.
pub const DEADLINE: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(5);

/// Waits until `condition` is true.
///
/// # Panics
/// After [`DEADLINE`], naming `what`.
pub async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || {
        let held = condition();
        async move { held.then_some(()) }
    })
    .await;
}

/// Waits until `attempt` gives a value.
///
/// # Panics
/// After [`DEADLINE`], naming `what`.
pub async fn wait_for<T, F>(what: &str, mut attempt: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        let left = DEADLINE.saturating_sub(started.elapsed());
        match tokio::time::timeout(left, attempt()).await {
            Ok(Some(value)) => return value,
            Ok(None) if started.elapsed() < DEADLINE => tokio::time::sleep(POLL).await,
            _ => panic!("waited {DEADLINE:?} in vain for: {what}"),
        }
    }
}

/// Checks for `period` that `condition` stays true.
///
/// # Panics
/// As soon as it is false, naming `what`.
pub async fn stays(what: &str, period: Duration, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while started.elapsed() < period {
        assert!(
            condition(),
            "no longer true after {:?}: {what}",
            started.elapsed()
        );
        tokio::time::sleep(POLL).await;
    }
}
