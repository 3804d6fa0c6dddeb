//! Where proxies listen, and whose forwarded headers they believe there.

use std::net::IpAddr;

use fairway_proto::discovery::v1 as wire;

use super::network::{Network, NetworkError};

/// An address every proxy listens on.
#[derive(Debug)]
pub(crate) struct EntryPoint {
    name: String,
    address: String,
    trusted: Trust,
}

/// Why an entry point cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EntryPointError {
    /// Not of the form `host:port`.
    #[error("`{0}` is not an address to listen on; write `:80`, `host:80` or `[v6]:80`")]
    Address(String),
    /// In `trustedIPs`.
    #[error(transparent)]
    Trusted(#[from] NetworkError),
}

impl EntryPoint {
    /// From the resource of this name.
    pub(crate) fn build(name: &str, spec: &wire::EntryPoint) -> Result<Self, EntryPointError> {
        let has_port = spec
            .address
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if !has_port {
            return Err(EntryPointError::Address(spec.address.clone()));
        }
        Ok(Self {
            name: name.to_owned(),
            address: spec.address.clone(),
            trusted: Trust::build(spec.forwarded_headers.as_ref())?,
        })
    }

    /// As in the flag: `web`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `host:port`, `[v6]:port` or `:port` (all addresses).
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whose `X-Forwarded-*` headers are believed.
    pub(crate) fn trusted(&self) -> &Trust {
        &self.trusted
    }
}

/// Whose forwarded headers are believed.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Everybody's.
    Everybody,
    /// Only those of peers in one of these networks.
    Networks(Box<[Network]>),
}

impl Trust {
    fn build(spec: Option<&wire::ForwardedHeaders>) -> Result<Self, NetworkError> {
        let Some(spec) = spec else {
            return Ok(Self::Networks(Box::default()));
        };
        if spec.insecure {
            return Ok(Self::Everybody);
        }
        let networks = spec.trusted_ips.iter().map(|text| text.trim().parse());
        Ok(Self::Networks(networks.collect::<Result<_, _>>()?))
    }

    /// Are the forwarded headers of this peer believed?
    pub(crate) fn is_trusted(&self, peer: IpAddr) -> bool {
        match self {
            Self::Everybody => true,
            Self::Networks(networks) => networks.iter().any(|network| network.contains(peer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry_point(address: &str, insecure: bool, trusted: &[&str]) -> wire::EntryPoint {
        wire::EntryPoint {
            address: address.to_owned(),
            forwarded_headers: Some(wire::ForwardedHeaders {
                insecure,
                trusted_ips: trusted.iter().map(|text| (*text).to_owned()).collect(),
            }),
        }
    }

    #[test]
    fn only_listed_peers_are_trusted() {
        for (insecure, trusted, peer, expected) in [
            (false, &[][..], "127.0.0.1", false),
            (true, &[], "203.0.113.9", true),
            (false, &["10.0.0.0/8", "192.0.2.1"], "10.1.2.3", true),
            (false, &["10.0.0.0/8", "192.0.2.1"], "192.0.2.1", true),
            (false, &["10.0.0.0/8", "192.0.2.1"], "192.0.2.2", false),
            (false, &["10.0.0.0/8"], "::ffff:10.1.2.3", true),
        ] {
            let built = EntryPoint::build("web", &entry_point(":80", insecure, trusted)).unwrap();
            assert_eq!(
                built.trusted().is_trusted(peer.parse().unwrap()),
                expected,
                "{peer}"
            );
        }
    }

    #[test]
    fn an_address_needs_a_port_and_a_trusted_network_must_be_one() {
        for address in ["", "80", "host", "host:http", ":99999"] {
            let error = EntryPoint::build("web", &entry_point(address, false, &[])).unwrap_err();
            assert_eq!(error, EntryPointError::Address(address.to_owned()));
        }
        let error = EntryPoint::build("web", &entry_point(":80", false, &["somewhere"]));
        assert!(matches!(error, Err(EntryPointError::Trusted(_))));
    }
}
