//! The stream between the planes under random changes, rejections, stalls and
//! broken lines: when all is quiet again, a mirror is the snapshot, and a proxy
//! that went through all of it answers as one that has just started.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fairway_control::discovery::{DiscoveryServer, Nodes};
use fairway_control::snapshot::Snapshot;
use fairway_control::stats::Stats;
use fairway_proto::discovery::v1::discovery_server::DiscoveryServer as Service;
use fairway_proto::discovery::v1::{self as wire, middleware, resource};
use fairway_tests::discovery_client::{Mirror, StreamClient};
use fairway_tests::fault_proxy::FaultProxy;
use fairway_tests::loopback::{Subnet, free_address, free_port};
use fairway_tests::wait::wait_until;
use fairway_tests::{backend::Backend, raw_client};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::server::TcpIncoming;

type Latest = watch::Sender<Option<Arc<Snapshot>>>;

const NAMES: usize = 6;

/// The control plane's end alone, with a set of resources under test control.
struct Publisher {
    address: SocketAddr,
    latest: Latest,
    set: BTreeMap<(i32, String), wire::Resource>,
    server: tokio::task::JoinHandle<()>,
}

impl Publisher {
    async fn start() -> Self {
        let address = free_address();
        let (latest, _) = watch::channel(None);
        let server = serve(address, &latest).await;
        Self {
            address,
            latest,
            set: BTreeMap::new(),
            server,
        }
    }

    /// The process dies and a new one, with the same state, takes its place.
    async fn restart(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
        let resources = self.set.values().cloned().collect();
        let (latest, _) = watch::channel(Some(Arc::new(Snapshot::following(None, resources))));
        self.latest = latest;
        self.server = serve(self.address, &self.latest).await;
    }

    fn put(&mut self, name: &str, spec: resource::Spec) {
        let kind = match spec {
            resource::Spec::EntryPoint(_) => wire::ResourceKind::EntryPoint,
            resource::Spec::Router(_) => wire::ResourceKind::Router,
            resource::Spec::Middleware(_) => wire::ResourceKind::Middleware,
            resource::Spec::Service(_) => wire::ResourceKind::Service,
            resource::Spec::ServersTransport(_) => wire::ResourceKind::ServersTransport,
            resource::Spec::AccessLog(_) => wire::ResourceKind::AccessLog,
            resource::Spec::Tracing(_) => wire::ResourceKind::Tracing,
        };
        let id = wire::ResourceId {
            kind: kind.into(),
            name: name.to_owned(),
        };
        let resource = wire::Resource {
            id: Some(id),
            origin: None,
            spec: Some(spec),
        };
        self.set.insert((kind.into(), name.to_owned()), resource);
    }

    fn remove(&mut self, kind: wire::ResourceKind, name: &str) {
        self.set.remove(&(kind.into(), name.to_owned()));
    }

    fn publish(&self) {
        let previous = self.latest.borrow().clone();
        let next = Snapshot::following(previous.as_deref(), self.set.values().cloned().collect());
        self.latest.send_replace(Some(Arc::new(next)));
    }

    fn version(&self) -> String {
        self.latest
            .borrow()
            .as_ref()
            .map(|latest| latest.version().to_owned())
            .unwrap_or_default()
    }

    fn mirror(&self) -> Mirror {
        self.set.clone()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(address: SocketAddr, latest: &Latest) -> tokio::task::JoinHandle<()> {
    let listener = TcpListener::bind(address).await.unwrap();
    let service = Service::new(DiscoveryServer::new(
        latest.subscribe(),
        Nodes::new(),
        Stats::default(),
    ));
    tokio::spawn(async move {
        let server = tonic::transport::Server::builder().add_service(service);
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let _ = server.serve_with_incoming(incoming).await;
    })
}

/// Any resource; about one middleware in four cannot be built.
fn change(publisher: &mut Publisher, random: &mut StdRng, servers: &[SocketAddr]) {
    let name = format!("r{}@test", random.random_range(0..NAMES));
    let kind = random.random_range(0..3);
    if random.random_bool(0.25) {
        let kinds = [
            wire::ResourceKind::Service,
            wire::ResourceKind::Middleware,
            wire::ResourceKind::Router,
        ];
        publisher.remove(kinds[kind], &name);
        return;
    }
    let spec = match kind {
        0 => service(servers, random.random_range(0..=servers.len())),
        1 if random.random_bool(0.25) => path_regexp("(", random.random()),
        1 => replace_path(random.random()),
        _ => router(&name, random),
    };
    publisher.put(&name, spec);
}

fn service(servers: &[SocketAddr], count: usize) -> resource::Spec {
    let servers = servers.iter().take(count).map(|address| wire::Server {
        id: address.to_string(),
        scheme: wire::Scheme::Http.into(),
        address: address.to_string(),
        weight: 1,
        container: address.to_string(),
        ..Default::default()
    });
    resource::Spec::Service(wire::Service {
        servers: servers.collect(),
        pass_host_header: true,
        dial_timeout_ms: 1_000,
        ..Default::default()
    })
}

fn replace_path(number: u8) -> resource::Spec {
    let kind = middleware::Kind::ReplacePath(wire::ReplacePath {
        path: format!("/{number}"),
    });
    resource::Spec::Middleware(wire::Middleware { kind: Some(kind) })
}

fn path_regexp(regex: &str, number: u8) -> resource::Spec {
    let replace = wire::ReplacePathRegex {
        regex: regex.to_owned(),
        replacement: format!("/{number}"),
    };
    let kind = Some(middleware::Kind::ReplacePathRegex(replace));
    resource::Spec::Middleware(wire::Middleware { kind })
}

fn router(name: &str, random: &mut StdRng) -> resource::Spec {
    let host = format!("{}.test", name.trim_end_matches("@test"));
    let middlewares = (0..random.random_range(0..3))
        .map(|_| format!("r{}@test", random.random_range(0..NAMES)))
        .collect();
    resource::Spec::Router(wire::Router {
        rule: format!("Host(`{host}`)"),
        matcher: Some(wire::Matcher {
            matcher: Some(wire::matcher::Matcher::Host(host)),
        }),
        priority: random.random_range(1..100),
        entry_points: vec!["http".to_owned()],
        middlewares,
        service: format!("r{}@test", random.random_range(0..NAMES)),
        ..Default::default()
    })
}

fn some_rejection(update: &wire::Update) -> Vec<wire::Rejection> {
    let rejected = update.upserts.first().map(|resource| wire::Rejection {
        id: resource.id.clone(),
        kind: wire::RejectionKind::Invalid.into(),
        reason: "on purpose".to_owned(),
    });
    rejected.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_history_the_mirror_is_the_snapshot() {
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut publisher = Publisher::start().await;
        publisher.publish();
        let mut client = Some(connect(&publisher, None).await);
        let mut held = None;
        for _ in 0..60 {
            match random.random_range(0..12) {
                0..6 => {
                    change(&mut publisher, &mut random, &[free_address()]);
                    publisher.publish();
                }
                6 => {
                    // The line breaks, perhaps with an update under way.
                    held = client.take().map(StreamClient::held).or(held);
                }
                7 if random.random_bool(0.3) => {
                    publisher.restart().await;
                    held = client.take().map(StreamClient::held).or(held);
                }
                8 if client.is_none() => {
                    // A new process holds nothing.
                    let remembered = held.take().filter(|_| random.random_bool(0.7));
                    client = Some(connect(&publisher, remembered).await);
                }
                _ => {
                    let Some(open) = &mut client else { continue };
                    let pause = Duration::from_millis(20);
                    if let Some(update) = open.next_within(pause).await.unwrap() {
                        let rejections = match random.random_bool(0.3) {
                            true => some_rejection(&update),
                            false => Vec::new(),
                        };
                        open.ack(&update, rejections);
                    }
                }
            }
        }
        // Quiet: the client comes back with what it had, and follows.
        held = client.take().map(StreamClient::held).or(held);
        let mut client = connect(&publisher, held).await;
        client.follow_to(&publisher.version()).await.unwrap();
        assert_eq!(client.mirror, publisher.mirror(), "seed {seed}");
        if client.updates == 0 {
            // It held the version: one empty update says so.
            let update = client.next().await.unwrap();
            assert!(
                update.upserts.is_empty() && update.removals.is_empty(),
                "seed {seed}"
            );
            client.ack(&update, Vec::new());
        }
        let silence = Duration::from_millis(50);
        assert_eq!(
            client.next_within(silence).await.unwrap(),
            None,
            "seed {seed}"
        );
    }
}

async fn connect(publisher: &Publisher, held: Option<(String, Mirror)>) -> StreamClient {
    StreamClient::connect(publisher.address, "model", held)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_history_a_proxy_answers_like_one_that_has_just_started() {
    let subnet = Subnet::claim();
    let port = free_port();
    let mut backends = Vec::new();
    for host in 100..103 {
        let address = SocketAddr::new(subnet.host(host).into(), port);
        backends.push(Backend::start(&format!("b{host}"), address).await);
    }
    let servers: Vec<SocketAddr> = backends.iter().map(Backend::address).collect();
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut publisher = Publisher::start().await;
        let entry_point = wire::EntryPoint {
            address: format!(":{port}"),
            ..Default::default()
        };
        publisher.put("http", resource::Spec::EntryPoint(entry_point));
        publisher.publish();
        let line = FaultProxy::start(publisher.address).await;
        let host = u8::try_from(seed).unwrap() * 2 + 2;
        let old = proxy(&line, subnet, host);
        old.wait_ready().await;
        for _ in 0..40 {
            for _ in 0..random.random_range(1..5) {
                change(&mut publisher, &mut random, &servers);
            }
            publisher.publish();
            match random.random_range(0..10) {
                0 => line.fault(|fault| fault.reset = true),
                1 => publisher.restart().await,
                2 => line.fault(|fault| fault.cut_after = Some(random.random_range(1..2_000))),
                3..6 => line.heal(),
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(random.random_range(0..30))).await;
        }
        line.heal();
        repair(&mut publisher);
        let version = publisher.version();
        let new = proxy(&line, subnet, host + 1);
        for (name, proxy) in [("old", &old), ("new", &new)] {
            let what = format!("the last version at the {name} proxy, seed {seed}");
            wait_until(&what, || proxy.version() == version).await;
        }
        for number in 0..NAMES {
            let mut answers = Vec::new();
            for host in [host, host + 1] {
                let address = SocketAddr::new(subnet.host(host).into(), port);
                answers.push(answers_of(address, &format!("r{number}.test"), &servers).await);
            }
            assert_eq!(answers[0], answers[1], "seed {seed}, r{number}.test");
        }
    }
}

/// What cannot be built is replaced, for an old proxy rightly goes on with the
/// last good form of it, which a new one has never seen.
fn repair(publisher: &mut Publisher) {
    let broken: Vec<String> = publisher
        .set
        .iter()
        .filter(|(_, resource)| match &resource.spec {
            Some(resource::Spec::Middleware(middleware)) => {
                matches!(
                    &middleware.kind,
                    Some(middleware::Kind::ReplacePathRegex(_))
                )
            }
            _ => false,
        })
        .map(|((_, name), _)| name.clone())
        .collect();
    for name in broken {
        publisher.put(&name, path_regexp(".*", 7));
    }
    // Likewise routers whose references are missing.
    for number in 0..NAMES {
        let name = format!("r{number}@test");
        let exists =
            |kind: wire::ResourceKind| publisher.set.contains_key(&(kind.into(), name.clone()));
        let service_missing = !exists(wire::ResourceKind::Service);
        let middleware_missing = !exists(wire::ResourceKind::Middleware);
        if service_missing {
            publisher.put(&name, service(&[], 0));
        }
        if middleware_missing {
            publisher.put(&name, replace_path(9));
        }
    }
    publisher.publish();
}

fn proxy(line: &FaultProxy, subnet: Subnet, host: u8) -> fairway_proxy::Running {
    fairway_proxy::start(fairway_proxy::Config {
        control_planes: vec![format!("http://{}", line.address())],
        bind_address: Some(subnet.host(host).into()),
        workers: 1,
        ..fairway_proxy::Config::default()
    })
    .unwrap()
}

/// Status, backend and target of as many requests as there are servers, sorted.
async fn answers_of(address: SocketAddr, host: &str, servers: &[SocketAddr]) -> Vec<String> {
    let mut answers = Vec::new();
    for _ in servers {
        let reply = raw_client::get(address, host, "/asked").await.unwrap();
        answers.push(match reply.status() {
            200 => format!("{} {}", reply.seen().name, reply.seen().target),
            other => other.to_string(),
        });
    }
    answers.sort();
    answers.dedup();
    answers
}
