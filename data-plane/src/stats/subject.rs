//! Whom a request is counted for, and as what.

use std::sync::Arc;

use fairway_metrics::{METHODS, PROTOCOLS};
use http::header::{ACCEPT, CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, Method, StatusCode};

/// An entry point, a router or a service, as it is called. Told by its place in memory:
/// who counts for it keeps it there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) name: String,
    /// Of a router: its service.
    pub(crate) part: String,
}

/// What sort of request: what makes one series of an object different from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) code: u16,
    /// Place in [`METHODS`].
    pub(crate) method: u8,
    /// Place in [`PROTOCOLS`].
    pub(crate) protocol: u8,
    /// Which values the headers have that are labels, as the worker numbers them; 0: no
    /// header is one.
    pub(crate) headers: u32,
}

const HTTP: u8 = 0;
const WEBSOCKET: u8 = 1;
const SSE: u8 = 2;
const GRPC: u8 = 3;
const GRPC_WEB: u8 = 4;

impl Subject {
    pub(crate) fn new(name: &str) -> Arc<Self> {
        Self::router(name, "")
    }

    pub(crate) fn router(name: &str, service: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            part: service.to_owned(),
        })
    }
}

impl Kind {
    /// Of a request that is not answered yet.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            code: 0,
            method: method_of(method),
            protocol: protocol_of(headers),
            headers: 0,
        }
    }

    /// The same, answered like this.
    pub(crate) fn answered(self, status: StatusCode, headers: &HeaderMap) -> Self {
        let code = self.grpc_status(headers).unwrap_or(status.as_u16());
        Self { code, ..self }
    }

    /// Status of the call, where these headers or trailers say it.
    pub(crate) fn grpc_status(self, headers: &HeaderMap) -> Option<u16> {
        if !matches!(self.protocol, GRPC | GRPC_WEB) {
            return None;
        }
        headers.get("grpc-status")?.to_str().ok()?.parse().ok()
    }

    /// What is left of it where there are too many kinds: the class of the answer.
    pub(super) fn coarse(self) -> Self {
        let extension = METHODS.len().saturating_sub(1);
        Self {
            code: self.code / 100 * 100,
            method: u8::try_from(extension).unwrap_or_default(),
            protocol: HTTP,
            headers: 0,
        }
    }

    pub(super) fn method_name(self) -> &'static str {
        METHODS
            .get(usize::from(self.method))
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn protocol_name(self) -> &'static str {
        let name = PROTOCOLS.get(usize::from(self.protocol));
        name.copied().unwrap_or_default()
    }
}

fn method_of(method: &Method) -> u8 {
    let place = METHODS.iter().position(|known| *known == method.as_str());
    let place = place.unwrap_or(METHODS.len().saturating_sub(1));
    u8::try_from(place).unwrap_or_default()
}

fn protocol_of(headers: &HeaderMap) -> u8 {
    let value = |name| headers.get(name).map(http::HeaderValue::as_bytes);
    if value(UPGRADE).is_some_and(|it| it.eq_ignore_ascii_case(b"websocket")) {
        return WEBSOCKET;
    }
    if value(ACCEPT).is_some_and(|it| it == b"text/event-stream") {
        return SSE;
    }
    match value(CONTENT_TYPE) {
        Some(it) if it.starts_with(b"application/grpc-web") => GRPC_WEB,
        Some(it) if it.starts_with(b"application/grpc") => GRPC,
        _ => HTTP,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn methods_and_protocols_are_those_of_traefik() {
        for (method, name, value, expected) in [
            ("GET", "x", "y", ("GET", "http")),
            ("PATCH", "accept", "text/event-stream", ("PATCH", "sse")),
            (
                "GET",
                "accept",
                "text/html, text/event-stream",
                ("GET", "http"),
            ),
            ("GET", "upgrade", "WebSocket", ("GET", "websocket")),
            (
                "POST",
                "content-type",
                "application/grpc+proto",
                ("POST", "grpc"),
            ),
            (
                "POST",
                "content-type",
                "application/grpc-web-text",
                ("POST", "grpc-web"),
            ),
            ("PROPFIND", "x", "y", ("EXTENSION_METHOD", "http")),
            ("get", "x", "y", ("EXTENSION_METHOD", "http")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            let kind = Kind::of(&method.parse().unwrap(), &headers);
            assert_eq!((kind.method_name(), kind.protocol_name()), expected);
        }
    }

    #[test]
    fn a_call_is_told_by_its_own_status() {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", HeaderValue::from_static("14"));
        let http = Kind::of(&Method::POST, &headers);
        assert_eq!(http.answered(StatusCode::OK, &headers).code, 200);
        let mut asked = HeaderMap::new();
        asked.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        let grpc = Kind::of(&Method::POST, &asked);
        assert_eq!(grpc.answered(StatusCode::OK, &headers).code, 14);
        assert_eq!(grpc.answered(StatusCode::BAD_GATEWAY, &asked).code, 502);
    }
}
