//! From containers to what proxies get: labels read, configuration compiled, set
//! digested.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fairway_control::compile::{self, Compiled, Input};
use fairway_control::config::{
    EntryPointOptions, InternalServices, MetricsOptions, ObservabilityOptions,
};
use fairway_control::model::ServersTransport;
use fairway_control::provider::docker::{
    Container, DockerOptions, Network, Port, PortType, State, Surroundings, assemble,
};
use fairway_control::snapshot::{Delta, Snapshot};

use super::{at, ms};

/// Containers, and how long compiling them may take.
const SIZES: [(u32, Duration); 2] = [
    (1_000, Duration::from_millis(50)),
    (10_000, Duration::from_millis(500)),
];
const ROUNDS: usize = 7;

/// Measures and prints.
pub(super) fn measure() -> anyhow::Result<()> {
    println!("\nFrom containers to the set for the proxies, median of {ROUNDS} rounds");
    for (count, target) in SIZES {
        let containers: Vec<_> = (0..count).map(container).collect();
        let first = Snapshot::following(None, compiled(&containers).resources);
        let mut steps: [Vec<Duration>; 3] = Default::default();
        let mut totals = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let state = Arc::new(assembled(&containers));
            let read = started.elapsed();
            let compiled = of_state(state);
            let linked = started.elapsed();
            let next = Snapshot::following(Some(&first), compiled.resources);
            totals.push(started.elapsed());
            anyhow::ensure!(next.version() == first.version(), "the same containers");
            steps[0].push(read);
            steps[1].push(linked - read);
            steps[2].push(started.elapsed() - linked);
        }
        let [labels, compile, digest] = steps.each_mut().map(|times| ms(at(times, 50)));
        println!(
            "{count:>6} containers  {:>7.1} ms   (target ≤ {} ms)   labels {labels:.1}, compile \
             {compile:.1}, digest {digest:.1}",
            ms(at(&mut totals, 50)),
            target.as_millis()
        );
        let mut other = containers;
        other[0].started += 1;
        let next = Snapshot::following(Some(&first), compiled(&other).resources);
        let delta = Delta::between(&first, &next);
        println!(
            "{:>6} of {} bytes travel when one container restarts",
            delta.encoded_len(),
            first.encoded_len()
        );
    }
    Ok(())
}

/// As Compose makes it: a router with a middleware, and a port.
fn container(number: u32) -> Container {
    let name = format!("shop-{number}");
    let label = |key: &str, value: String| (format!("traefik.http.{key}"), value);
    let labels = BTreeMap::from([
        label(
            &format!("routers.{name}.rule"),
            format!("Host(`{name}.example.com`) && PathPrefix(`/api`)"),
        ),
        label(
            &format!("routers.{name}.middlewares"),
            format!("strip-{number}"),
        ),
        label(
            &format!("middlewares.strip-{number}.stripprefix.prefixes"),
            "/api".to_owned(),
        ),
        label(
            &format!("services.{name}.loadbalancer.server.port"),
            "8080".to_owned(),
        ),
        ("com.docker.compose.project".to_owned(), "bench".to_owned()),
        ("com.docker.compose.service".to_owned(), name.clone()),
    ]);
    let mut container = Container::new(&format!("{number:064x}"), &name, labels);
    container.state = State::Running;
    container.started = i64::from(number);
    container.network_mode = "bridge".to_owned();
    let address = IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0001 + number));
    let network = Network {
        ipv4: Some(address),
        ipv6: None,
    };
    container.networks = BTreeMap::from([("bridge".to_owned(), network)]);
    container.ports = vec![Port {
        private: 8080,
        protocol: PortType::Tcp,
        published: None,
    }];
    container
}

fn assembled(containers: &[Container]) -> fairway_control::model::ProviderState {
    assemble(
        containers,
        &DockerOptions::default(),
        &Surroundings::default(),
    )
}

fn compiled(containers: &[Container]) -> Compiled {
    of_state(Arc::new(assembled(containers)))
}

fn of_state(state: Arc<fairway_control::model::ProviderState>) -> Compiled {
    let web = EntryPointOptions {
        address: ":80".to_owned(),
        ..EntryPointOptions::default()
    };
    compile::compile(Input {
        entry_points: &BTreeMap::from([("web".to_owned(), web)]),
        closed_entry_points: &BTreeMap::new(),
        internal_services: InternalServices::default(),
        metrics: &MetricsOptions::default(),
        servers_transport: &ServersTransport::default(),
        observability: &ObservabilityOptions::default(),
        providers: &BTreeMap::from([("docker".to_owned(), state)]),
        files: &BTreeMap::new(),
        nonce_key: &[7; 32],
    })
}
