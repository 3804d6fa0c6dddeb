//! How the health of servers is found out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Scheme;

/// Each server is asked how it does. Traefik's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked.
    pub mode: HealthCheckMode,
    /// Path and query, with or without a `/` at the start.
    pub path: String,
    /// `None`: that of the server.
    pub scheme: Option<Scheme>,
    /// `None`: that of the server.
    pub port: Option<u16>,
    /// Value of `Host`; empty: the server's address.
    pub hostname: String,
    /// `GET`, …
    pub method: String,
    /// The status of a server that is well; `None`: any from 200 to 399.
    pub status: Option<u16>,
    /// Headers of the question.
    pub headers: BTreeMap<String, String>,
    /// Between two questions to a server that is up.
    pub interval: Duration,
    /// Between two questions to one that is down.
    pub unhealthy_interval: Duration,
    /// For the whole answer.
    pub timeout: Duration,
    /// Go where the answer leads.
    pub follow_redirects: bool,
}

/// What a server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthCheckMode {
    /// An HTTP request.
    #[default]
    Http,
    /// `grpc.health.v1.Health/Check`.
    Grpc,
}

/// Servers that answer with errors are left alone. Traefik's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassiveHealthCheck {
    /// In which the failures must happen, and for which a server is left alone.
    pub failure_window: Duration,
    /// In a row.
    pub max_failed_attempts: u32,
}

impl HealthCheckMode {
    /// Its name in labels.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            mode: HealthCheckMode::Http,
            path: String::new(),
            scheme: None,
            port: None,
            hostname: String::new(),
            method: "GET".to_owned(),
            status: None,
            headers: BTreeMap::new(),
            interval: Duration::from_secs(30),
            unhealthy_interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            follow_redirects: true,
        }
    }
}

impl Default for PassiveHealthCheck {
    fn default() -> Self {
        Self {
            failure_window: Duration::from_secs(10),
            max_failed_attempts: 1,
        }
    }
}
