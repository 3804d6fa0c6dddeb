//! Whose address a request has: that of the peer, or one of `X-Forwarded-For`.
//!
//! What an untrusted peer wrote into `X-Forwarded-For` is gone when middlewares run,
//! several lines are one, and this proxy's own peer is not in it yet.

use std::net::{IpAddr, Ipv6Addr};

use fairway_proto::discovery::v1 as wire;
use http::HeaderValue;

use super::MiddlewareError;
use crate::proxy::head::Head;
use crate::routing::network::Network;

/// How the address is found.
#[derive(Debug)]
pub(super) enum IpStrategy {
    Peer {
        subnet: Option<u32>,
    },
    /// The nth from the right, from 1.
    Depth {
        depth: usize,
        subnet: Option<u32>,
    },
    /// The first from the right that is none of these.
    Excluding(Vec<Network>),
}

impl IpStrategy {
    pub(super) fn build(spec: Option<&wire::IpStrategy>) -> Result<Self, MiddlewareError> {
        let Some(spec) = spec else {
            return Ok(Self::Peer { subnet: None });
        };
        let subnet = match spec.ipv6_subnet {
            0 => None,
            bits @ 1..=128 => Some(bits),
            bits => return Err(MiddlewareError::Subnet(bits)),
        };
        if spec.depth > 0 {
            let depth = usize::try_from(spec.depth).unwrap_or(usize::MAX);
            return Ok(Self::Depth { depth, subnet });
        }
        if spec.excluded_ips.is_empty() {
            return Ok(Self::Peer { subnet });
        }
        Ok(Self::Excluding(networks(
            "excludedIPs",
            &spec.excluded_ips,
        )?))
    }

    /// `None`: there is no such address.
    pub(super) fn address(&self, head: &Head) -> Option<IpAddr> {
        match self {
            Self::Peer { subnet } => Some(masked(head.peer, *subnet)),
            Self::Depth { depth, subnet } => {
                let nth = forwarded_for(head).rsplit(',').nth(depth.checked_sub(1)?)?;
                Some(masked(parse(nth)?, *subnet))
            }
            Self::Excluding(excluded) => {
                let mut addresses = forwarded_for(head).rsplit(',').map(str::trim);
                let first = addresses.find(|text| {
                    let excluded = |address| excluded.iter().any(|it| it.contains(address));
                    !text.is_empty() && !parse(text).is_some_and(excluded)
                });
                parse(first?)
            }
        }
    }
}

/// Addresses and blocks of an option.
pub(super) fn networks(
    option: &'static str,
    texts: &[String],
) -> Result<Vec<Network>, MiddlewareError> {
    let parsed = texts.iter().map(|text| text.parse());
    parsed
        .collect::<Result<_, _>>()
        .map_err(|source| MiddlewareError::Network { option, source })
}

fn forwarded_for(head: &Head) -> &str {
    let line = head.headers.get("x-forwarded-for");
    line.map(HeaderValue::as_bytes)
        .and_then(|line| std::str::from_utf8(line).ok())
        .unwrap_or_default()
}

/// An address with or without a port or a zone.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    let address = text.parse().ok();
    let socket = || text.parse().ok().map(|it: std::net::SocketAddr| it.ip());
    address.or_else(socket).map(|it: IpAddr| it.to_canonical())
}

fn masked(address: IpAddr, subnet: Option<u32>) -> IpAddr {
    match (address.to_canonical(), subnet) {
        (IpAddr::V6(address), Some(bits)) => {
            let shift = 128_u32.saturating_sub(bits);
            let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        (address, _) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::head::tests::head;

    fn address(spec: &wire::IpStrategy, forwarded: &str, peer: &str) -> Option<String> {
        let mut head = head("h", "/");
        head.peer = peer.parse().unwrap();
        if !forwarded.is_empty() {
            head.headers
                .insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        let strategy = IpStrategy::build(Some(spec)).unwrap();
        strategy.address(&head).map(|address| address.to_string())
    }

    fn spec(depth: u32, excluded: &[&str], ipv6_subnet: u32) -> wire::IpStrategy {
        let excluded_ips = excluded.iter().map(|it| (*it).to_owned()).collect();
        wire::IpStrategy {
            depth,
            excluded_ips,
            ipv6_subnet,
        }
    }

    #[test]
    fn the_address_is_where_the_strategy_says() {
        let list = "10.0.0.1, 10.0.0.2,10.0.0.3";
        let six = "2001:db8:1:2:3:4:5:6";
        #[rustfmt::skip]
        let rows = [
            (spec(0, &[], 0), list, "192.0.2.1", Some("192.0.2.1")),
            (spec(1, &[], 0), list, "192.0.2.1", Some("10.0.0.3")),
            (spec(3, &[], 0), list, "192.0.2.1", Some("10.0.0.1")),
            (spec(4, &[], 0), list, "192.0.2.1", None),
            (spec(1, &[], 0), "", "192.0.2.1", None),
            (spec(1, &[], 0), "unknown", "192.0.2.1", None),
            (spec(1, &[], 0), "10.0.0.1:80", "192.0.2.1", Some("10.0.0.1")),
            (spec(1, &[], 0), "[2001:db8::1]:80", "192.0.2.1", Some("2001:db8::1")),
            (spec(2, &["10.0.0.2"], 0), list, "192.0.2.1", Some("10.0.0.2")),
            (spec(0, &["10.0.0.3", "10.0.0.2/32"], 0), list, "192.0.2.1", Some("10.0.0.1")),
            (spec(0, &["10.0.0.1"], 0), list, "192.0.2.1", Some("10.0.0.3")),
            (spec(0, &["10.0.0.0/8"], 0), list, "192.0.2.1", None),
            (spec(0, &["10.0.0.3"], 0), "10.0.0.1, , 10.0.0.3", "192.0.2.1", Some("10.0.0.1")),
            (spec(0, &["10.0.0.3"], 0), "10.0.0.1, junk, 10.0.0.3", "192.0.2.1", None),
            (spec(0, &[], 64), "", six, Some("2001:db8:1:2::")),
            (spec(0, &[], 128), "", six, Some(six)),
            (spec(0, &[], 64), "", "192.0.2.1", Some("192.0.2.1")),
            (spec(1, &[], 32), six, "192.0.2.1", Some("2001:db8::")),
            (spec(0, &["10.0.0.3"], 64), six, "192.0.2.1", Some(six)),
        ];
        for (spec, forwarded, peer, expected) in rows {
            let found = address(&spec, forwarded, peer);
            assert_eq!(found.as_deref(), expected, "{spec:?} {forwarded} {peer}");
        }
    }

    #[test]
    fn a_subnet_longer_than_an_address_is_an_error() {
        let error = IpStrategy::build(Some(&spec(0, &[], 129))).unwrap_err();
        assert_eq!(error, MiddlewareError::Subnet(129));
        let error = IpStrategy::build(Some(&spec(0, &["x"], 0))).unwrap_err();
        assert!(error.to_string().contains("excludedIPs"), "{error}");
    }
}
