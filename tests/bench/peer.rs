//! The proxies that are compared, configured for the same work.

use std::net::SocketAddr;
use std::time::Duration;

use fairway_control::StaticConfig;
use fairway_tests::backend::Backend;
use fairway_tests::fake_docker::{ContainerSpec, FakeDocker, Options};
use fairway_tests::loopback::{Subnet, free_port};
use fairway_tests::raw_client;
use fairway_tests::wait::wait_for;

use super::process::{self, Process};

pub(crate) const HOST: &str = "demo.res.ch";
pub(crate) const SINK: &str = "sink.test";
pub(crate) const PATH: &str = "/api/flats/";

/// A proxy under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    HaProxy,
    Nginx,
    Fairway,
}

/// A proxy that serves.
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// What all peers share: two backends, a directory for their files, and the
/// control plane that Fairway's proxy asks.
pub(crate) struct Ground {
    backends: [SocketAddr; 2],
    directory: tempfile::TempDir,
    subnet: Subnet,
    http_port: u16,
    control: fairway_control::Running,
    docker: FakeDocker,
    _processes: Vec<Process>,
}

impl Peer {
    /// In the order they run; the first is what the others are measured by.
    pub(crate) const ALL: [Self; 3] = [Self::HaProxy, Self::Nginx, Self::Fairway];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HaProxy => "HAProxy",
            Self::Nginx => "nginx",
            Self::Fairway => "Fairway",
        }
    }
}

impl Ground {
    /// Starts the backends and the control plane.
    pub(crate) async fn prepare() -> anyhow::Result<Self> {
        let subnet = Subnet::claim();
        let demo = process::built("demo-backend")?;
        let docker = FakeDocker::start(Options::default()).await;
        let mut processes = Vec::new();
        let mut backends = Vec::new();
        for number in [10, 11] {
            let port = free_port();
            let address = SocketAddr::from((subnet.host(number), port));
            // The JSON API answers on `/` alone: a path that was not replaced is found out.
            let arguments = ["api", "--port", &port.to_string()].map(str::to_owned);
            processes.push(Process::start(1, &demo, &arguments)?);
            let rule = format!("Host(`{HOST}`) && Path(`{PATH}`)");
            docker.engine().run(
                ContainerSpec::new(&format!("api-{number}"))
                    .compose("bench", "api")
                    .network_with_address("bench_default", subnet.host(number))
                    .label("traefik.http.routers.api.rule", &rule)
                    .label("traefik.http.routers.api.middlewares", "root")
                    .label("traefik.http.middlewares.root.replacepath.path", "/")
                    .label(
                        "traefik.http.services.api.loadbalancer.server.port",
                        &port.to_string(),
                    ),
            );
            backends.push(address);
        }
        let http_port = free_port();
        let flags = [
            format!("--providers.docker.endpoint={}", docker.endpoint()),
            format!("--entrypoints.http.address=:{http_port}"),
            format!(
                "--grpc.address={}",
                SocketAddr::from((subnet.host(1), free_port()))
            ),
        ];
        let control = fairway_control::start(StaticConfig::parse(flags)?).await?;
        Ok(Self {
            backends: [backends[0], backends[1]],
            directory: tempfile::tempdir()?,
            subnet,
            http_port,
            control,
            docker,
            _processes: processes,
        })
    }

    /// A server in this process that reads whole bodies before it answers, at
    /// [`SINK`].
    pub(crate) async fn sink(&self) -> Backend {
        let address = self.subnet.host(12);
        let port = free_port();
        self.docker.engine().run(
            ContainerSpec::new("sink")
                .network_with_address("bench_default", address)
                .label("traefik.http.routers.sink.rule", &format!("Host(`{SINK}`)"))
                .label(
                    "traefik.http.services.sink.loadbalancer.server.port",
                    &port.to_string(),
                ),
        );
        Backend::start("sink", SocketAddr::from((address, port))).await
    }

    /// Starts a peer on core 0 and waits until it serves.
    pub(crate) async fn start(&self, peer: Peer) -> anyhow::Result<Running> {
        let (process, address) = match peer {
            Peer::HaProxy => self.haproxy()?,
            Peer::Nginx => self.nginx()?,
            Peer::Fairway => self.fairway()?,
        };
        wait_for(peer.name(), || async {
            let reply = raw_client::get(address, HOST, PATH).await.ok()?;
            (reply.status() == 200).then_some(())
        })
        .await;
        // Let what runs only once at the start be over.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(Running { process, address })
    }

    fn fairway(&self) -> anyhow::Result<(Process, SocketAddr)> {
        let host = self.subnet.host(2);
        let arguments = [
            format!("--control-plane=http://{}", self.control.grpc_address()),
            format!("--bind-address={host}"),
            format!("--admin.address=unix:{}", self.file("admin.sock")),
            "--workers=1".to_owned(),
        ];
        let process = Process::start(0, &process::built("fairway-proxy")?, &arguments)?;
        Ok((process, SocketAddr::from((host, self.http_port))))
    }

    fn haproxy(&self) -> anyhow::Result<(Process, SocketAddr)> {
        let address = SocketAddr::from((self.subnet.host(3), self.http_port));
        let [a, b] = self.backends;
        let config = format!(
            "global\n nbthread 1\n maxconn 8000\n\
             defaults\n mode http\n option forwardfor\n option http-keep-alive\n\
             timeout connect 1s\n timeout client 60s\n timeout server 60s\n\
             frontend http\n bind {address}\n\
             acl flats hdr(host) -i {HOST}\n acl api path {PATH}\n\
             http-request set-header X-Forwarded-Proto http\n\
             http-request set-header X-Forwarded-Host %[req.hdr(host)]\n\
             http-request set-header X-Forwarded-Port {}\n\
             http-request set-header X-Forwarded-Server bench\n\
             http-request set-header X-Real-Ip %[src]\n\
             use_backend api if flats api\n\
             backend api\n balance roundrobin\n\
             http-request set-header X-Replaced-Path %[path]\n\
             http-request set-path /\n server a {a}\n server b {b}\n",
            self.http_port,
        );
        let path = self.write("haproxy.cfg", &config)?;
        let arguments = ["-db".to_owned(), "-f".to_owned(), path];
        Ok((Process::start(0, "haproxy", &arguments)?, address))
    }

    fn nginx(&self) -> anyhow::Result<(Process, SocketAddr)> {
        let address = SocketAddr::from((self.subnet.host(4), self.http_port));
        let [a, b] = self.backends;
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {pid};\n\
             error_log /dev/null crit;\n\
             events {{ worker_connections 8000; }}\n\
             http {{ access_log off; keepalive_requests 100000000;\n\
             upstream api {{ server {a}; server {b}; keepalive 1024; keepalive_requests 100000000; }}\n\
             server {{ listen {address}; server_name {HOST};\n\
             location = {PATH} {{ proxy_pass http://api/; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_set_header Host $http_host;\n\
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
             proxy_set_header X-Forwarded-Proto http; proxy_set_header X-Forwarded-Host $http_host;\n\
             proxy_set_header X-Forwarded-Port {port}; proxy_set_header X-Forwarded-Server bench;\n\
             proxy_set_header X-Real-Ip $remote_addr; proxy_set_header X-Replaced-Path $uri; }} }} }}\n",
            pid = self.file("nginx.pid"),
            port = self.http_port,
        );
        let path = self.write("nginx.conf", &config)?;
        let arguments = ["-c".to_owned(), path];
        Ok((Process::start(0, "nginx", &arguments)?, address))
    }

    fn write(&self, name: &str, content: &str) -> anyhow::Result<String> {
        std::fs::write(self.directory.path().join(name), content)?;
        Ok(self.file(name))
    }

    fn file(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_string_lossy()
            .into_owned()
    }
}
