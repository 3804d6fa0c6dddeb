//! `/metrics` of the control plane: the sums over all proxies under Traefik's names, and
//! how the control plane and its proxies do under our own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fairway_metrics::{Kind, Process, Shown, Text, write_requests};
use fairway_proto::discovery::v1::HealthState;
use tokio::sync::watch;

use super::{Stats, Sums};
use crate::compile::{Compiled, Object, Outcome};
use crate::discovery::{NodeStatus, Nodes, SnapshotReceiver};
use crate::model::Service;
use crate::provider::docker::DockerVitals;

/// What the page is written from.
#[derive(Clone, Debug)]
pub struct Page {
    /// What proxies have counted.
    pub stats: Stats,
    /// Which of it is shown.
    pub shown: Shown,
    /// The proxies.
    pub nodes: Nodes,
    /// What they are sent.
    pub latest: SnapshotReceiver,
    /// What it was made from.
    pub compiled: watch::Receiver<Option<Arc<Compiled>>>,
    /// How the Docker provider does, if it is on.
    pub docker: Option<DockerVitals>,
    /// When the process started.
    pub started: SystemTime,
}

impl Page {
    /// The page as of now.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = Text::default();
        let nodes = self.nodes.list();
        self.configuration(&mut text);
        self.stats.with_sums(|sums| self.requests(&mut text, sums));
        if let Some(compiled) = &*self.compiled.borrow() {
            server_up(&mut text, compiled, &nodes);
            rejected(&mut text, compiled);
        }
        self.docker(&mut text);
        proxies(&mut text, &nodes);
        Process::now().write(&mut text, unix(self.started));
        text.finish()
    }

    fn configuration(&self, text: &mut Text) {
        let latest = self.latest.borrow().clone();
        let count = latest.as_ref().map_or(0, |it| it.sequence());
        let name = "traefik_config_reloads_total";
        let help = "Configurations that were published.";
        text.single(name, Kind::Counter, help, count);
        let published = self.stats.published();
        let name = "traefik_config_last_reload_success";
        let help = "When the last configuration was published, in Unix time.";
        text.single(name, Kind::Gauge, help, published.map_or(0.0, unix));
        let Some(latest) = latest else {
            return;
        };
        let name = "fairway_config_version";
        text.family(name, Kind::Gauge, "Version of the configuration; always 1.");
        text.sample(name, [("version", latest.version())], 1);
        let age = published.and_then(|it| it.elapsed().ok());
        let name = "fairway_config_age_seconds";
        let help = "For how long this configuration has been the latest.";
        let age = age.unwrap_or(Duration::ZERO).as_secs_f64();
        text.single(name, Kind::Gauge, help, age);
    }

    fn requests(&self, text: &mut Text, sums: &Sums<'_>) {
        let open = sums.open_connections();
        let name = "traefik_open_connections";
        text.family(name, Kind::Gauge, "Connections of clients that are open.");
        for (entry_point, count) in open {
            let labels = [("entrypoint", entry_point), ("protocol", "TCP")];
            text.sample(name, labels, count);
        }
        write_requests(text, &self.shown, sums.bounds(), sums.series());
        if self.shown.services {
            let name = "traefik_service_retries_total";
            text.family(name, Kind::Counter, "Requests that were sent again.");
            for (service, count) in sums.retries() {
                text.sample(name, [("service", service)], count);
            }
        }
        let name = "fairway_proxy_answers_total";
        let help = "Answers of proxies that no server gave, by reason code.";
        text.family(name, Kind::Counter, help);
        for (reason, count) in sums.answers() {
            text.sample(name, [("reason", reason)], count);
        }
        let name = "fairway_series_left_out_total";
        let help = "Series of proxies that are not counted, as there are too many.";
        text.single(name, Kind::Counter, help, sums.left_out());
    }

    fn docker(&self, text: &mut Text) {
        let Some(docker) = &self.docker else {
            return;
        };
        let name = "fairway_docker_events_total";
        let help = "Events of the Docker Engine that were taken in.";
        text.single(name, Kind::Counter, help, docker.events());
        if let Some(age) = docker.last_sync_age() {
            let name = "fairway_docker_last_sync_age_seconds";
            let help = "For how long no complete list of containers has come.";
            text.single(name, Kind::Gauge, help, age.as_secs_f64());
        }
    }
}

/// Servers with a health check: up if one proxy sends them requests, as in the API.
fn server_up(text: &mut Text, compiled: &Compiled, nodes: &[NodeStatus]) {
    let name = "traefik_service_server_up";
    let help = "Whether a server passes its health check: 1 or 0.";
    text.family(name, Kind::Gauge, help);
    let connected: Vec<_> = nodes.iter().filter(|it| it.is_connected()).collect();
    for (service, object) in &compiled.services {
        let Some(Service::LoadBalancer(balancer)) = &object.value else {
            continue;
        };
        if balancer.health_check.is_none() {
            continue;
        }
        // A service may have one server twice.
        let mut servers: BTreeMap<String, bool> = BTreeMap::new();
        for server in &balancer.servers {
            let down = |node: &&NodeStatus| {
                let known = node.unhealthy.of(service, &server.id);
                known.is_some_and(|it| it.state() == HealthState::Down)
            };
            let up = connected.is_empty() || !connected.iter().all(down);
            *servers.entry(server.url()).or_default() |= up;
        }
        for (url, up) in servers {
            let labels = [("service", service.as_str()), ("url", url.as_str())];
            text.sample(name, labels, u8::from(up));
        }
    }
}

fn rejected(text: &mut Text, compiled: &Compiled) {
    fn count<T>(objects: &BTreeMap<String, Object<T>>) -> usize {
        let rejected = |it: &&Object<T>| it.outcome == Outcome::Rejected;
        objects.values().filter(rejected).count()
    }
    let name = "fairway_rejected_objects";
    text.family(name, Kind::Gauge, "Objects that are not served.");
    for (kind, count) in [
        ("router", count(&compiled.routers)),
        ("service", count(&compiled.services)),
        ("middleware", count(&compiled.middlewares)),
    ] {
        text.sample(name, [("kind", kind)], count);
    }
}

fn proxies(text: &mut Text, nodes: &[NodeStatus]) {
    let connected: Vec<_> = nodes.iter().filter(|it| it.is_connected()).collect();
    let name = "fairway_proxies_connected";
    let help = "Proxies that have a stream.";
    text.single(name, Kind::Gauge, help, connected.len());
    let name = "fairway_proxy_lag_seconds";
    let help = "For how long a proxy has not served the latest configuration.";
    text.family(name, Kind::Gauge, help);
    for it in connected {
        let labels = [
            ("node", it.node.id.as_str()),
            ("instance_id", it.node.instance_id.as_str()),
        ];
        let lag = it.behind_since.map_or(Duration::ZERO, |it| it.elapsed());
        text.sample(name, labels, lag.as_secs_f64());
    }
}

fn unix(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs_f64()
}
