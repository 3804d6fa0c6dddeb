//! `passTLSClientCert`: tells the server about the client's certificate.
//!
//! Invariant: what the server reads in its headers is what the proxy knows. No client
//! has a certificate where no connection has TLS, so the headers are only taken off,
//! whoever sent them.

use http::HeaderName;

use super::Flow;
use crate::proxy::head::Head;

const CERTIFICATE: HeaderName = HeaderName::from_static("x-forwarded-tls-client-cert");
const INFO: HeaderName = HeaderName::from_static("x-forwarded-tls-client-cert-info");

#[derive(Debug)]
pub(super) struct PassTlsClientCert;

impl PassTlsClientCert {
    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        head.headers.remove(CERTIFICATE);
        head.headers.remove(INFO);
        Flow::Continue
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::tests::values;
    use super::*;
    use crate::proxy::head::tests::head;

    #[test]
    fn nobody_can_claim_a_certificate() {
        let mut head = head("h", "/");
        for name in [CERTIFICATE, INFO] {
            head.headers.append(&name, HeaderValue::from_static("a"));
            head.headers.append(&name, HeaderValue::from_static("b"));
        }
        head.headers.insert("x-a", HeaderValue::from_static("1"));
        let flow = PassTlsClientCert.on_request(&mut head);
        assert!(matches!(flow, Flow::Continue));
        assert_eq!(head.headers.len(), 1);
        assert_eq!(values(&head.headers, "x-a"), ["1"]);
    }
}
