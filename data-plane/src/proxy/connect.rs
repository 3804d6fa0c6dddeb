//! New connections to servers.
//!
//! TCP without delay, TLS where the scheme says so (as the server's transport says;
//! HTTP/2 if the server offers it), HTTP/2 with prior knowledge for `h2c`. An HTTP/2
//! connection is driven by a task of its own on the worker; one of HTTP/1.1 by who
//! uses it.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::body::RequestBody;
use super::server_connection::Http1Connection;
use crate::balance::{InFlight, Scheme, Server, Transport, speaks_http2};
use crate::stats::Attempt;

/// After this much silence the kernel asks whether the other end is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A connection that takes requests.
pub(crate) enum Connection {
    Http1(Http1Connection),
    Http2(http2::SendRequest<RequestBody>),
}

/// A socket that HTTP is done with, and what was read beyond HTTP.
pub(crate) struct Leftover {
    pub(crate) stream: ServerStream,
    pub(crate) early: Bytes,
    /// Counts the request as under way.
    pub(crate) load: Option<InFlight>,
    /// Counts it once it is over.
    pub(crate) attempt: Option<Attempt>,
}

/// A socket to a server.
pub(crate) enum ServerStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Runs hyper's HTTP/2 tasks on the worker's own thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// No connection of TCP, or not in time.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// The two ends do not agree on TLS, or not in time.
    #[error("TLS: {0}")]
    Tls(#[source] io::Error),
}

/// Connects within `limit`, to which the handshake of TLS does not count. `http1`: no
/// HTTP/2, as for a request that switches protocols.
pub(crate) async fn connect(
    server: &Server,
    http1: bool,
    limit: Duration,
) -> Result<Connection, ConnectError> {
    let dialed = TcpStream::connect((server.host.as_str(), server.port));
    let tcp = match tokio::time::timeout(limit, dialed).await {
        Ok(dialed) => dialed?,
        Err(_) => return Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    };
    tcp.set_nodelay(true)?;
    let probes = TcpKeepalive::new().with_time(KEEP_ALIVE);
    SockRef::from(&tcp).set_tcp_keepalive(&probes.with_interval(KEEP_ALIVE))?;
    let transport = &server.transport;
    match server.scheme {
        Scheme::Http => Ok(open_http1(ServerStream::Plain(tcp))),
        Scheme::H2c => open_http2(transport, ServerStream::Plain(tcp)).await,
        Scheme::Https => {
            let stream = if http1 {
                transport.secure_http1(&server.host, tcp).await
            } else {
                transport.secure(&server.host, tcp).await
            };
            let stream = stream.map_err(ConnectError::Tls)?;
            let http2 = speaks_http2(&stream);
            let stream = ServerStream::Tls(Box::new(stream));
            if http2 {
                open_http2(transport, stream).await
            } else {
                Ok(open_http1(stream))
            }
        }
    }
}

fn open_http1(stream: ServerStream) -> Connection {
    Connection::Http1(Http1Connection::new(stream))
}

async fn open_http2(
    transport: &Transport,
    stream: ServerStream,
) -> Result<Connection, ConnectError> {
    let (sender, connection) = http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .keep_alive_interval(transport.read_idle)
        .keep_alive_timeout(transport.ping_timeout)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "HTTP/2 connection to a server ended");
        }
    });
    Ok(Connection::Http2(sender))
}

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

impl ServerStream {
    /// The kernel has nothing to read and knows of no end.
    pub(crate) fn is_silent_now(&self) -> bool {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        };
        let mut byte = [MaybeUninit::uninit()];
        let peeked = SockRef::from(tcp).peek(&mut byte);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
