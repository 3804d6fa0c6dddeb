//! The request path as a whole: a real proxy on loopback, raw clients, scripted
//! origins. Everything is written and read as bytes, so that nothing is hidden by
//! a library that is too kind.

mod access_log;
mod around;
mod failure;
mod forwarding;
mod health;
mod http2;
mod http2_frame;
mod lifecycle;
mod proxy_protocol;
mod refusal;
mod service;
mod stats;
mod switch;
mod truth;
mod whole;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use fairway_proto::discovery::v1 as proto;
use futures_util::FutureExt;
use socket2::{Domain, Socket, Type};
use tokio::sync::watch;

use self::wire::{Origin, Wire};
use crate::config::Config;
use crate::discovery::{DiscoveryStatus, Listeners, Mirror};
use crate::{Running, assemble, routing};

/// A running proxy with one entry point, `web`.
struct Proxy {
    running: Running,
    address: SocketAddr,
    _status: watch::Sender<DiscoveryStatus>,
}

/// One router on the host `a.test` and its service.
struct Site {
    rule: proto::Matcher,
    servers: Vec<proto::Server>,
    pass_host_header: bool,
    trusted: Vec<String>,
    response_header_timeout_ms: u32,
    loop_guard: String,
    proxy_protocol: Option<proto::ProxyProtocol>,
    http2: Option<proto::Http2>,
    health_check: Option<proto::HealthCheck>,
    passive_health_check: Option<proto::PassiveHealthCheck>,
    transport: Option<proto::ServersTransport>,
}

const TRANSPORT: &str = "t@test";

impl Proxy {
    fn start(site: Site) -> Self {
        Self::start_with(
            Config {
                workers: 2,
                ..Config::default()
            },
            site,
        )
    }

    fn start_with(config: Config, site: Site) -> Self {
        let config = Config {
            bind_address: Some([127, 0, 0, 1].into()),
            ..config
        };
        let (status, watched) = watch::channel(DiscoveryStatus::starting());
        let running = assemble(&config, watched).unwrap();
        apply(&running, site);
        status.send_modify(|status| status.ever_applied = true);
        let address = running.address("web").unwrap();
        Self {
            running,
            address,
            _status: status,
        }
    }

    fn connect(&self) -> Wire {
        Wire::connect(self.address)
    }

    /// One request over a connection of its own.
    fn ask(&self, request: &str) -> wire::Message {
        let mut wire = self.connect();
        wire.send(request);
        wire.read_message().expect("an answer")
    }

    fn get(&self, path: &str) -> wire::Message {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"))
    }
}

impl Site {
    fn of(origins: &[&Origin]) -> Self {
        Self::at(origins.iter().map(|origin| origin.address).collect())
    }

    fn at(addresses: Vec<SocketAddr>) -> Self {
        let servers = addresses
            .into_iter()
            .map(|address| proto::Server {
                id: format!("id-{address}"),
                scheme: proto::Scheme::Http.into(),
                address: address.to_string(),
                weight: 1,
                container: format!("container-{}", address.port()),
                ..Default::default()
            })
            .collect();
        Self {
            rule: host("a.test"),
            servers,
            pass_host_header: true,
            trusted: Vec::new(),
            response_header_timeout_ms: 0,
            loop_guard: String::new(),
            proxy_protocol: None,
            http2: None,
            health_check: None,
            passive_health_check: None,
            transport: None,
        }
    }
}

fn host(name: &str) -> proto::Matcher {
    proto::Matcher {
        matcher: Some(proto::matcher::Matcher::Host(name.to_owned())),
    }
}

/// Puts `site` in force, listeners included.
fn apply(running: &Running, site: Site) {
    put_in_force(running, resources(site));
}

/// Puts these resources in force, listeners included.
fn put_in_force(running: &Running, upserts: Vec<proto::Resource>) {
    let mut mirror = Mirror::default();
    mirror.apply(proto::Update {
        nonce: 1,
        version: "test".to_owned(),
        mode: proto::UpdateMode::Snapshot.into(),
        upserts,
        removals: Vec::new(),
    });
    let (table, rejections) = routing::build(&mirror, &running.process.table.load());
    assert_eq!(rejections, []);
    running.process.table.store(Arc::new(table));
    let table = running.process.table.load();
    for (name, outcome) in running
        .process
        .listeners
        .reconcile(&table)
        .now_or_never()
        .expect("no waiting")
    {
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

fn resources(site: Site) -> Vec<proto::Resource> {
    use proto::resource::Spec;
    let resource = |kind: proto::ResourceKind, name: &str, spec| proto::Resource {
        id: Some(proto::ResourceId {
            kind: kind.into(),
            name: name.to_owned(),
        }),
        origin: None,
        spec: Some(spec),
    };
    let unavailable = if site.servers.is_empty() {
        "all are stopped"
    } else {
        ""
    };
    let transport = site.transport.clone().map(|transport| {
        resource(
            proto::ResourceKind::ServersTransport,
            TRANSPORT,
            Spec::ServersTransport(transport),
        )
    });
    let mut all = vec![
        resource(
            proto::ResourceKind::EntryPoint,
            "web",
            Spec::EntryPoint(proto::EntryPoint {
                address: ":0".to_owned(),
                forwarded_headers: Some(proto::ForwardedHeaders {
                    insecure: false,
                    trusted_ips: site.trusted,
                    ..Default::default()
                }),
                proxy_protocol: site.proxy_protocol,
                http2: site.http2,
                ..Default::default()
            }),
        ),
        resource(
            proto::ResourceKind::Router,
            "r@test",
            Spec::Router(proto::Router {
                rule: "Host(`a.test`)".to_owned(),
                matcher: Some(site.rule),
                priority: 14,
                entry_points: vec!["web".to_owned()],
                middlewares: Vec::new(),
                service: "s@test".to_owned(),
                loop_guard: site.loop_guard,
                ..Default::default()
            }),
        ),
        resource(
            proto::ResourceKind::Service,
            "s@test",
            Spec::Service(proto::Service {
                servers: site.servers,
                pass_host_header: site.pass_host_header,
                unavailable_reason: unavailable.to_owned(),
                dial_timeout_ms: 1000,
                response_header_timeout_ms: site.response_header_timeout_ms,
                servers_transport: match site.transport {
                    Some(_) => TRANSPORT.to_owned(),
                    None => String::new(),
                },
                health_check: site.health_check,
                passive_health_check: site.passive_health_check,
                ..Default::default()
            }),
        ),
    ];
    all.extend(transport);
    all
}

fn access_log_resource(log: proto::AccessLog) -> proto::Resource {
    proto::Resource {
        id: Some(proto::ResourceId {
            kind: proto::ResourceKind::AccessLog.into(),
            name: "access-log".to_owned(),
        }),
        origin: None,
        spec: Some(proto::resource::Spec::AccessLog(log)),
    }
}

/// An address nothing listens on, nor ever will: it stays bound.
fn closed_address() -> SocketAddr {
    let (socket, address) = closed_socket();
    std::mem::forget(socket);
    address
}

/// One that nothing listens on until its socket is told to.
fn closed_socket() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// What an origin saw, for the test's thread.
fn seen<T>() -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    mpsc::channel()
}
