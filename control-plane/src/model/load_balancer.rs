//! Servers and how to speak to them.

use std::fmt;

use super::{Cookie, HealthCheck, PassiveHealthCheck, Strategy};

/// Servers that share the requests of a service, merged over all who declare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// In rotation order: by start time of the container, then id.
    pub servers: Vec<Server>,
    /// Who gets the next request.
    pub strategy: Strategy,
    /// Clients keep to the server they got first.
    pub sticky: Option<Cookie>,
    /// Send the client's Host header (true) or the server's address (false).
    pub pass_host_header: bool,
    /// Reference to the servers transport; `None`: the default one.
    pub servers_transport: Option<String>,
    /// Servers are asked how they do.
    pub health_check: Option<Box<HealthCheck>>,
    /// Servers that answer with errors are left alone.
    pub passive_health_check: Option<PassiveHealthCheck>,
    /// References to the middlewares that come after those of every router that uses
    /// the service, outermost first.
    pub middlewares: Vec<String>,
    /// Why there is no server; `None` if there are some.
    pub unavailable: Option<String>,
}

/// One server of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Identity of the endpoint: container id, start time and address, never the
    /// address alone, which Docker gives to the next container.
    pub id: String,
    /// How to speak to it.
    pub scheme: Scheme,
    /// `host:port`, IPv6 in brackets.
    pub address: String,
    /// Share of the requests, at least 1.
    pub weight: u32,
    /// Name of the container, for people.
    pub container: String,
    /// The URL as its author wrote it, if that is where it comes from: sticky
    /// cookies are made of it.
    pub written_url: Option<String>,
    /// Put before the path of every request (`preservePath`): begins with `/` and
    /// does not end with it. Empty: nothing is.
    pub base_path: String,
}

/// How to speak to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP/1.1 without TLS.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
    /// HTTP/2 without TLS, prior knowledge.
    H2c,
}

impl LoadBalancer {
    /// Has no server, for this reason.
    pub fn without_server(reason: String) -> Self {
        Self {
            unavailable: Some(reason),
            ..Self::default()
        }
    }
}

/// Traefik's defaults.
impl Default for LoadBalancer {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            strategy: Strategy::default(),
            sticky: None,
            pass_host_header: true,
            servers_transport: None,
            health_check: None,
            passive_health_check: None,
            middlewares: Vec::new(),
            unavailable: None,
        }
    }
}

impl Scheme {
    /// The scheme of this name, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            "h2c" => Some(Self::H2c),
            _ => None,
        }
    }
}

impl Server {
    /// The URL Traefik's API shows for this server.
    pub fn url(&self) -> String {
        match &self.written_url {
            Some(url) => url.clone(),
            None => format!("{}://{}", self.scheme, self.address),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::H2c => "h2c",
        })
    }
}
