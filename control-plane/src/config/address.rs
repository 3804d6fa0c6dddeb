//! Listen addresses and client networks, as people write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An entry point's address as written in Traefik's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListenAddress {
    /// `host:port`; the host may be empty.
    pub(super) text: String,
    /// It ends in `/udp`.
    pub(super) udp: bool,
}

/// Reads `[host]:port[/tcp|/udp]`; the host is empty or an address.
pub(super) fn listen(text: &str) -> Option<ListenAddress> {
    let (text, udp) = match text.rsplit_once('/') {
        Some((text, protocol)) if protocol.eq_ignore_ascii_case("tcp") => (text, false),
        Some((text, protocol)) if protocol.eq_ignore_ascii_case("udp") => (text, true),
        Some(_) => return None,
        None => (text, false),
    };
    socket(text)?;
    Some(ListenAddress {
        text: text.to_owned(),
        udp,
    })
}

/// Reads `host:port`; an empty host means every IPv4 address.
pub(super) fn socket(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix(':') {
        Some(port) => Some(SocketAddr::new(
            Ipv4Addr::UNSPECIFIED.into(),
            port.parse().ok()?,
        )),
        None => match text.strip_prefix("localhost:") {
            Some(port) => Some(SocketAddr::new(
                Ipv4Addr::LOCALHOST.into(),
                port.parse().ok()?,
            )),
            None => text.parse().ok(),
        },
    }
}

/// Whether a text is an address or a network in CIDR form.
pub(super) fn is_network(text: &str) -> bool {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_points_listen_where_people_say() {
        for (text, expected) in [
            (":80", Some((":80", false))),
            ("127.0.0.1:8080/tcp", Some(("127.0.0.1:8080", false))),
            ("[::1]:443", Some(("[::1]:443", false))),
            (":53/UDP", Some((":53", true))),
            ("localhost:80", Some(("localhost:80", false))),
            ("80", None),
            (":http", None),
            (":80/sctp", None),
            (":99999", None),
        ] {
            let expected = expected.map(|(text, udp)| ListenAddress {
                text: text.to_owned(),
                udp,
            });
            assert_eq!(listen(text), expected, "{text}");
        }
    }

    #[test]
    fn networks_are_addresses_with_or_without_a_length() {
        for (text, expected) in [
            ("10.0.0.0/8", true),
            ("10.0.0.1", true),
            ("fd00::/7", true),
            ("10.0.0.0/33", false),
            ("10.0.0", false),
            ("fd00::/129", false),
        ] {
            assert_eq!(is_network(text), expected, "{text}");
        }
    }
}
