//! `ipStrategy`: whose address a request has.

use std::net::IpAddr;

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

/// Options of `ipStrategy`. Nothing set: the address of the peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IpStrategy {
    /// The nth address from the right of `X-Forwarded-For`; 0: not set.
    #[serde(skip_serializing_if = "is_zero")]
    pub depth: u32,
    /// The first from the right that is none of these addresses and ranges.
    #[serde(rename = "excludedIPs", skip_serializing_if = "Vec::is_empty")]
    pub excluded_ips: Vec<String>,
    /// Bits of an IPv6 address that count; 0: not set.
    #[serde(skip_serializing_if = "is_zero")]
    pub ipv6_subnet: u32,
}

/// The full spelling of the options below one `ipStrategy`.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) depth: &'static str,
    pub(super) excluded_ips: &'static str,
    pub(super) ipv6_subnet: &'static str,
}

impl IpStrategy {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields, keys: Keys) -> Self {
        let depth = fields.integer(keys.depth).unwrap_or_default().max(0);
        let depth = u32::try_from(depth).unwrap_or(u32::MAX);
        let excluded_ips = ranges(fields, keys.excluded_ips);
        if depth > 0 && !excluded_ips.is_empty() {
            fields.remark(
                keys.excluded_ips,
                "excludedIPs has no effect beside a depth",
                "remove one of the two labels",
            );
        }
        let ipv6_subnet = match fields.integer(keys.ipv6_subnet) {
            None => 0,
            Some(bits @ 1..=128) => u32::try_from(bits).unwrap_or_default(),
            Some(bits) => {
                fields.reject(
                    keys.ipv6_subnet,
                    format!("an IPv6 address has no subnet of {bits} bits"),
                    "write a number from 1 to 128, such as 64",
                );
                0
            }
        };
        if ipv6_subnet > 0 && depth == 0 && !excluded_ips.is_empty() {
            fields.remark(
                keys.ipv6_subnet,
                "ipv6Subnet has no effect beside excludedIPs",
                "remove one of the two labels",
            );
        }
        Self {
            depth,
            excluded_ips,
            ipv6_subnet,
        }
    }

    pub(super) fn encode(&self) -> proto::IpStrategy {
        proto::IpStrategy {
            depth: self.depth,
            excluded_ips: self.excluded_ips.clone(),
            ipv6_subnet: self.ipv6_subnet,
        }
    }
}

/// Addresses and ranges; what is none is told to the fields.
pub(super) fn ranges(fields: &mut Fields, option: &str) -> Vec<String> {
    let ranges = fields.list(option);
    for range in ranges.iter().filter(|range| !is_range(range)) {
        fields.reject(
            option,
            format!("`{range}` is neither an IP address nor a range"),
            "write for instance 10.0.0.0/8, 192.168.1.7",
        );
    }
    ranges
}

fn is_range(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return text.parse::<IpAddr>().is_ok();
    };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.bytes().all(|byte| byte.is_ascii_digit())
        && length.parse().is_ok_and(|length: u8| length <= most)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_an_address_or_a_block() {
        for text in [
            "10.0.0.1",
            "10.0.0.0/8",
            "::1",
            "2001:db8::/32",
            "0.0.0.0/0",
        ] {
            assert!(is_range(text), "{text}");
        }
        for text in [
            "",
            "a.test",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "1.2.3.4/+8",
        ] {
            assert!(!is_range(text), "{text}");
        }
    }
}
