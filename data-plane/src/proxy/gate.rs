//! What an edge refuses, before anything else looks at a request.
//!
//! First step of the request path. What passes has: a method we forward, exactly
//! one valid host, a target in origin form, framing that only one reading exists
//! of, and no header name that a server could take for another. Broken syntax was
//! refused before, by [`crate::http1`] or by hyper.
//!
//! Not here: the path's normal form ([`super::head`]), forwarded headers
//! ([`super::headers`]).

use std::net::Ipv6Addr;

use http::header::{AUTHORIZATION, EXPECT, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use super::error::ProxyError;
use crate::http1::{self, Framing};
use crate::routing::Underscores;

/// Longest request target, in bytes.
const MAX_TARGET_BYTES: usize = 8 * 1024;
/// Longest method, in bytes.
const MAX_METHOD_BYTES: usize = 32;
/// Most header lines; each costs many times its bytes.
pub(crate) const MAX_FIELDS: usize = http1::MAX_REQUEST_LINES;
/// Longest host with port, in bytes.
const MAX_HOST_BYTES: usize = 255 + 6;

/// A request that may be looked at.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Route it. The host as the client wrote it, with port; `None` only for
    /// HTTP/1.0 without one.
    Route {
        host: Option<HeaderValue>,
        expects_continue: bool,
    },
    /// `OPTIONS *`: about the proxy itself.
    Asterisk,
}

/// Refuses or admits. `fragment` is set where the raw target held a `#`, which
/// [`Uri`] cuts off in silence.
pub(crate) fn admit(
    parts: &mut Parts,
    fragment: bool,
    underscores: Underscores,
) -> Result<Admission, ProxyError> {
    if fragment {
        return Err(ProxyError::BadRequest("target has a fragment"));
    }
    if parts.method == Method::CONNECT {
        let asks_for_tunnel = parts.uri.path_and_query().is_none();
        let error = ProxyError::BadRequest("CONNECT with a path");
        return Err(if asks_for_tunnel {
            ProxyError::Connect
        } else {
            error
        });
    }
    if parts.method.as_str().len() > MAX_METHOD_BYTES {
        return Err(ProxyError::Method);
    }
    if parts.method == Method::TRACE {
        return Err(ProxyError::Trace);
    }
    // The parser's rule for HTTP/1.
    if parts.headers.len() > MAX_FIELDS {
        return Err(ProxyError::HeadTooLarge);
    }
    Framing::of_request(&parts.headers, parts.version)?;
    if parts.headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Err(ProxyError::BadRequest("several Authorization lines"));
    }
    let host = host(parts)?;
    if parts.uri.path() == "*" {
        return if parts.method == Method::OPTIONS {
            Ok(Admission::Asterisk)
        } else {
            Err(ProxyError::BadRequest("target `*` is for OPTIONS"))
        };
    }
    check_target(&parts.uri)?;
    let expects_continue = expectation(&parts.headers)?;
    judge_ambiguous_names(&mut parts.headers, underscores)?;
    Ok(Admission::Route {
        host,
        expects_continue,
    })
}

/// The one host of the request. An absolute target overrides the header.
fn host(parts: &Parts) -> Result<Option<HeaderValue>, ProxyError> {
    let mut lines = parts.headers.get_all(HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(ProxyError::BadRequest("several Host lines"));
    }
    if let Some(line) = line
        && !is_valid_host(line.as_bytes())
    {
        return Err(ProxyError::BadRequest("Host is not a host"));
    }
    match (parts.uri.authority(), line) {
        // RFC 9112 §3.2: a Host line is there even if the target overrides it.
        (Some(_), None) if parts.version == Version::HTTP_11 => {
            Err(ProxyError::BadRequest("no Host"))
        }
        (Some(authority), _) => absolute_host(authority).map(Some),
        (None, Some(line)) => Ok(Some(line.clone())),
        (None, None) if parts.version == Version::HTTP_10 => Ok(None),
        (None, None) => Err(ProxyError::BadRequest("no Host")),
    }
}

fn absolute_host(authority: &Authority) -> Result<HeaderValue, ProxyError> {
    let text = authority.as_str();
    if !is_valid_host(text.as_bytes()) {
        return Err(ProxyError::BadRequest("host of the target is not a host"));
    }
    HeaderValue::from_str(text)
        .map_err(|_| ProxyError::BadRequest("host of the target is not a host"))
}

fn check_target(uri: &Uri) -> Result<(), ProxyError> {
    match (uri.scheme_str(), uri.authority()) {
        (None, None) => {}
        (Some("http" | "https"), Some(_)) => {}
        _ => return Err(ProxyError::BadRequest("target is not a path")),
    }
    let Some(target) = uri.path_and_query() else {
        return Err(ProxyError::BadRequest("target is not a path"));
    };
    if target.as_str().len() > MAX_TARGET_BYTES {
        return Err(ProxyError::UriTooLong);
    }
    if target.path().starts_with('/') {
        Ok(())
    } else {
        Err(ProxyError::BadRequest("target is not a path"))
    }
}

fn expectation(headers: &HeaderMap) -> Result<bool, ProxyError> {
    match headers.get(EXPECT) {
        None => Ok(false),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(ProxyError::Expectation),
    }
}

/// CGI and its heirs read `X_Forwarded_For` as `X-Forwarded-For`; some read `.`
/// so. Such names cannot be told from the ones we vouch for, and are dropped. An
/// entry point may keep those with `_`, but for the ones we vouch for.
fn judge_ambiguous_names(
    headers: &mut HeaderMap,
    underscores: Underscores,
) -> Result<(), ProxyError> {
    let has_underscore = |name: &HeaderName| name.as_str().contains('_');
    if underscores == Underscores::Reject && headers.keys().any(has_underscore) {
        return Err(ProxyError::BadRequest("name of a header has an underscore"));
    }
    let ambiguous = |name: &HeaderName| {
        let text = name.as_str();
        if text.contains('_') && underscores == Underscores::Keep {
            return stands_for_forwarded(text);
        }
        text.contains('_')
            || (text.contains('.') && (text.starts_with("x-") || text.starts_with("x.")))
    };
    // Nearly never taken: the vector stays empty and is not allocated.
    let dropped: Vec<HeaderName> = headers
        .keys()
        .filter(|name| ambiguous(name))
        .cloned()
        .collect();
    for name in &dropped {
        headers.remove(name);
    }
    Ok(())
}

fn stands_for_forwarded(name: &str) -> bool {
    let name = HeaderName::try_from(name.replace(['_', '.'], "-"));
    name.is_ok_and(|name| super::headers::is_forwarded(&name) || name == super::headers::ROUTER)
}

/// `uri-host [ ":" port ]`: a name of letters, digits, `-`, `.`, `_`, `~`; an
/// IPv4 address; or an IPv6 address in brackets.
fn is_valid_host(text: &[u8]) -> bool {
    if text.len() > MAX_HOST_BYTES {
        return false;
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || is_valid_port(port))
        });
    }
    let (name, port) = match text.find(':') {
        Some(colon) => text.split_at(colon),
        None => (text, ""),
    };
    !name.is_empty()
        && !name.starts_with('.')
        && !name.contains("..")
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
        && (port.is_empty() || is_valid_port(port))
}

/// `:` and a number up to 65535.
fn is_valid_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|digits| {
        digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        match admit(
            &mut parts(method, target, headers),
            false,
            Underscores::Delete,
        ) {
            Ok(_) => 200,
            Err(error) => error.status().as_u16(),
        }
    }

    #[test]
    fn methods_that_reach_past_the_proxy_are_refused() {
        let host = [("host", "a.test")];
        assert_eq!(status("GET", "/", &host), 200);
        assert_eq!(status("PURGE", "/", &host), 200);
        assert_eq!(status("CONNECT", "a.test:443", &host), 501);
        assert_eq!(status("CONNECT", "/", &host), 400);
        assert_eq!(status("TRACE", "/", &host), 405);
        assert_eq!(status(&"A".repeat(33), "/", &host), 501);
    }

    #[test]
    fn exactly_one_valid_host_is_needed() {
        for good in [
            "a.test",
            "A.TEST",
            "a.test.",
            "a.test:80",
            "a_b.test",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "x",
        ] {
            assert_eq!(status("GET", "/", &[("host", good)]), 200, "{good}");
        }
        for bad in [
            "",
            "*.test",
            "user@a.test",
            "a.test/admin",
            "a.test:",
            "a.test:x",
            "a.test:65536",
            "[::1",
            "[zz]",
            "../../etc",
            "a b",
            "a.test:+80",
            "a,b",
            "a..b",
            ".a",
        ] {
            assert_eq!(status("GET", "/", &[("host", bad)]), 400, "{bad}");
        }
        assert_eq!(status("GET", "/", &[]), 400);
        assert_eq!(
            status("GET", "/", &[("host", "a.test"), ("host", "a.test")]),
            400
        );
    }

    #[test]
    fn http_1_0_may_come_without_host() {
        let mut old = parts("GET", "/", &[]);
        old.version = Version::HTTP_10;
        assert!(matches!(
            admit(&mut old, false, Underscores::Delete),
            Ok(Admission::Route { host: None, .. })
        ));
    }

    #[test]
    fn an_absolute_target_overrides_the_host_header() {
        let mut absolute = parts("GET", "http://b.test:81/x", &[("host", "a.test")]);
        let Ok(Admission::Route {
            host: Some(host), ..
        }) = admit(&mut absolute, false, Underscores::Delete)
        else {
            panic!("refused");
        };
        assert_eq!(host, "b.test:81");
        assert_eq!(
            status("GET", "http://u@b.test/", &[("host", "a.test")]),
            400
        );
        assert_eq!(status("GET", "ftp://b.test/", &[("host", "a.test")]), 400);
    }

    #[test]
    fn targets_that_are_no_paths_are_refused() {
        let host = [("host", "a.test")];
        assert_eq!(status("GET", "*", &host), 400);
        assert_eq!(status("GET", "a.test:80", &host), 400);
        assert_eq!(status("GET", "admin", &host), 400);
        assert_eq!(status("GET", &format!("/{}", "a".repeat(9000)), &host), 414);
        let mut fragment = parts("GET", "/", &host);
        assert!(admit(&mut fragment, true, Underscores::Delete).is_err());
        let mut asterisk = parts("OPTIONS", "*", &host);
        assert!(matches!(
            admit(&mut asterisk, false, Underscores::Delete),
            Ok(Admission::Asterisk)
        ));
    }

    #[test]
    fn only_one_chunked_coding_is_taken() {
        let with = |codings: &[&str]| {
            let mut headers = vec![("host", "a.test")];
            headers.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            status("POST", "/", &headers)
        };
        assert_eq!(with(&["chunked"]), 200);
        assert_eq!(with(&["ChunKed"]), 200);
        assert_eq!(with(&["gzip, chunked"]), 501);
        assert_eq!(with(&["chunked, chunked"]), 400);
        assert_eq!(with(&[",chunked"]), 400);
        assert_eq!(with(&["chunked", "chunked"]), 400);
        assert_eq!(with(&["identity", "chunked"]), 400);
    }

    #[test]
    fn a_length_no_body_can_have_is_refused() {
        for (length, expected) in [("5", 200), ("9223372036854775808", 400)] {
            let headers = [("host", "a"), ("content-length", length)];
            assert_eq!(status("POST", "/", &headers), expected);
        }
    }

    #[test]
    fn too_many_header_lines_are_refused() {
        for (count, expected) in [(99, 200), (100, 431)] {
            let mut headers = vec![("host", "a.test")];
            headers.extend(std::iter::repeat_n(("x", "y"), count));
            assert_eq!(status("GET", "/", &headers), expected);
        }
    }

    #[test]
    fn who_asks_is_said_once() {
        let basic = ("authorization", "Basic YTph");
        assert_eq!(status("GET", "/", &[("host", "a"), basic]), 200);
        assert_eq!(status("GET", "/", &[("host", "a"), basic, basic]), 400);
    }

    #[test]
    fn an_absolute_target_does_not_stand_for_the_host_line() {
        assert_eq!(status("GET", "http://b.test/", &[]), 400);
    }

    #[test]
    fn unknown_expectations_are_refused() {
        assert_eq!(
            status("POST", "/", &[("host", "a"), ("expect", "100-Continue")]),
            200
        );
        assert_eq!(
            status("POST", "/", &[("host", "a"), ("expect", "y 100-continue")]),
            417
        );
    }

    #[test]
    fn names_that_servers_could_confuse_are_dropped() {
        let mut request = parts(
            "GET",
            "/",
            &[
                ("host", "a"),
                ("x_forwarded_for", "6.6.6.6"),
                ("x-forwarded_proto", "https"),
                ("x.forwarded.for", "6.6.6.6"),
                ("x-fine", "1"),
            ],
        );
        admit(&mut request, false, Underscores::Delete).unwrap();
        let names: Vec<_> = request.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["host", "x-fine"]);
    }

    #[test]
    fn an_entry_point_may_keep_or_refuse_underscores() {
        let all = [
            ("host", "a"),
            ("x_mine", "1"),
            ("x_forwarded_for", "6.6.6.6"),
            ("x-real_ip", "6.6.6.6"),
            ("x_traefik-router", "r"),
            ("x.forwarded.for", "6.6.6.6"),
        ];
        let mut request = parts("GET", "/", &all);
        admit(&mut request, false, Underscores::Keep).unwrap();
        let names: Vec<_> = request.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["host", "x_mine"]);
        for (headers, refused) in [(&all[..1], false), (&all[..2], true)] {
            let judged = admit(&mut parts("GET", "/", headers), false, Underscores::Reject);
            assert_eq!(judged.is_err(), refused);
        }
    }
}
