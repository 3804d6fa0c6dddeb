//! What rules and middlewares see of a request, in one normal form.
//!
//! Built once per request, after the gate has refused what an edge must refuse.
//! The path that rules match, the path that middlewares rewrite and the path that
//! is forwarded are the same string: there is no second reading of the target that
//! an attacker could play against the first.
//!
//! Not here: framing, the `Host` syntax check, forwarded headers.

mod path;

use std::borrow::Cow;
use std::net::IpAddr;

use bytes::{BufMut as _, BytesMut};
use http::uri::{InvalidUri, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method};

pub(crate) use self::path::{
    PathError, PathRules, decode_routing_path, escape_path, is_clean, normalise_path,
    strip_decoded_prefix, unescape,
};

/// A request without its body.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// As sent: methods are case-sensitive.
    pub(crate) method: Method,
    /// As sent, after the gate and forwarded-header processing.
    pub(crate) headers: HeaderMap,
    /// Lower-case, without port, brackets and trailing dot; empty if there is none.
    /// See [`routing_host`].
    pub(crate) host: String,
    /// Escaped, in the form [`normalise_path`] makes. This is what is forwarded.
    /// Empty after `stripPrefix` has taken everything: see [`Head::target`].
    pub(crate) path: String,
    /// Raw query without `?`, with `;` already turned into `&` or `%3B`.
    pub(crate) query: Option<String>,
    /// Address of the TCP peer.
    pub(crate) peer: IpAddr,
    /// The client's connection is TLS.
    pub(crate) secure: bool,
    /// Set by a `headers` middleware: the `Host` to send, whatever the service says.
    pub(crate) host_header: Option<HeaderValue>,
    /// Set by a `headers` middleware: the peer is not appended to `X-Forwarded-For`.
    pub(crate) omit_forwarded_for: bool,
    /// Set by a middleware that asks who the client is: the name that it gave.
    pub(crate) user: Option<String>,
}

impl Head {
    /// The path that rules match: every escape decoded except those of reserved
    /// characters and `%`, and except bytes that would not be UTF-8.
    pub(crate) fn routing_path(&self) -> Cow<'_, str> {
        decode_routing_path(&self.path)
    }

    /// Path and query for the request line to the server; `/` for an empty path.
    pub(crate) fn target(&self) -> Result<PathAndQuery, InvalidUri> {
        let path = if self.path.is_empty() {
            "/"
        } else {
            self.path.as_str()
        };
        let query = self.query.as_deref();
        let mut target = BytesMut::with_capacity(path.len() + query.map_or(0, |q| q.len() + 1));
        target.put_slice(path.as_bytes());
        if let Some(query) = query {
            target.put_u8(b'?');
            target.put_slice(query.as_bytes());
        }
        PathAndQuery::from_maybe_shared(target.freeze())
    }
}

/// The host that rules match, from a `Host` header or `:authority`: port, brackets,
/// surrounding spaces and one trailing dot cut off, lower-case.
pub(crate) fn routing_host(authority: &str) -> String {
    let authority = authority.trim_ascii();
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split_once(']').map_or(literal, |(host, _)| host),
        None => match authority.split_once(':') {
            // A second colon makes it an IPv6 literal whose brackets were forgotten.
            Some((host, port)) if !port.contains(':') => host,
            _ => authority,
        },
    };
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request for rule and middleware tests: `GET http://host/target` from 192.0.2.10.
    pub(crate) fn head(host: &str, target: &str) -> Head {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.replace(';', "&"))),
            None => (target, None),
        };
        Head {
            method: Method::GET,
            headers: HeaderMap::new(),
            host: routing_host(host),
            path: normalise_path(path, &PathRules::default())
                .expect("a path for tests")
                .into_owned(),
            query,
            peer: "192.0.2.10".parse().unwrap(),
            secure: false,
            host_header: None,
            omit_forwarded_for: false,
            user: None,
        }
    }

    #[test]
    fn the_routing_host_is_bare_and_lower_case() {
        for (authority, expected) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com:8080", "example.com"),
            ("example.com.", "example.com"),
            ("example.com.:80", "example.com"),
            ("example.com..", "example.com."),
            ("example.com:", "example.com"),
            (" example.com ", "example.com"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("", ""),
        ] {
            assert_eq!(routing_host(authority), expected, "{authority:?}");
        }
    }

    #[test]
    fn the_target_has_path_and_query() {
        for (target, expected) in [("/a/?x=1;y=2", "/a/?x=1&y=2"), ("/a?", "/a?"), ("/", "/")] {
            assert_eq!(head("h", target).target().unwrap().as_str(), expected);
        }
    }

    #[test]
    fn an_empty_path_is_sent_as_a_slash() {
        let mut head = head("h", "/?x=1");
        head.path.clear();
        assert_eq!(head.target().unwrap().as_str(), "/?x=1");
    }
}
