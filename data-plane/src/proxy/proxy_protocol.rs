//! The PROXY protocol: where a connection that came through a balancer began.
//!
//! Before anything else of a connection is looked at, and only if its peer is one
//! that the entry point believes. [`parse`] is a pure function over what has been
//! received so far, so that it can be fed with anything; waiting is
//! [`super::opening`]'s. Both versions, by <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.
//!
//! A header is bounded in length and taken whole or not at all: what is not exactly
//! one is an error, after which nothing on the connection can be believed. Of the
//! extensions of version 2 only the checksum is looked at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a header of version 1 begins with.
pub(crate) const V1_SIGNATURE: &[u8] = b"PROXY ";
/// What a header of version 2 begins with.
pub(crate) const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header of version 1, line end included.
const MAX_V1_BYTES: usize = 107;
/// Longest part of a header of version 2 that follows its first 16 bytes. Room for
/// every address and for the extensions that balancers send.
const MAX_V2_BYTES: usize = 4096;
/// Signature, version and command, family, length.
const V2_FIXED_BYTES: usize = 16;
/// Type of the extension that holds a checksum of the whole header.
const CHECKSUM: u8 = 0x03;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxyHeader {
    /// In bytes.
    pub(crate) length: usize,
    /// Address and port of the client; `None`: the peer speaks for itself.
    pub(crate) source: Option<SocketAddr>,
}

/// Why a header cannot be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProxyHeaderError {
    /// It begins like none.
    #[error("not a PROXY header")]
    Signature,
    /// Longer than any balancer's.
    #[error("PROXY header is too long")]
    TooLong,
    /// Version 1: not the words and numbers of the specification.
    #[error("PROXY header is malformed")]
    Line,
    /// Version 2: another version or command.
    #[error("PROXY header has an unknown version or command")]
    Command,
    /// Version 2: an unknown family, or not a stream.
    #[error("PROXY header is not of a stream over IPv4, IPv6 or a Unix socket")]
    Family,
    /// Version 2: shorter than its addresses.
    #[error("PROXY header is shorter than its addresses")]
    Addresses,
    /// Version 2: the extensions do not fill what is left.
    #[error("extensions of the PROXY header are malformed")]
    Extension,
    /// Version 2: changed on its way.
    #[error("PROXY header does not have its checksum")]
    Checksum,
}

/// Reads the header that `bytes` begin with; `None` if more bytes are needed.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let begins = |signature: &[u8]| {
        let common = signature.len().min(bytes.len());
        bytes.get(..common) == signature.get(..common)
    };
    if begins(V2_SIGNATURE) {
        return parse_v2(bytes);
    }
    if begins(V1_SIGNATURE) {
        return parse_v1(bytes);
    }
    Err(ProxyHeaderError::Signature)
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` and a line end.
fn parse_v1(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let window = bytes.get(..MAX_V1_BYTES).unwrap_or(bytes);
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if window.len() < MAX_V1_BYTES {
            Ok(None)
        } else {
            Err(ProxyHeaderError::TooLong)
        };
    };
    let line = bytes
        .get(V1_SIGNATURE.len()..end)
        .and_then(|line| std::str::from_utf8(line).ok())
        .ok_or(ProxyHeaderError::Line)?;
    let source = source_of_line(line).ok_or(ProxyHeaderError::Line)?;
    Ok(Some(ProxyHeader {
        length: end + 2,
        source,
    }))
}

/// The source of a line without `PROXY `.
fn source_of_line(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // What follows is for nobody to read.
        return Some(None);
    }
    let mut address = || -> Option<IpAddr> {
        let word = words.next()?;
        match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::from),
            "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::from),
            _ => None,
        }
    };
    let (source, _) = (address()?, address()?);
    let mut port = || {
        let word = words.next()?;
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        let leads = word.len() > 1 && word.starts_with('0');
        (digits && !leads).then(|| word.parse::<u16>().ok())?
    };
    let (source_port, _) = (port()?, port()?);
    let source = SocketAddr::new(source, source_port);
    words.next().is_none().then_some(Some(source))
}

fn parse_v2(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let Some(&[command, family, high, low]) = bytes.get(V2_SIGNATURE.len()..V2_FIXED_BYTES) else {
        return Ok(None);
    };
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyHeaderError::Command),
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_V2_BYTES {
        return Err(ProxyHeaderError::TooLong);
    }
    let length = V2_FIXED_BYTES + length;
    let (Some(header), Some(rest)) = (bytes.get(..length), bytes.get(V2_FIXED_BYTES..length))
    else {
        return Ok(None);
    };
    if is_local {
        // The balancer itself; whatever else it says is not about a client.
        let source = None;
        return Ok(Some(ProxyHeader { length, source }));
    }
    let (source, addresses) = match family {
        0x00 => (None, 0),
        0x11 => (Some(first_v4(rest)?), addresses_of(family)),
        0x21 => (Some(first_v6(rest)?), addresses_of(family)),
        // A Unix socket has no address that anybody else could know.
        0x31 => (None, addresses_of(family)),
        _ => return Err(ProxyHeaderError::Family),
    };
    let extensions = rest.get(addresses..).ok_or(ProxyHeaderError::Addresses)?;
    check_extensions(header, extensions)?;
    Ok(Some(ProxyHeader { length, source }))
}

/// Bytes of both addresses and ports.
fn addresses_of(family: u8) -> usize {
    match family >> 4 {
        1 => 12,
        2 => 36,
        3 => 216,
        _ => 0,
    }
}

fn first_v4(rest: &[u8]) -> Result<SocketAddr, ProxyHeaderError> {
    let octets = rest.first_chunk::<4>().ok_or(ProxyHeaderError::Addresses)?;
    let port = first_port(rest, 8)?;
    Ok(SocketAddr::new(Ipv4Addr::from(*octets).into(), port))
}

fn first_v6(rest: &[u8]) -> Result<SocketAddr, ProxyHeaderError> {
    let octets = rest
        .first_chunk::<16>()
        .ok_or(ProxyHeaderError::Addresses)?;
    let port = first_port(rest, 32)?;
    Ok(SocketAddr::new(Ipv6Addr::from(*octets).into(), port))
}

/// The first of the ports, which stand behind so many bytes of addresses.
fn first_port(rest: &[u8], addresses: usize) -> Result<u16, ProxyHeaderError> {
    let ports = rest.get(addresses..).ok_or(ProxyHeaderError::Addresses)?;
    let port = ports.first_chunk::<2>();
    port.map(|port| u16::from_be_bytes(*port))
        .ok_or(ProxyHeaderError::Addresses)
}

/// Extensions are a type, a length of two bytes and a value each.
fn check_extensions(header: &[u8], mut rest: &[u8]) -> Result<(), ProxyHeaderError> {
    while !rest.is_empty() {
        let (&[kind, high, low], after) = rest
            .split_first_chunk::<3>()
            .ok_or(ProxyHeaderError::Extension)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, after) = after
            .split_at_checked(length)
            .ok_or(ProxyHeaderError::Extension)?;
        if kind == CHECKSUM {
            let expected = value.try_into().map(u32::from_be_bytes);
            let expected = expected.map_err(|_| ProxyHeaderError::Extension)?;
            let at = header.len() - after.len() - length;
            if checksum(header, at) != expected {
                return Err(ProxyHeaderError::Checksum);
            }
        }
        rest = after;
    }
    Ok(())
}

/// CRC32c of the header, with zeros in place of the four bytes at `at`. Bit by bit:
/// few balancers send one, and once for each connection.
fn checksum(header: &[u8], at: usize) -> u32 {
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    let bytes = header.iter().enumerate();
    let sum = bytes.fold(u32::MAX, |sum, (index, byte)| {
        let byte = if (at..at + 4).contains(&index) {
            0
        } else {
            *byte
        };
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(sum & 1))
        })
    });
    !sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = V2_SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    fn source(bytes: &[u8]) -> Result<Option<String>, ProxyHeaderError> {
        let header = parse(bytes)?.expect("a whole header");
        assert_eq!(header.length, bytes.len());
        Ok(header.source.map(|source| source.to_string()))
    }

    const V4: [u8; 12] = [203, 0, 113, 7, 127, 0, 0, 1, 0x12, 0x34, 0, 80];

    #[test]
    fn a_line_says_who_the_client_is() {
        for (line, expected) in [
            (
                "TCP4 203.0.113.7 127.0.0.1 56324 443",
                Some("203.0.113.7:56324"),
            ),
            ("TCP6 2001:db8::7 ::1 1 65535", Some("[2001:db8::7]:1")),
            ("UNKNOWN", None),
            ("UNKNOWN ffff::1 ffff::2 1 2", None),
        ] {
            let found = source(format!("PROXY {line}\r\n").as_bytes());
            assert_eq!(found, Ok(expected.map(str::to_owned)), "{line}");
        }
    }

    #[test]
    fn a_line_that_is_not_exactly_one_is_refused() {
        for line in [
            "",
            "TCP4",
            "TCP4 203.0.113.7 127.0.0.1 56324",
            "TCP4 203.0.113.7 127.0.0.1 56324 443 1",
            "TCP4 203.0.113.7 127.0.0.1 56324 443 ",
            "TCP4  203.0.113.7 127.0.0.1 56324 443",
            "TCP4 203.0.113.07 127.0.0.1 56324 443",
            "TCP4 203.0.113.7 127.0.0.1 65536 443",
            "TCP4 203.0.113.7 127.0.0.1 -1 443",
            "TCP4 203.0.113.7 127.0.0.1 +1 443",
            "TCP4 203.0.113.7 127.0.0.1 01 443",
            "TCP4 ::1 ::1 1 1",
            "TCP6 203.0.113.7 127.0.0.1 1 1",
            "TCP6 fe80::1%eth0 ::1 1 1",
            "TCP5 203.0.113.7 127.0.0.1 1 1",
            "tcp4 203.0.113.7 127.0.0.1 1 1",
            "TCP4 203.0.113.7\t127.0.0.1 1 1",
            "TCP4 203.0.113.\u{ff} 127.0.0.1 1 1",
        ] {
            let found = parse(format!("PROXY {line}\r\n").as_bytes());
            assert_eq!(found, Err(ProxyHeaderError::Line), "{line:?}");
        }
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(93));
        assert_eq!(parse(endless.as_bytes()), Err(ProxyHeaderError::TooLong));
        assert_eq!(
            parse(b"GET / HTTP/1.1\r\n"),
            Err(ProxyHeaderError::Signature)
        );
    }

    #[test]
    fn version_2_says_who_the_client_is() {
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        v6[15] = 7;
        for (command, family, rest, expected) in [
            (0x21, 0x11, &V4[..], Some("203.0.113.7:4660")),
            (0x21, 0x21, &v6, Some("[2001:db8::7]:0")),
            (0x21, 0x31, &[b'/'; 216], None),
            (0x21, 0x00, &[], None),
            (0x20, 0x00, &[], None),
            (0x20, 0x11, &V4, None),
            (0x20, 0x11, &[], None),
        ] {
            let found = source(&v2(command, family, rest));
            assert_eq!(
                found,
                Ok(expected.map(str::to_owned)),
                "{command:x} {family:x}"
            );
        }
    }

    #[test]
    fn version_2_that_is_not_exactly_one_is_refused() {
        for (command, family, rest, expected) in [
            (0x11, 0x11, &V4[..], ProxyHeaderError::Command),
            (0x22, 0x11, &V4, ProxyHeaderError::Command),
            (0x21, 0x12, &V4, ProxyHeaderError::Family),
            (0x21, 0x41, &V4, ProxyHeaderError::Family),
            (0x21, 0x11, &V4[..11], ProxyHeaderError::Addresses),
            (0x21, 0x11, &V4[..3], ProxyHeaderError::Addresses),
            (0x21, 0x21, &V4, ProxyHeaderError::Addresses),
            (0x21, 0x31, &V4, ProxyHeaderError::Addresses),
        ] {
            let found = parse(&v2(command, family, rest));
            assert_eq!(found, Err(expected), "{command:x} {family:x}");
        }
        // Refused before the 65 535 bytes it promises have come.
        let mut endless = v2(0x21, 0x11, &V4);
        endless[14..16].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(parse(&endless), Err(ProxyHeaderError::TooLong));
    }

    #[test]
    fn extensions_are_passed_over_and_a_wrong_checksum_is_not() {
        let with = |extensions: &[&[u8]]| v2(0x21, 0x11, &[&V4[..], &extensions.concat()].concat());
        let authority = b"\x02\x00\x06a.test";
        assert!(source(&with(&[authority])).is_ok());
        let mut summed = with(&[authority, &[CHECKSUM, 0, 4, 0, 0, 0, 0], authority]);
        let at = V2_FIXED_BYTES + V4.len() + authority.len() + 3;
        assert_eq!(parse(&summed), Err(ProxyHeaderError::Checksum));
        let sum = checksum(&summed, at);
        summed[at..at + 4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(source(&summed), Ok(Some("203.0.113.7:4660".to_owned())));
        summed[20] ^= 1;
        assert_eq!(parse(&summed), Err(ProxyHeaderError::Checksum));
        for broken in [&b"\x02"[..], b"\x02\x00", b"\x02\x00\x01", b"\x03\x00\x01x"] {
            assert_eq!(
                parse(&with(&[broken])),
                Err(ProxyHeaderError::Extension),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn the_checksum_is_the_one_everybody_computes() {
        // Nine digits have a known sum; nothing of them is blanked out.
        assert_eq!(checksum(b"123456789", 100), 0xE306_9283);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_header_or_are_refused_and_more_bytes_change_nothing(
            begin in prop::sample::select(vec![V1_SIGNATURE, V2_SIGNATURE, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0"]),
            rest in prop::collection::vec(any::<u8>(), 0..160),
            more in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let bytes = [begin, &rest].concat();
            let whole = parse(&bytes);
            let longer = parse(&[&bytes[..], &more].concat());
            if whole != Ok(None) {
                prop_assert_eq!(whole, longer);
            }
            if let Ok(Some(header)) = whole {
                prop_assert!(header.length <= bytes.len());
                for cut in 0..header.length {
                    prop_assert_eq!(parse(&bytes[..cut]), Ok(None), "cut at {}", cut);
                }
            }
        }
    }
}
