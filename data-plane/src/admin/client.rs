//! Asks a running proxy whether it is ready: the container's health check.
//!
//! Blocking and small: the check is a process of its own, started every few
//! seconds.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const REQUEST: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// More than the answer ever is.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Why a proxy does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthcheckError {
    /// Nobody answers there.
    #[error("cannot ask {address}: {source}")]
    Ask {
        /// As given.
        address: String,
        /// The system's word.
        source: io::Error,
    },
    /// It answers, but not with 200.
    #[error("not ready: {0}")]
    Unready(String),
}

/// `Ok` if the proxy whose admin server listens at `address` (`unix:PATH` or
/// `host:port`) says within `limit` that it is ready.
pub fn healthcheck(address: &str, limit: Duration) -> Result<(), HealthcheckError> {
    let answer = match address.strip_prefix("unix:") {
        Some(path) => UnixStream::connect(path).and_then(|stream| {
            stream.set_read_timeout(Some(limit))?;
            stream.set_write_timeout(Some(limit))?;
            ask(stream)
        }),
        None => connect_tcp(address, limit).and_then(|stream| {
            stream.set_read_timeout(Some(limit))?;
            stream.set_write_timeout(Some(limit))?;
            ask(stream)
        }),
    };
    let answer = answer.map_err(|source| HealthcheckError::Ask {
        address: address.to_owned(),
        source,
    })?;
    if answer.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let said = answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim();
    Err(HealthcheckError::Unready(said.to_owned()))
}

fn connect_tcp(address: &str, limit: Duration) -> io::Result<TcpStream> {
    let address = if address.starts_with(':') {
        format!("127.0.0.1{address}")
    } else {
        address.to_owned()
    };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask(mut stream: impl Read + Write) -> io::Result<String> {
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
