//! The proxies that are compared, configured for the same work.

mod envoy;
mod fairway;
mod haproxy;
mod nginx;

use std::net::SocketAddr;
use std::time::Duration;

use fairway_tests::backend::Backend;
use fairway_tests::loopback::{Subnet, free_port};
use fairway_tests::raw_client;
use fairway_tests::wait::wait_for;

use self::fairway::ControlPlane;
use super::process::{self, Process};

pub(crate) const HOST: &str = "demo.res.ch";
pub(crate) const SINK: &str = "sink.test";
/// Served by the API, as `/`.
pub(crate) const PATH: &str = "/api/flats/";
/// Files, as they are.
pub(crate) const FILES: &str = "/file/";
/// Messages that come back.
pub(crate) const ECHO: &str = "/echo";

/// A proxy under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    HaProxy,
    Nginx,
    Envoy,
    Fairway,
}

/// What else there is besides the routes that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Plain,
    /// Access log, metrics and three middlewares.
    Observed,
    /// So many routers of other hosts.
    Routers(usize),
    /// Fifty changes of the configuration a second.
    Changing,
}

/// A proxy that serves.
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    /// Where it speaks HTTP/2 with prior knowledge.
    pub(crate) http2: SocketAddr,
}

/// The servers behind every proxy.
pub(crate) struct Servers {
    /// Two of them.
    pub(crate) api: [SocketAddr; 2],
    pub(crate) files: SocketAddr,
    pub(crate) echo: SocketAddr,
}

/// What all peers share: servers, a directory for their files, and the control plane
/// that Fairway's proxy asks.
pub(crate) struct Ground {
    scene: Scene,
    servers: Servers,
    directory: tempfile::TempDir,
    subnet: Subnet,
    http_port: u16,
    control: ControlPlane,
    _processes: Vec<Process>,
}

impl Peer {
    /// In the order they run.
    pub(crate) const ALL: &[Self] = &[Self::HaProxy, Self::Nginx, Self::Envoy, Self::Fairway];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HaProxy => "HAProxy",
            Self::Nginx => "nginx",
            Self::Envoy => "Envoy",
            Self::Fairway => "Fairway",
        }
    }

    /// The program, and what makes it tell its version.
    pub(crate) fn program(self) -> anyhow::Result<(String, &'static str)> {
        Ok(match self {
            Self::HaProxy => ("haproxy".to_owned(), "-v"),
            Self::Nginx => ("nginx".to_owned(), "-v"),
            Self::Envoy => (envoy::program(), "--version"),
            Self::Fairway => (process::built("fairway-proxy")?, "--version"),
        })
    }
}

impl Ground {
    /// Starts the servers and the control plane.
    pub(crate) async fn prepare(scene: Scene) -> anyhow::Result<Self> {
        let subnet = Subnet::claim();
        let directory = tempfile::tempdir()?;
        let (servers, processes) = start_servers(subnet, &directory)?;
        let http_port = free_port();
        let control = ControlPlane::start(scene, subnet, http_port, &servers).await?;
        Ok(Self {
            scene,
            servers,
            directory,
            subnet,
            http_port,
            control,
            _processes: processes,
        })
    }

    /// A server in this process that reads whole bodies before it answers, at
    /// [`SINK`].
    pub(crate) async fn sink(&self) -> Backend {
        let address = SocketAddr::from((self.subnet.host(20), free_port()));
        self.control
            .route("sink", address, &format!("Host(`{SINK}`)"));
        Backend::start("sink", address).await
    }

    /// Starts a peer on core 0 and waits until it serves.
    pub(crate) async fn start(&self, peer: Peer) -> anyhow::Result<Running> {
        let running = match peer {
            Peer::HaProxy => self.haproxy()?,
            Peer::Nginx => self.nginx()?,
            Peer::Envoy => self.envoy()?,
            Peer::Fairway => self.fairway()?,
        };
        self.wait_for_routes(&running, peer.name()).await;
        self.control.settle(running.address, self.scene).await;
        // Let what runs only once at the start be over.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(running)
    }

    async fn wait_for_routes(&self, running: &Running, name: &str) {
        for path in [PATH, "/file/64k", ECHO] {
            wait_for(&format!("{name} at {path}"), || async {
                let reply = raw_client::get(running.address, HOST, path).await.ok()?;
                (reply.status() == 200).then_some(())
            })
            .await;
        }
    }

    /// Changes the configuration until the future is dropped.
    pub(crate) async fn change(&self) {
        self.control.change().await;
    }

    fn write(&self, name: &str, content: &str) -> anyhow::Result<String> {
        std::fs::write(self.directory.path().join(name), content)?;
        Ok(self.file(name))
    }

    fn file(&self, name: &str) -> String {
        let path = self.directory.path().join(name);
        path.to_string_lossy().into_owned()
    }
}

/// On core 1, beside the load.
fn start_servers(
    subnet: Subnet,
    directory: &tempfile::TempDir,
) -> anyhow::Result<(Servers, Vec<Process>)> {
    let mut processes = Vec::new();
    let address = |number| SocketAddr::from((subnet.host(number), free_port()));
    let api = [address(10), address(11)];
    let demo = process::built("demo-backend")?;
    for server in api {
        // It answers on `/` alone: a path that was not replaced is found out.
        let arguments = ["api", "--port", &server.port().to_string()].map(str::to_owned);
        processes.push(Process::start(1, &demo, &arguments)?);
    }
    let files = address(12);
    let config = nginx::file_server(directory.path(), files)?;
    processes.push(Process::start(1, "nginx", &["-c".to_owned(), config])?);
    let echo = address(13);
    let bench = process::built("bench")?;
    let arguments = ["echo".to_owned(), echo.to_string()];
    processes.push(Process::start(1, &bench, &arguments)?);
    Ok((Servers { api, files, echo }, processes))
}
