//! What browsers are told about security, and the check of the host.

use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rand::RngCore as _;

use super::super::MiddlewareError;
use crate::proxy::head::Head;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const NONCE: &str = "$NONCE";

#[derive(Debug)]
pub(super) struct Security {
    /// Empty: every host.
    hosts: Vec<String>,
    host_headers: Vec<HeaderName>,
    /// Headers with the values that mean TLS.
    tls_headers: Vec<(HeaderName, HeaderValue)>,
    /// On every answer.
    always: Vec<(HeaderName, HeaderValue)>,
    /// On answers over TLS.
    over_tls: Vec<(HeaderName, HeaderValue)>,
    /// Texts with places for a nonce.
    with_nonce: Vec<(HeaderName, String)>,
}

impl Security {
    pub(super) fn build(spec: &wire::SecurityHeaders) -> Result<Self, MiddlewareError> {
        let mut built = Self {
            hosts: Vec::new(),
            host_headers: spec
                .hosts_proxy_headers
                .iter()
                .map(|name| parse_name(name))
                .collect::<Result<_, _>>()?,
            tls_headers: Vec::new(),
            always: Vec::new(),
            over_tls: Vec::new(),
            with_nonce: Vec::new(),
        };
        for (name, value) in &spec.ssl_proxy_headers {
            let name = parse_name(name)?;
            let value = parse_value(&name, value)?;
            built.tls_headers.push((name, value));
        }
        let nosniff = if spec.content_type_nosniff {
            "nosniff"
        } else {
            ""
        };
        let texts = [
            (header::X_FRAME_OPTIONS, spec.frame_options.as_str()),
            (header::X_CONTENT_TYPE_OPTIONS, nosniff),
            (header::X_XSS_PROTECTION, &spec.xss_protection),
            (header::REFERRER_POLICY, &spec.referrer_policy),
            (PERMISSIONS_POLICY, &spec.permissions_policy),
        ];
        for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            let value = parse_value(&name, text)?;
            built.always.push((name, value));
        }
        built.policy(
            header::CONTENT_SECURITY_POLICY,
            &spec.content_security_policy,
        )?;
        built.policy(
            header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
            &spec.content_security_policy_report_only,
        )?;
        if !spec.is_development {
            built.hosts.clone_from(&spec.allowed_hosts);
            built.transport(spec)?;
        }
        Ok(built)
    }

    fn policy(&mut self, name: HeaderName, text: &str) -> Result<(), MiddlewareError> {
        if text.contains(NONCE) {
            parse_value(&name, text)?;
            self.with_nonce.push((name, text.to_owned()));
        } else if !text.is_empty() {
            let value = parse_value(&name, text)?;
            self.always.push((name, value));
        }
        Ok(())
    }

    fn transport(&mut self, spec: &wire::SecurityHeaders) -> Result<(), MiddlewareError> {
        if spec.sts_seconds != 0 {
            let mut text = format!("max-age={}", spec.sts_seconds);
            if spec.sts_include_subdomains {
                text.push_str("; includeSubDomains");
            }
            if spec.sts_preload {
                text.push_str("; preload");
            }
            let name = header::STRICT_TRANSPORT_SECURITY;
            let value = parse_value(&name, &text)?;
            let to = if spec.force_sts_header {
                &mut self.always
            } else {
                &mut self.over_tls
            };
            to.push((name, value));
        }
        if !spec.public_key.is_empty() {
            let name = header::PUBLIC_KEY_PINS;
            let value = parse_value(&name, &spec.public_key)?;
            self.over_tls.push((name, value));
        }
        Ok(())
    }

    /// The request may be served under the host it names.
    pub(super) fn admits(&self, head: &Head) -> bool {
        if self.hosts.is_empty() {
            return true;
        }
        let told = self.host_headers.iter();
        let told = told
            .filter_map(|name| head.headers.get(name))
            .find(|value| !value.is_empty());
        let own = head.host_header.as_ref();
        let own = own.or_else(|| head.headers.get(header::HOST));
        let host = told.or(own).map(HeaderValue::as_bytes).unwrap_or_default();
        let mut hosts = self.hosts.iter();
        hosts.any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(host))
    }

    /// The request came over TLS, here or at a proxy in front that says so.
    pub(super) fn is_tls(&self, head: &Head) -> bool {
        let mut told = self.tls_headers.iter();
        head.secure || told.any(|(name, value)| head.headers.get(name) == Some(value))
    }

    pub(super) fn on_response(&self, tls: bool, headers: &mut HeaderMap) {
        let over_tls = self.over_tls.iter().filter(|_| tls);
        for (name, value) in self.always.iter().chain(over_tls) {
            headers.insert(name, value.clone());
        }
        if self.with_nonce.is_empty() {
            return;
        }
        let source = format!("'nonce-{}'", nonce());
        for (name, text) in &self.with_nonce {
            if let Ok(value) = HeaderValue::try_from(text.replace(NONCE, &source)) {
                headers.insert(name, value);
            }
        }
    }
}

/// 128 random bits in base64.
fn nonce() -> String {
    use base64::Engine as _;
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

fn parse_name(name: &str) -> Result<HeaderName, MiddlewareError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| MiddlewareError::HeaderName(name.to_owned()))
}

fn parse_value(name: &HeaderName, value: &str) -> Result<HeaderValue, MiddlewareError> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| MiddlewareError::HeaderValue {
        name: name.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::values;
    use super::*;
    use crate::proxy::head::tests::head;

    fn answered(spec: &wire::SecurityHeaders, tls: bool) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::X_FRAME_OPTIONS, "of-server".parse().unwrap());
        Security::build(spec)
            .unwrap()
            .on_response(tls, &mut headers);
        headers.remove("x-untouched");
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .filter(|line| line != "x-frame-options: of-server")
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn each_option_is_a_header() {
        type Spec = wire::SecurityHeaders;
        let text = |text: &str| text.to_owned();
        #[rustfmt::skip]
        let rows = [
            (Spec { frame_options: text("DENY"), ..Spec::default() }, "x-frame-options: DENY"),
            (Spec { content_type_nosniff: true, ..Spec::default() }, "x-content-type-options: nosniff"),
            (Spec { xss_protection: text("1; mode=block"), ..Spec::default() }, "x-xss-protection: 1; mode=block"),
            (Spec { content_security_policy: text("default-src 'self'"), ..Spec::default() }, "content-security-policy: default-src 'self'"),
            (Spec { content_security_policy_report_only: text("a"), ..Spec::default() }, "content-security-policy-report-only: a"),
            (Spec { referrer_policy: text("no-referrer"), ..Spec::default() }, "referrer-policy: no-referrer"),
            (Spec { permissions_policy: text("camera=()"), ..Spec::default() }, "permissions-policy: camera=()"),
            (Spec { sts_seconds: 5, force_sts_header: true, ..Spec::default() }, "strict-transport-security: max-age=5"),
        ];
        for (spec, expected) in rows {
            for tls in [false, true] {
                assert_eq!(answered(&spec, tls), [expected]);
            }
        }
    }

    #[test]
    fn transport_security_is_told_over_tls_only() {
        let spec = wire::SecurityHeaders {
            sts_seconds: 31_536_000,
            sts_include_subdomains: true,
            sts_preload: true,
            public_key: "pin-sha256=x".to_owned(),
            ..Default::default()
        };
        assert_eq!(answered(&spec, false), [""; 0]);
        assert_eq!(
            answered(&spec, true),
            [
                "public-key-pins: pin-sha256=x",
                "strict-transport-security: max-age=31536000; includeSubDomains; preload",
            ]
        );
        let none = wire::SecurityHeaders {
            sts_seconds: 0,
            ..spec.clone()
        };
        assert_eq!(answered(&none, true), ["public-key-pins: pin-sha256=x"]);
        let development = wire::SecurityHeaders {
            is_development: true,
            force_sts_header: true,
            ..spec
        };
        assert_eq!(answered(&development, true), [""; 0]);
    }

    #[test]
    fn each_answer_has_a_nonce_of_its_own() {
        let spec = wire::SecurityHeaders {
            content_security_policy: "script-src $NONCE; style-src $NONCE".to_owned(),
            ..Default::default()
        };
        let (one, other) = (answered(&spec, false), answered(&spec, false));
        assert_ne!(one, other);
        let quoted: Vec<_> = one[0].split('\'').collect();
        assert_eq!(
            (quoted[1], quoted[1].len()),
            (quoted[3], "nonce-".len() + 22)
        );
    }

    #[test]
    fn tls_is_what_the_connection_or_a_header_says() {
        let spec = wire::SecurityHeaders {
            ssl_proxy_headers: [("X-Proto".to_owned(), "https".to_owned())].into(),
            ..Default::default()
        };
        let security = Security::build(&spec).unwrap();
        let mut head = head("h", "/");
        assert!(!security.is_tls(&head));
        for (value, expected) in [("https", true), ("HTTPS", false), ("http", false)] {
            head.headers.insert("x-proto", value.parse().unwrap());
            assert_eq!(security.is_tls(&head), expected, "{value}");
        }
        head.secure = true;
        assert!(security.is_tls(&head));
    }

    #[test]
    fn only_the_hosts_allowed_are_served() {
        let spec = wire::SecurityHeaders {
            allowed_hosts: vec!["A.test".to_owned(), "b.test:81".to_owned()],
            hosts_proxy_headers: vec!["X-One".to_owned(), "X-Two".to_owned()],
            ..Default::default()
        };
        let development = wire::SecurityHeaders {
            is_development: true,
            ..spec.clone()
        };
        for (host, proxied, expected) in [
            ("a.TEST", "", true),
            ("b.test:81", "", true),
            ("b.test", "", false),
            ("evil.test", "", false),
            ("evil.test", "a.test", true),
            ("a.test", "evil.test", false),
        ] {
            let mut head = head(host, "/");
            head.headers.insert(header::HOST, host.parse().unwrap());
            head.headers.insert("x-two", proxied.parse().unwrap());
            let admits = |spec| Security::build(spec).unwrap().admits(&head);
            assert_eq!(admits(&spec), expected, "{host} {proxied}");
            assert!(admits(&development));
            assert!(values(&head.headers, "x-one").is_empty());
        }
    }

    #[test]
    fn what_cannot_be_a_header_is_an_error() {
        for spec in [
            wire::SecurityHeaders {
                referrer_policy: "a\nb".to_owned(),
                ..Default::default()
            },
            wire::SecurityHeaders {
                content_security_policy: "$NONCE\n".to_owned(),
                ..Default::default()
            },
            wire::SecurityHeaders {
                hosts_proxy_headers: vec!["a b".to_owned()],
                ..Default::default()
            },
        ] {
            assert!(Security::build(&spec).is_err(), "{spec:?}");
        }
    }
}
