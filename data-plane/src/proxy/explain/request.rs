//! From a described request to what the request path takes: entry point, peer, head.

use std::net::{IpAddr, Ipv4Addr};

use fairway_proto::discovery::v1 as wire;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request};

use super::super::error::ProxyError;
use super::super::headers::Hop;

/// The entry point the request comes in by, or why there is none.
pub(super) fn entry_point(
    all: &[wire::ListeningEntryPoint],
    request: &wire::RequestHead,
) -> Result<String, String> {
    let mut fitting = all.iter().filter(|entry_point| {
        if request.entry_point.is_empty() {
            port(&entry_point.address) == Some(request.port)
        } else {
            entry_point.name == request.entry_point
        }
    });
    let there_are = || {
        let list = all
            .iter()
            .map(|one| format!("{} ({})", one.name, one.address));
        match Vec::from_iter(list).join(", ") {
            list if list.is_empty() => "this proxy has no entry points".to_owned(),
            list => format!("there are {list}"),
        }
    };
    let Some(first) = fitting.next() else {
        return Err(match request.entry_point.as_str() {
            "" => format!(
                "no entry point listens on port {}; {}",
                request.port,
                there_are()
            ),
            name => format!("there is no entry point `{name}`; {}", there_are()),
        });
    };
    if let Some(second) = fitting.next() {
        return Err(format!(
            "the entry points `{}` and `{}` both listen on port {}: name one of them",
            first.name, second.name, request.port
        ));
    }
    if !first.bound {
        return Err(format!(
            "entry point `{}` is to listen on {}, but this proxy cannot",
            first.name, first.address
        ));
    }
    Ok(first.name.clone())
}

fn port(address: &str) -> Option<u32> {
    let (_, port) = address.rsplit_once(':')?;
    port.parse::<u16>().ok().map(u32::from)
}

pub(super) fn hop(
    request: &wire::RequestHead,
    server: &HeaderValue,
) -> Result<(IpAddr, Hop), ProxyError> {
    let peer = match request.client.as_str() {
        "" => Ipv4Addr::LOCALHOST.into(),
        text => text
            .parse::<IpAddr>()
            .map_err(|_| ProxyError::BadRequest("the client's address is not one"))?
            .to_canonical(),
    };
    let hop = Hop {
        peer: HeaderValue::from_str(&peer.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
        server: server.clone(),
        secure: false,
    };
    Ok((peer, hop))
}

/// What the HTTP parser would make of it, and whether a body would follow.
pub(super) fn parts_of(request: &wire::RequestHead) -> Result<(Parts, bool), ProxyError> {
    let (mut parts, ()) = Request::new(()).into_parts();
    if !request.method.is_empty() {
        parts.method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| ProxyError::BadRequest("the method is not one"))?;
    }
    if !request.target.is_empty() {
        parts.uri = request
            .target
            .parse()
            .map_err(|_| ProxyError::BadRequest("the target is not one"))?;
    }
    let host = (!request.host.is_empty()).then_some(("host", request.host.as_str()));
    let lines = request.headers.iter();
    let lines = lines.map(|line| (line.key.as_str(), line.value.as_str()));
    for (name, value) in host.into_iter().chain(lines) {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| ProxyError::BadRequest("the name of a header is not one"))?;
        let value = HeaderValue::from_bytes(value.trim_ascii().as_bytes())
            .map_err(|_| ProxyError::BadRequest("the value of a header is not one"))?;
        parts.headers.append(name, value);
    }
    let length = parts.headers.get(CONTENT_LENGTH);
    let has_body = length.is_some_and(|length| length.as_bytes().iter().any(|byte| *byte != b'0'))
        || parts.headers.contains_key(TRANSFER_ENCODING);
    Ok((parts, has_body))
}
