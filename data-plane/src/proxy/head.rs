//! What rules and middlewares see of a request, in one normal form.
//!
//! Built once per request, after the gate has refused what an edge must refuse.
//! The path that rules match, the path that middlewares rewrite and the path that
//! is forwarded are the same string: there is no second reading of the target that
//! an attacker could play against the first.
//!
//! Not here: framing, the `Host` syntax check, forwarded headers.

use std::borrow::Cow;
use std::net::IpAddr;

use http::uri::{InvalidUri, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method};

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
    /// Raw query without `?`, with `;` already turned into `&`.
    pub(crate) query: Option<String>,
    /// Address of the TCP peer.
    pub(crate) peer: IpAddr,
    /// The client's connection is TLS.
    pub(crate) secure: bool,
    /// Set by a `headers` middleware: the `Host` to send, whatever the service says.
    pub(crate) host_header: Option<HeaderValue>,
    /// Set by a `headers` middleware: the peer is not appended to `X-Forwarded-For`.
    pub(crate) omit_forwarded_for: bool,
}

impl Head {
    /// The path that rules match: every escape decoded except those of reserved
    /// characters and `%`, and except bytes that would not be UTF-8.
    pub(crate) fn routing_path(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.path)
    }

    /// Path and query for the request line to the server.
    pub(crate) fn target(&self) -> Result<PathAndQuery, InvalidUri> {
        PathAndQuery::try_from(self.path.as_str())
    }
}

/// Why a path is refused with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// It does not start with `/`.
    #[error("the path does not start with a slash")]
    NotAbsolute,
    /// `%` without two hexadecimal digits.
    #[error("the path has an incomplete percent escape")]
    BrokenEscape,
    /// `%2f`, `%5c` or `%00`: servers disagree about what they mean.
    #[error("the path has an encoded slash, backslash or null character")]
    ForbiddenEscape,
    /// Backslash, `#` or a control character.
    #[error("the path has a forbidden character")]
    ForbiddenCharacter,
}

/// Brings an escaped path to the one form everything else works on: escapes of
/// unreserved characters decoded, the others in upper-case hexadecimal, characters
/// that may not stand in a path escaped, `//` collapsed, `.` and `..` resolved.
/// Idempotent.
pub(crate) fn normalise_path(raw: &str) -> Result<Cow<'_, str>, PathError> {
    if !raw.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    Ok(Cow::Borrowed(raw))
}

/// The host that rules match, from a `Host` header or `:authority`.
pub(crate) fn routing_host(authority: &str) -> String {
    authority.to_ascii_lowercase()
}
