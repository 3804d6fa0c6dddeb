//! How a proxy leaves: without a failed request, if clients are quick enough.
//!
//! Not ready at once; go on accepting, so that whoever asks for readiness sees it;
//! close the listeners; leave idle connections the chance of one more request;
//! then close them; wait for what is in flight; cut the rest. From the first step
//! on every answer says `Connection: close`, so most clients leave by themselves.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::Process;
use crate::config::Drain;
use crate::worker::Command;

/// How often the number of open connections is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Drains the process; returns when nothing is open or the time is over.
pub(crate) async fn drain(process: &Process, timing: Drain) {
    let timing = agreed(process, timing);
    let deadline = Instant::now() + timing.timeout;
    tracing::info!(connections = process.open_connections(), "draining");
    process.tell_workers(|| Command::Drain);
    sleep(timing.accept).await;
    process.listeners.close_all();
    let idle_until = deadline.min(Instant::now() + timing.idle);
    if !empty_by(process, idle_until).await {
        process.tell_workers(|| Command::Finish);
        empty_by(process, deadline).await;
    }
    tracing::info!(connections = process.open_connections(), "drained");
}

/// As the entry points want it; the most patient one counts. What they do not say is as
/// the process was told.
fn agreed(process: &Process, told: Drain) -> Drain {
    let table = process.table.load();
    let terms = || table.entry_points().map(|entry_point| entry_point.terms());
    let accept = terms().map(|terms| terms.accept_grace.unwrap_or(told.accept));
    let accept = accept.max().unwrap_or(told.accept);
    let ends = terms().map(|terms| match (terms.accept_grace, terms.grace) {
        (_, Some(grace)) => accept + grace,
        (Some(_), None) => accept + told.timeout.saturating_sub(told.accept),
        (None, None) => told.timeout,
    });
    Drain {
        accept,
        idle: told.idle,
        timeout: ends.max().unwrap_or(told.timeout),
    }
}

/// Waits until no connection is open; false if that is not so by `deadline`.
async fn empty_by(process: &Process, deadline: Instant) -> bool {
    // The accept loops take what is queued: give them one look.
    sleep(POLL).await;
    while process.open_connections() > 0 {
        if Instant::now() >= deadline {
            return false;
        }
        sleep_until(deadline.min(Instant::now() + POLL)).await;
    }
    true
}
