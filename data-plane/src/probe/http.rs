//! `mode=http`: a request of the author's choice, and what its status says.

use bytes::Bytes;
use http::header::{HOST, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;

use super::Failure;
use crate::balance::{Check, Scheme, Server};
use crate::exchange::{Answer, Place, send};

/// As many as Go's client follows.
const MAX_REDIRECTS: usize = 10;

/// Asks, and goes where the answer leads.
pub(super) async fn check(server: &Server, check: &Check) -> Result<(), Failure> {
    let first = Place {
        scheme: check.scheme.unwrap_or(server.scheme),
        host: server.host.clone(),
        port: check.port.unwrap_or(server.port),
    };
    let mut place = first.clone();
    let mut target = check.target.clone();
    let mut method = check.method.clone();
    for _ in 0..=MAX_REDIRECTS {
        let mut request = Request::new(Full::new(Bytes::new()));
        request.method_mut().clone_from(&method);
        // What is meant for this server is not for another one.
        let home = place == first;
        let mut host = check.hostname.as_ref().filter(|_| home);
        if home {
            request.headers_mut().clone_from(&check.headers);
            host = host.or(check.headers.get(HOST));
        }
        let answer = send(&place, &server.transport, &target, host, request).await?;
        let status = answer.response.status();
        let Some(location) = location(&answer).filter(|_| check.follow_redirects) else {
            return if check.expects(status) {
                Ok(())
            } else {
                Err(Failure::Status(status.as_u16()))
            };
        };
        (place, target) = follow(&place, &target, location)?;
        let keeps = [
            StatusCode::TEMPORARY_REDIRECT,
            StatusCode::PERMANENT_REDIRECT,
        ];
        if !keeps.contains(&status) && method != Method::HEAD {
            method = Method::GET;
        }
    }
    Err(Failure::Redirects(MAX_REDIRECTS))
}

/// Where a redirect leads.
fn location(answer: &Answer) -> Option<&HeaderValue> {
    match answer.response.status().as_u16() {
        301 | 302 | 303 | 307 | 308 => answer.response.headers().get(LOCATION),
        _ => None,
    }
}

fn follow(
    from: &Place,
    at: &PathAndQuery,
    location: &HeaderValue,
) -> Result<(Place, PathAndQuery), Failure> {
    let text = String::from_utf8_lossy(location.as_bytes()).into_owned();
    let broken = || Failure::Location(text.clone());
    let plain = text.split('#').next().unwrap_or_default();
    if plain.starts_with('/') && !plain.starts_with("//") {
        let target = PathAndQuery::try_from(plain).map_err(|_| broken())?;
        return Ok((from.clone(), target));
    }
    let absolute = if plain.starts_with("//") {
        format!("{}:{plain}", from.scheme.as_str())
    } else if plain.contains("://") {
        plain.to_owned()
    } else {
        let folder = at.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        let target = PathAndQuery::try_from(format!("{folder}/{plain}")).map_err(|_| broken())?;
        return Ok((from.clone(), target));
    };
    let uri = Uri::try_from(absolute).map_err(|_| broken())?;
    let (scheme, default) = match uri.scheme_str() {
        Some("http") => (Scheme::Http, 80),
        Some("https") => (Scheme::Https, 443),
        _ => return Err(broken()),
    };
    let host = uri.host().ok_or_else(broken)?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let place = Place {
        // Prior knowledge of HTTP/2 is of the server it was configured for.
        scheme,
        host: host.strip_suffix(']').unwrap_or(host).to_owned(),
        port: uri.port_u16().unwrap_or(default),
    };
    let target = uri.path_and_query().cloned();
    Ok((place, target.unwrap_or(PathAndQuery::from_static("/"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_where_a_browser_would_go() {
        let place = |scheme, host: &str, port| Place {
            scheme,
            host: host.to_owned(),
            port,
        };
        let from = place(Scheme::Http, "10.0.0.1", 8080);
        let at = PathAndQuery::from_static("/a/b?x=1");
        let rows = [
            ("/c?d", Some((from.clone(), "/c?d"))),
            ("c", Some((from.clone(), "/a/c"))),
            ("/c#top", Some((from.clone(), "/c"))),
            (
                "//h.test/c",
                Some((place(Scheme::Http, "h.test", 80), "/c")),
            ),
            (
                "https://h.test",
                Some((place(Scheme::Https, "h.test", 443), "/")),
            ),
            (
                "http://[::1]:81/x",
                Some((place(Scheme::Http, "::1", 81), "/x")),
            ),
            ("ftp://h.test/", None),
            ("http:// /", None),
        ];
        for (location, expected) in rows {
            let found = follow(&from, &at, &HeaderValue::from_static(location)).ok();
            let expected = expected.map(|(to, at)| (to, PathAndQuery::from_static(at)));
            assert_eq!(found, expected, "{location}");
        }
    }
}
