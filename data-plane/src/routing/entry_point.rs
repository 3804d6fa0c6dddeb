//! Where proxies listen, and whose forwarded headers they believe there.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;

use super::intake::Intake;
use super::network::{Network, NetworkError};
use super::switches::Switches;
use super::terms::Terms;
use crate::stats::Subject;

/// An address every proxy listens on.
#[derive(Debug)]
pub(crate) struct EntryPoint {
    name: String,
    address: String,
    trusted: Trust,
    intake: Intake,
    terms: Terms,
    middlewares: Box<[String]>,
    proxy_protocol: Option<Trust>,
    http2: Http2Limits,
    /// Whom its requests are counted for.
    pub(crate) subject: Arc<Subject>,
    switches: Switches,
}

/// How much of HTTP/2 a client may use, where the entry point says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Http2Limits {
    /// Requests of one connection at the same time.
    pub(crate) max_concurrent_streams: Option<NonZeroU32>,
    /// Bytes of the table that compressed headers are read with.
    pub(crate) max_decoder_header_table_size: Option<u32>,
}

/// Why an entry point cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EntryPointError {
    /// Not of the form `host:port`.
    #[error("`{0}` is not an address to listen on; write `:80`, `host:80` or `[v6]:80`")]
    Address(String),
    /// In `connection`.
    #[error("`{0}` is not the name of a header")]
    HeaderName(String),
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
            trusted: match &spec.forwarded_headers {
                Some(spec) => Trust::build(spec.insecure, &spec.trusted_ips)?,
                None => Trust::Networks(Box::default()),
            },
            proxy_protocol: match &spec.proxy_protocol {
                Some(spec) => Some(Trust::build(spec.insecure, &spec.trusted_ips)?),
                None => None,
            },
            http2: spec
                .http2
                .map_or_else(Http2Limits::default, |spec| Http2Limits {
                    max_concurrent_streams: NonZeroU32::new(spec.max_concurrent_streams),
                    max_decoder_header_table_size: spec.max_decoder_header_table_size,
                }),
            intake: Intake::build(spec).map_err(EntryPointError::HeaderName)?,
            terms: Terms::build(spec),
            switches: Switches::build(spec.observability.as_ref()),
            middlewares: spec.middlewares.clone().into(),
            subject: Subject::new(name),
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

    /// What is made of requests before rules look at them.
    pub(crate) fn intake(&self) -> &Intake {
        &self.intake
    }

    /// How long clients may take.
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What is told about requests whose router does not say.
    pub(crate) fn switches(&self) -> Switches {
        self.switches
    }

    /// Names of the middlewares that come before those of every router.
    pub(crate) fn middlewares(&self) -> &[String] {
        &self.middlewares
    }

    /// Whose `X-Forwarded-*` headers are believed.
    pub(crate) fn trusted(&self) -> &Trust {
        &self.trusted
    }

    /// Is a PROXY header of this peer believed?
    pub(crate) fn reads_proxy_header_of(&self, peer: IpAddr) -> bool {
        let trust = self.proxy_protocol.as_ref();
        trust.is_some_and(|trust| trust.is_trusted(peer))
    }

    /// How much of HTTP/2 a client may use.
    pub(crate) fn http2(&self) -> Http2Limits {
        self.http2
    }
}

/// Who is believed: about forwarded headers, or in a PROXY header.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Everybody's.
    Everybody,
    /// Only those of peers in one of these networks.
    Networks(Box<[Network]>),
}

impl Trust {
    fn build(insecure: bool, trusted_ips: &[String]) -> Result<Self, NetworkError> {
        if insecure {
            return Ok(Self::Everybody);
        }
        let networks = trusted_ips.iter().map(|text| text.trim().parse());
        Ok(Self::Networks(networks.collect::<Result<_, _>>()?))
    }

    /// Is this peer believed?
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
                ..Default::default()
            }),
            ..Default::default()
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
    fn nobodys_proxy_header_is_read_unless_the_entry_point_says_whose() {
        let mut spec = entry_point(":80", true, &[]);
        for (insecure, trusted, from, expected) in [
            (None, &[][..], "10.0.0.1", false),
            (Some(false), &[], "10.0.0.1", false),
            (Some(false), &["10.0.0.0/8"], "10.0.0.1", true),
            (Some(false), &["10.0.0.0/8"], "11.0.0.1", false),
            (Some(true), &[], "11.0.0.1", true),
        ] {
            spec.proxy_protocol = insecure.map(|insecure| wire::ProxyProtocol {
                insecure,
                trusted_ips: trusted.iter().map(|text| (*text).to_owned()).collect(),
            });
            let built = EntryPoint::build("web", &spec).unwrap();
            let reads = built.reads_proxy_header_of(from.parse().unwrap());
            assert_eq!(reads, expected, "{insecure:?} {trusted:?} {from}");
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
