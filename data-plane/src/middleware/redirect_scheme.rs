//! `redirectScheme`: sends the client to the same URL with another scheme.

use bytes::Bytes;
use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::{Answer, Flow, MiddlewareError};
use crate::proxy::head::{Head, routing_host};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[derive(Debug)]
pub(super) struct RedirectScheme {
    /// Lower-case.
    scheme: String,
    /// `None`: the scheme's own.
    port: Option<u16>,
    permanent: bool,
}

impl RedirectScheme {
    pub(super) fn build(spec: &wire::RedirectScheme) -> Result<Self, MiddlewareError> {
        if spec.scheme.is_empty() {
            return Err(MiddlewareError::Required { option: "scheme" });
        }
        let scheme = spec.scheme.to_ascii_lowercase();
        if !scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            return Err(MiddlewareError::Scheme(spec.scheme.clone()));
        }
        let port = match spec.port.as_str() {
            "" => None,
            port => Some(
                port.parse()
                    .map_err(|_| MiddlewareError::Port(port.to_owned()))?,
            ),
        };
        let port = port.filter(|port| default_port(&scheme) != Some(*port));
        Ok(Self {
            scheme,
            port,
            permanent: spec.permanent,
        })
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        let host = head
            .host_header
            .as_ref()
            .or_else(|| head.headers.get(header::HOST));
        let host = host
            .and_then(|host| host.to_str().ok())
            .unwrap_or(&head.host);
        let scheme = scheme(head);
        let port = port(host).filter(|port| default_port(scheme) != Some(*port));
        if scheme == self.scheme && port == self.port {
            return Flow::Continue;
        }
        let Some(location) = self.location(&routing_host(host), head) else {
            let status = StatusCode::BAD_REQUEST;
            return Flow::Respond(Answer::text(status, "bad_request", "Bad Request\n"));
        };
        let status = redirect_status(&head.method, self.permanent);
        let body = status.canonical_reason().unwrap_or_default();
        Flow::Respond(Answer {
            status,
            reason: "redirect",
            headers: HeaderMap::from_iter([(header::LOCATION, location)]),
            body: Bytes::from_static(body.as_bytes()),
        })
    }

    /// `None` without a host: there is nowhere to send the client.
    fn location(&self, host: &str, head: &Head) -> Option<HeaderValue> {
        if host.is_empty() {
            return None;
        }
        let target = head.target().ok()?;
        let mut location = format!("{}://", self.scheme);
        if host.contains(':') {
            location.extend(["[", host, "]"]);
        } else {
            location.push_str(host);
        }
        if let Some(port) = self.port {
            location.extend([":", &port.to_string()]);
        }
        location.push_str(target.as_str());
        HeaderValue::from_maybe_shared(Bytes::from(location)).ok()
    }
}

/// Only a `GET` may come back as another method than it was.
pub(super) fn redirect_status(method: &Method, permanent: bool) -> StatusCode {
    match (permanent, method == Method::GET) {
        (false, true) => StatusCode::FOUND,
        (false, false) => StatusCode::TEMPORARY_REDIRECT,
        (true, true) => StatusCode::MOVED_PERMANENTLY,
        (true, false) => StatusCode::PERMANENT_REDIRECT,
    }
}

/// Of the client's request, as far as it is known here. A trusted proxy in front
/// that terminates TLS says so in `X-Forwarded-Proto`; anybody else's was removed.
fn scheme(head: &Head) -> &'static str {
    let forwarded = head
        .headers
        .get(X_FORWARDED_PROTO)
        .map_or(&[][..], HeaderValue::as_bytes);
    let is = |scheme: &str| forwarded.eq_ignore_ascii_case(scheme.as_bytes());
    if head.secure || is("https") || is("wss") {
        "https"
    } else {
        "http"
    }
}

fn port(authority: &str) -> Option<u16> {
    let (host, port) = authority.rsplit_once(':')?;
    // Colons without brackets are those of an IPv6 address.
    if host.contains(':') && !host.ends_with(']') {
        None
    } else {
        port.parse().ok()
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{build, run};
    use super::*;
    use crate::proxy::head::tests::head;

    fn redirect_scheme(scheme: &str, port: &str, permanent: bool) -> Kind {
        let (scheme, port) = (scheme.to_owned(), port.to_owned());
        Kind::RedirectScheme(wire::RedirectScheme {
            scheme,
            port,
            permanent,
        })
    }

    fn request(host: &str, target: &str) -> Head {
        let mut head = head(host, target);
        head.headers.insert(header::HOST, host.parse().unwrap());
        head
    }

    #[test]
    fn the_client_is_sent_to_the_same_url_with_the_scheme_and_port() {
        for (scheme, port, host, target, expected) in [
            (
                "https",
                "",
                "example.com",
                "/a%20b?x=1",
                "https://example.com/a%20b?x=1",
            ),
            ("https", "", "example.com:8080", "/", "https://example.com/"),
            ("https", "443", "example.com", "/", "https://example.com/"),
            (
                "https",
                "8443",
                "example.com:80",
                "/",
                "https://example.com:8443/",
            ),
            ("HTTPS", "", "EXAMPLE.com", "/", "https://example.com/"),
            (
                "http",
                "8080",
                "example.com",
                "/",
                "http://example.com:8080/",
            ),
            ("http", "", "example.com:8080", "/", "http://example.com/"),
            (
                "https",
                "",
                "[2001:db8::1]:80",
                "/",
                "https://[2001:db8::1]/",
            ),
            ("https", "8443", "[::1]", "/", "https://[::1]:8443/"),
        ] {
            let chain = [redirect_scheme(scheme, port, false)];
            let answer = run(chain, &mut request(host, target)).unwrap();
            assert_eq!(answer.status, 302);
            assert_eq!(answer.headers[header::LOCATION], expected);
            assert_eq!(
                (answer.reason, answer.body),
                ("redirect", Bytes::from("Found"))
            );
        }
    }

    #[test]
    fn a_request_that_is_already_there_goes_on() {
        for (scheme, port, host, secure, forwarded) in [
            ("http", "", "example.com", false, ""),
            ("http", "80", "example.com:80", false, ""),
            ("http", "8080", "example.com:8080", false, ""),
            ("https", "", "example.com", true, ""),
            ("https", "8443", "example.com:8443", true, ""),
            ("https", "", "example.com", false, "https"),
            ("https", "", "example.com:443", false, "WSS"),
            ("http", "", "example.com", false, "gopher"),
        ] {
            let mut head = request(host, "/");
            head.secure = secure;
            head.headers
                .insert(X_FORWARDED_PROTO, forwarded.parse().unwrap());
            let answer = run([redirect_scheme(scheme, port, false)], &mut head);
            assert!(answer.is_none(), "{scheme} {port} {host} {forwarded}");
        }
    }

    #[test]
    fn only_get_may_become_another_method() {
        for (method, permanent, status) in [
            (Method::GET, false, 302),
            (Method::HEAD, false, 307),
            (Method::POST, false, 307),
            (Method::GET, true, 301),
            (Method::POST, true, 308),
        ] {
            let mut head = request("h", "/");
            head.method = method;
            let answer = run([redirect_scheme("https", "", permanent)], &mut head).unwrap();
            assert_eq!(answer.status, status);
        }
    }

    #[test]
    fn without_a_host_there_is_nowhere_to_go() {
        let answer = run([redirect_scheme("https", "", false)], &mut head("", "/")).unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.reason),
            (400, "bad_request")
        );
    }

    #[test]
    fn options_that_make_no_url_are_errors() {
        for (scheme, port, expected) in [
            ("", "", "`scheme` is required"),
            ("ht tp", "", "`scheme`: `ht tp` is not the scheme of a URL"),
            ("https", "x", "`port`: `x` is not a port"),
        ] {
            let error = build(redirect_scheme(scheme, port, false)).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
