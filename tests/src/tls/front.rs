//! Takes TLS off connections and passes them on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::Identity;

/// How a [`TlsFront`] answers.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    identity: Identity,
    clients: Option<String>,
    http2: Option<SocketAddr>,
    versions: &'static [&'static SupportedProtocolVersion],
}

/// A handshake that was finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// What the two ends agreed to speak: `h2`, `http/1.1` or nothing.
    pub protocol: String,
    /// The name that the client asked for; none, where it knows an address.
    pub server_name: Option<String>,
    /// The client has shown a certificate.
    pub client_certificate: bool,
}

/// A listener for TLS. Dropping it ends it with its connections.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Seen {
    handshakes: Mutex<Vec<Handshake>>,
    open: AtomicUsize,
}

impl TlsOptions {
    /// With this certificate, TLS 1.2 and 1.3, for HTTP/1.1.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            clients: None,
            http2: None,
            versions: rustls::DEFAULT_VERSIONS,
        }
    }

    /// Only clients with a certificate of this authority (PEM).
    #[must_use]
    pub fn clients_of(mut self, authority: String) -> Self {
        self.clients = Some(authority);
        self
    }

    /// Offers HTTP/2, too: to the server at this address.
    #[must_use]
    pub fn http2(mut self, server: SocketAddr) -> Self {
        self.http2 = Some(server);
        self
    }

    /// No TLS 1.3: the client learns of its refusal within the handshake.
    #[must_use]
    pub fn tls12(mut self) -> Self {
        const OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
        self.versions = OLD;
        self
    }

    fn config(&self) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .expect("versions");
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates(authority));
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect("an authority"))
            }
        };
        let key = PrivateKeyDer::from_pem_slice(self.identity.key.as_bytes()).expect("a key");
        let mut config = builder
            .with_single_cert(certificates(&self.identity.cert), key)
            .expect("a certificate");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if self.http2.is_some() {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        config
    }
}

impl TlsFront {
    /// Starts on `address`, before `server`.
    ///
    /// # Panics
    /// If the address is in use, or certificates cannot be read.
    pub async fn start(address: SocketAddr, options: TlsOptions, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let address = listener.local_addr().expect("the address listened on");
        let acceptor = TlsAcceptor::from(Arc::new(options.config()));
        let http2 = options.http2.unwrap_or(server);
        let seen = Arc::new(Seen::default());
        let task = {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                // Aborting this task drops the set, and with it every connection.
                let mut connections = JoinSet::new();
                while let Ok((tcp, _)) = listener.accept().await {
                    let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                    connections.spawn(async move {
                        seen.open.fetch_add(1, Ordering::AcqRel);
                        pass_on(tcp, acceptor, [server, http2], &seen).await;
                        seen.open.fetch_sub(1, Ordering::AcqRel);
                    });
                    while connections.try_join_next().is_some() {}
                }
            })
        };
        Self {
            address,
            seen,
            task: task.abort_handle(),
        }
    }

    /// Starts on an address of its own.
    pub async fn start_anywhere(options: TlsOptions, server: SocketAddr) -> Self {
        Self::start(crate::loopback::free_address(), options, server).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The handshakes that were finished.
    pub fn handshakes(&self) -> Vec<Handshake> {
        self.seen.lock().clone()
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::Acquire)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Handshake>> {
        let locked = self.handshakes.lock();
        locked.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn pass_on(
    tcp: TcpStream,
    acceptor: TlsAcceptor,
    [http1, http2]: [SocketAddr; 2],
    seen: &Seen,
) {
    let _ = tcp.set_nodelay(true);
    let mut tls = match acceptor.accept(tcp).into_fallible().await {
        Ok(tls) => tls,
        Err((_, mut tcp)) => {
            // A close with bytes unread would be a reset, and the alert lost.
            let mut rest = Vec::new();
            let _ = tcp.read_to_end(&mut rest).await;
            return;
        }
    };
    let (_, connection) = tls.get_ref();
    let protocol = connection.alpn_protocol().unwrap_or_default();
    let protocol = String::from_utf8_lossy(protocol).into_owned();
    let server = if protocol == "h2" { http2 } else { http1 };
    seen.lock().push(Handshake {
        protocol,
        server_name: connection.server_name().map(str::to_owned),
        client_certificate: connection.peer_certificates().is_some(),
    });
    let Ok(mut onward) = TcpStream::connect(server).await else {
        return;
    };
    let _ = onward.set_nodelay(true);
    let _ = tokio::io::copy_bidirectional(&mut tls, &mut onward).await;
}

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .expect("certificates")
}
