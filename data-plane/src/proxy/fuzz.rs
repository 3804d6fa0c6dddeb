//! What `tests/fuzz` calls: the readers of what strangers send, put together as the
//! request path does, without sockets.

use std::net::{IpAddr, Ipv4Addr};

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{HeaderMap, HeaderValue};

use super::arrival;
use super::head::{self, Head, PathRules, decode_routing_path};
use super::headers::{self, Hop};
use crate::http1::{self, Decoded, Decoder, Framing, RequestHead};
use crate::routing::Intake;

/// A request as a server would get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// Request line and header lines, with the empty one.
    pub head: Vec<u8>,
    /// As far as it came, chunks joined.
    pub body: Vec<u8>,
    /// The body came to its end.
    pub whole: bool,
    /// Bytes of the next request, where there was an end.
    pub rest: Vec<u8>,
}

/// The normal form of a path, and what rules see of it; `None` where it is refused.
#[must_use]
pub fn path(raw: &str) -> Option<(String, String)> {
    let path = head::normalise_path(raw, &PathRules::default()).ok()?;
    let path = path.into_owned();
    let routing = decode_routing_path(&path).into_owned();
    Some((path, routing))
}

/// Reads a request that arrives in pieces of so many bytes; `None` where nothing is
/// forwarded.
#[must_use]
pub fn request(bytes: &[u8], piece: usize) -> Option<Forwarded> {
    let mut pieces = bytes.chunks(piece.max(1));
    let mut buffer = BytesMut::new();
    let mut scanned = 0;
    let read = loop {
        buffer.extend_from_slice(pieces.next()?);
        if let Some(read) = http1::request(&mut buffer, &mut scanned, http1::MAX_HEAD_BYTES).ok()? {
            break read;
        }
    };
    let framing = Framing::of_request(&read.parts.headers, read.parts.version).ok()?;
    let head = forwarded_head(read, framing)?;
    let mut decoder = Decoder::new(framing);
    let mut body = Vec::new();
    let whole = loop {
        match decoder.decode(&mut buffer) {
            Ok(Decoded::Data(data)) => body.extend_from_slice(&data),
            Ok(Decoded::Trailers(_)) => {}
            Ok(Decoded::End) => break true,
            Ok(Decoded::Starved) => match pieces.next() {
                Some(piece) => buffer.extend_from_slice(piece),
                None => break false,
            },
            Err(_) => break false,
        }
    };
    let mut rest = Vec::new();
    if whole {
        rest = buffer.to_vec();
        pieces.for_each(|piece| rest.extend_from_slice(piece));
    }
    Some(Forwarded {
        head,
        body,
        whole,
        rest,
    })
}

fn forwarded_head(read: RequestHead, framing: Framing) -> Option<Vec<u8>> {
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let has_body = framing != Framing::Length(0);
    let intake = Intake::default();
    let admitted = arrival::admit(read.parts, read.fragment, has_body, peer, false, &intake);
    let arrival = admitted.ok()??;
    let hop = Hop {
        peer: HeaderValue::from_static("127.0.0.1"),
        server: HeaderValue::from_static("edge"),
        secure: false,
    };
    let Head {
        mut headers,
        method,
        path,
        query,
        ..
    } = arrival.into_head(&hop, &intake);
    headers::leave(&mut headers, &hop, false);
    let target = query.map_or(path.clone(), |query| format!("{path}?{query}"));
    let host = host_of(&headers);
    let mut out = BytesMut::new();
    http1::request_head(&mut out, &method, &target, &host, &headers, Some(framing));
    Some(Bytes::from(out).to_vec())
}

fn host_of(headers: &HeaderMap) -> HeaderValue {
    let none = || HeaderValue::from_static("");
    headers.get(HOST).cloned().unwrap_or_else(none)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of requests, good and bad.
    const PIECES: &str = "(GET /|POST /|HEAD http://b.test/| HTTP/1\\.1\r\n| HTTP/1\\.0\r\n|\
        Host: a\\.test\r\n|Content-Length: [0-9+, ]{0,3}\r\n|Transfer-Encoding: ?,?chunked\r\n|\
        Connection: close, x-a\r\n|X-A: b\r\n|X_A: b\r\n|Forwarded: x\r\n|\r\n\r\n|\r\n|\n|\r|\
        0\r\n|5;a=b\r\nhello\r\n|[ -~]{0,3}|\t|\0|\u{80}|%2e%2e/|%2f|/\\./|\\.\\./){0,14}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn what_is_forwarded_does_not_depend_on_how_it_arrives(
            middle in PIECES,
            good in any::<bool>(),
            piece in 1_usize..40,
        ) {
            let start = if good { "POST /a HTTP/1.1\r\nHost: a.test\r\n" } else { "" };
            let bytes = format!("{start}{middle}\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /");
            let whole = request(bytes.as_bytes(), usize::MAX);
            prop_assert_eq!(&whole, &request(bytes.as_bytes(), piece));
            if let Some(forwarded) = whole {
                check(&forwarded);
                prop_assert!(bytes.as_bytes().ends_with(&forwarded.rest));
            }
        }
    }

    /// One request in the one form.
    fn check(forwarded: &Forwarded) {
        let text: String = forwarded.head.iter().copied().map(char::from).collect();
        let lines: Vec<&str> = text
            .strip_suffix("\r\n\r\n")
            .unwrap()
            .split("\r\n")
            .collect();
        assert!(
            !lines.iter().any(|line| line.contains(['\r', '\n', '\0'])),
            "{text:?}"
        );
        let words: Vec<&str> = lines[0].split(' ').collect();
        assert!(
            matches!(words[..], [_, target, "HTTP/1.1"] if target.starts_with('/')),
            "{text:?}"
        );
        let names: Vec<&str> = lines[1..]
            .iter()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        let count = |name: &str| names.iter().filter(|it| **it == name).count();
        assert_eq!(
            (count("host"), count("x-forwarded-for")),
            (1, 1),
            "{text:?}"
        );
        assert_eq!(
            count("content-length") + count("transfer-encoding"),
            1,
            "{text:?}"
        );
        assert!(
            names
                .iter()
                .all(|name| !name.is_empty() && !name.contains(['_', ' '])),
            "{text:?}"
        );
        assert_eq!(count("forwarded"), 0, "{text:?}");
    }

    #[test]
    fn a_request_is_forwarded_in_its_normal_form() {
        let bytes = b"POST /a/../b%7e?c=1;d HTTP/1.1\r\nhOST: a.test\r\nContent-Length: 0005\r\n\
                      Connection: x-a\r\nX-A: 1\r\n\r\nhelloGET /";
        let forwarded = request(bytes, 7).unwrap();
        let text = String::from_utf8(forwarded.head.clone()).unwrap();
        assert!(
            text.starts_with("POST /b~?c=1&d HTTP/1.1\r\nhost: a.test\r\n"),
            "{text}"
        );
        assert!(
            text.contains("\r\ncontent-length: 5\r\n") && !text.contains("x-a"),
            "{text}"
        );
        assert_eq!(
            (&*forwarded.body, &*forwarded.rest),
            (&b"hello"[..], &b"GET /"[..])
        );
        assert!(forwarded.whole);
    }
}
