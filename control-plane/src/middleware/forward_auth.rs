//! `forwardAuth`: asks another server whether a request may pass.

use fairway_proto::discovery::v1 as proto;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Uri};
use serde::Serialize;

use super::pattern;
use crate::label::Fields;
use crate::model::{
    ClientCertificate, ClientTls, FileText, NamedFile, Pem, ServersTransport, Unusable,
};
use crate::rule::Pattern;

const ADDRESS: &str = "forwardAuth.address";
const REQUEST_HEADERS: &str = "forwardAuth.authRequestHeaders";
const RESPONSE_HEADERS: &str = "forwardAuth.authResponseHeaders";
const REGEX: &str = "forwardAuth.authResponseHeadersRegex";
const HEADER_FIELD: &str = "forwardAuth.headerField";
const FORWARD_BODY: &str = "forwardAuth.forwardBody";
const MAX_BODY: &str = "forwardAuth.maxBodySize";
const MAX_RESPONSE: &str = "forwardAuth.maxResponseBodySize";
const SIGN_IN: &str = "forwardAuth.authSigninURL";
const CA: &str = "forwardAuth.tls.ca";
const CERT: &str = "forwardAuth.tls.cert";
const KEY: &str = "forwardAuth.tls.key";
/// What findings call the files of `tls`.
const TLS_FILES: [&str; 3] = ["tls.ca", "tls.cert", "tls.key"];

/// Options of `forwardAuth`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForwardAuth {
    /// URL of the server that is asked.
    pub address: String,
    /// How it is spoken to over TLS; `None`: as the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// What becomes of `X-Forwarded-…`: `None`, the usual ones are written anew;
    /// `false`, all; `true`, none that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_forward_header: Option<bool>,
    /// Headers that go into the question; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auth_request_headers: Vec<String>,
    /// Headers of the answer that the server gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auth_response_headers: Vec<String>,
    /// The same by expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_response_headers_regex: Option<Pattern>,
    /// Cookies of the answer that the client gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_auth_cookies_to_response: Vec<String>,
    /// Header of the answer with the user's name for the access log.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub header_field: String,
    /// Send the body, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forward_body: bool,
    /// Bytes of a body that may be sent; `None`: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_size: Option<u64>,
    /// Bytes of the body of an answer; `None`: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_response_body_size: Option<u64>,
    /// Give the client `Location` as it stands.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preserve_location_header: bool,
    /// Ask with the request's method.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preserve_request_method: bool,
    /// Where a client goes instead of a 401.
    #[serde(rename = "authSigninURL", skip_serializing_if = "String::is_empty")]
    pub auth_signin_url: String,
    #[serde(skip)]
    question: Question,
}

/// The address, read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    is_tls: bool,
    /// As in `Host`.
    host: String,
    /// `host:port`
    address: String,
    target: String,
}

impl ForwardAuth {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        let Some(address) = fields.some_text(ADDRESS) else {
            let suggestion = format!("write {}=http://auth:4181/verify", fields.key(ADDRESS));
            fields.reject(ADDRESS, "forwardAuth lacks its address", suggestion);
            return None;
        };
        let question = match Question::read(&address) {
            Ok(question) => question,
            Err(problem) => {
                let message = format!("the address `{address}` {problem}");
                fields.reject(
                    ADDRESS,
                    message,
                    "write for instance http://auth:4181/verify",
                );
                return None;
            }
        };
        let regex = fields.some_text(REGEX);
        let header_field = fields.some_text(HEADER_FIELD).unwrap_or_default();
        if !header_field.is_empty() {
            check_header(fields, HEADER_FIELD, &header_field);
        }
        let auth_signin_url = fields.some_text(SIGN_IN).unwrap_or_default();
        if HeaderValue::try_from(&auth_signin_url).is_err() {
            let message = format!("`{auth_signin_url}` is not a URL");
            fields.reject(
                SIGN_IN,
                message,
                "write for instance https://auth.example/login",
            );
        }
        let forward_body = fields.boolean(FORWARD_BODY).unwrap_or_default();
        let max_body_size = size(fields, MAX_BODY);
        if forward_body && max_body_size.is_none() {
            let suggestion = format!("write {}=1048576", fields.key(MAX_BODY));
            let message = "forwardBody without maxBodySize keeps bodies of any size in memory";
            fields.remark(FORWARD_BODY, message, suggestion);
        }
        let pattern = regex.and_then(|text| pattern(fields, REGEX, &text));
        let tls = client_tls(fields);
        if tls.is_some() && !question.is_tls {
            let message = "tls has no effect: the address does not start with https://";
            fields.remark(ADDRESS, message, "write https://, or remove tls");
        }
        Some(Self {
            address,
            tls,
            trust_forward_header: fields.boolean("forwardAuth.trustForwardHeader"),
            auth_request_headers: headers(fields, REQUEST_HEADERS),
            auth_response_headers: headers(fields, RESPONSE_HEADERS),
            auth_response_headers_regex: pattern,
            add_auth_cookies_to_response: fields.list("forwardAuth.addAuthCookiesToResponse"),
            header_field,
            forward_body,
            max_body_size,
            max_response_body_size: size(fields, MAX_RESPONSE),
            preserve_location_header: flag(fields, "forwardAuth.preserveLocationHeader"),
            preserve_request_method: flag(fields, "forwardAuth.preserveRequestMethod"),
            auth_signin_url,
            question,
        })
    }

    pub(super) fn encode(&self) -> proto::ForwardAuth {
        let scheme = if self.question.is_tls {
            proto::Scheme::Https
        } else {
            proto::Scheme::Http
        };
        let regex = self.auth_response_headers_regex.as_ref();
        proto::ForwardAuth {
            scheme: scheme.into(),
            address: self.question.address.clone(),
            host: self.question.host.clone(),
            target: self.question.target.clone(),
            trust_forward_header: self.trust_forward_header,
            auth_request_headers: self.auth_request_headers.clone(),
            auth_response_headers: self.auth_response_headers.clone(),
            auth_response_headers_regex: regex
                .map(|it| it.translated().to_owned())
                .unwrap_or_default(),
            add_auth_cookies_to_response: self.add_auth_cookies_to_response.clone(),
            header_field: self.header_field.clone(),
            forward_body: self.forward_body,
            max_body_size: self.max_body_size,
            max_response_body_size: self.max_response_body_size,
            preserve_location_header: self.preserve_location_header,
            preserve_request_method: self.preserve_request_method,
            auth_signin_url: self.auth_signin_url.clone(),
            tls: self.tls.as_ref().map(|it| transport(it).encode()),
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = NamedFile<'_>> {
        let tls = self.tls.iter();
        tls.flat_map(|it| it.files(TLS_FILES))
    }

    /// With what is in its files.
    pub(super) fn with_files(&self, read: &dyn Fn(&str) -> FileText) -> Result<Self, Unusable> {
        let tls = self.tls.as_ref();
        let filled = tls.map(|it| it.with_files(TLS_FILES, read));
        Ok(Self {
            tls: filled.transpose()?,
            ..self.clone()
        })
    }
}

fn client_tls(fields: &mut Fields) -> Option<ClientTls> {
    let pem = |option: &str| Pem::new(fields.some_text(option).unwrap_or_default());
    let tls = ClientTls {
        ca: pem(CA),
        cert: pem(CERT),
        key: pem(KEY),
        insecure_skip_verify: flag(fields, "forwardAuth.tls.insecureSkipVerify"),
    };
    if tls.cert.is_empty() != tls.key.is_empty() {
        let option = if tls.cert.is_empty() { KEY } else { CERT };
        let message = "tls.cert and tls.key go together, and one of them is missing";
        fields.reject(option, message, "write both, each a path or PEM");
    }
    (tls != ClientTls::default()).then_some(tls)
}

fn transport(tls: &ClientTls) -> ServersTransport {
    let identity = (!tls.cert.is_empty()).then(|| ClientCertificate {
        cert_file: tls.cert.clone(),
        key_file: tls.key.clone(),
    });
    let authority = (!tls.ca.is_empty()).then(|| tls.ca.clone());
    ServersTransport {
        insecure_skip_verify: tls.insecure_skip_verify,
        root_cas: authority.into_iter().collect(),
        certificates: identity.into_iter().collect(),
        ..ServersTransport::default()
    }
}

impl Question {
    fn read(address: &str) -> Result<Self, &'static str> {
        let before_fragment = address.split('#').next().unwrap_or_default();
        let uri: Uri = before_fragment.parse().map_err(|_| "is not a URL")?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("does not start with http:// or https://"),
        };
        let authority = uri.authority().map_or("", Authority::as_str);
        if authority.contains('@') {
            return Err("has credentials, which are not sent");
        }
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or("lacks its host")?;
        let port = match authority.strip_prefix(host).unwrap_or_default() {
            "" | ":" => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            _ => uri
                .port_u16()
                .filter(|port| *port != 0)
                .ok_or("has no valid port")?,
        };
        let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        Ok(Self {
            is_tls,
            host: authority.trim_end_matches(':').to_owned(),
            address: format!("{host}:{port}"),
            target: if target.starts_with('/') {
                target.to_owned()
            } else {
                format!("/{target}")
            },
        })
    }
}

fn flag(fields: &Fields, option: &str) -> bool {
    fields.boolean(option).unwrap_or_default()
}

/// A number of bytes; a negative one is no limit.
fn size(fields: &Fields, option: &str) -> Option<u64> {
    let size = fields.integer(option)?;
    u64::try_from(size).ok()
}

fn headers(fields: &mut Fields, option: &str) -> Vec<String> {
    let names = fields.list(option);
    for name in &names {
        check_header(fields, option, name);
    }
    names
}

fn check_header(fields: &mut Fields, option: &str, name: &str) {
    if HeaderName::try_from(name).is_err() {
        let message = format!("`{name}` cannot be the name of a header");
        let suggestion = "write letters, digits and dashes, such as X-Auth-User";
        fields.reject(option, message, suggestion);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_url_with_a_host() {
        #[rustfmt::skip]
        let rows = [
            ("http://auth", Some((false, "auth", "auth:80", "/"))),
            ("https://auth.test/verify?a=b#c", Some((true, "auth.test", "auth.test:443", "/verify?a=b"))),
            ("http://auth:4181", Some((false, "auth:4181", "auth:4181", "/"))),
            ("http://auth?a=b", Some((false, "auth", "auth:80", "/?a=b"))),
            ("http://[::1]:81/x", Some((false, "[::1]:81", "[::1]:81", "/x"))),
            ("auth:4181", None),
            ("ftp://auth", None),
            ("http://", None),
            ("http://auth:0/", None),
            ("http://me:secret@auth/", None),
        ];
        for (address, expected) in rows {
            let read = Question::read(address).ok();
            let read = read.as_ref().map(|it| {
                (
                    it.is_tls,
                    it.host.as_str(),
                    it.address.as_str(),
                    it.target.as_str(),
                )
            });
            assert_eq!(read, expected, "{address}");
        }
    }
}
