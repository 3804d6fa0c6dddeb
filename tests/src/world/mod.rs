//! The whole system in one process: a fake engine, backends that listen where
//! its containers are said to be, the control plane and proxies.
//!
//! Each world has addresses of its own, so that tests run beside each other.

mod container;
mod control_plane;
mod proxy;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use fairway_proxy::{Drain, Timeouts};

use crate::backend::Backend;
use crate::fake_docker::{Engine, FakeDocker, Generation, Options};
use crate::fault_proxy::FaultProxy;
use crate::loopback::{Subnet, free_port};
use crate::probe::{Probe, ProbeConfig};
use crate::raw_client::{self, Reply};

pub use container::{routed, site};

/// A running system. Dropping it ends everything.
#[derive(Debug)]
pub struct World {
    docker: FakeDocker,
    /// Addresses of the planes: 1 is the control plane's, proxies from 2.
    subnet: Subnet,
    /// Port of the entry point `http`, the same on every proxy.
    http_port: u16,
    /// Port every backend listens on.
    backend_port: u16,
    grpc_address: SocketAddr,
    api_port: u16,
    admin_port: u16,
    flags: Vec<String>,
    timeouts: Timeouts,
    drain: Drain,
    control_plane: Option<fairway_control::Running>,
    /// Between the proxies and the control plane.
    line: FaultProxy,
    proxies: Vec<proxy::ProxyProcess>,
    backends: Mutex<BTreeMap<String, Backend>>,
}

/// How to start a world.
#[derive(Debug, Clone)]
pub struct Setting {
    generation: Generation,
    proxies: usize,
    tcp: bool,
    flags: Vec<String>,
    timeouts: Timeouts,
    drain: Drain,
}

impl Setting {
    /// One proxy, engine 28, no flags but those that every world needs.
    pub fn new() -> Self {
        Self {
            generation: Generation::V28,
            proxies: 1,
            tcp: false,
            flags: Vec::new(),
            timeouts: Timeouts::default(),
            drain: Drain::default(),
        }
    }

    /// Which engine is played.
    #[must_use]
    pub fn generation(mut self, generation: Generation) -> Self {
        self.generation = generation;
        self
    }

    /// How many proxies there are at the start.
    #[must_use]
    pub fn proxies(mut self, proxies: usize) -> Self {
        self.proxies = proxies;
        self
    }

    /// The engine is reached over TCP, as behind a socket proxy.
    #[must_use]
    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// One more flag of the control plane.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// When the proxies give up on slow clients.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How the proxies stop.
    #[must_use]
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// Starts it and waits until every proxy is ready.
    pub async fn start(self) -> World {
        let options = Options {
            generation: self.generation,
            tcp: self.tcp,
            ..Options::default()
        };
        let docker = FakeDocker::start(options).await;
        let subnet = Subnet::claim();
        let grpc_address = SocketAddr::new(subnet.host(1).into(), free_port());
        let mut world = World {
            docker,
            subnet,
            http_port: free_port(),
            backend_port: free_port(),
            grpc_address,
            api_port: free_port(),
            admin_port: free_port(),
            flags: self.flags,
            timeouts: self.timeouts,
            drain: self.drain,
            control_plane: None,
            line: FaultProxy::start(grpc_address).await,
            proxies: Vec::new(),
            backends: Mutex::default(),
        };
        world.start_control_plane().await;
        for _ in 0..self.proxies {
            world.add_proxy().await;
        }
        world
    }
}

impl Default for Setting {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// One proxy and everything else as it comes.
    pub async fn start() -> Self {
        Setting::new().start().await
    }

    /// The daemon.
    pub fn docker(&self) -> &FakeDocker {
        &self.docker
    }

    /// The engine's commands.
    pub fn engine(&self) -> &Engine {
        self.docker.engine()
    }

    /// The line between the proxies and the control plane.
    pub fn line(&self) -> &FaultProxy {
        &self.line
    }

    /// Where the entry point `http` of the first proxy listens.
    pub fn http(&self) -> SocketAddr {
        self.http_of(0)
    }

    /// Where the entry point `http` of a proxy listens.
    pub fn http_of(&self, proxy: usize) -> SocketAddr {
        SocketAddr::new(self.proxies[proxy].bind_address, self.http_port)
    }

    /// The port every backend of this world listens on.
    pub fn backend_port(&self) -> u16 {
        self.backend_port
    }

    /// One request to the first proxy.
    ///
    /// # Panics
    /// If there is no HTTP answer.
    pub async fn get(&self, host: &str, target: &str) -> Reply {
        self.get_of(0, host, target).await
    }

    /// One request to a proxy.
    ///
    /// # Panics
    /// If there is no HTTP answer.
    pub async fn get_of(&self, proxy: usize, host: &str, target: &str) -> Reply {
        raw_client::get(self.http_of(proxy), host, target)
            .await
            .unwrap_or_else(|error| panic!("GET {host}{target} from proxy {proxy}: {error}"))
    }

    /// Who answers `count` requests in a row at the first proxy; the status of
    /// what no backend answered.
    pub async fn rotation(&self, host: &str, target: &str, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            let reply = self.get(host, target).await;
            names.push(match reply.status() {
                200 => reply.seen().name,
                other => other.to_string(),
            });
        }
        names
    }

    /// Waits until exactly these containers answer at every proxy.
    pub async fn wait_rotation(&self, host: &str, target: &str, expected: &[&str]) {
        let expected: std::collections::BTreeSet<String> =
            expected.iter().map(|name| (*name).to_owned()).collect();
        for proxy in 0..self.proxies.len() {
            let what = format!("{expected:?} at proxy {proxy} for {host}{target}");
            crate::wait::wait_for(&what, || async {
                let mut seen = std::collections::BTreeSet::new();
                for _ in 0..expected.len().max(1) * 2 {
                    let reply = raw_client::get(self.http_of(proxy), host, target)
                        .await
                        .ok()?;
                    let answered = reply.status() == 200;
                    seen.insert(if answered {
                        reply.seen().name
                    } else {
                        reply.status().to_string()
                    });
                }
                (seen == expected).then_some(())
            })
            .await;
        }
    }

    /// A load on every proxy: 200 requests per second, all of them checked.
    pub fn probe(&self, host: &str, target: &str) -> Probe {
        let addresses = (0..self.proxies.len())
            .map(|proxy| self.http_of(proxy))
            .collect();
        Probe::start(ProbeConfig {
            addresses,
            ..ProbeConfig::new(self.http(), host, target)
        })
    }

    fn control_plane_ip(&self) -> IpAddr {
        self.subnet.host(1).into()
    }
}
