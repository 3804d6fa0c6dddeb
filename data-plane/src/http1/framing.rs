//! Where a body ends: what a head says, and the reading of chunks (RFC 9112 §6–§7).

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, response};
use memchr::memchr;

use super::HeadError;
use super::parse::trailer_fields;

/// Longest line with the size of a chunk, in bytes.
const MAX_SIZE_LINE: usize = 1024;
/// Digits of the size of a chunk: below 2⁶⁰.
const MAX_SIZE_DIGITS: usize = 15;
/// Bytes of chunk extensions in one body: nobody reads them.
const MAX_EXTENSION_BYTES: usize = 16 * 1024;
/// Bytes of a trailer section.
const MAX_TRAILER_BYTES: usize = 16 * 1024;
/// Lines of a trailer section.
const MAX_TRAILER_LINES: usize = 64;
/// Digits of a length: every server that counts in 63 bits can read it.
const MAX_LENGTH_DIGITS: usize = 18;

/// How a message says where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// In bytes; 0: there is no body.
    Length(u64),
    Chunked,
    /// At the end of the connection.
    Close,
}

/// Why the end of a body cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FramingError {
    #[error("{0}")]
    Malformed(&'static str),
    /// A transfer coding other than `chunked`.
    #[error("transfer coding is not offered")]
    Coding,
}

/// Takes a body off a buffer.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    extension_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    Close,
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    Done,
}

/// What a [`Decoder`] found.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Nothing more of this body.
    End,
    /// More bytes are needed.
    Starved,
}

impl Framing {
    /// Of a request. Both ways to say it, several lines of one, or a way that not
    /// everybody reads alike are refused.
    pub(crate) fn of_request(headers: &HeaderMap, version: Version) -> Result<Self, FramingError> {
        if let Some(coding) = headers.get(TRANSFER_ENCODING) {
            if version == Version::HTTP_10 {
                return Err(FramingError::Malformed("HTTP/1.0 has no Transfer-Encoding"));
            }
            if Self::is_said_twice(headers) {
                return Err(FramingError::Malformed(
                    "both Transfer-Encoding and Content-Length",
                ));
            }
            if headers.get_all(TRANSFER_ENCODING).iter().nth(1).is_some() {
                return Err(FramingError::Malformed("several Transfer-Encoding lines"));
            }
            return chunked(coding);
        }
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
        let Some(length) = lengths.next() else {
            return Ok(Self::Length(0));
        };
        if lengths.next().is_some() {
            return Err(FramingError::Malformed("several Content-Length lines"));
        }
        length_of(length).map(Self::Length)
    }

    /// Both ways to say where a body ends were used.
    pub(crate) fn is_said_twice(headers: &HeaderMap) -> bool {
        headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
    }

    /// Of the response to a request of this method.
    pub(crate) fn of_response(
        parts: &response::Parts,
        method: &Method,
    ) -> Result<Self, FramingError> {
        let bodyless = method == Method::HEAD
            || parts.status.is_informational()
            || matches!(
                parts.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        let headers = &parts.headers;
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        if let Some(coding) = codings.next() {
            if codings.next().is_some() {
                return Err(FramingError::Coding);
            }
            let framing = chunked(coding)?;
            if parts.version == Version::HTTP_10 {
                return Err(FramingError::Malformed("HTTP/1.0 has no Transfer-Encoding"));
            }
            return Ok(if bodyless { Self::Length(0) } else { framing });
        }
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
        let Some(first) = lengths.next() else {
            return Ok(if bodyless {
                Self::Length(0)
            } else {
                Self::Close
            });
        };
        // Servers repeat themselves; they may not contradict themselves.
        let length = length_of(first)?;
        if lengths.any(|other| length_of(other) != Ok(length)) {
            return Err(FramingError::Malformed("Content-Length lines differ"));
        }
        Ok(Self::Length(if bodyless { 0 } else { length }))
    }
}

fn chunked(coding: &HeaderValue) -> Result<Framing, FramingError> {
    let text = coding.as_bytes();
    if text.eq_ignore_ascii_case(b"chunked") {
        return Ok(Framing::Chunked);
    }
    let is_chunked = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"chunked");
    let names = || text.split(|byte| *byte == b',');
    // With `chunked` before another one, nobody could tell the end, known or not.
    let known = names().all(|name| is_chunked(name) || name.trim_ascii().is_empty());
    let buried = names().any(is_chunked) && !names().next_back().is_some_and(is_chunked);
    Err(if known || buried {
        FramingError::Malformed("Transfer-Encoding is not one `chunked`")
    } else {
        FramingError::Coding
    })
}

fn length_of(value: &HeaderValue) -> Result<u64, FramingError> {
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(FramingError::Malformed("Content-Length is not a number"));
    }
    if digits.len() > MAX_LENGTH_DIGITS {
        return Err(FramingError::Malformed("Content-Length is too long"));
    }
    let add = |sum: u64, digit: &u8| sum * 10 + u64::from(digit - b'0');
    Ok(digits.iter().fold(0, add))
}

impl Decoder {
    pub(crate) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize,
            Framing::Close => State::Close,
        };
        Self {
            state,
            extension_bytes: 0,
        }
    }

    /// Everything was taken.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes to come, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self.state {
            State::Done => Some(0),
            State::Length(length) => Some(length),
            _ => None,
        }
    }

    /// The connection has ended: was that the end of the body?
    pub(crate) fn ends_here(&mut self) -> bool {
        if self.state == State::Close {
            self.state = State::Done;
        }
        self.is_done()
    }

    /// Takes what there is off the front of `buffer`.
    pub(crate) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Decoded, FramingError> {
        loop {
            match self.state {
                State::Done => return Ok(Decoded::End),
                _ if buffer.is_empty() => return Ok(Decoded::Starved),
                State::Close => return Ok(Decoded::Data(buffer.split().freeze())),
                State::Length(left) => {
                    let (data, left) = take(buffer, left);
                    self.state = if left == 0 {
                        State::Done
                    } else {
                        State::Length(left)
                    };
                    return Ok(Decoded::Data(data));
                }
                State::ChunkData(left) => {
                    let (data, left) = take(buffer, left);
                    self.state = if left == 0 {
                        State::ChunkEnd
                    } else {
                        State::ChunkData(left)
                    };
                    return Ok(Decoded::Data(data));
                }
                State::ChunkSize => match self.chunk_size(buffer)? {
                    None => return Ok(Decoded::Starved),
                    Some(0) => self.state = State::Trailers,
                    Some(size) => self.state = State::ChunkData(size),
                },
                State::ChunkEnd => {
                    let expected = b"\r\n";
                    let there = buffer.len().min(2);
                    if buffer.get(..there) != expected.get(..there) {
                        return Err(FramingError::Malformed("chunk is longer than it says"));
                    }
                    if there < 2 {
                        return Ok(Decoded::Starved);
                    }
                    buffer.advance(2);
                    self.state = State::ChunkSize;
                }
                State::Trailers => return self.trailers(buffer),
            }
        }
    }

    /// The size line of a chunk: digits, and extensions nobody reads.
    fn chunk_size(&mut self, buffer: &mut BytesMut) -> Result<Option<u64>, FramingError> {
        let Some(end) = memchr(b'\n', buffer) else {
            let hopeless = buffer.len() > MAX_SIZE_LINE
                || buffer
                    .first()
                    .is_some_and(|first| !first.is_ascii_hexdigit());
            return if hopeless {
                Err(FramingError::Malformed("size of a chunk is not one"))
            } else {
                Ok(None)
            };
        };
        let malformed = FramingError::Malformed("size of a chunk is not one");
        let line = buffer.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").ok_or(malformed)?;
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let (digits, extension) = line.split_at(digits);
        let is_text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        if digits.is_empty()
            || digits.len() > MAX_SIZE_DIGITS
            || line.len() > MAX_SIZE_LINE
            || !(extension.is_empty() || extension.starts_with(b";"))
            || !extension.iter().all(is_text)
        {
            return Err(malformed);
        }
        self.extension_bytes += extension.len();
        if self.extension_bytes > MAX_EXTENSION_BYTES {
            return Err(FramingError::Malformed("too many chunk extensions"));
        }
        let add = |sum: u64, digit: &u8| {
            let value = char::from(*digit).to_digit(16).unwrap_or_default();
            (sum << 4) | u64::from(value)
        };
        let size = digits.iter().fold(0, add);
        buffer.advance(end + 1);
        Ok(Some(size))
    }

    /// The lines after the last chunk.
    fn trailers(&mut self, buffer: &mut BytesMut) -> Result<Decoded, FramingError> {
        if buffer.starts_with(b"\r\n") {
            buffer.advance(2);
            self.state = State::Done;
            return Ok(Decoded::End);
        }
        let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") else {
            let bare = memchr::memchr_iter(b'\n', buffer)
                .any(|at| at.checked_sub(1).and_then(|at| buffer.get(at)) != Some(&b'\r'));
            if bare || buffer.len() > MAX_TRAILER_BYTES {
                return Err(FramingError::Malformed("trailer section is not one"));
            }
            return Ok(Decoded::Starved);
        };
        let section = buffer.split_to(end + 4).freeze();
        self.state = State::Done;
        trailer_fields(&section, MAX_TRAILER_LINES)
            .map(Decoded::Trailers)
            .map_err(|error| match error {
                HeadError::Malformed(what) => FramingError::Malformed(what),
                _ => FramingError::Malformed("trailer section is too large"),
            })
    }
}

/// Up to `left` bytes off the front, and how many are still to come.
fn take(buffer: &mut BytesMut, left: u64) -> (Bytes, u64) {
    let there = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
    if there <= left {
        return (buffer.split().freeze(), left - there);
    }
    let count = usize::try_from(left).unwrap_or(usize::MAX);
    (buffer.split_to(count).freeze(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .fold(
                HeaderMap::new(),
                |mut map, (name, value): (http::HeaderName, _)| {
                    map.append(name, value);
                    map
                },
            )
    }

    fn of_request(lines: &[(&'static str, &'static str)]) -> Result<Framing, FramingError> {
        Framing::of_request(&headers(lines), Version::HTTP_11)
    }

    /// Data and whether it ended, fed `step` bytes at a time.
    fn decode(text: &str, step: usize) -> Result<(String, Option<HeaderMap>, bool), FramingError> {
        let mut decoder = Decoder::new(Framing::Chunked);
        let (mut buffer, mut data, mut trailers) = (BytesMut::new(), String::new(), None);
        for piece in text.as_bytes().chunks(step) {
            buffer.extend_from_slice(piece);
            loop {
                match decoder.decode(&mut buffer)? {
                    Decoded::Data(bytes) => data.push_str(std::str::from_utf8(&bytes).unwrap()),
                    Decoded::Trailers(map) => trailers = Some(map),
                    Decoded::End => return Ok((data, trailers, true)),
                    Decoded::Starved => break,
                }
            }
        }
        Ok((data, trailers, false))
    }

    #[test]
    fn one_way_to_say_the_length_is_taken() {
        assert_eq!(of_request(&[]), Ok(Framing::Length(0)));
        assert_eq!(
            of_request(&[("content-length", "0005")]),
            Ok(Framing::Length(5))
        );
        assert_eq!(
            of_request(&[("transfer-encoding", "CHUNKED")]),
            Ok(Framing::Chunked)
        );
    }

    #[test]
    fn lengths_that_can_be_read_in_two_ways_are_refused() {
        let length = |value| of_request(&[("content-length", value)]);
        for bad in [
            "",
            "+5",
            "-1",
            "0x5",
            "5, 5",
            "5 ",
            "1e1",
            "9223372036854775808",
        ] {
            assert!(length(bad).is_err(), "{bad}");
        }
        for bad in [
            &[("content-length", "5"), ("content-length", "5")][..],
            &[("content-length", "5"), ("transfer-encoding", "chunked")],
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
            &[("transfer-encoding", "chunked, chunked")],
            &[("transfer-encoding", "")],
        ] {
            assert!(of_request(bad).is_err(), "{bad:?}");
        }
        let gzip = of_request(&[("transfer-encoding", "gzip, chunked")]);
        assert_eq!(gzip, Err(FramingError::Coding));
        let buried = of_request(&[("transfer-encoding", "chunked, gzip")]);
        assert!(matches!(buried, Err(FramingError::Malformed(_))));
        let old = headers(&[("transfer-encoding", "chunked")]);
        assert!(Framing::of_request(&old, Version::HTTP_10).is_err());
    }

    #[test]
    fn chunks_are_read_whatever_pieces_they_come_in() {
        let text = "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n";
        for step in 1..text.len() {
            let (data, trailers, ended) = decode(text, step).unwrap();
            assert_eq!((data.as_str(), ended), ("hello!", true));
            assert_eq!(trailers.unwrap()["x-sum"], "1");
        }
    }

    #[test]
    fn what_is_not_a_chunk_is_refused() {
        for bad in [
            "0x5\r\nhello\r\n0\r\n\r\n",
            "-1\r\n",
            " 5\r\nhello\r\n",
            "5 \r\nhello\r\n",
            "5\nhello\r\n",
            "5\r\nhelloX\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "\r\n",
            "fffffffffffffffff\r\n",
            "5;\u{1}\r\nhello\r\n",
            "0\r\nX : 1\r\n\r\n",
            "0\r\nX: 1\n\r\n",
        ] {
            for step in [1, 100] {
                assert!(decode(bad, step).is_err(), "{bad:?}");
            }
        }
    }

    #[test]
    fn a_body_that_stops_in_a_chunk_has_not_ended() {
        let (data, _, ended) = decode("5\r\nhel", 3).unwrap();
        assert_eq!((data.as_str(), ended), ("hel", false));
    }
}
