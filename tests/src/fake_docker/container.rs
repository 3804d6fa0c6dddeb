//! One container of the fake engine: what `docker run` was told, and its life.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What `docker run` is told.
#[derive(Debug, Clone, Default)]
pub struct ContainerSpec {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) networks: Vec<(String, Option<Ipv4Addr>)>,
    pub(crate) network_mode: Option<String>,
    pub(crate) exposed: Vec<u16>,
    pub(crate) published: Vec<Published>,
    pub(crate) stop_signal: Option<String>,
    pub(crate) healthcheck: bool,
}

/// A port published on the host.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) host_ip: String,
    pub(crate) host_port: u16,
    pub(crate) container_port: u16,
}

impl ContainerSpec {
    /// A container that exposes no port and is on the network `bridge`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            image: "test:latest".to_owned(),
            ..Self::default()
        }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds the labels that Compose sets.
    #[must_use]
    pub fn compose(self, project: &str, service: &str) -> Self {
        self.label("com.docker.compose.project", project)
            .label("com.docker.compose.service", service)
    }

    /// Joins a network at start; the first free address of it is taken.
    #[must_use]
    pub fn network(mut self, name: &str) -> Self {
        self.networks.push((name.to_owned(), None));
        self
    }

    /// Joins a network at start with this address.
    #[must_use]
    pub fn network_with_address(mut self, name: &str, address: Ipv4Addr) -> Self {
        self.networks.push((name.to_owned(), Some(address)));
        self
    }

    /// `host`, `none` or `container:NAME`: no address of its own.
    #[must_use]
    pub fn network_mode(mut self, mode: &str) -> Self {
        self.network_mode = Some(mode.to_owned());
        self
    }

    /// `EXPOSE` of a TCP port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.exposed.push(port);
        self
    }

    /// `-p host_ip:host_port:port`.
    #[must_use]
    pub fn publish(mut self, host_ip: &str, host_port: u16, port: u16) -> Self {
        let host_ip = host_ip.to_owned();
        self.published.push(Published {
            host_ip,
            host_port,
            container_port: port,
        });
        self.port(port)
    }

    /// `STOPSIGNAL`, by name (`SIGQUIT`) or number.
    #[must_use]
    pub fn stop_signal(mut self, signal: &str) -> Self {
        self.stop_signal = Some(signal.to_owned());
        self
    }

    /// `HEALTHCHECK`: starts as `starting`.
    #[must_use]
    pub fn healthcheck(mut self) -> Self {
        self.healthcheck = true;
        self
    }
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Made, never started.
    Created,
    /// The process runs.
    Running,
    /// The process is frozen.
    Paused,
    /// The process is gone.
    Exited,
}

impl Phase {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Exited => "exited",
        }
    }

    /// The process exists.
    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// Its attachment to one network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attachment {
    /// Asked for by the user, kept over restarts.
    pub(crate) wanted: Option<Ipv4Addr>,
    /// Held only while the process is alive.
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) endpoint: String,
}

/// A container as the engine keeps it. Times are nanoseconds since 1970.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) spec: ContainerSpec,
    pub(crate) phase: Phase,
    pub(crate) health: Option<&'static str>,
    pub(crate) created_at: u64,
    pub(crate) started_at: Option<u64>,
    pub(crate) finished_at: Option<u64>,
    pub(crate) exit_code: i32,
    pub(crate) restarts: u32,
    pub(crate) networks: BTreeMap<String, Attachment>,
}

impl Container {
    /// Number of its stop signal.
    pub(crate) fn stop_signal_number(&self) -> i32 {
        match self.spec.stop_signal.as_deref() {
            None | Some("SIGTERM" | "TERM") => 15,
            Some("SIGQUIT" | "QUIT") => 3,
            Some("SIGINT" | "INT") => 2,
            Some("SIGHUP" | "HUP") => 1,
            Some("SIGUSR1" | "USR1") => 10,
            Some("SIGWINCH" | "WINCH") => 28,
            Some("SIGKILL" | "KILL") => 9,
            Some(other) => other.parse().expect("a stop signal the fake engine knows"),
        }
    }
}
