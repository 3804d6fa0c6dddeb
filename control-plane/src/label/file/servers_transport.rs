//! Servers transports of a file.

use std::time::Duration;

use crate::label::Fields;
use crate::model::{ClientCertificate, Pem, ServersTransport, TlsVersion};
use crate::tls;

const CERT: &str = "certificates[].certFile";
const KEY: &str = "certificates[].keyFile";
const IDLE: &str = "maxIdleConnsPerHost";
const MIN: &str = "minVersion";
const MAX: &str = "maxVersion";
const SUITES: &str = "cipherSuites";

/// Reads a servers transport; what is wrong is told to the fields.
pub(super) fn decode(fields: &mut Fields) -> ServersTransport {
    let usual = ServersTransport::default();
    let (mut min_version, max_version) = versions(fields);
    let cipher_suites = suites(fields);
    if cipher_suites.is_empty() && !fields.list(SUITES).is_empty() {
        // All of them are of TLS 1.3.
        min_version = Some(TlsVersion::V13);
    }
    let root_cas = fields.list("rootCAs");
    let insecure_skip_verify = fields.boolean("insecureSkipVerify").unwrap_or_default();
    if insecure_skip_verify && !root_cas.is_empty() && fields.text("peerCertURI").is_none() {
        let message = "rootCAs has no effect with insecureSkipVerify: any certificate is taken";
        fields.remark("rootCAs", message, "remove insecureSkipVerify");
    }
    ServersTransport {
        server_name: fields.some_text("serverName").unwrap_or_default(),
        insecure_skip_verify,
        root_cas: root_cas.into_iter().map(Pem::new).collect(),
        certificates: certificates(fields),
        peer_cert_uri: fields.some_text("peerCertURI").unwrap_or_default(),
        cipher_suites,
        min_version,
        max_version,
        disable_http2: fields.boolean("disableHTTP2").unwrap_or_default(),
        max_idle_conns_per_host: fields
            .integer(IDLE)
            .map_or(usual.max_idle_conns_per_host, ServersTransport::idle_conns),
        dial_timeout: limit(fields, "dialTimeout", usual.dial_timeout),
        response_header_timeout: limit(
            fields,
            "responseHeaderTimeout",
            usual.response_header_timeout,
        ),
        idle_conn_timeout: limit(fields, "idleConnTimeout", usual.idle_conn_timeout),
        read_idle_timeout: limit(fields, "readIdleTimeout", usual.read_idle_timeout),
        ping_timeout: limit(fields, "pingTimeout", usual.ping_timeout),
    }
}

fn certificates(fields: &mut Fields) -> Vec<ClientCertificate> {
    let mut certificates = Vec::new();
    for at in 0..fields.count("certificates").unwrap_or_default() {
        let pem = |option: &str| fields.text_at(option, at).filter(|it| !it.is_empty());
        match (pem(CERT), pem(KEY)) {
            (Some(cert), Some(key)) => certificates.push(ClientCertificate {
                cert_file: Pem::new(cert),
                key_file: Pem::new(key),
            }),
            _ => {
                let message = format!("certificate {} lacks certFile or keyFile", at + 1);
                fields.reject("", message, "write both, a path or PEM");
            }
        }
    }
    certificates
}

fn limit(fields: &mut Fields, name: &str, usual: Duration) -> Duration {
    let option = format!("forwardingTimeouts.{name}");
    let Some(nanoseconds) = fields.duration(&option) else {
        return usual;
    };
    match u64::try_from(nanoseconds) {
        Ok(nanoseconds) => Duration::from_nanos(nanoseconds),
        Err(_) => {
            let message = format!("{name} is less than no time");
            fields.reject(&option, message, "write 0 or more, as in 500ms or 10s");
            usual
        }
    }
}

/// The least and the highest version.
fn versions(fields: &mut Fields) -> (Option<TlsVersion>, Option<TlsVersion>) {
    let min = version(fields, MIN);
    let max = version(fields, MAX);
    if fields.some_text(MAX).is_some() && max.is_none() && !fields.has_mistakes() {
        let message = "no version of TLS is left: servers are spoken to in 1.2 and 1.3";
        fields.reject(MAX, message, "write VersionTLS12 or VersionTLS13");
    }
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        let message = "no version of TLS is left: minVersion is above maxVersion";
        fields.reject(MIN, message, "write a lower minVersion");
    }
    (min, max)
}

/// `None` also for those that are too old to be spoken.
fn version(fields: &mut Fields, option: &str) -> Option<TlsVersion> {
    let word = fields.some_text(option)?;
    match word.as_str() {
        "VersionTLS12" => Some(TlsVersion::V12),
        "VersionTLS13" => Some(TlsVersion::V13),
        "VersionTLS10" | "VersionTLS11" => {
            if option == MIN {
                let message = format!("{option} {word} lets in no more: 1.2 is the lowest version");
                fields.remark(option, message, "remove it, or write VersionTLS12");
            }
            None
        }
        _ => {
            let message = format!("`{word}` is not a version of TLS");
            fields.reject(option, message, "write VersionTLS12 or VersionTLS13");
            None
        }
    }
}

/// Those of TLS 1.2 that can be chosen. The suites of TLS 1.3 are always offered, as in Go.
fn suites(fields: &mut Fields) -> Vec<String> {
    let known = tls::suites();
    let named = fields.list(SUITES);
    let (chosen, others): (Vec<_>, Vec<_>) = named
        .into_iter()
        .partition(|name| known.contains(&name.as_str()));
    let others: Vec<_> = others.into_iter().filter(|name| !is_of_1_3(name)).collect();
    let advice = format!("choose from {}", known.join(", "));
    if !others.is_empty() && chosen.is_empty() {
        let message = format!("none of the cipherSuites can be had: {}", others.join(", "));
        fields.reject(SUITES, message, advice);
    } else if !others.is_empty() {
        let message = format!("these cipherSuites cannot be had: {}", others.join(", "));
        fields.remark(SUITES, message, advice);
    }
    chosen
}

/// As Go and IANA name them: without the key exchange.
fn is_of_1_3(suite: &str) -> bool {
    ["TLS_AES_", "TLS_CHACHA20_"]
        .iter()
        .any(|start| suite.starts_with(start))
}
