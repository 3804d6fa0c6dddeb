//! Asks servers how they do: active health checks.
//!
//! One task for each server that has a check, on the control runtime, from the moment
//! the server is in the table until it leaves. What a task finds out it tells to the
//! server itself ([`Health`](crate::balance)), where the request path reads it; a table
//! that keeps the server keeps its task.

mod grpc;
mod http;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rand::Rng as _;
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::balance::{Check, Mode, Server, ServerKey};
use crate::discovery::DiscoveryStatus;
use crate::exchange::ExchangeError;
use crate::routing::RouteTable;

/// Questions under way at the same time.
const MAX_AT_ONCE: usize = 64;
/// How often the table is looked at where nobody says that it changed.
const LOOK: Duration = Duration::from_millis(250);

/// Why a check failed, for people.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error("answered {0}")]
    Status(u16),
    #[error("redirects to `{0}`, which is no URL")]
    Location(String),
    #[error("redirects more than {0} times")]
    Redirects(usize),
    #[error("its gRPC health service answered {0}")]
    Grpc(String),
}

/// Keeps one task for each server of the table that has a check, for ever.
pub(crate) async fn run(
    table: Arc<ArcSwap<RouteTable>>,
    mut status: watch::Receiver<DiscoveryStatus>,
) {
    let permits = Arc::new(Semaphore::new(MAX_AT_ONCE));
    let mut tasks: HashMap<ServerKey, AbortOnDropHandle<()>> = HashMap::new();
    let mut seen: Option<Arc<RouteTable>> = None;
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = table.load_full();
        if seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &now)) {
            let checked = || {
                let servers = now.servers();
                servers.filter(|server| server.health.check().is_some())
            };
            let live: HashSet<ServerKey> = checked().map(|server| server.key).collect();
            tasks.retain(|key, _| live.contains(key));
            for server in checked() {
                tasks.entry(server.key).or_insert_with(|| {
                    let task = watch_over(Arc::clone(server), Arc::clone(&permits));
                    AbortOnDropHandle::new(tokio::spawn(task))
                });
            }
            seen = Some(now);
        }
        tokio::select! {
            _ = look.tick() => {}
            // Every applied update is told.
            Ok(()) = status.changed() => {}
        }
    }
}

/// Checks one server again and again, at once for the first time.
async fn watch_over(server: Arc<Server>, permits: Arc<Semaphore>) {
    let Some(check) = server.health.check() else {
        return;
    };
    loop {
        let outcome = {
            let _permit = permits.acquire().await;
            ask(&server, check).await
        };
        let pause = match outcome {
            Ok(()) => check.interval,
            Err(_) => check.unhealthy_interval,
        };
        let error = outcome.as_ref().err().cloned();
        if server.health.checked(outcome) {
            tell(&server, error.as_deref());
        }
        sleep(jittered(pause)).await;
    }
}

async fn ask(server: &Server, check: &Check) -> Result<(), String> {
    let asked = async {
        match check.mode {
            Mode::Http => http::check(server, check).await,
            Mode::Grpc => grpc::check(server, check).await,
        }
    };
    match timeout(check.timeout, asked).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(_) => Err(format!("no answer within {:?}", check.timeout)),
    }
}

fn tell(server: &Server, error: Option<&str>) {
    let (address, container) = (&server.authority, &server.container);
    match error {
        Some(error) => {
            tracing::warn!(server = ?address, container, error, "health check failed: server is down");
        }
        None => tracing::info!(server = ?address, container, "health check passed: server is up"),
    }
}

/// A little less each time, so that many proxies do not ask in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.9..=1.0))
}
