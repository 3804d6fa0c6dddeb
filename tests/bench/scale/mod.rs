//! `bench scale`: what many containers and many routers cost.
//!
//! Everything runs in this process and on loopback. Each figure stands beside its
//! target.

mod change;
mod compile;
mod find;

use std::time::Duration;

/// Measures and prints all of it.
pub(crate) fn measure() -> anyhow::Result<()> {
    compile::measure()?;
    find::measure()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(change::measure())
}

/// The time below which this share (in per cent) of the times lie.
fn at(times: &mut [Duration], share: usize) -> Duration {
    times.sort();
    let last = times.len().saturating_sub(1);
    times[(times.len() * share / 100).min(last)]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
