//! One server: where it is and how to speak to it.

use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use http::HeaderValue;

use super::ejection::{Ejection, Standing};

/// Identity of an endpoint within this process: equal for equal (endpoint id,
/// scheme, address), never reused for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ServerKey(pub(super) u64);

/// (endpoint id, scheme, address). Not the address alone: Docker gives the address
/// of a dead container to the next one.
pub(super) type Identity = (String, Scheme, String);

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
    pub(super) ejection: Arc<Ejection>,
}

/// Why a server cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServerError {
    /// Not of the form `host:port`.
    #[error("`{0}` is not the address of a server; it must be `host:port`")]
    Address(String),
    /// Sent by a control plane that knows more schemes.
    #[error("the server `{0}` has a scheme that this proxy does not know")]
    Scheme(String),
}

impl Server {
    pub(super) fn build(
        key: ServerKey,
        scheme: Scheme,
        spec: &wire::Server,
        ejection: Arc<Ejection>,
    ) -> Result<Self, ServerError> {
        let (host, port, authority) = parse_address(&spec.address)
            .ok_or_else(|| ServerError::Address(spec.address.clone()))?;
        Ok(Self {
            key,
            id: spec.id.clone(),
            scheme,
            host: host.to_owned(),
            port,
            authority,
            container: spec.container.clone(),
            ejection,
        })
    }

    pub(super) fn identity(&self) -> Identity {
        let address = self.authority.to_str().unwrap_or_default();
        (self.id.clone(), self.scheme, address.to_owned())
    }

    /// A connect failed or timed out: out of rotation for a short while, longer
    /// each time in a row.
    pub(crate) fn connect_failed(&self) {
        self.ejection.failed();
    }

    /// Its place in the rotation. Changes nothing.
    pub(crate) fn standing(&self) -> Standing {
        self.ejection.standing()
    }

    /// It answered: in rotation again. One relaxed load when nothing was wrong, so
    /// it may be called for every response head.
    pub(crate) fn connected(&self) {
        self.ejection.succeeded();
    }
}

impl Scheme {
    pub(super) fn of(spec: &wire::Server) -> Result<Self, ServerError> {
        match wire::Scheme::try_from(spec.scheme) {
            Ok(wire::Scheme::Http) => Ok(Self::Http),
            Ok(wire::Scheme::Https) => Ok(Self::Https),
            Ok(wire::Scheme::H2c) => Ok(Self::H2c),
            Ok(wire::Scheme::Unspecified) | Err(_) => {
                Err(ServerError::Scheme(spec.address.clone()))
            }
        }
    }
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
