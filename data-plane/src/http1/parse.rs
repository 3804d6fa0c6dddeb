//! Heads of messages: bytes to method, target, status and header lines.
//!
//! Every byte is looked at once by the parts that own its rules: names, values,
//! methods and targets by the types of the `http` crate, line ends and spaces here.
//! Values are not copied: they share the bytes that were read.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};
use memchr::{memchr, memchr_iter, memmem};

use super::HeadError;

/// Largest head, in bytes.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Header lines of a request.
pub(crate) const MAX_REQUEST_LINES: usize = 100;
/// Header lines of a response: servers are known by us.
const MAX_RESPONSE_LINES: usize = 500;
/// Longest request target, in bytes.
const MAX_TARGET_BYTES: usize = 8 * 1024;
/// Longest method, in bytes.
const MAX_METHOD_BYTES: usize = 32;
/// Header lines that are added to a request on its way.
const ADDED_LINES: usize = 8;

/// A line, and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// A request head, and what its target hides.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) parts: http::request::Parts,
    /// The target had a `#`, which [`Uri`] cuts off.
    pub(crate) fragment: bool,
}

/// Takes a request head off the front of `buffer`; `None` if it is not all there.
/// `scanned` bytes are known to hold no end; 0 at first. `max_bytes`: of the head.
pub(crate) fn request(
    buffer: &mut BytesMut,
    scanned: &mut usize,
    max_bytes: usize,
) -> Result<Option<RequestHead>, HeadError> {
    // Left behind by clients that end a body with an empty line (RFC 9112 §2.2).
    while buffer.starts_with(b"\r\n") {
        buffer.advance(2);
        *scanned = 0;
    }
    if buffer.first().is_some_and(|first| !may_begin(*first)) {
        return Err(HeadError::Malformed(
            "request line does not begin with a method",
        ));
    }
    let Some(head) = take_head(buffer, scanned, max_bytes)? else {
        return Ok(None);
    };
    let (line, lines) = first_line(&head)?;
    let space = memchr(b' ', line).ok_or(HeadError::Malformed("request line has no target"))?;
    let (method, rest) = line.split_at(space);
    let rest = rest.get(1..).unwrap_or_default();
    let space = memchr(b' ', rest).ok_or(HeadError::Malformed("request line has no version"))?;
    let (target, version) = rest.split_at(space);
    let version = version_of(version.get(1..).unwrap_or_default())?;
    if method.len() > MAX_METHOD_BYTES {
        return Err(HeadError::MethodTooLong);
    }
    let method =
        Method::from_bytes(method).map_err(|_| HeadError::Malformed("method is not a token"))?;
    if target.len() > MAX_TARGET_BYTES {
        return Err(HeadError::TargetTooLong);
    }
    let fragment = memchr(b'#', target).is_some();
    let uri = Uri::from_maybe_shared(head.slice_ref(target))
        .map_err(|_| HeadError::Malformed("target is not one"))?;
    let headers = fields(&head, lines, MAX_REQUEST_LINES, ADDED_LINES)?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = uri;
    parts.version = version;
    parts.headers = headers;
    Ok(Some(RequestHead { parts, fragment }))
}

/// Takes a response head off the front of `buffer`; `None` if it is not all there.
pub(crate) fn response(
    buffer: &mut BytesMut,
    scanned: &mut usize,
) -> Result<Option<http::response::Parts>, HeadError> {
    // Not HTTP: no use in waiting for the end of it.
    let start = buffer.len().min(b"HTTP/1.".len());
    if buffer.get(..start) != b"HTTP/1.".get(..start) {
        return Err(HeadError::Malformed("not a response of HTTP/1"));
    }
    let Some(head) = take_head(buffer, scanned, MAX_HEAD_BYTES)? else {
        return Ok(None);
    };
    let (line, lines) = first_line(&head)?;
    let (version, rest) = line.split_at_checked(8).unwrap_or((line, b""));
    let version = version_of(version)?;
    let malformed = HeadError::Malformed("status line is not one");
    let rest = rest.strip_prefix(b" ").ok_or(malformed)?;
    let (code, reason) = rest.split_at_checked(3).ok_or(malformed)?;
    if !(reason.is_empty() || reason.starts_with(b" ")) || reason.iter().any(|b| is_control(*b)) {
        return Err(malformed);
    }
    let status = StatusCode::from_bytes(code).map_err(|_| malformed)?;
    let headers = fields(&head, lines, MAX_RESPONSE_LINES, 1)?;
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    parts.version = version;
    parts.headers = headers;
    Ok(Some(parts))
}

/// The header lines of a trailer section, which is `lines` and ends in an empty line.
pub(super) fn trailer_fields(section: &Bytes, most: usize) -> Result<HeaderMap, HeadError> {
    fields(section, section, most, 0)
}

/// The head with its empty line, once it is there.
fn take_head(
    buffer: &mut BytesMut,
    scanned: &mut usize,
    max_bytes: usize,
) -> Result<Option<Bytes>, HeadError> {
    // The end may have begun in what was scanned.
    let from = scanned.saturating_sub(3);
    let fresh = buffer.get(from..).unwrap_or_default();
    if let Some(end) = memmem::find(fresh, b"\r\n\r\n") {
        let length = from + end + 4;
        *scanned = 0;
        if length > max_bytes {
            return Err(HeadError::TooLarge);
        }
        return Ok(Some(buffer.split_to(length).freeze()));
    }
    // A head with bare line feeds would never end: say so now.
    let bare = |at: usize| at.checked_sub(1).and_then(|at| fresh.get(at)) != Some(&b'\r');
    let first = usize::from(from > 0);
    if memchr_iter(b'\n', fresh).any(|at| at >= first && bare(at)) {
        return Err(HeadError::Malformed("line does not end in CRLF"));
    }
    if buffer.len() > max_bytes {
        return Err(HeadError::TooLarge);
    }
    *scanned = buffer.len();
    Ok(None)
}

fn first_line(head: &[u8]) -> Result<Split<'_>, HeadError> {
    next_line(head)?.ok_or(HeadError::Malformed("head is empty"))
}

/// A line without its CRLF, and what follows.
fn next_line(bytes: &[u8]) -> Result<Option<Split<'_>>, HeadError> {
    let Some(at) = memchr(b'\n', bytes) else {
        return Ok(None);
    };
    let (line, rest) = bytes.split_at(at);
    let line = line
        .strip_suffix(b"\r")
        .ok_or(HeadError::Malformed("line does not end in CRLF"))?;
    Ok(Some((line, rest.get(1..).unwrap_or_default())))
}

/// The header lines up to the empty one. `lines` is a part of `head`.
fn fields(
    head: &Bytes,
    mut lines: &[u8],
    most: usize,
    spare: usize,
) -> Result<HeaderMap, HeadError> {
    // With the empty one.
    let count = memchr_iter(b'\n', lines).count().saturating_sub(1);
    if count > most {
        return Err(HeadError::TooLarge);
    }
    let mut headers = HeaderMap::with_capacity(count + spare);
    while let Some((line, rest)) = next_line(lines)? {
        if line.is_empty() {
            return Ok(headers);
        }
        lines = rest;
        let colon = memchr(b':', line).ok_or(HeadError::Malformed("header line has no colon"))?;
        let (name, value) = line.split_at(colon);
        // A fold or a space before the colon is no part of a name either.
        let name = HeaderName::from_bytes(name)
            .map_err(|_| HeadError::Malformed("name of a header is not a token"))?;
        let value = trim(value.get(1..).unwrap_or_default());
        let value = if value.is_empty() {
            HeaderValue::from_static("")
        } else {
            HeaderValue::from_maybe_shared(head.slice_ref(value))
                .map_err(|_| HeadError::Malformed("value of a header has control characters"))?
        };
        headers.append(name, value);
    }
    Err(HeadError::Malformed("head has no empty line"))
}

/// Without spaces and tabs around it; other white space is a part of the value, where
/// it is refused.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn version_of(text: &[u8]) -> Result<Version, HeadError> {
    match text {
        b"HTTP/1.1" => Ok(Version::HTTP_11),
        b"HTTP/1.0" => Ok(Version::HTTP_10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(HeadError::Version)
        }
        _ => Err(HeadError::Malformed("version is not one of HTTP")),
    }
}

fn may_begin(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~\r".contains(&byte)
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Option<RequestHead>, HeadError> {
        request(&mut BytesMut::from(text), &mut 0, MAX_HEAD_BYTES)
    }

    fn read_response(text: &[u8]) -> Result<Option<http::response::Parts>, HeadError> {
        response(&mut BytesMut::from(text), &mut 0)
    }

    #[test]
    fn a_head_is_taken_off_and_what_follows_stays() {
        let mut buffer = BytesMut::from(
            &b"\r\nPOST /a?b HTTP/1.1\r\nHost: a.test\r\nX-Two:\t b \r\nx-two:\r\n\r\nbody"[..],
        );
        let head = request(&mut buffer, &mut 0, MAX_HEAD_BYTES)
            .unwrap()
            .unwrap();
        assert_eq!(head.parts.method, Method::POST);
        assert_eq!(head.parts.uri, "/a?b");
        assert_eq!(head.parts.version, Version::HTTP_11);
        let two: Vec<_> = head.parts.headers.get_all("x-two").iter().collect();
        assert_eq!(two, ["b", ""]);
        assert!(!head.fragment);
        assert_eq!(&buffer[..], b"body");
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_read_the_same() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let (mut buffer, mut scanned) = (BytesMut::new(), 0);
        for (at, byte) in text.iter().enumerate() {
            buffer.extend_from_slice(&[*byte]);
            let head = request(&mut buffer, &mut scanned, MAX_HEAD_BYTES).unwrap();
            assert_eq!(head.is_some(), at + 1 == text.len());
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for bad in [
            &b"GET / HTTP/1.1\nHost: a\n\n"[..],
            b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
            b"GET / HTTP/1.1\r\n: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nNoColon\r\n\r\n",
            b"GET  / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1 \r\n\r\n",
            b"GET /\r\n\r\n",
            b"GET / http/1.1\r\n\r\n",
            b"GET /\tHTTP/1.1\r\n\r\n",
            b" GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02",
            b"G(T / HTTP/1.1\r\n\r\n",
        ] {
            let text = String::from_utf8_lossy(bad);
            assert!(
                matches!(read(bad), Err(HeadError::Malformed(_))),
                "{text:?}"
            );
        }
        assert_eq!(
            read(b"GET / HTTP/2.0\r\n\r\n").unwrap_err(),
            HeadError::Version
        );
    }

    #[test]
    fn a_fragment_is_told() {
        assert!(
            read(b"GET /a#b HTTP/1.1\r\n\r\n")
                .unwrap()
                .unwrap()
                .fragment
        );
    }

    #[test]
    fn large_heads_are_refused_before_they_end() {
        let long = |unit: &str, count| {
            let text = format!("GET / HTTP/1.1\r\n{}", unit.repeat(count));
            read(text.as_bytes())
        };
        assert_eq!(long("A", MAX_HEAD_BYTES).unwrap_err(), HeadError::TooLarge);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(101));
        assert_eq!(read(many.as_bytes()).unwrap_err(), HeadError::TooLarge);
        let target = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9000));
        assert_eq!(
            read(target.as_bytes()).unwrap_err(),
            HeadError::TargetTooLong
        );
    }

    #[test]
    fn status_lines_are_read_strictly() {
        let parts = read_response(b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n");
        assert_eq!(parts.unwrap().unwrap().status, StatusCode::NOT_FOUND);
        let parts = read_response(b"HTTP/1.0 200\r\n\r\n").unwrap().unwrap();
        assert_eq!(parts.version, Version::HTTP_10);
        for bad in [
            &b"hello"[..],
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"HTTP/1.1  200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.1 200 O\x01K\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        ] {
            let text = String::from_utf8_lossy(bad);
            assert!(read_response(bad).is_err(), "{text:?}");
        }
        assert!(read_response(b"HTTP/1.1 200 OK\r\nA:").unwrap().is_none());
    }
}
