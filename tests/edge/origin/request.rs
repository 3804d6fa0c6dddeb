//! Requests of one connection, in the one form an edge may send them in.

use bytes::{Buf as _, BytesMut};

/// A request as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Who got it.
    pub(crate) server: String,
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Its end came.
    pub(crate) whole: bool,
}

impl Received {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }
}

/// What the next bytes are.
pub(super) enum Read {
    /// Not enough yet.
    More,
    /// A head; its body follows.
    Head(Received),
    /// The whole request.
    Whole(Received),
}

/// Takes a connection apart.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffer: BytesMut,
    current: Option<(Received, Rest)>,
}

#[derive(Debug, Clone, Copy)]
enum Rest {
    Length(usize),
    ChunkSize,
    Chunk(usize),
    ChunkEnd,
    Trailers,
}

type Breach = String;

/// Never sent after a body: they frame, route or vouch.
const NO_TRAILERS: [&str; 9] = [
    "content-length",
    "transfer-encoding",
    "host",
    "connection",
    "authorization",
    "upgrade",
    "te",
    "cookie",
    "x-auth-user",
];

/// Of one hop only; an edge ends it.
const HOP: [&str; 3] = ["keep-alive", "proxy-connection", "proxy"];

impl Reader {
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// What had begun when the connection ended.
    pub(super) fn rest(self) -> Option<Received> {
        if let Some((request, _)) = self.current {
            return Some(request);
        }
        let body = self.buffer.to_vec();
        (!body.is_empty()).then(|| Received {
            body,
            ..Received::default()
        })
    }

    pub(super) fn next(&mut self) -> Result<Read, Breach> {
        loop {
            let Some((mut request, rest)) = self.current.take() else {
                let Some(end) = find(&self.buffer, b"\r\n\r\n") else {
                    return Ok(Read::More);
                };
                let head = self.buffer.split_to(end + 4);
                let (request, rest) = head_of(&head[..end + 2])?;
                self.current = Some((request.clone(), rest));
                return Ok(Read::Head(request));
            };
            let Some((rest, progress)) = self.advance(&mut request, rest)? else {
                request.whole = true;
                return Ok(Read::Whole(request));
            };
            self.current = Some((request, rest));
            if !progress {
                return Ok(Read::More);
            }
        }
    }

    /// The step after `rest`, and whether it was taken; `None` at the end.
    fn advance(
        &mut self,
        request: &mut Received,
        rest: Rest,
    ) -> Result<Option<(Rest, bool)>, Breach> {
        Ok(match rest {
            Rest::Length(0) => None,
            Rest::Length(left) => {
                let now = left.min(self.buffer.len());
                request.body.extend(self.buffer.split_to(now));
                Some((Rest::Length(left - now), now > 0))
            }
            Rest::ChunkSize => {
                let Some(line) = self.line()? else {
                    return Ok(Some((rest, false)));
                };
                let digits = !line.is_empty() && line.bytes().all(|b| b.is_ascii_hexdigit());
                match usize::from_str_radix(&line, 16) {
                    Ok(0) if digits => Some((Rest::Trailers, true)),
                    Ok(size) if digits && size < 1 << 30 => Some((Rest::Chunk(size), true)),
                    _ => return Err(format!("chunk size {line:?}")),
                }
            }
            Rest::Chunk(left) => {
                let now = left.min(self.buffer.len());
                request.body.extend(self.buffer.split_to(now));
                let next = if left == now {
                    Rest::ChunkEnd
                } else {
                    Rest::Chunk(left - now)
                };
                Some((next, now > 0))
            }
            Rest::ChunkEnd if self.buffer.len() < 2 => Some((rest, false)),
            Rest::ChunkEnd if self.buffer.starts_with(b"\r\n") => {
                self.buffer.advance(2);
                Some((Rest::ChunkSize, true))
            }
            Rest::ChunkEnd => return Err("no CRLF behind a chunk".to_owned()),
            Rest::Trailers => match self.line()? {
                None => Some((rest, false)),
                Some(line) if line.is_empty() => None,
                Some(line) => {
                    let (name, value) = field(&line)?;
                    if NO_TRAILERS.contains(&&*name) || name.starts_with("x-forwarded-") {
                        return Err(format!("trailer {name}"));
                    }
                    request.trailers.push((name, value));
                    Some((Rest::Trailers, true))
                }
            },
        })
    }

    fn line(&mut self) -> Result<Option<String>, Breach> {
        let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = self.buffer.split_to(end + 1);
        let line = line
            .strip_suffix(b"\r\n")
            .ok_or_else(|| format!("bare LF: {:?}", text(&line)))?;
        Ok(Some(text(line)))
    }
}

/// Head without its empty line, and how its body ends.
fn head_of(head: &[u8]) -> Result<(Received, Rest), Breach> {
    let shown = || text(head);
    let mut lines = text(head);
    lines.truncate(lines.len() - 2);
    let mut lines = lines.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else {
        return Err(format!("request line {line:?}"));
    };
    let graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let in_order = is_token(method) && graphic(target) && !target.contains(['#', '\\', '"']);
    if !in_order || !(target.starts_with('/') || (method == "OPTIONS" && target == "*")) {
        return Err(format!("request line {line:?}"));
    }
    let mut request = Received {
        method: method.to_owned(),
        target: target.to_owned(),
        ..Received::default()
    };
    for line in lines {
        request.headers.push(field(line)?);
    }
    let count = |name: &str| request.headers.iter().filter(|(it, _)| it == name).count();
    if count("host") != 1 {
        return Err(format!("{} Host lines: {}", count("host"), shown()));
    }
    if let Some(name) = HOP.into_iter().find(|name| count(name) > 0) {
        return Err(format!("{name} was passed on: {}", shown()));
    }
    if count("x-forwarded-for") != 1 {
        return Err(format!("not one X-Forwarded-For: {}", shown()));
    }
    let rest = match (count("transfer-encoding"), count("content-length")) {
        (0, 0) => Rest::Length(0),
        (1, 0) if request.header("transfer-encoding") == Some("chunked") => Rest::ChunkSize,
        (0, 1) => {
            let length = request.header("content-length").unwrap_or_default();
            let number: usize = length.parse().map_err(|_| format!("length {length:?}"))?;
            if number.to_string() != length {
                return Err(format!("length {length:?}"));
            }
            Rest::Length(number)
        }
        _ => return Err(format!("framing of two readings: {}", shown())),
    };
    Ok((request, rest))
}

/// Name in lower case and value of a line.
fn field(line: &str) -> Result<(String, String), Breach> {
    let breach = || format!("header line {line:?}");
    let (name, value) = line.split_once(':').ok_or_else(breach)?;
    let printable = |c: char| c == '\t' || (c >= ' ' && c != '\x7f');
    let value = value.strip_prefix(' ').unwrap_or(value);
    if !is_token(name) || name.contains('_') || !value.chars().all(printable) {
        return Err(breach());
    }
    Ok((name.to_ascii_lowercase(), value.to_owned()))
}

fn is_token(text: &str) -> bool {
    let special = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || special(byte))
}

/// Every byte as a character of its own.
fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

pub(crate) fn value<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    let (_, value) = headers.iter().find(|(it, _)| it == name)?;
    Some(value)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &str) -> Result<Vec<Received>, Breach> {
        let mut reader = Reader::default();
        reader.buffer().extend_from_slice(bytes.as_bytes());
        let mut whole = Vec::new();
        loop {
            match reader.next()? {
                Read::More => return Ok(whole),
                Read::Head(_) => {}
                Read::Whole(request) => whole.push(request),
            }
        }
    }

    const HEAD: &str = "Host: a\r\nX-Forwarded-For: 1.1.1.1\r\n";

    #[test]
    fn requests_are_told_apart() {
        let bytes = format!(
            "POST / HTTP/1.1\r\n{HEAD}Content-Length: 2\r\n\r\nhi\
             PUT /b HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nyo\r\n0\r\nx-t: 1\r\n\r\n\
             GET /c HTTP/1.1\r\n{HEAD}\r\n"
        );
        let requests = read(&bytes).unwrap();
        let bodies: Vec<_> = requests.iter().map(|it| (&*it.target, &*it.body)).collect();
        assert_eq!(bodies, [("/", &b"hi"[..]), ("/b", b"yo"), ("/c", b"")]);
        assert_eq!(requests[1].trailers, [("x-t".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_a_breach() {
        for lines in [
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX_a: b\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 05\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n",
        ] {
            let bytes = format!("{lines}X-Forwarded-For: 1.1.1.1\r\n\r\n");
            assert!(read(&bytes).is_err(), "{bytes}");
        }
        for body in [
            "5;a\r\n",
            "0x5\r\n",
            "2\r\nhixx",
            "2\n",
            "0\r\nHost: a\r\n\r\n",
        ] {
            let bytes =
                format!("POST / HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n{body}");
            assert!(read(&bytes).is_err(), "{body}");
        }
    }
}
