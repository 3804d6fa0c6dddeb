//! How servers are spoken to.

use std::time::Duration;

use fairway_proto::discovery::v1 as wire;

use super::tls::identity;
use super::{FileText, NamedFile, Pem, Unusable};

/// How servers are spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServersTransport {
    /// Name in the server's certificate; empty: its host.
    pub server_name: String,
    /// Take any certificate.
    pub insecure_skip_verify: bool,
    /// Authorities that are trusted; empty: those of the system.
    pub root_cas: Vec<Pem>,
    /// Who the proxy is, for servers that ask; the first that fits is used.
    pub certificates: Vec<ClientCertificate>,
    /// URI that must be in the server's certificate; empty: none.
    pub peer_cert_uri: String,
    /// Names of suites for TLS 1.2; empty: the usual ones.
    pub cipher_suites: Vec<String>,
    /// `None`: what proxies can do.
    pub min_version: Option<TlsVersion>,
    /// `None`: what proxies can do.
    pub max_version: Option<TlsVersion>,
    /// HTTP/1.1 also where a server of `https` offers HTTP/2.
    pub disable_http2: bool,
    /// Idle connections that each worker of a proxy keeps for one server.
    pub max_idle_conns_per_host: u32,
    /// Longest wait for a connection, TLS not counted; zero: for ever.
    pub dial_timeout: Duration,
    /// Longest wait for the head of a response; zero: for ever.
    pub response_header_timeout: Duration,
    /// How long an idle connection is kept; zero: until the server closes it.
    pub idle_conn_timeout: Duration,
    /// Silence after which an HTTP/2 server is asked whether it lives; zero: never.
    pub read_idle_timeout: Duration,
    /// Longest wait for its answer.
    pub ping_timeout: Duration,
}

/// Who a proxy is for a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The proxy's own certificate first.
    pub cert_file: Pem,
    /// Its key.
    pub key_file: Pem,
}

/// A version of TLS that proxies speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2
    V12,
    /// 1.3
    V13,
}

impl ServersTransport {
    /// The idle connections that this number asks for, in Go's reading: 0 is 2, and less
    /// is none.
    pub(crate) fn idle_conns(number: i64) -> u32 {
        match number {
            0 => 2,
            number => u32::try_from(number.max(0)).unwrap_or(u32::MAX),
        }
    }

    /// The files that must be read before it can be encoded.
    pub fn files(&self) -> impl Iterator<Item = NamedFile<'_>> {
        let roots = self.root_cas.iter().map(|it| it.named("rootCAs"));
        let certificates = self
            .certificates
            .iter()
            .flat_map(|it| [it.cert_file.named("certFile"), it.key_file.named("keyFile")]);
        roots.chain(certificates).flatten()
    }

    /// With what is in its files, as far as that is at hand.
    ///
    /// # Errors
    ///
    /// The first file, certificate or key that cannot be used.
    pub(crate) fn with_files(&self, read: &dyn Fn(&str) -> FileText) -> Result<Self, Unusable> {
        let root = |it: &Pem| it.authority("rootCAs", read);
        let certificate = |it: &ClientCertificate| {
            let options = ("certFile", "keyFile");
            let (cert_file, key_file) = identity(&it.cert_file, &it.key_file, options, read)?;
            Ok(ClientCertificate {
                cert_file,
                key_file,
            })
        };
        Ok(Self {
            root_cas: self.root_cas.iter().map(root).collect::<Result<_, _>>()?,
            certificates: self
                .certificates
                .iter()
                .map(certificate)
                .collect::<Result<_, _>>()?,
            ..self.clone()
        })
    }

    /// As the proxies read it. How long connections and answers may take stands in the
    /// services.
    pub(crate) fn encode(&self) -> wire::ServersTransport {
        let version = |version: Option<TlsVersion>| match version {
            None => wire::TlsVersion::Unspecified,
            Some(TlsVersion::V12) => wire::TlsVersion::TlsVersion12,
            Some(TlsVersion::V13) => wire::TlsVersion::TlsVersion13,
        };
        let text = |pem: &Pem| pem.as_str().to_owned();
        let certificate = |it: &ClientCertificate| wire::ClientCertificate {
            cert: text(&it.cert_file),
            key: text(&it.key_file),
        };
        wire::ServersTransport {
            server_name: self.server_name.clone(),
            insecure_skip_verify: self.insecure_skip_verify,
            root_cas: self.root_cas.iter().map(text).collect(),
            certificates: self.certificates.iter().map(certificate).collect(),
            peer_cert_uri: self.peer_cert_uri.clone(),
            disable_http2: self.disable_http2,
            cipher_suites: self.cipher_suites.clone(),
            min_version: version(self.min_version).into(),
            max_version: version(self.max_version).into(),
            max_idle_conns_per_host: self.max_idle_conns_per_host,
            idle_conn_timeout_ms: limit_ms(self.idle_conn_timeout),
            read_idle_timeout_ms: limit_ms(self.read_idle_timeout),
            ping_timeout_ms: limit_ms(self.ping_timeout),
        }
    }
}

/// 0 is no limit, and so nothing else may become 0.
pub(crate) fn limit_ms(time: Duration) -> u32 {
    match u32::try_from(time.as_millis()) {
        Ok(0) if !time.is_zero() => 1,
        Ok(millis) => millis,
        Err(_) => u32::MAX,
    }
}

impl Default for ServersTransport {
    fn default() -> Self {
        Self {
            server_name: String::new(),
            insecure_skip_verify: false,
            root_cas: Vec::new(),
            certificates: Vec::new(),
            peer_cert_uri: String::new(),
            cipher_suites: Vec::new(),
            min_version: None,
            max_version: None,
            disable_http2: false,
            max_idle_conns_per_host: 200,
            // Servers are on the same machine or one hop away, and another one is
            // tried after a connect failure: waiting longer only costs the client.
            dial_timeout: Duration::from_secs(1),
            response_header_timeout: Duration::ZERO,
            idle_conn_timeout: Duration::from_secs(90),
            read_idle_timeout: Duration::ZERO,
            ping_timeout: Duration::from_secs(15),
        }
    }
}
