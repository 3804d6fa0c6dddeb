//! Headers on the way in and out: hop-by-hop lines end here, forwarded lines
//! start here.
//!
//! Two steps on the way in. [`enter`] runs before routing: it believes or drops
//! the client's `X-Forwarded-*`, fills in what is missing, and ends the hop.
//! [`leave`] runs when a server is chosen: it appends the peer and sets the host.
//! [`strip_response`] ends the hop on the way back.
//!
//! Invariant: `Connection` can name away what the client sent, never what the
//! proxy vouches for.

#[cfg(test)]
mod tests;

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

use crate::routing::Intake;

/// `X-Forwarded-For`.
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_SERVER: HeaderName = HeaderName::from_static("x-forwarded-server");
const FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-scheme");
const SCHEME: HeaderName = HeaderName::from_static("x-scheme");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
/// Names the router a request was sent on by: the loop guard.
pub(crate) const ROUTER: HeaderName = HeaderName::from_static("x-traefik-router");

/// What an untrusted client may not say, after `x-forwarded-`.
const FORWARDED_SUFFIXES: [&str; 11] = [
    "for",
    "host",
    "port",
    "prefix",
    "proto",
    "scheme",
    "server",
    "uri",
    "method",
    "tls-client-cert",
    "tls-client-cert-info",
];

/// What does not change over the life of a client's connection.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    /// The peer's address, ready to be written.
    pub(crate) peer: HeaderValue,
    /// This proxy's host name.
    pub(crate) server: HeaderValue,
    /// The client's connection is TLS.
    pub(crate) secure: bool,
}

/// Ends the client's hop and makes the forwarded headers true. With `upgrade`, the
/// protocol the client may switch to, `Connection: Upgrade` and `Upgrade` stay.
pub(crate) fn enter(
    headers: &mut HeaderMap,
    hop: &Hop,
    trusted: bool,
    intake: &Intake,
    host: Option<&HeaderValue>,
    upgrade: Option<&HeaderValue>,
) {
    let seen = seen_by_middlewares(headers, &intake.connection);
    end_hop(headers, trusted, &intake.connection);
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
    for name in seen {
        headers.append(CONNECTION, HeaderValue::from(name));
    }
    set_forwarded(headers, hop, host, upgrade);
    if intake.scheme_headers
        && let Some(proto) = headers.get(FORWARDED_PROTO).cloned()
    {
        headers.insert(FORWARDED_SCHEME, proto.clone());
        headers.insert(SCHEME, proto);
    }
    if let Some(host) = host {
        headers.insert(HOST, host.clone());
    }
}

/// The last lines before a request goes to its server.
pub(crate) fn leave(headers: &mut HeaderMap, hop: &Hop, omit_forwarded_for: bool) {
    forget_seen(headers);
    if omit_forwarded_for {
        return;
    }
    let value = match headers.get(FORWARDED_FOR) {
        None => hop.peer.clone(),
        Some(prior) => {
            let mut joined = Vec::with_capacity(prior.len() + 2 + hop.peer.len());
            joined.extend_from_slice(prior.as_bytes());
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(hop.peer.as_bytes());
            HeaderValue::from_maybe_shared(bytes::Bytes::from(joined))
                .unwrap_or_else(|_| hop.peer.clone())
        }
    };
    headers.insert(FORWARDED_FOR, value);
}

/// Ends the server's hop. Framing is made anew for the client; `Trailer` stays
/// where trailers can follow. `switched` keeps what a 101 needs.
pub(crate) fn strip_response(headers: &mut HeaderMap, switched: bool) {
    let protocol = if switched {
        headers.get(UPGRADE).cloned()
    } else {
        None
    };
    remove_connection_named(headers, |_| false);
    let chunked = headers.remove(TRANSFER_ENCODING).is_some();
    if chunked {
        headers.remove(CONTENT_LENGTH);
    } else {
        headers.remove(TRAILER);
    }
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
    headers.remove(PROXY_AUTHENTICATE);
    headers.remove(UPGRADE);
    if let Some(protocol) = protocol {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

/// Trailers of a request without what must have been said before it: framing, host,
/// credentials, and all that the proxy vouches for.
pub(crate) fn safe_trailers(mut trailers: HeaderMap) -> HeaderMap {
    let unsafe_name = |name: &HeaderName| {
        is_managed(name)
            || is_claim(name)
            || is_hop_by_hop(name)
            || matches!(
                name.as_str(),
                "connection" | "content-length" | "authorization" | "cookie" | "set-cookie"
            )
            || name.as_str().contains('_')
    };
    let dropped: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| unsafe_name(name))
        .cloned()
        .collect();
    for name in &dropped {
        trailers.remove(name);
    }
    trailers
}

/// WebSocket, if the client asks to switch to that alone and may. Other protocols,
/// lists of them and requests with a body are served without a switch: the client
/// asked for what it would like, not for what must be, and behind a switch to
/// something unknown the edge would vouch for bytes that it cannot tell from requests.
pub(crate) fn requested_upgrade(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
    has_body: bool,
) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    let asked = || {
        headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(tokens)
            .any(|token| token.eq_ignore_ascii_case("upgrade"))
    };
    if has_body || version != Version::HTTP_11 || !asked() {
        return None;
    }
    if headers.get_all(UPGRADE).iter().nth(1).is_some() {
        return None;
    }
    let websocket = protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
    if !websocket || method != Method::GET {
        return None;
    }
    Some(protocol.clone())
}

/// The comma separated tokens of a header line.
pub(crate) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value
        .to_str()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// Of the headers that `Connection` names, those that middlewares may see.
fn seen_by_middlewares(headers: &HeaderMap, allowed: &[HeaderName]) -> Vec<HeaderName> {
    // Nearly always: nothing is allowed, and nothing is allocated.
    if allowed.is_empty() {
        return Vec::new();
    }
    let named = headers.get_all(CONNECTION).iter().flat_map(tokens);
    let named: Vec<HeaderName> = named
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .collect();
    let seen = allowed.iter().filter(|name| named.contains(name));
    seen.filter(|name| headers.contains_key(*name))
        .cloned()
        .collect()
}

/// Ends the part of the hop that was left for middlewares to see.
fn forget_seen(headers: &mut HeaderMap) {
    let is_upgrade = |token: &str| token.eq_ignore_ascii_case("upgrade");
    let lines = || headers.get_all(CONNECTION).iter().flat_map(tokens);
    if lines().all(is_upgrade) {
        return;
    }
    let upgrade = lines().any(is_upgrade);
    remove_connection_named(headers, |name| *name == UPGRADE || is_managed(name));
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    }
}

fn end_hop(headers: &mut HeaderMap, trusted: bool, seen: &[HeaderName]) {
    remove_connection_named(headers, |name| is_managed(name) || seen.contains(name));
    let wants_trailers = headers.get_all(TE).iter().flat_map(tokens).any(|token| {
        token
            .split(';')
            .next()
            .is_some_and(|name| name.trim().eq_ignore_ascii_case("trailers"))
    });
    // One walk over the names instead of a look-up for each that might be there.
    let dropped: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_hop_by_hop(name) || (!trusted && (is_forwarded(name) || is_claim(name))))
        .cloned()
        .collect();
    for name in &dropped {
        headers.remove(name);
    }
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Removes `Connection` and what it names, but for what `kept` says.
fn remove_connection_named(headers: &mut HeaderMap, kept: impl Fn(&HeaderName) -> bool) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(tokens)
        .filter(|token| {
            !token.eq_ignore_ascii_case("keep-alive") && !token.eq_ignore_ascii_case("close")
        })
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        // The framing lines and `TE` have their own rules below.
        .filter(|name| name != TE && name != TRANSFER_ENCODING && name != CONTENT_LENGTH)
        .filter(|name| !kept(name))
        .collect();
    headers.remove(CONNECTION);
    for name in &named {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "keep-alive"
            // Of no hop; CGI would take it for its own setting `HTTP_PROXY`.
            | "proxy"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// What only a trusted peer may say.
pub(crate) fn is_forwarded(name: &HeaderName) -> bool {
    match name.as_str().strip_prefix("x-forwarded-") {
        Some(suffix) => FORWARDED_SUFFIXES.contains(&suffix),
        None => *name == REAL_IP || *name == SCHEME,
    }
}

/// What other edges say of a client and of the path it asked for, and servers believe.
/// Nothing here is written by this one, so from strangers it is made up.
fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(
        name,
        "cf-connecting-ip"
            | "forwarded"
            | "true-client-ip"
            | "x-original-url"
            | "x-rewrite-url"
            | "x-scheme"
    ) || name.starts_with("x-envoy-")
}

/// Headers that stay although `Connection` names them.
fn is_managed(name: &HeaderName) -> bool {
    *name == HOST || *name == EXPECT || *name == ROUTER || is_forwarded(name)
}

fn set_forwarded(
    headers: &mut HeaderMap,
    hop: &Hop,
    host: Option<&HeaderValue>,
    upgrade: Option<&HeaderValue>,
) {
    headers.entry(REAL_IP).or_insert_with(|| hop.peer.clone());
    let websocket = upgrade.is_some();
    let proto = headers.entry(FORWARDED_PROTO).or_insert_with(|| {
        HeaderValue::from_static(match (hop.secure, websocket) {
            (false, false) => "http",
            (true, false) => "https",
            (false, true) => "ws",
            (true, true) => "wss",
        })
    });
    let secure = hop.secure || matches!(proto.as_bytes(), b"https" | b"wss");
    headers
        .entry(FORWARDED_PORT)
        .or_insert_with(|| forwarded_port(host, secure));
    if let Some(host) = host {
        headers
            .entry(FORWARDED_HOST)
            .or_insert_with(|| host.clone());
    }
    join_forwarded_for(headers);
    headers.insert(FORWARDED_SERVER, hop.server.clone());
}

/// The port a client was told to connect to.
pub(crate) fn forwarded_port(host: Option<&HeaderValue>, secure: bool) -> HeaderValue {
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let after_address = host
        .rfind(']')
        .map_or(host, |end| host.get(end..).unwrap_or_default());
    match after_address.rsplit_once(':') {
        Some((_, port)) if !port.is_empty() => {
            HeaderValue::from_str(port).unwrap_or_else(|_| HeaderValue::from_static("80"))
        }
        _ if secure => HeaderValue::from_static("443"),
        _ => HeaderValue::from_static("80"),
    }
}

/// Several lines of a trusted peer become one.
fn join_forwarded_for(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(FORWARDED_FOR).iter();
    let (Some(first), Some(_)) = (lines.next(), lines.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for line in headers.get_all(FORWARDED_FOR).iter().skip(1) {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(line.as_bytes());
    }
    if let Ok(value) = HeaderValue::from_bytes(&joined) {
        headers.insert(FORWARDED_FOR, value);
    }
}
