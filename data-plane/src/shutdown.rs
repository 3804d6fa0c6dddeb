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
