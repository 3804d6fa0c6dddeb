//! Whom the proxy trusts when it speaks TLS to a server, and who it says it is.
//!
//! What cannot be done as configured is an error: nothing is trusted by default
//! that was not meant to be.

use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ResolvesClientCert, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor,
    verify_server_name,
};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, CipherSuite, ClientConfig, DigitallySignedStruct, Error, OtherError,
    RootCertStore, SignatureScheme, SupportedCipherSuite,
};

use super::{TransportError, versions};

/// Certificates of authorities.
#[derive(Debug)]
pub(super) struct Trust {
    roots: Arc<RootCertStore>,
    /// The same as they were given; empty: those of the system.
    named: Arc<[CertificateDer<'static>]>,
}

/// Who the proxy is: the first certificate that the server understands.
#[derive(Debug)]
struct Identities(Box<[Arc<CertifiedKey>]>);

/// Takes fewer or more certificates than the rules of the web do.
#[derive(Debug)]
struct Verifier {
    /// The rules of the web; `None`: any certificate.
    web: Option<Arc<WebPkiServerVerifier>>,
    /// The certificate must be one of these authorities and have this URI.
    uri: Option<(String, Arc<RootCertStore>)>,
    /// What may stand for itself although it is an authority's: `openssl req -x509`
    /// makes such certificates of servers.
    named: Arc<[CertificateDer<'static>]>,
    provider: Arc<CryptoProvider>,
}

/// What `spec` says about TLS.
pub(super) fn client_config(spec: &wire::ServersTransport) -> Result<ClientConfig, TransportError> {
    let trust = if spec.root_cas.is_empty() {
        Trust::default()
    } else {
        Trust::in_these(&spec.root_cas)?
    };
    let provider = Arc::new(provider(&spec.cipher_suites));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(spec)?)
        .map_err(TransportError::Tls)?;
    let by_the_web = !spec.insecure_skip_verify && spec.peer_cert_uri.is_empty();
    let builder = if by_the_web && trust.named.is_empty() {
        builder.with_root_certificates(Arc::clone(&trust.roots))
    } else {
        let verifier = Verifier::new(spec, &trust, provider)?;
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
    };
    let identities = Identities::read(&spec.certificates)?;
    if identities.0.is_empty() {
        Ok(builder.with_no_client_auth())
    } else {
        Ok(builder.with_client_cert_resolver(Arc::new(identities)))
    }
}

impl Default for Trust {
    /// The system's.
    fn default() -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (_, ignored) = roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            tracing::debug!(
                ignored,
                "no system certificates: https servers will be refused"
            );
        }
        Self {
            roots: Arc::new(roots),
            named: Arc::default(),
        }
    }
}

impl Trust {
    fn in_these(pems: &[String]) -> Result<Self, TransportError> {
        let mut roots = RootCertStore::empty();
        let mut named = Vec::new();
        for pem in pems {
            let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(TransportError::RootCas)?;
            let (added, _) = roots.add_parsable_certificates(certificates.iter().cloned());
            if added == 0 {
                return Err(TransportError::NoRootCa);
            }
            named.extend(certificates);
        }
        Ok(Self {
            roots: Arc::new(roots),
            named: named.into(),
        })
    }

    /// The usual versions and suites, and nobody to be.
    pub(super) fn client_config(&self) -> ClientConfig {
        let builder = || ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = match builder().with_safe_default_protocol_versions() {
            Ok(builder) => builder,
            // The provider has every default cipher suite; were it not so, TLS 1.3
            // alone would be left.
            Err(_) => ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]),
        };
        builder
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth()
    }
}

impl Identities {
    fn read(certificates: &[wire::ClientCertificate]) -> Result<Self, TransportError> {
        let provider = ring::default_provider();
        let read = |it: &wire::ClientCertificate| {
            let chain = CertificateDer::pem_slice_iter(it.cert.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(TransportError::Certificate)?;
            let key = PrivateKeyDer::from_pem_slice(it.key.as_bytes())
                .map_err(TransportError::Certificate)?;
            let identity = CertifiedKey::from_der(chain, key, &provider)
                .map_err(TransportError::ClientIdentity)?;
            Ok(Arc::new(identity))
        };
        Ok(Self(
            certificates.iter().map(read).collect::<Result<_, _>>()?,
        ))
    }
}

impl ResolvesClientCert for Identities {
    fn resolve(
        &self,
        _authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let mut all = self.0.iter();
        let fits = |it: &&Arc<CertifiedKey>| it.key.choose_scheme(schemes).is_some();
        all.find(fits).map(Arc::clone)
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Verifier {
    fn new(
        spec: &wire::ServersTransport,
        trust: &Trust,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TransportError> {
        let web = if spec.insecure_skip_verify {
            None
        } else {
            let roots = Arc::clone(&trust.roots);
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            Some(verifier.map_err(|_| TransportError::NoRootCa)?)
        };
        let uri = Some(&spec.peer_cert_uri).filter(|uri| !uri.is_empty());
        Ok(Self {
            web,
            uri: uri.map(|uri| (uri.clone(), Arc::clone(&trust.roots))),
            named: Arc::clone(&trust.named),
            provider,
        })
    }

    /// Nothing is wrong with the certificate but that it is an authority's, and it is
    /// one of those that are trusted by name.
    fn stands_for_itself(&self, certificate: &CertificateDer<'_>, error: &Error) -> bool {
        let Error::InvalidCertificate(CertificateError::Other(OtherError(error))) = error else {
            return false;
        };
        let is_authority = error.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity);
        is_authority && self.named.contains(certificate)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(web) = &self.web
            && let Err(error) = web.verify_server_cert(certificate, intermediates, name, ocsp, now)
        {
            if !self.stands_for_itself(certificate, &error) {
                return Err(error);
            }
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        }
        if let Some((uri, roots)) = &self.uri {
            let signed = verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(certificate)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            );
            match signed {
                Err(error) if !self.stands_for_itself(certificate, &error) => return Err(error),
                _ => {}
            }
            if !has_uri(certificate, uri) {
                return Err(CertificateError::NotValidForName.into());
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn has_uri(certificate: &CertificateDer<'_>, uri: &str) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.valid_uri_names().any(|name| name == uri))
}

/// With these suites for TLS 1.2; those of TLS 1.3 are not chosen.
fn provider(suites: &[String]) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !suites.is_empty() {
        let named = |suite: CipherSuite| {
            let name = suite.as_str().unwrap_or_default();
            suites.iter().any(|it| it == name)
        };
        provider.cipher_suites.retain(|suite| match suite {
            SupportedCipherSuite::Tls12(suite) => named(suite.common.suite),
            SupportedCipherSuite::Tls13(_) => true,
        });
    }
    provider
}
