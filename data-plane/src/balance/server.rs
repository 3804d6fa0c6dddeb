//! One server: where it is and how to speak to it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};

use super::Standing;
use super::ejection::Ejection;
use super::health::{CheckError, Health};
use super::load::Load;
use super::transport::Transport;

/// Identity of an endpoint within this process: equal for equal (endpoint id,
/// scheme, address), never reused for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ServerKey(pub(super) u64);

impl ServerKey {
    /// As a number.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// (endpoint id, scheme, address, care). Not the address alone: Docker gives the
/// address of a dead container to the next one.
pub(super) type Identity = (String, Scheme, String, Arc<Care>);

/// What else makes a server another one: how it is reached and how it is checked.
#[derive(Debug)]
pub(super) struct Care {
    pub(super) transport: Arc<Transport>,
    pub(super) check: Option<wire::HealthCheck>,
    pub(super) passive: Option<wire::PassiveHealthCheck>,
}

/// How to speak to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// HTTP/1.1 in the clear.
    Http,
    /// TLS.
    Https,
    /// HTTP/2 with prior knowledge in the clear.
    H2c,
}

/// One server: for Docker, one container.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) key: ServerKey,
    /// Endpoint id: container id, start time and address.
    pub(crate) id: String,
    pub(crate) scheme: Scheme,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `host:port`, as the `Host` header when the client's is not passed.
    pub(crate) authority: HeaderValue,
    /// Name of the container, for people.
    pub(crate) container: String,
    /// What cookies and `hrw` are made of.
    pub(crate) url: String,
    /// Put before the path of every request; empty: nothing is.
    pub(crate) base_path: String,
    pub(crate) transport: Arc<Transport>,
    pub(crate) health: Arc<Health>,
    pub(super) ejection: Arc<Ejection>,
    pub(super) load: Arc<Load>,
    care: Arc<Care>,
}

/// What a server keeps for as long as it is the same, whatever it is called.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) ejection: Arc<Ejection>,
    pub(super) health: Arc<Health>,
    pub(super) load: Arc<Load>,
}

/// Why a server cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServerError {
    /// Not of the form `host:port`.
    #[error("`{0}` is not the address of a server; it must be `host:port`")]
    Address(String),
    /// Sent by a control plane that knows more strategies.
    #[error("this proxy does not know the strategy of the service")]
    Strategy,
    /// Another number of services than it consists of.
    #[error("the service lacks one of the services that it consists of")]
    Parts,
    /// Not the beginning of a path.
    #[error("`{0}` cannot stand before the path of a request")]
    BasePath(String),
    /// Sent by a control plane that knows more schemes.
    #[error("the server `{0}` has a scheme that this proxy does not know")]
    Scheme(String),
    /// Sent by a control plane that has more services of its own.
    #[error("it is internal service {0}, which this proxy does not know")]
    Internal(i32),
    /// The health check of its service.
    #[error(transparent)]
    Check(#[from] CheckError),
}

impl Server {
    pub(super) fn build(
        key: ServerKey,
        scheme: Scheme,
        spec: &wire::Server,
        care: Arc<Care>,
        memory: Memory,
    ) -> Result<Self, ServerError> {
        let (host, port, authority) = parse_address(&spec.address)
            .ok_or_else(|| ServerError::Address(spec.address.clone()))?;
        if !is_base_path(&spec.base_path) {
            return Err(ServerError::BasePath(spec.base_path.clone()));
        }
        if scheme == Scheme::Https {
            care.transport.prepare();
        }
        Ok(Self {
            key,
            id: spec.id.clone(),
            scheme,
            host: host.to_owned(),
            port,
            authority,
            container: spec.container.clone(),
            url: url(scheme, spec),
            base_path: spec.base_path.clone(),
            transport: Arc::clone(&care.transport),
            health: memory.health,
            ejection: memory.ejection,
            load: memory.load,
            care,
        })
    }

    /// What it keeps when its description changes.
    pub(super) fn memory(&self) -> Memory {
        Memory {
            ejection: Arc::clone(&self.ejection),
            health: Arc::clone(&self.health),
            load: Arc::clone(&self.load),
        }
    }

    /// Is it what this description says, besides its identity?
    pub(super) fn is_as(&self, spec: &wire::Server) -> bool {
        self.container == spec.container
            && self.base_path == spec.base_path
            && self.url == url(self.scheme, spec)
    }

    /// May a request be sent there, as far as its connects decide it? `true` may make the caller the one that probes.
    pub(super) fn admits(&self) -> bool {
        self.ejection.admits()
    }

    /// Would [`Server::admits`] say so?
    pub(super) fn is_usable(&self) -> bool {
        !matches!(self.standing(), Standing::Ejected(_))
    }

    pub(super) fn identity(&self) -> Identity {
        let address = self.authority.to_str().unwrap_or_default();
        (
            self.id.clone(),
            self.scheme,
            address.to_owned(),
            Arc::clone(&self.care),
        )
    }

    /// A connect failed or timed out: out of rotation for a short while, longer
    /// each time in a row.
    pub(crate) fn connect_failed(&self) {
        self.ejection.failed();
        self.health.failed();
    }

    /// It was reached and gave no answer.
    pub(crate) fn failed(&self) {
        self.health.failed();
    }

    /// Its place in the rotation as far as its connects decide it. Changes nothing.
    pub(super) fn standing(&self) -> Standing {
        self.ejection.standing()
    }

    /// It answered: in rotation again, if the answer is one. Two relaxed loads when
    /// nothing was wrong, so it may be called for every response head.
    pub(crate) fn answered(&self, status: StatusCode) {
        self.ejection.succeeded();
        self.health.answered(status.is_server_error());
    }
}

impl Scheme {
    pub(super) fn of(spec: &wire::Server) -> Result<Self, ServerError> {
        let known = wire::Scheme::try_from(spec.scheme).ok();
        known
            .and_then(|scheme| Self::try_from(scheme).ok())
            .ok_or_else(|| ServerError::Scheme(spec.address.clone()))
    }

    /// As a URL starts.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::H2c => "h2c",
        }
    }
}

impl TryFrom<wire::Scheme> for Scheme {
    type Error = ();

    fn try_from(scheme: wire::Scheme) -> Result<Self, ()> {
        match scheme {
            wire::Scheme::Http => Ok(Self::Http),
            wire::Scheme::Https => Ok(Self::Https),
            wire::Scheme::H2c => Ok(Self::H2c),
            wire::Scheme::Unspecified => Err(()),
        }
    }
}

impl PartialEq for Care {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.transport, &other.transport)
            && self.check == other.check
            && self.passive == other.passive
    }
}

impl Eq for Care {}

impl Hash for Care {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.transport).hash(state);
        self.check.as_ref().map(|check| &check.path).hash(state);
        self.passive.hash(state);
    }
}

fn url(scheme: Scheme, spec: &wire::Server) -> String {
    if !spec.url.is_empty() {
        return spec.url.clone();
    }
    format!("{}://{}", scheme.as_str(), spec.address)
}

fn is_base_path(path: &str) -> bool {
    let is_path = || path.starts_with('/') && !path.ends_with('/') && !path.contains(['?', '#']);
    path.is_empty() || is_path() && path.parse::<PathAndQuery>().is_ok()
}

fn parse_address(address: &str) -> Option<(&str, u16, HeaderValue)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let authority = HeaderValue::from_str(address).ok()?;
    (!host.is_empty()).then_some((host, port, authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (address, expected) in [
            ("10.0.0.1:80", Some(("10.0.0.1", 80))),
            ("web.internal:8080", Some(("web.internal", 8080))),
            ("[2001:db8::1]:443", Some(("2001:db8::1", 443))),
            ("2001:db8::1", None),
            ("10.0.0.1", None),
            ("10.0.0.1:0", None),
            ("10.0.0.1:99999", None),
            (":80", None),
            ("[::1:80", None),
            ("a\nb:80", None),
        ] {
            let parsed = parse_address(address).map(|(host, port, _)| (host, port));
            assert_eq!(parsed, expected, "{address:?}");
        }
    }
}
