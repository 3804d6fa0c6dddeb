//! Compose projects, driven as a person drives them: by the command line.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fairway_proto::inspection::v1::inspection_client::InspectionClient;
use fairway_tests::probe::{Probe, ProbeConfig};
use fairway_tests::wait::wait_until;
use tonic::transport::Channel;

/// Host that the demo's and the seed's routers match.
pub(crate) const HOST: &str = "demo.res.ch";

/// Path of the API behind `replacePath`.
pub(crate) const API_PATH: &str = "/api/flats/";

/// Requests per second of the load on each of the two routes.
const RATE: f64 = 200.0;

/// A Compose project on ports of its own. Taken down when dropped.
pub(crate) struct Project {
    name: String,
    directory: PathBuf,
    http: u16,
    api: u16,
    grpc: u16,
}

/// One container of a project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Container {
    /// Full id.
    pub(crate) id: String,
    /// Name without the leading slash.
    pub(crate) name: String,
}

/// Load on both routes of a project.
pub(crate) struct Load {
    site: Probe,
    api: Probe,
}

impl Project {
    /// The project in `directory`, relative to the repository.
    pub(crate) fn new(name: &str, directory: &str) -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let project = Self {
            name: format!("fairway-test-{name}-{}", std::process::id()),
            directory: root.join(directory).canonicalize()?,
            http: free_port()?,
            api: free_port()?,
            grpc: free_port()?,
        };
        project
            .compose(&["version"])
            .context("these tests need `docker compose`: make setup")?;
        Ok(project)
    }

    /// `docker compose up -d --build --wait …`, then what `make up` promises.
    pub(crate) async fn up(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.compose(&["build", "--quiet"])?;
        self.scale(arguments)
    }

    /// `docker compose up -d --wait …` without building.
    pub(crate) fn scale(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut all = vec!["up", "-d", "--wait", "--no-build"];
        all.extend(arguments);
        self.compose(&all).map(drop)
    }

    /// Runs `docker compose` on this project and returns what it printed.
    pub(crate) fn compose(&self, arguments: &[&str]) -> anyhow::Result<String> {
        // Other projects on this engine are none of this one's business. The quotes
        // are for Compose, which splits the line into words.
        let flags = format!(
            "--api.insecure=true --providers.docker --ping \
             '--providers.docker.constraints=Label(`com.docker.compose.project`, `{}`)'",
            self.name
        );
        let mut command = Command::new("docker");
        command
            .arg("compose")
            .args(["--project-name", &self.name])
            .args(arguments)
            .current_dir(&self.directory)
            .env("FAIRWAY_HTTP_PORT", self.http.to_string())
            .env("FAIRWAY_API_PORT", self.api.to_string())
            .env("FAIRWAY_GRPC_PORT", self.grpc.to_string())
            .env("FAIRWAY_FLAGS", flags)
            // What is tested is behaviour; the release profile would cost minutes.
            .env("FAIRWAY_TAG", "test")
            .env("FAIRWAY_LTO", "off")
            .env("FAIRWAY_CODEGEN_UNITS", "16");
        output(command)
    }

    /// Running containers of a service, by name.
    pub(crate) fn containers(&self, service: &str) -> anyhow::Result<Vec<Container>> {
        let project = format!("label=com.docker.compose.project={}", self.name);
        let service = format!("label=com.docker.compose.service={service}");
        let format = "{{.ID}} {{.Names}}";
        let listed = docker(&[
            "ps",
            "--no-trunc",
            "--filter",
            &project,
            "--filter",
            &service,
            "--format",
            format,
        ])?;
        let mut containers: Vec<_> = listed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(id, name)| Container {
                id: id.to_owned(),
                name: name.to_owned(),
            })
            .collect();
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(containers)
    }

    /// Full name of the project's default network.
    pub(crate) fn default_network(&self) -> String {
        format!("{}_default", self.name)
    }

    /// Where traffic goes in.
    pub(crate) fn traffic(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.http).into()
    }

    /// Where the API is.
    pub(crate) fn api(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.api).into()
    }

    /// Where the gRPC services are.
    pub(crate) fn grpc(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.grpc).into()
    }

    /// A client of the inspection service.
    pub(crate) async fn inspection(&self) -> anyhow::Result<InspectionClient<Channel>> {
        Ok(InspectionClient::connect(format!("http://{}", self.grpc())).await?)
    }

    /// Starts load on the site and on the API.
    pub(crate) fn load(&self) -> Load {
        let config = |path| ProbeConfig {
            rate: RATE,
            ..ProbeConfig::new(self.traffic(), HOST, path)
        };
        Load {
            site: Probe::start(config("/")),
            api: Probe::start(config(API_PATH)),
        }
    }

    /// Waits until exactly these containers answer on `path`, each several times
    /// in a row of requests.
    pub(crate) async fn answered_by(&self, path: &str, containers: &[Container]) {
        let mut wanted: Vec<_> = containers
            .iter()
            .map(|container| short(&container.id))
            .collect();
        wanted.sort();
        let what = format!("answers on {path} from exactly {wanted:?}");
        wait_until(&what, || {
            let mut seen: Vec<_> = (0..4 * wanted.len().max(1))
                .filter_map(|_| self.ask(path).ok())
                .collect();
            seen.sort();
            seen.dedup();
            seen == wanted
        })
        .await;
    }

    /// Asks once on a new connection; which container answered, as its host name.
    pub(crate) fn ask(&self, path: &str) -> anyhow::Result<String> {
        let answered = self.ask_in_a_row(path, 1)?;
        answered.into_iter().next().context("curl printed no head")
    }

    /// Asks several times on one connection, which is one proxy; who answered.
    pub(crate) fn ask_in_a_row(&self, path: &str, times: usize) -> anyhow::Result<Vec<String>> {
        let url = format!("http://{}{path}", self.traffic());
        let host = format!("Host: {HOST}");
        let mut command = Command::new("curl");
        command.args(["-sS", "--fail", "--max-time", "10", "-D", "-", "-H", &host]);
        for _ in 0..times {
            command.args(["-o", "/dev/null", &url]);
        }
        let heads = output(command)?.to_lowercase();
        let answered = heads
            .lines()
            .filter_map(|line| line.strip_prefix("x-container:"));
        Ok(answered.map(|name| name.trim().to_owned()).collect())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.compose(&["logs", "--tail", "60", "control", "proxy"]);
            eprintln!("{}", logs.unwrap_or_default());
        }
        if let Err(error) = self.compose(&["down", "--volumes", "--remove-orphans", "-t", "1"]) {
            eprintln!("{error:#}");
        }
    }
}

impl Load {
    /// Waits until both routes were answered this many more times.
    pub(crate) async fn go_on(&self, answers: u64) {
        tokio::join!(self.site.wait_ok(answers), self.api.wait_ok(answers));
    }

    /// Stops; nothing may have failed.
    pub(crate) async fn finish_flawless(self, during: &str) {
        for (route, probe) in [("site", self.site), ("api", self.api)] {
            let report = probe.finish().await;
            println!(
                "{during}: {route}: {} requests, {} failed, p99 {:.1} ms, max {:.1} ms",
                report.counts.sent,
                report.counts.failed,
                report.latency_ms.p99,
                report.latency_ms.max,
            );
            report.assert_flawless();
        }
    }

    /// Stops; what failed must have been in flight as its proxy was killed.
    pub(crate) async fn finish_with_losses_in_flight(self, during: &str) {
        use fairway_tests::probe::FailureKind;
        for (route, probe) in [("site", self.site), ("api", self.api)] {
            let report = probe.finish().await;
            let lost = report.counts.failed;
            println!(
                "{during}: {route}: {} requests, {lost} lost in flight",
                report.counts.sent
            );
            let in_flight =
                report.failures(FailureKind::InFlight) + report.failures(FailureKind::Truncated);
            assert_eq!(in_flight, lost, "{report:#?}");
            assert!(
                lost <= 16,
                "more were lost than there are connections: {report:#?}"
            );
        }
    }
}

/// Runs `docker` and returns what it printed.
pub(crate) fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("docker");
    command.args(arguments);
    output(command)
}

/// Host name of a container that was given none.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

/// Body of a GET of `path`.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut command = Command::new("curl");
    command.args([
        "-sS",
        "--fail",
        "--max-time",
        "10",
        &format!("http://{address}{path}"),
    ]);
    output(command)
}

/// Long enough for whatever was started to show its effect on traffic.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

fn output(mut command: Command) -> anyhow::Result<String> {
    let done = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    let printed = String::from_utf8_lossy(&done.stdout).into_owned();
    ensure!(
        done.status.success(),
        "{command:?} failed: {printed}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(printed)
}

/// A port that is free on every address. Neither the kernel hands out ports of this
/// range by itself, nor do the other tests use them: they run beside these, and what
/// is free now must still be so when Docker publishes it.
fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() * 8 + NEXT.fetch_add(1, Ordering::Relaxed);
    (0..9000)
        .filter_map(|more| u16::try_from(10_000 + (first + more) % 9000).ok())
        .find(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok())
        .context("no free port")
}
