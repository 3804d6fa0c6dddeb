//! `redirectRegex`: sends the client to another URL, made from the one it asked for.

use bytes::Bytes;
use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use regex::Regex;

use super::redirect_scheme::redirect_status;
use super::{Answer, Flow, MiddlewareError};
use crate::proxy::head::Head;
use crate::routing::regexp;

#[derive(Debug)]
pub(super) struct RedirectRegex {
    regexp: Regex,
    /// With `${1}` and `${name}`.
    replacement: String,
    permanent: bool,
}

impl RedirectRegex {
    pub(super) fn build(spec: &wire::RedirectRegex) -> Result<Self, MiddlewareError> {
        Ok(Self {
            regexp: regexp::compile(&spec.regex)?,
            replacement: spec.replacement.clone(),
            permanent: spec.permanent,
        })
    }

    pub(super) fn on_request(&self, head: &Head) -> Flow {
        let Some(old) = url(head) else {
            return Flow::Continue;
        };
        if !self.regexp.is_match(&old) {
            return Flow::Continue;
        }
        let new = self.regexp.replace_all(&old, self.replacement.as_str());
        if new == old {
            return Flow::Continue;
        }
        let Some(location) = location(&new) else {
            let status = StatusCode::BAD_GATEWAY;
            return Flow::Respond(Answer::text(status, "bad_redirect", "Bad Gateway\n"));
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
}

/// What the client asked for, as far as this connection tells: what a proxy in front
/// says of the scheme does not count here.
fn url(head: &Head) -> Option<String> {
    let host = head.host_header.as_ref();
    let host = host.or_else(|| head.headers.get(header::HOST));
    let host = host
        .and_then(|host| host.to_str().ok())
        .unwrap_or(&head.host);
    let scheme = if head.secure { "https" } else { "http" };
    Some(format!("{scheme}://{host}{}", head.target().ok()?.as_str()))
}

/// The URL as a header, if it is one; relative ones are.
fn location(url: &str) -> Option<HeaderValue> {
    let (before, fragment) = url
        .split_once('#')
        .map_or((url, None), |(a, b)| (a, Some(b)));
    let mut escaped = escape(before);
    // `/a`, `//host/a` and `?a` are URLs to a browser, but no request targets.
    let absolute = escaped.contains("://");
    let parsed = absolute.then(|| escaped.parse::<Uri>());
    if escaped.is_empty() && fragment.is_none() || matches!(parsed, Some(Err(_))) {
        return None;
    }
    if has_broken_escape(&escaped) {
        return None;
    }
    if let Some(fragment) = fragment {
        escaped.push('#');
        escaped.push_str(&escape(fragment));
    }
    HeaderValue::from_maybe_shared(Bytes::from(escaped)).ok()
}

/// Escapes what may not stand in a URL at all: captured text is the client's.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn has_broken_escape(url: &str) -> bool {
    url.split('%').skip(1).any(|after| {
        let digits = after.as_bytes().get(..2);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use http::Method;
    use wire::middleware::Kind;

    use super::super::tests::{build, run};
    use super::*;
    use crate::proxy::head::tests::head;

    fn redirect(regex: &str, replacement: &str, permanent: bool) -> Kind {
        Kind::RedirectRegex(wire::RedirectRegex {
            regex: regex.to_owned(),
            replacement: replacement.to_owned(),
            permanent,
        })
    }

    fn request(host: &str, target: &str) -> Head {
        let mut head = head(host, target);
        head.headers.insert(header::HOST, host.parse().unwrap());
        head
    }

    #[test]
    fn the_url_is_replaced_where_the_expression_matches() {
        #[rustfmt::skip]
        let rows = [
            ("^http://a.test/(.*)", "http://b.test/${1}", "a.test", "/x?y=1", "http://b.test/x?y=1"),
            ("^http://(.*)$", "https://${1}", "a.test:8080", "/", "https://a.test:8080/"),
            ("^http://www\\.(?P<host>.+?)/(.*)", "https://${host}/${2}", "www.a.test", "/p/q", "https://a.test/p/q"),
            ("a", "b", "a.test", "/a", "http://b.test/b"),
            ("^http://a.test/old$", "/new", "a.test", "/old", "/new"),
            ("^http://a.test/$", "http://a.test/#top", "a.test", "/", "http://a.test/#top"),
            ("^http://a.test/$", "http://a.test/ü x", "a.test", "/", "http://a.test/%C3%BC%20x"),
        ];
        for (regex, replacement, host, target, expected) in rows {
            let answer = run(
                [redirect(regex, replacement, false)],
                &mut request(host, target),
            );
            let answer = answer.unwrap_or_else(|| panic!("{regex} does not match"));
            assert_eq!(answer.headers[header::LOCATION], expected);
            assert_eq!(
                (answer.status.as_u16(), &answer.body[..]),
                (302, &b"Found"[..])
            );
            assert_eq!(answer.reason, "redirect");
        }
    }

    #[test]
    fn without_a_match_or_a_change_the_request_goes_on() {
        for (regex, replacement) in [("^https://", "http://"), ("^http://a", "http://a")] {
            let mut head = request("a.test", "/");
            assert!(run([redirect(regex, replacement, false)], &mut head).is_none());
        }
        // Only the connection itself says what the scheme is.
        let mut head = request("a.test", "/");
        head.headers
            .insert("x-forwarded-proto", HeaderValue::from_static("https"));
        assert!(run([redirect("^https://", "x://", false)], &mut head).is_none());
        head.secure = true;
        assert!(run([redirect("^https://", "http://", false)], &mut head).is_some());
    }

    #[test]
    fn only_get_may_become_another_method() {
        for (method, permanent, status) in [
            (Method::GET, false, 302),
            (Method::HEAD, false, 307),
            (Method::POST, false, 307),
            (Method::GET, true, 301),
            (Method::HEAD, true, 308),
            (Method::POST, true, 308),
        ] {
            let mut head = request("h", "/");
            head.method = method;
            let answer = run([redirect("^http:", "https:", permanent)], &mut head).unwrap();
            assert_eq!(answer.status, status);
        }
    }

    #[test]
    fn what_is_no_url_is_a_bad_gateway() {
        for replacement in ["", "http://", "http://a b/", "http://a.test/%zz", "://"] {
            let answer = run(
                [redirect("^.*$", replacement, false)],
                &mut request("h", "/"),
            );
            let answer = answer.unwrap();
            assert_eq!(answer.status, 502, "{replacement}");
            assert_eq!(answer.reason, "bad_redirect");
            assert!(!answer.headers.contains_key(header::LOCATION));
        }
    }

    #[test]
    fn a_broken_expression_is_an_error() {
        let error = build(redirect("(", "", false)).unwrap_err();
        assert!(matches!(error, MiddlewareError::Regexp(_)));
    }
}
