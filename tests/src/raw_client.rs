//! An HTTP/1.1 client that sends exactly the bytes it is given and takes answers
//! apart without mercy.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// How long anything may take before the test fails.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One connection.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    /// Read, not yet used.
    buffer: Vec<u8>,
}

/// A response head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// 200, …
    pub status: u16,
    /// Text after the status.
    pub reason: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The bytes, with the empty line.
    pub raw: Vec<u8>,
}

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its head; informational heads before it are dropped.
    pub head: Head,
    /// Its body, chunks joined.
    pub body: Vec<u8>,
    /// Names in lower case.
    pub trailers: Vec<(String, String)>,
}

impl Head {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        Some(value)
    }
}

impl Reply {
    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as a backend's JSON.
    ///
    /// # Panics
    /// If it is something else.
    pub fn seen(&self) -> crate::backend::Seen {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status(), self.text()))
    }
}

impl RawClient {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::over(timed(TcpStream::connect(address)).await?)
    }

    /// Connects from an address of this machine.
    pub async fn connect_from(peer: IpAddr, address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.bind(SocketAddr::new(peer, 0))?;
        Self::over(timed(socket.connect(address)).await?)
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// This end's address.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        timed(self.stream.write_all(bytes.as_ref())).await
    }

    /// Says that nothing more comes.
    pub async fn finish_sending(&mut self) -> io::Result<()> {
        timed(self.stream.shutdown()).await
    }

    /// Reads a head, informational ones too.
    pub async fn read_head(&mut self) -> io::Result<Head> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                let raw: Vec<u8> = self.buffer.drain(..at + 4).collect();
                return parse(raw);
            }
            self.more().await?;
        }
    }

    /// Reads a response to a request with this method. Heads of 1xx are skipped.
    pub async fn read_reply(&mut self, method: &str) -> io::Result<Reply> {
        let head = loop {
            let head = self.read_head().await?;
            if head.status >= 200 || head.status == 101 {
                break head;
            }
        };
        let bodyless = method == "HEAD" || matches!(head.status, 101 | 204 | 304);
        let (body, trailers) = if bodyless {
            (Vec::new(), Vec::new())
        } else if head.header("transfer-encoding").is_some() {
            self.read_chunks().await?
        } else if let Some(length) = head.header("content-length") {
            let length = length.trim().parse().map_err(io::Error::other)?;
            (self.read_exactly(length).await?, Vec::new())
        } else {
            (self.read_to_end().await?, Vec::new())
        };
        Ok(Reply {
            head,
            body,
            trailers,
        })
    }

    /// Sends a request and reads its response.
    pub async fn exchange(&mut self, request: impl AsRef<[u8]>) -> io::Result<Reply> {
        let request = request.as_ref();
        self.send(request).await?;
        let method = request
            .split(|byte| *byte == b' ')
            .next()
            .unwrap_or_default();
        self.read_reply(&String::from_utf8_lossy(method)).await
    }

    /// `GET` with a `Host`.
    pub async fn get(&mut self, host: &str, target: &str) -> io::Result<Reply> {
        self.exchange(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await
    }

    /// Reads this many bytes.
    pub async fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Reads until the other end closes; a reset is an error.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.more().await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.buffer));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads one chunk, `None` for the last one (its trailers are left unread).
    pub async fn read_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.read_line().await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(None);
        }
        let chunk = self.read_exactly(size).await?;
        self.read_exactly(2).await?;
        Ok(Some(chunk))
    }

    /// Breaks the connection with a reset.
    pub fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }

    async fn read_chunks(&mut self) -> io::Result<(Vec<u8>, Vec<(String, String)>)> {
        let mut body = Vec::new();
        while let Some(chunk) = self.read_chunk().await? {
            body.extend(chunk);
        }
        let mut trailers = Vec::new();
        loop {
            let line = self.read_line().await?;
            if line.is_empty() {
                return Ok((body, trailers));
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            trailers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    async fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match timed(self.stream.read_buf(&mut self.buffer)).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// One `GET` on a connection of its own.
///
/// # Errors
/// If the connection fails before the whole answer was read.
pub async fn get(address: SocketAddr, host: &str, target: &str) -> io::Result<Reply> {
    RawClient::connect(address).await?.get(host, target).await
}

fn parse(raw: Vec<u8>) -> io::Result<Head> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(&raw).map_err(io::Error::other)?;
    let status = response.code.ok_or(io::ErrorKind::InvalidData)?;
    let reason = response.reason.unwrap_or_default().to_owned();
    let headers = response
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_ascii_lowercase(), value)
        })
        .collect();
    Ok(Head {
        status,
        reason,
        headers,
        raw,
    })
}

async fn timed<T>(action: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(TIMEOUT, action).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
