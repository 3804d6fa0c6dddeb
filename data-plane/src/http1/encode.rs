//! Heads and chunks as bytes.

use bytes::{BufMut as _, BytesMut};
use http::header::{CONTENT_LENGTH, DATE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::Framing;

/// Leave to send the body.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// The last chunk, without trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The head of a request to a server. Host and framing are written from what is
/// given; lines in `headers` that say so are left out.
pub(crate) fn request_head(
    out: &mut BytesMut,
    method: &Method,
    target: &str,
    host: &HeaderValue,
    headers: &HeaderMap,
    framing: Option<Framing>,
) {
    out.put_slice(method.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(target.as_bytes());
    out.put_slice(b" HTTP/1.1\r\nhost: ");
    out.put_slice(host.as_bytes());
    out.put_slice(b"\r\n");
    for (name, value) in headers {
        if *name != HOST && !is_framing(name) {
            line(out, name, value);
        }
    }
    framing_line(out, framing);
    out.put_slice(b"\r\n");
}

/// The head of a response. `framing`: what to say about the body; `None` leaves in
/// place what `headers` say, for responses without a body.
pub(crate) fn response_head(
    out: &mut BytesMut,
    status: StatusCode,
    headers: &HeaderMap,
    framing: Option<Framing>,
    date: &HeaderValue,
) {
    status_line(out, status);
    for (name, value) in headers {
        if framing.is_none() || !is_framing(name) {
            line(out, name, value);
        }
    }
    if !headers.contains_key(DATE) {
        line(out, &DATE, date);
    }
    framing_line(out, framing);
    out.put_slice(b"\r\n");
}

/// The head of a 1xx.
pub(crate) fn informational_head(out: &mut BytesMut, status: StatusCode, headers: &HeaderMap) {
    status_line(out, status);
    for (name, value) in headers {
        if !is_framing(name) {
            line(out, name, value);
        }
    }
    out.put_slice(b"\r\n");
}

/// What comes before the data of a chunk; after it comes CRLF.
pub(crate) fn chunk_head(out: &mut BytesMut, length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let significant = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for place in (0..significant).rev() {
        let digit = (length >> (place * 4)) & 0xf;
        out.put_u8(DIGITS.get(digit).copied().unwrap_or(b'0'));
    }
    out.put_slice(b"\r\n");
}

/// The last chunk with these trailers.
pub(crate) fn trailers(out: &mut BytesMut, trailers: &HeaderMap) {
    out.put_slice(b"0\r\n");
    for (name, value) in trailers {
        line(out, name, value);
    }
    out.put_slice(b"\r\n");
}

fn status_line(out: &mut BytesMut, status: StatusCode) {
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.put_slice(b"\r\n");
}

fn line(out: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    out.reserve(name.as_str().len() + value.len() + 4);
    out.put_slice(name.as_str().as_bytes());
    out.put_slice(b": ");
    out.put_slice(value.as_bytes());
    out.put_slice(b"\r\n");
}

fn is_framing(name: &HeaderName) -> bool {
    *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING
}

fn framing_line(out: &mut BytesMut, framing: Option<Framing>) {
    match framing {
        None | Some(Framing::Close) => {}
        Some(Framing::Chunked) => out.put_slice(b"transfer-encoding: chunked\r\n"),
        Some(Framing::Length(length)) => {
            out.put_slice(b"content-length: ");
            decimal(out, length);
            out.put_slice(b"\r\n");
        }
    }
}

fn decimal(out: &mut BytesMut, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.put_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn framing_is_written_and_never_copied() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("other"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("007"));
        headers.insert("x-a", HeaderValue::from_static("1"));
        let host = HeaderValue::from_static("a.test");
        let text = written(|out| {
            let framing = Some(Framing::Length(7));
            request_head(out, &Method::POST, "/x?y", &host, &headers, framing);
        });
        assert_eq!(
            text,
            "POST /x?y HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\ncontent-length: 7\r\n\r\n"
        );
    }

    #[test]
    fn numbers_are_written_without_leading_zeros() {
        for number in [0, 9, 10, 255, 65_536, 1_000_000] {
            let text = written(|out| chunk_head(out, number));
            assert_eq!(text, format!("{number:x}\r\n"));
            let length = u64::try_from(number).unwrap();
            assert_eq!(written(|out| decimal(out, length)), number.to_string());
        }
        assert_eq!(written(|out| decimal(out, u64::MAX)), u64::MAX.to_string());
    }
}
