//! New connections to servers.
//!
//! TCP without delay, TLS where the scheme says so (HTTP/1.1 by ALPN, the
//! system's roots), HTTP/2 with prior knowledge for `h2c`. Each connection is
//! driven by its own task on the worker; the task hands the socket back when the
//! server switches protocols.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::body::RequestBody;
use crate::balance::{Scheme, Server};

/// Largest read buffer of a connection, in bytes; also the limit of a response
/// head.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// After this much silence an HTTP/2 server is asked whether it lives …
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// … and given up when it does not answer in this time.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that takes requests.
pub(crate) enum Connection {
    Http1(Http1Connection),
    Http2(http2::SendRequest<RequestBody>),
}

/// An HTTP/1.1 connection: one request at a time.
pub(crate) struct Http1Connection {
    pub(crate) sender: http1::SendRequest<RequestBody>,
    /// Ends with the connection; yields what is left of it after a switch.
    pub(crate) driver: JoinHandle<Option<Leftover>>,
}

/// A socket that HTTP is done with, and what was read beyond HTTP.
pub(crate) struct Leftover {
    pub(crate) stream: ServerStream,
    pub(crate) early: Bytes,
}

/// A socket to a server.
pub(crate) enum ServerStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Runs hyper's HTTP/2 tasks on the worker's own thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

/// Trust in servers: the system's roots. One for the process.
pub(crate) fn tls_connector() -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::debug!(
            ignored,
            "no system certificates: https servers will be refused"
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let mut config = match builder.with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
        // The provider has every default cipher suite; were it not so, TLS 1.3
        // alone would be left.
        Err(_) => rustls::ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
            .with_root_certificates(roots)
            .with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// Connects within `limit`, TLS and HTTP/2 preface included.
pub(crate) async fn connect(
    server: &Server,
    tls: &TlsConnector,
    limit: Duration,
) -> io::Result<Connection> {
    match tokio::time::timeout(limit, open(server, tls)).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn open(server: &Server, tls: &TlsConnector) -> io::Result<Connection> {
    let tcp = TcpStream::connect((server.host.as_str(), server.port)).await?;
    tcp.set_nodelay(true)?;
    match server.scheme {
        Scheme::Http => open_http1(ServerStream::Plain(tcp)).await,
        Scheme::H2c => open_http2(ServerStream::Plain(tcp)).await,
        Scheme::Https => {
            let name = ServerName::try_from(server.host.clone())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
            let stream = tls.connect(name, tcp).await?;
            open_http1(ServerStream::Tls(Box::new(stream))).await
        }
    }
}

async fn open_http1(stream: ServerStream) -> io::Result<Connection> {
    let (sender, mut connection) = http1::Builder::new()
        .max_buf_size(MAX_BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let driver = tokio::task::spawn_local(async move {
        (&mut connection).await.ok()?;
        let parts = connection.into_parts();
        Some(Leftover {
            stream: parts.io.into_inner(),
            early: parts.read_buf,
        })
    });
    Ok(Connection::Http1(Http1Connection { sender, driver }))
}

async fn open_http2(stream: ServerStream) -> io::Result<Connection> {
    let (sender, connection) = http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
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
