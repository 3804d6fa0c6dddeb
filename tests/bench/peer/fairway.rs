//! Fairway's proxy, with one worker, and the control plane that it asks: in this process,
//! in front of a fake engine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fairway_control::StaticConfig;
use fairway_tests::fake_docker::{ContainerSpec, FakeDocker, Options};
use fairway_tests::loopback::{Subnet, free_port};
use fairway_tests::raw_client;
use fairway_tests::wait::wait_for;

use super::{ECHO, FILES, Ground, HOST, PATH, Running, Scene, Servers};
use crate::process::{self, Process};

/// Routers that one container declares, where there are many.
const ROUTERS_EACH: usize = 100;

/// Between two changes: one container that comes or goes.
const CHANGE: Duration = Duration::from_millis(20);

pub(super) struct ControlPlane {
    running: fairway_control::Running,
    docker: FakeDocker,
    subnet: Subnet,
    /// Containers that have come so far, for their names.
    passed: AtomicU64,
}

impl Ground {
    pub(super) fn fairway(&self) -> anyhow::Result<Running> {
        self.fairway_under(&process::built("fairway-proxy")?, Vec::new())
    }

    /// The proxy under valgrind, and where that writes what it has counted.
    pub(crate) async fn start_counted(&self) -> anyhow::Result<(Running, PathBuf)> {
        let report = self.directory.path().join("callgrind.out");
        let arguments = vec![
            "--tool=callgrind".to_owned(),
            format!("--callgrind-out-file={}", report.display()),
            process::built("fairway-proxy")?,
        ];
        let running = self.fairway_under("valgrind", arguments)?;
        self.wait_for_routes(&running, "Fairway under valgrind")
            .await;
        Ok((running, report))
    }

    fn fairway_under(&self, program: &str, mut arguments: Vec<String>) -> anyhow::Result<Running> {
        let host = self.subnet.host(2);
        arguments.extend([
            format!(
                "--control-plane=http://{}",
                self.control.running.grpc_address()
            ),
            format!("--bind-address={host}"),
            format!("--admin.address=unix:{}", self.file("admin.sock")),
            "--workers=1".to_owned(),
        ]);
        let address = SocketAddr::from((host, self.http_port));
        Ok(Running {
            process: Process::start(0, program, &arguments)?,
            address,
            http2: address,
        })
    }
}

impl ControlPlane {
    pub(super) async fn start(
        scene: Scene,
        subnet: Subnet,
        http_port: u16,
        servers: &Servers,
    ) -> anyhow::Result<Self> {
        let docker = FakeDocker::start(Options::default()).await;
        let grpc = SocketAddr::from((subnet.host(1), free_port()));
        let mut flags = vec![
            format!("--providers.docker.endpoint={}", docker.endpoint()),
            format!("--entrypoints.http.address=:{http_port}"),
            format!("--grpc.address={grpc}"),
        ];
        if scene == Scene::Observed {
            flags.extend(["--accesslog.format=json", "--metrics.prometheus"].map(str::to_owned));
            // Where the metrics are served.
            let address = SocketAddr::from((subnet.host(1), free_port()));
            flags.push(format!("--entrypoints.traefik.address={address}"));
        }
        let running = fairway_control::start(StaticConfig::parse(flags)?).await?;
        let plane = Self {
            running,
            docker,
            subnet,
            passed: AtomicU64::new(0),
        };
        let engine = plane.docker.engine();
        for (number, server) in servers.api.iter().enumerate() {
            let rule = format!("Host(`{HOST}`) && Path(`{PATH}`)");
            let mut spec = container(&format!("api-{number}"), "api", *server, &rule)
                .compose("bench", "api")
                .label("traefik.http.middlewares.root.replacepath.path", "/");
            let middlewares = match scene {
                Scene::Observed => {
                    for (label, value) in [
                        ("edge.headers.customrequestheaders.X-Edge", "bench"),
                        ("edge.headers.customresponseheaders.X-Served-By", "bench"),
                        ("local.ipallowlist.sourcerange", "127.0.0.0/8"),
                    ] {
                        spec = spec.label(&format!("traefik.http.middlewares.{label}"), value);
                    }
                    "local,edge,root"
                }
                _ => "root",
            };
            engine.run(spec.label("traefik.http.routers.api.middlewares", middlewares));
        }
        plane.route(
            "files",
            servers.files,
            &format!("Host(`{HOST}`) && PathPrefix(`{FILES}`)"),
        );
        plane.route(
            "echo",
            servers.echo,
            &format!("Host(`{HOST}`) && Path(`{ECHO}`)"),
        );
        if let Scene::Routers(count) = scene {
            for first in (0..count).step_by(ROUTERS_EACH) {
                plane.run_many(first, servers.files);
            }
        }
        Ok(plane)
    }

    /// A container with a router of its own name.
    pub(super) fn route(&self, name: &str, address: SocketAddr, rule: &str) {
        self.docker
            .engine()
            .run(container(name, name, address, rule));
    }

    /// Waits until a proxy has what may arrive last.
    pub(super) async fn settle(&self, address: SocketAddr, scene: Scene) {
        let Scene::Routers(count) = scene else { return };
        let host = format!("h{}.test", count - 1);
        wait_for("all routers", || async {
            let reply = raw_client::get(address, &host, "/file/64k").await.ok()?;
            (reply.status() == 200).then_some(())
        })
        .await;
    }

    /// Containers that come and go until the future is dropped.
    pub(super) async fn change(&self) {
        let engine = self.docker.engine();
        let mut pace = tokio::time::interval(CHANGE);
        loop {
            let number = self.passed.fetch_add(1, Ordering::Relaxed);
            let name = format!("passing-{number}");
            // Nobody asks for it.
            let address = SocketAddr::from((self.subnet.host(30), 1));
            pace.tick().await;
            self.route(&name, address, &format!("Host(`{name}.test`)"));
            pace.tick().await;
            engine.stop(&name);
            engine.remove(&name);
        }
    }

    fn run_many(&self, first: usize, address: SocketAddr) {
        let name = format!("many-{first}");
        let service = format!("traefik.http.services.{name}.loadbalancer.server.port");
        let mut spec = ContainerSpec::new(&name)
            .network_with_address(&format!("{name}_default"), ipv4(address))
            .label(&service, &address.port().to_string());
        for number in first..first + ROUTERS_EACH {
            let router = format!("traefik.http.routers.r{number}");
            let rule = format!("Host(`h{number}.test`) && PathPrefix(`{FILES}`)");
            spec = spec
                .label(&format!("{router}.rule"), &rule)
                .label(&format!("{router}.service"), &name);
        }
        self.docker.engine().run(spec);
    }
}

fn container(name: &str, router: &str, address: SocketAddr, rule: &str) -> ContainerSpec {
    let port = format!("traefik.http.services.{router}.loadbalancer.server.port");
    ContainerSpec::new(name)
        .network_with_address(&format!("{name}_default"), ipv4(address))
        .label(&format!("traefik.http.routers.{router}.rule"), rule)
        .label(&port, &address.port().to_string())
}

fn ipv4(address: SocketAddr) -> std::net::Ipv4Addr {
    match address.ip() {
        std::net::IpAddr::V4(address) => address,
        std::net::IpAddr::V6(_) => unreachable!("servers are on 127.0.0.0/8"),
    }
}
