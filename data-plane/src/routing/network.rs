//! Addresses and CIDR blocks, for `ClientIP` and for trusted peers.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A block of addresses. An IPv4-mapped IPv6 address is the IPv4 address it maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    V4 { address: u32, mask: u32 },
    V6 { address: u128, mask: u128 },
}

/// Text that is neither an address nor a CIDR block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IP address nor a CIDR block")]
pub(crate) struct NetworkError(String);

impl Network {
    /// Is the address in the block? A block of one family holds none of the other.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::V4 { address, mask }, IpAddr::V4(other)) => other.to_bits() & mask == *address,
            (Self::V6 { address, mask }, IpAddr::V6(other)) => other.to_bits() & mask == *address,
            _ => false,
        }
    }

    fn v4(address: Ipv4Addr, length: u32) -> Option<Self> {
        let mask = u32::MAX
            .checked_shl(32_u32.checked_sub(length)?)
            .unwrap_or(0);
        Some(Self::V4 {
            address: address.to_bits() & mask,
            mask,
        })
    }

    fn v6(address: Ipv6Addr, length: u32) -> Option<Self> {
        if let (Some(mapped), Some(length)) = (address.to_ipv4_mapped(), length.checked_sub(96)) {
            return Self::v4(mapped, length);
        }
        let mask = u128::MAX
            .checked_shl(128_u32.checked_sub(length)?)
            .unwrap_or(0);
        Some(Self::V6 {
            address: address.to_bits() & mask,
            mask,
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            // `u32` would take `+8`.
            Some((_, length)) if !length.bytes().all(|byte| byte.is_ascii_digit()) => return None,
            Some((address, length)) => (address, Some(length.parse().ok()?)),
            None => (
                text.split_once('%')
                    .map_or(text, |(address, _zone)| address),
                None,
            ),
        };
        match address.parse().ok()? {
            IpAddr::V4(address) => Self::v4(address, length.unwrap_or(32)),
            IpAddr::V6(address) => Self::v6(address, length.unwrap_or(128)),
        }
    }
}

impl Display for Network {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4 { address, mask } => {
                write!(
                    out,
                    "{}/{}",
                    Ipv4Addr::from_bits(*address),
                    mask.count_ones()
                )
            }
            Self::V6 { address, mask } => {
                write!(
                    out,
                    "{}/{}",
                    Ipv6Addr::from_bits(*address),
                    mask.count_ones()
                )
            }
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        Self::parse(text).ok_or_else(|| NetworkError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_its_addresses_and_no_others() {
        for (network, address, expected) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("192.168.1.0/24", "192.168.1.100", true),
            ("192.168.1.0/24", "192.168.2.1", false),
            ("192.168.1.7/24", "192.168.1.200", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("fe80::1%eth0", "fe80::1", true),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                expected,
                "{network:?} {address}"
            );
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "localhost",
            "10.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "1.2.3.4/+8",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
