//! What proxies have counted: sums over all of them, and the last minutes by second.
//!
//! Sessions hand in what their proxies report ([`Stats::take`]); the API and `/metrics`
//! read. It is for people and for Prometheus: nothing is decided by it. The lock is held
//! for arithmetic only, never while waiting.

mod meter;
mod prometheus;
mod state;
#[cfg(test)]
mod tests;
mod view;
mod wheel;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fairway_metrics::{Bounds, Scope, Series, Totals};
use fairway_proto::discovery::v1::StatsReport;
use tokio::time::Instant;

pub use prometheus::Page;
pub use view::{Chart, ObjectStats, Overview, ProxyStats, Rates, ServerProxyStats, ServerStats};

use crate::discovery::SnapshotReceiver;
use state::{Instance, State};

/// Every statistic there is. Cheap to clone: all clones show the same.
#[derive(Clone, Debug)]
pub struct Stats {
    state: Arc<Mutex<State>>,
    started: Instant,
}

impl Default for Stats {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl Stats {
    /// Nothing yet. Reports are counted in the buckets of `bounds`.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(bounds))),
            started: Instant::now(),
        }
    }

    /// A stream of a process begins.
    pub fn connect(&self, instance: &str, node: &str) {
        self.lock().connect(instance, node);
    }

    /// Its stream has ended.
    pub fn disconnect(&self, instance: &str) {
        let second = self.second();
        self.lock().disconnect(instance, second);
    }

    /// Takes over what a process that has a stream reports.
    pub fn take(&self, instance: &str, report: StatsReport) {
        let second = self.second();
        let mut state = self.lock();
        state.take(instance, report, second);
        state.sweep(second, false);
    }

    /// Notes when configurations are published, for as long as any may be.
    pub async fn note_publications(self, mut latest: SnapshotReceiver) {
        while latest.changed().await.is_ok() {
            self.lock().published = Some(SystemTime::now());
        }
    }

    /// When the last configuration was published; `None`: none was yet.
    #[must_use]
    pub fn published(&self) -> Option<SystemTime> {
        self.lock().published
    }

    /// All of it at a glance.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let second = self.second();
        let state = self.lock();
        let bounds = &state.bounds;
        let entry_points = state.objects.iter();
        let entry_points = entry_points.filter(|(it, _)| it.scope == Scope::EntryPoint);
        Overview {
            at: self.unix(second.saturating_sub(1)),
            window: meter::WINDOW,
            overall: state.overall.chart(second, bounds),
            entry_points: entry_points
                .map(|(it, metered)| (it.name.clone(), metered.meter.chart(second, bounds)))
                .collect(),
            proxies: proxies(&state, second),
        }
    }

    /// How every object of a scope does that has had requests, by name. Servers have
    /// names in their services only: none.
    #[must_use]
    pub fn rates(&self, scope: Scope) -> Vec<(String, Rates)> {
        let second = self.second();
        let state = self.lock();
        let objects = state.objects.iter();
        objects
            .filter(|(it, _)| it.scope == scope && scope != Scope::Server)
            .map(|(it, metered)| (it.name.clone(), metered.meter.rates(second, &state.bounds)))
            .collect()
    }

    /// One object; `None` if it has had no requests.
    #[must_use]
    pub fn object(&self, scope: Scope, name: &str) -> Option<ObjectStats> {
        let second = self.second();
        let state = self.lock();
        let of = |scope| move |it: &&state::Object| it.scope == scope && it.name == name;
        let object = state.objects.keys().find(of(scope))?;
        let chart = state
            .objects
            .get(object)?
            .meter
            .chart(second, &state.bounds);
        let servers = state.objects.iter();
        let servers = servers.filter(|(it, _)| scope == Scope::Service && of(Scope::Server)(it));
        let servers = servers.map(|(it, metered)| ServerStats {
            server: it.part.clone(),
            rates: metered.meter.rates(second, &state.bounds),
            proxies: through(&state, it, second),
        });
        let servers = servers.collect();
        Some(ObjectStats { chart, servers })
    }

    /// Reads the sums over all proxies, for a page that is asked for again and again:
    /// what is gone is on it once more.
    pub fn with_sums<T>(&self, read: impl FnOnce(&Sums<'_>) -> T) -> T {
        let second = self.second();
        let mut state = self.lock();
        let result = read(&Sums(&state));
        state.sweep(second, true);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since the process started.
    fn second(&self) -> u64 {
        // The first is not 0: what no one has written yet is of that one.
        self.started.elapsed().as_secs() + 1
    }

    fn unix(&self, second: u64) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or(Duration::ZERO).as_secs();
        now.saturating_sub(self.second().saturating_sub(second))
    }
}

/// The sums over all proxies.
#[derive(Debug)]
pub struct Sums<'s>(&'s State);

impl Sums<'_> {
    /// Every series, in order.
    pub fn series(&self) -> impl Iterator<Item = (&Series, &Totals)> + Clone {
        self.0.sums()
    }

    /// The buckets they are in.
    pub fn bounds(&self) -> &Bounds {
        &self.0.bounds
    }

    /// Answers of the proxies' own, by reason code.
    pub fn answers(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0
            .answers
            .iter()
            .map(|(it, count)| (it.as_str(), *count))
    }

    /// Requests sent again, by service.
    pub fn retries(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0
            .retries
            .iter()
            .map(|(it, count)| (it.as_str(), *count))
    }

    /// Connections of clients, by entry point.
    pub fn open_connections(&self) -> std::collections::BTreeMap<&str, u64> {
        let mut sums = std::collections::BTreeMap::new();
        let instances = self.0.instances.values();
        for (name, count) in instances.flat_map(|it| &it.process.open_connections) {
            *sums.entry(name.as_str()).or_default() += count;
        }
        sums
    }

    /// Series that were left out, as there are too many.
    pub fn left_out(&self) -> u64 {
        self.0.left_out
    }
}

fn proxies(state: &State, second: u64) -> Vec<ProxyStats> {
    let mut proxies: Vec<_> = state
        .instances
        .iter()
        .map(|(id, it)| proxy(state, id, it, second))
        .collect();
    proxies.sort_by(|a, b| (&a.node, &a.instance).cmp(&(&b.node, &b.instance)));
    proxies
}

fn proxy(state: &State, id: &str, it: &Instance, second: u64) -> ProxyStats {
    let seconds = |millis: u64| Duration::from_millis(millis).as_secs_f64();
    ProxyStats {
        node: it.node.clone(),
        instance: id.to_owned(),
        connected: it.connected,
        started: it.process.started_unix_ms / 1000,
        cpu: seconds(it.cpu_per_mille),
        cpu_seconds: seconds(it.process.cpu_ms),
        resident_bytes: it.process.resident_bytes,
        open_files: it.process.open_files,
        open_connections: it.process.open_connections.clone(),
        chart: it.meter.chart(second, &state.bounds),
    }
}

fn through(state: &State, server: &state::Object, second: u64) -> Vec<ServerProxyStats> {
    let instances = state.instances.iter();
    let seen = instances.filter_map(|(id, it)| Some((id, it, it.recents.get(server)?)));
    let seen = seen.filter(|(_, it, _)| it.connected);
    seen.map(|(id, it, recent)| {
        let (requests_per_second, errors_per_second, latency) = recent.rates(second);
        ServerProxyStats {
            node: it.node.clone(),
            instance: id.clone(),
            requests_per_second,
            errors_per_second,
            latency,
        }
    })
    .collect()
}
