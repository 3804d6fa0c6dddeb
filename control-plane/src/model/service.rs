//! A service: servers and how to speak to them.

use std::fmt;

/// A load-balanced service as declared, merged over its containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// In rotation order: by start time of the container, then id.
    pub servers: Vec<Server>,
    /// Send the client's Host header (true) or the server's address (false).
    pub pass_host_header: bool,
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

impl Server {
    /// The URL Traefik's API shows for this server.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
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
