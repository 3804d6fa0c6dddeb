//! One request and its answer on one connection of the probe.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{FailureKind, ProbeConfig};

/// Larger answers are malformed: the probe asks for small ones.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// A kept connection without a request on it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
}

/// How one attempt went.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// A new connection was made for it.
    pub(crate) connected: bool,
    /// The name of the container, or what failed.
    pub(crate) result: Result<String, (FailureKind, String)>,
    unanswered: bool,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    keep_alive: bool,
}

enum Broken {
    /// No byte of an answer.
    Unanswered(String),
    Head(String),
    Body(String),
    Malformed(String),
}

impl Outcome {
    pub(crate) fn failed(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            connected: false,
            result: Err((kind, detail.into())),
            unanswered: false,
        }
    }

    /// The connection ended before a byte of an answer.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.unanswered
    }
}

/// Sends one request; the second value tells whether the connection was used before.
pub(crate) async fn attempt(
    config: &ProbeConfig,
    address: SocketAddr,
    kept: &mut Option<Connection>,
    nonce: &str,
) -> (Outcome, bool) {
    let reusable = kept.take().filter(Connection::is_open);
    let reused = reusable.is_some();
    let mut connection = match reusable {
        Some(connection) => connection,
        None => match Connection::open(address).await {
            Ok(connection) => connection,
            Err(error) => {
                return (
                    Outcome::failed(FailureKind::Connect, error.to_string()),
                    false,
                );
            }
        },
    };
    let from = connection
        .stream
        .local_addr()
        .map(|a| a.to_string())
        .unwrap_or_default();
    let (result, unanswered) = match connection.exchange(config, nonce).await {
        Ok(answer) => {
            let result = check(config, nonce, &answer);
            if answer.keep_alive {
                *kept = Some(connection);
            }
            (result, false)
        }
        Err(Broken::Unanswered(error)) => (Err((FailureKind::InFlight, error)), true),
        Err(Broken::Head(error)) => (Err((FailureKind::InFlight, error)), false),
        Err(Broken::Body(error)) => (Err((FailureKind::Truncated, error)), false),
        Err(Broken::Malformed(error)) => (Err((FailureKind::Malformed, error)), false),
    };
    let result = result.map_err(|(kind, detail)| {
        let age = if reused { "reused" } else { "new" };
        (kind, format!("{detail} ({age} connection from {from})"))
    });
    (
        Outcome {
            connected: !reused,
            result,
            unanswered,
        },
        reused,
    )
}

fn check(
    config: &ProbeConfig,
    nonce: &str,
    answer: &Answer,
) -> Result<String, (FailureKind, String)> {
    if answer.status != 200 {
        let text: String = String::from_utf8_lossy(&answer.body)
            .chars()
            .take(200)
            .collect();
        return Err((
            FailureKind::BadStatus,
            format!("{}: {}", answer.status, text.trim()),
        ));
    }
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let find = |header: &str, fields: &[&str]| {
        let of_header = answer.headers.iter().find(|(name, _)| name == header);
        let of_json = || fields.iter().find_map(|field| json.get(field)?.as_str());
        of_header
            .map(|(_, value)| value.as_str())
            .or_else(of_json)
            .unwrap_or_default()
            .to_owned()
    };
    if config.check_nonce {
        let echoed = find("x-nonce", &["nonce"]);
        if echoed != nonce {
            return Err((
                FailureKind::WrongNonce,
                format!("sent {nonce}, got {echoed:?}"),
            ));
        }
    }
    let container = find("x-container", &["name", "container", "hostname"]);
    let is_expected = config.expected.is_empty()
        || config
            .expected
            .iter()
            .any(|expected| match expected.strip_suffix('*') {
                Some(prefix) => container.starts_with(prefix),
                None => container == *expected,
            });
    if !is_expected {
        return Err((
            FailureKind::WrongContainer,
            format!("{container:?} answered"),
        ));
    }
    Ok(container)
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// The peer has neither closed it nor said anything unasked.
    fn is_open(&self) -> bool {
        // The socket itself is asked: the runtime may not have heard of the close yet.
        let peeked = socket2::SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    async fn exchange(&mut self, config: &ProbeConfig, nonce: &str) -> Result<Answer, Broken> {
        let ProbeConfig {
            method, path, host, ..
        } = config;
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nX-Nonce: {nonce}\r\n\r\n");
        if let Err(error) = self.stream.write_all(request.as_bytes()).await {
            return Err(Broken::Unanswered(format!("while sending: {error}")));
        }
        let mut buffer = Vec::with_capacity(2_048);
        let (mut answer, framing) = self.head(&mut buffer).await?;
        if method == "HEAD" || matches!(answer.status, 204 | 304) {
            return Ok(answer);
        }
        answer.body = match framing {
            Framing::Length(length) => self.exactly(&mut buffer, length).await?,
            Framing::Chunked => self.chunks(&mut buffer).await?,
            Framing::UntilClose => {
                answer.keep_alive = false;
                while self
                    .more(&mut buffer)
                    .await
                    .map_err(|e| Broken::Body(e.to_string()))?
                {}
                buffer
            }
        };
        Ok(answer)
    }

    async fn head(&mut self, buffer: &mut Vec<u8>) -> Result<(Answer, Framing), Broken> {
        loop {
            let broken = |text: String, empty: bool| {
                if empty {
                    Broken::Unanswered(text)
                } else {
                    Broken::Head(text)
                }
            };
            match self.more(buffer).await {
                Ok(true) => {}
                Ok(false) => {
                    let text = "the connection ended while waiting for the answer";
                    return Err(broken(text.to_owned(), buffer.is_empty()));
                }
                Err(error) => return Err(broken(error.to_string(), buffer.is_empty())),
            }
            while let Some((length, answer, framing)) = parse(buffer)? {
                buffer.drain(..length);
                if answer.status >= 200 {
                    return Ok((answer, framing));
                }
            }
        }
    }

    async fn exactly(&mut self, buffer: &mut Vec<u8>, length: usize) -> Result<Vec<u8>, Broken> {
        while buffer.len() < length {
            match self.more(buffer).await {
                Ok(true) => {}
                Ok(false) => {
                    let text = format!("{} of {length} bytes of the body", buffer.len());
                    return Err(Broken::Body(text));
                }
                Err(error) => return Err(Broken::Body(error.to_string())),
            }
        }
        Ok(buffer.drain(..length).collect())
    }

    async fn chunks(&mut self, buffer: &mut Vec<u8>) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        loop {
            let line = self.line(buffer).await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .ok()
                .filter(|size| *size < MAX_ANSWER)
                .ok_or_else(|| Broken::Malformed(format!("chunk size {line:?}")))?;
            if size == 0 {
                while !self.line(buffer).await?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.exactly(buffer, size).await?);
            self.exactly(buffer, 2).await?;
        }
    }

    async fn line(&mut self, buffer: &mut Vec<u8>) -> Result<String, Broken> {
        loop {
            if let Some(at) = buffer.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = buffer.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            match self.more(buffer).await {
                Ok(true) => {}
                Ok(false) => return Err(Broken::Body("ended within a chunk".to_owned())),
                Err(error) => return Err(Broken::Body(error.to_string())),
            }
        }
    }

    /// False at the end of the stream.
    async fn more(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        if buffer.len() > MAX_ANSWER {
            return Err(io::Error::other("too large an answer"));
        }
        Ok(self.stream.read_buf(buffer).await? > 0)
    }
}

enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

fn parse(buffer: &[u8]) -> Result<Option<(usize, Answer, Framing)>, Broken> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(Broken::Malformed(error.to_string())),
    };
    let headers: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).trim().to_owned();
            (header.name.to_ascii_lowercase(), value)
        })
        .collect();
    let find = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, v)| v.as_str())
    };
    let framing = match (find("transfer-encoding"), find("content-length")) {
        (Some(_), _) => Framing::Chunked,
        (None, Some(length)) => match length.parse() {
            Ok(length) if length <= MAX_ANSWER => Framing::Length(length),
            _ => return Err(Broken::Malformed(format!("content-length {length:?}"))),
        },
        (None, None) => Framing::UntilClose,
    };
    let closes = find("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let answer = Answer {
        status: response.code.unwrap_or_default(),
        keep_alive: !closes,
        headers,
        body: Vec::new(),
    };
    Ok(Some((length, answer, framing)))
}
