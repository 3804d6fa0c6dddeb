//! PEM checked, and TLS as a client.
//!
//! What is wrong with a certificate or a key is found here, where its author is told;
//! proxies would only reject it. Errors never quote what is in a key.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedCipherSuite,
};

/// Why PEM cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A section has no end.
    #[error("it ends in the middle of PEM")]
    Cut,
    /// Something between the lines of PEM.
    #[error("it is broken PEM")]
    Broken,
    /// None, or none that can be read.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// No key.
    #[error("there is no private key in it")]
    NoKey,
    /// A key of a kind that is not known, or of another certificate.
    #[error("certificate and key do not go together: {0}")]
    Identity(#[source] Error),
    /// Neither the system nor the options name an authority.
    #[error("there are no certificates of authorities to trust")]
    NoAuthority,
    /// No protocol is left.
    #[error("TLS cannot be used: {0}")]
    Config(#[source] Error),
}

/// The certificates of authorities.
pub(crate) fn authorities(pem: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(pem)?);
    match added {
        0 => Err(TlsError::NoCertificate),
        _ => Ok(roots),
    }
}

/// A certificate with its key.
pub(crate) fn identity(cert: &str, key: &str) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(cert)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    CertifiedKey::from_der(chain, self::key(key)?, &ring::default_provider())
        .map_err(TlsError::Identity)
}

/// The names of the suites for TLS 1.2 that can be chosen.
pub(crate) fn suites() -> Vec<&'static str> {
    let suites = ring::default_provider().cipher_suites;
    let named = suites.iter().filter_map(|suite| match suite {
        SupportedCipherSuite::Tls12(suite) => suite.common.suite.as_str(),
        SupportedCipherSuite::Tls13(_) => None,
    });
    named.collect()
}

/// TLS as a client. `ca`: PEM of those who are trusted, `None`: the system's; `identity`:
/// PEM of certificate and key; `insecure`: any certificate is taken.
pub(crate) fn client(
    ca: Option<&str>,
    identity: Option<(&str, &str)>,
    insecure: bool,
) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Config)?;
    let roots = match ca {
        Some(pem) => authorities(pem)?,
        None if insecure => RootCertStore::empty(),
        None => {
            let mut roots = RootCertStore::empty();
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            roots
        }
    };
    let builder = if insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    } else {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
        builder.with_webpki_verifier(verifier.map_err(|_| TlsError::NoAuthority)?)
    };
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some((cert, key)) => {
            let identity = SingleCertAndKey::from(self::identity(cert, key)?);
            Ok(builder.with_client_cert_resolver(Arc::new(identity)))
        }
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(broken)
}

fn key(pem: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey,
        error => broken(error),
    })
}

/// Without the error's own words, which quote what is there.
fn broken(error: pem::Error) -> TlsError {
    match error {
        pem::Error::MissingSectionEnd { .. } => TlsError::Cut,
        _ => TlsError::Broken,
    }
}

/// Takes the certificate of anybody, who must have its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
