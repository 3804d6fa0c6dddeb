//! How to speak to servers: TLS, and how long connections are kept.
//!
//! Immutable. Its identity is its place in memory: an equal one that was built anew
//! has connections of its own.

mod trust;

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fairway_proto::discovery::v1 as wire;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::trust::Trust;

/// Idle connections that a worker keeps for one server.
const MAX_IDLE: usize = 200;
/// How long a connection may be idle.
const IDLE_LIMIT: Duration = Duration::from_secs(90);
/// An HTTP/2 server that is asked whether it lives is given up when it does not answer
/// in this time.
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// For the handshake of TLS.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

/// A servers transport.
pub(crate) struct Transport {
    pub(crate) max_idle: usize,
    /// `None`: until the server closes it.
    idle_limit: Option<Duration>,
    /// `None`: HTTP/2 servers are not asked.
    pub(crate) read_idle: Option<Duration>,
    pub(crate) ping_timeout: Duration,
    server_name: Option<ServerName<'static>>,
    tls: OnceLock<Tls>,
}

/// One configuration, and what it offers.
struct Tls {
    any: TlsConnector,
    http1: TlsConnector,
}

/// Why there cannot be such a transport.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("`{0}` cannot be the name of a server")]
    ServerName(String),
    #[error("rootCAs: {0}")]
    RootCas(#[source] rustls::pki_types::pem::Error),
    #[error("rootCAs: there is no certificate in it that can be trusted")]
    NoRootCa,
    #[error("certificates: {0}")]
    Certificate(#[source] rustls::pki_types::pem::Error),
    #[error("certificates: {0}")]
    ClientIdentity(#[source] rustls::Error),
    #[error("there is no version of TLS from minVersion to maxVersion")]
    NoVersion,
    #[error("TLS: {0}")]
    Tls(#[source] rustls::Error),
}

impl Transport {
    /// From the resource.
    pub(crate) fn build(spec: &wire::ServersTransport) -> Result<Self, TransportError> {
        let millis = |millis: u32| Duration::from_millis(millis.into());
        let some = |millis: u32| (millis != 0).then(|| Duration::from_millis(millis.into()));
        let server_name = match spec.server_name.as_str() {
            "" => None,
            name => Some(
                ServerName::try_from(name.to_owned())
                    .map_err(|_| TransportError::ServerName(name.to_owned()))?,
            ),
        };
        let tls = Tls::new(trust::client_config(spec)?, !spec.disable_http2);
        Ok(Self {
            max_idle: usize::try_from(spec.max_idle_conns_per_host).unwrap_or(usize::MAX),
            idle_limit: some(spec.idle_conn_timeout_ms),
            read_idle: some(spec.read_idle_timeout_ms),
            ping_timeout: millis(spec.ping_timeout_ms),
            server_name,
            tls: OnceLock::from(tls),
        })
    }

    /// Reads the system's roots, if nobody did before. Not for threads with traffic.
    pub(super) fn prepare(&self) {
        self.tls();
    }

    /// Whole seconds that a connection may be idle.
    pub(crate) fn idle_seconds(&self) -> u32 {
        let seconds = self.idle_limit.map(|limit| limit.as_secs().max(1));
        seconds.map_or(u32::MAX, |seconds| {
            u32::try_from(seconds).unwrap_or(u32::MAX)
        })
    }

    /// TLS over a connection to `host`, HTTP/2 if the server offers it.
    pub(crate) async fn secure(
        &self,
        host: &str,
        tcp: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        self.handshake(&self.tls().any, host, tcp).await
    }

    /// The same for HTTP/1.1, whatever else the server offers.
    pub(crate) async fn secure_http1(
        &self,
        host: &str,
        tcp: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        self.handshake(&self.tls().http1, host, tcp).await
    }

    async fn handshake(
        &self,
        tls: &TlsConnector,
        host: &str,
        tcp: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let done = tls.connect(self.name_of(host)?, tcp);
        match tokio::time::timeout(HANDSHAKE_LIMIT, done).await {
            Ok(done) => done,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn name_of(&self, host: &str) -> io::Result<ServerName<'static>> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => ServerName::try_from(host.to_owned())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error)),
        }
    }

    fn tls(&self) -> &Tls {
        self.tls
            .get_or_init(|| Tls::new(Trust::default().client_config(), true))
    }
}

/// Both sides have agreed to speak HTTP/2.
pub(crate) fn speaks_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

impl Tls {
    fn new(mut config: ClientConfig, http2: bool) -> Self {
        config.alpn_protocols = vec![HTTP1.to_vec()];
        let http1 = TlsConnector::from(Arc::new(config.clone()));
        if !http2 {
            return Self {
                any: http1.clone(),
                http1,
            };
        }
        config.alpn_protocols.insert(0, HTTP2.to_vec());
        let any = TlsConnector::from(Arc::new(config));
        Self { any, http1 }
    }
}

impl Default for Transport {
    /// For services that name none. Its TLS is made when it is first needed.
    fn default() -> Self {
        Self {
            max_idle: MAX_IDLE,
            idle_limit: Some(IDLE_LIMIT),
            // A gRPC server takes one that asks often for an attacker.
            read_idle: None,
            ping_timeout: PING_TIMEOUT,
            server_name: None,
            tls: OnceLock::new(),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

/// Versions of TLS between two bounds.
fn versions(
    spec: &wire::ServersTransport,
) -> Result<Vec<&'static SupportedProtocolVersion>, TransportError> {
    use wire::TlsVersion::{TlsVersion12 as V12, TlsVersion13 as V13, Unspecified};
    let of = |version| wire::TlsVersion::try_from(version).unwrap_or(Unspecified);
    let (least, most) = (of(spec.min_version), of(spec.max_version));
    let known = [
        (V12, &rustls::version::TLS12),
        (V13, &rustls::version::TLS13),
    ];
    let within = |version| {
        (least == Unspecified || version >= least) && (most == Unspecified || version <= most)
    };
    let versions: Vec<_> = known
        .into_iter()
        .filter(|(version, _)| within(*version))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        return Err(TransportError::NoVersion);
    }
    Ok(versions)
}
