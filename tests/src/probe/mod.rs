//! A load probe: requests at a fixed rate that does not wait for answers (open
//! loop), over a fixed number of keep-alive connections, with every kind of
//! failure counted by itself.
//!
//! Latency counts from the moment a request was *due*, so a stall shows in all
//! requests it held up. A connection that the peer closed while it was idle is
//! not a failure: it is noticed before the request is written, and replaced. If
//! the close arrives while the request is being written, nobody can tell; that
//! counts as in flight, unless `retry_unanswered` is on.

mod exchange;
mod report;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;
use tokio::time::Instant;

use exchange::{Connection, Outcome};
use report::Tally;
pub use report::{Counts, Failure, FailureKind, Latency, Report};

/// What to send, where, and how often.
#[derive(Debug, Clone)]
pub struct ProbeConfig {
    /// Where to connect. Connection `n` goes to address `n` modulo their number.
    pub addresses: Vec<SocketAddr>,
    /// `Host` header.
    pub host: String,
    /// Request target.
    pub path: String,
    /// `GET` or another method without a body.
    pub method: String,
    /// Requests per second, over all connections.
    pub rate: f64,
    /// Connections kept open. More than the rate times the worst latency in
    /// seconds, or requests are late.
    pub connections: usize,
    /// From due to the last byte.
    pub timeout: Duration,
    /// Names of containers that may answer, `prefix*` too; empty: any.
    pub expected: Vec<String>,
    /// The answer must carry the nonce (header `X-Nonce` or JSON `nonce`).
    pub check_nonce: bool,
    /// A request whose reused connection ended without a byte of an answer is
    /// sent once more, on a new one, as browsers do for idempotent methods.
    pub retry_unanswered: bool,
}

impl ProbeConfig {
    /// 200 requests per second over 16 connections, everything checked, no retry.
    pub fn new(address: SocketAddr, host: &str, path: &str) -> Self {
        Self {
            addresses: vec![address],
            host: host.to_owned(),
            path: path.to_owned(),
            method: "GET".to_owned(),
            rate: 200.0,
            connections: 16,
            timeout: Duration::from_secs(10),
            expected: Vec::new(),
            check_nonce: true,
            retry_unanswered: false,
        }
    }
}

/// A probe at work. Dropping it stops it without a report.
#[derive(Debug)]
pub struct Probe {
    shared: Arc<Shared>,
    workers: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    config: ProbeConfig,
    started: Instant,
    started_at: Duration,
    /// Number of the next request.
    next: AtomicU64,
    stopped: AtomicBool,
    tally: Mutex<Tally>,
}

impl Probe {
    /// Starts sending.
    pub fn start(config: ProbeConfig) -> Self {
        assert!(!config.addresses.is_empty() && config.connections > 0 && config.rate > 0.0);
        let connections = config.connections;
        let shared = Arc::new(Shared {
            config,
            started: Instant::now(),
            started_at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            next: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            tally: Mutex::default(),
        });
        let mut workers = JoinSet::new();
        for number in 0..connections {
            workers.spawn(work(Arc::clone(&shared), number));
        }
        Self { shared, workers }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.shared.tally().counts.clone()
    }

    /// Waits until this many more requests were answered well.
    ///
    /// # Panics
    /// After half a minute.
    pub async fn wait_ok(&self, more: u64) {
        let until = self.counts().ok + more;
        crate::wait::wait_until("answers to the probe", || self.counts().ok >= until).await;
    }

    /// Stops sending, waits for what is in flight and reports.
    pub async fn finish(mut self) -> Report {
        self.shared.stopped.store(true, Ordering::Relaxed);
        while self.workers.join_next().await.is_some() {}
        let seconds = self.shared.started.elapsed().as_secs_f64();
        self.shared.tally().report(seconds)
    }
}

impl Shared {
    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn due(&self, number: u64) -> Instant {
        let after = u32::try_from(number).map(f64::from).unwrap_or(f64::MAX) / self.config.rate;
        self.started + Duration::from_secs_f64(after.min(1e9))
    }

    fn nonce(&self, number: u64) -> String {
        format!("{:x}-{number}", self.started_at.as_nanos())
    }
}

async fn work(shared: Arc<Shared>, number: usize) {
    let addresses = &shared.config.addresses;
    let address = addresses[number % addresses.len()];
    let mut connection = None;
    loop {
        // Whoever is free takes the next request: one slow answer holds up one connection.
        let request = shared.next.fetch_add(1, Ordering::Relaxed);
        let due = shared.due(request);
        while !shared.stopped.load(Ordering::Relaxed) && Instant::now() < due {
            let nap = due.min(Instant::now() + Duration::from_millis(50));
            tokio::time::sleep_until(nap).await;
        }
        if shared.stopped.load(Ordering::Relaxed) {
            return;
        }
        send(&shared, address, &mut connection, request, due).await;
    }
}

async fn send(
    shared: &Shared,
    address: SocketAddr,
    kept: &mut Option<Connection>,
    request: u64,
    due: Instant,
) {
    let config = &shared.config;
    let nonce = shared.nonce(request);
    shared.tally().counts.sent += 1;
    let deadline = due.max(Instant::now()) + config.timeout;
    let mut retried = false;
    let outcome = loop {
        let attempt = exchange::attempt(config, address, kept, &nonce);
        let (outcome, reused) = match tokio::time::timeout_at(deadline, attempt).await {
            Ok(done) => done,
            Err(_) => {
                *kept = None;
                (
                    Outcome::failed(FailureKind::Timeout, "no answer in time"),
                    false,
                )
            }
        };
        let again = config.retry_unanswered && reused && !retried && outcome.is_unanswered();
        if !again {
            break outcome;
        }
        retried = true;
        shared.tally().counts.retried += 1;
    };
    let mut tally = shared.tally();
    tally.counts.connections += u64::from(outcome.connected);
    match outcome.result {
        Ok(container) => tally.ok(container, due.elapsed()),
        Err((kind, detail)) => {
            let at_ms = shared.started.elapsed().as_millis();
            tally.failed(Failure {
                kind,
                detail,
                nonce,
                at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX),
                unix_ms: u64::try_from(shared.started_at.as_millis() + at_ms).unwrap_or(u64::MAX),
            });
        }
    }
}
