//! One HTTP/2 request made into what [`handle`] knows, and its answer made into what
//! HTTP/2 knows.
//!
//! A WebSocket is asked for with an extended
//! CONNECT (RFC 8441) here and with `Upgrade` there: it becomes a handshake with a key
//! of the proxy's own, whose answer is checked, and the stream becomes the tunnel.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_TYPE, COOKIE, EXPECT, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    UPGRADE,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};

use super::body::StreamBody;
use super::stream::Stream;
use super::upload::StreamUpload;
use crate::proxy::body::ResponseBody;
use crate::proxy::connect::Leftover;
use crate::proxy::connection::Client;
use crate::proxy::gate::MAX_FIELDS;
use crate::proxy::patience::Phase;
use crate::proxy::{handle, upgrade};

/// What a server puts behind the key before it hashes it (RFC 6455).
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A WebSocket that a client asks for.
struct Handshake {
    /// The stream, when it was answered with success.
    stream: OnUpgrade,
    /// What the server has to say.
    accept: String,
}

/// Answers one request.
pub(super) async fn answer(
    client: Rc<Client>,
    stream: Rc<Stream>,
    mut request: Request<Incoming>,
) -> Response<StreamBody> {
    // The body comes when there is room for it, whoever gives leave.
    request.headers_mut().remove(EXPECT);
    if is_grpc(request.headers()) {
        stream.patience.let_body_pause();
    }
    let handshake = take_handshake(&mut request);
    let request = request.map(|body| StreamUpload::body(body, &stream.patience));
    // The parser has cut off fragments.
    let mut response = handle(Rc::clone(&client), request, false).await;
    if let Some(handshake) = handshake {
        response = conclude(handshake, client, &stream, response);
    }
    // Nothing of it is for HTTP/2.
    response.headers_mut().remove(CONNECTION);
    *response.version_mut() = Version::HTTP_2;
    response.map(|body| StreamBody::new(body, stream))
}

/// Makes the head small, at once and before anything waits: a compressed one can stand
/// for thousands of fields with a byte each. Crumbs of a cookie become one line, as
/// HTTP/1 and rules have it; of too many fields no more is kept than shows it.
pub(super) fn shrink(headers: &mut HeaderMap) {
    let crumbs = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let crumbs: Vec<&[u8]> = crumbs.collect();
    let others = headers.len() - crumbs.len();
    if crumbs.len() < 2 && others <= MAX_FIELDS {
        return;
    }
    let joined = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]));
    let mut fresh = HeaderMap::with_capacity(others.min(MAX_FIELDS) + 8);
    let others = headers.iter().filter(|(name, _)| *name != COOKIE);
    for (name, value) in others.take(MAX_FIELDS + 1) {
        fresh.append(name, value.clone());
    }
    if let (Ok(joined), false) = (joined, crumbs.is_empty()) {
        fresh.insert(COOKIE, joined);
    }
    *headers = fresh;
}

/// A conversation: its sides speak when they have something to say, and the server
/// keeps its deadline.
fn is_grpc(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    media_type.is_some_and(|it| it.starts_with(b"application/grpc"))
}

/// Makes an extended CONNECT to a WebSocket into a handshake of HTTP/1.1.
fn take_handshake(request: &mut Request<Incoming>) -> Option<Handshake> {
    let protocol = request.extensions().get::<Protocol>()?;
    if *request.method() != Method::CONNECT || protocol.as_str() != "websocket" {
        return None;
    }
    let stream = hyper::upgrade::on(&mut *request);
    let key = STANDARD.encode(rand::random::<[u8; 16]>());
    let mut hash = Sha1::new();
    hash.update(&key);
    hash.update(ACCEPT_SUFFIX);
    let accept = STANDARD.encode(hash.finalize());
    // HTTP/1.1 says it in a line, too.
    let authority = request.uri().authority().map(Authority::as_str);
    let authority = authority.and_then(|it| HeaderValue::from_str(it).ok());
    if let Some(authority) = authority.filter(|_| !request.headers().contains_key(HOST)) {
        request.headers_mut().insert(HOST, authority);
    }
    *request.method_mut() = Method::GET;
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).ok()?);
    Some(Handshake { stream, accept })
}

/// Joins the stream and the server, if it switched. The answer of one that did not is
/// the client's, unless it would look as if it had.
fn conclude(
    handshake: Handshake,
    client: Rc<Client>,
    stream: &Rc<Stream>,
    mut response: Response<ResponseBody>,
) -> Response<ResponseBody> {
    let switched = response.body_mut().take_switched();
    let accepted = is_accepted(&response, &handshake.accept);
    let (server, mut underway) = match switched {
        Some(switched) if accepted => switched,
        refused => {
            let status = response.status();
            if status.is_success() || status.is_informational() {
                *response.status_mut() = StatusCode::BAD_GATEWAY;
            }
            if let Some((_, underway)) = refused {
                underway.refused(response.status());
            }
            return response;
        }
    };
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.remove(UPGRADE);
    headers.remove(SEC_WEBSOCKET_ACCEPT);
    stream.patience.enter(Phase::Tunnel);
    let stream = Rc::clone(stream);
    tokio::task::spawn_local(async move {
        match tunnel(handshake.stream, *server).await {
            Ok(sent) => underway.sent(sent),
            Err(error) => tracing::debug!(%error, "tunnel broke off"),
        }
        // Until here they counted, and held what they hold.
        drop((stream, client, underway));
    });
    response
}

fn is_accepted(response: &Response<ResponseBody>, accept: &str) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        && response
            .headers()
            .get(SEC_WEBSOCKET_ACCEPT)
            .is_some_and(|found| found.as_bytes() == accept.as_bytes())
}

async fn tunnel(stream: OnUpgrade, server: Leftover) -> std::io::Result<u64> {
    let stream = stream.await.map_err(std::io::Error::other)?;
    upgrade::tunnel(TokioIo::new(stream), server).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crumbs_of_a_cookie_become_one_line() {
        for (crumbs, expected) in [
            (&[][..], None),
            (&["a=1"], Some("a=1")),
            (&["a=1", "b=2", "c=3; d=4"], Some("a=1; b=2; c=3; d=4")),
        ] {
            let mut headers = HeaderMap::new();
            headers.append("x", HeaderValue::from_static("1"));
            headers.append("x", HeaderValue::from_static("2"));
            for crumb in crumbs {
                headers.append(COOKIE, HeaderValue::from_static(crumb));
            }
            shrink(&mut headers);
            let lines: Vec<_> = headers.get_all(COOKIE).iter().collect();
            assert_eq!(lines.len(), usize::from(expected.is_some()));
            assert_eq!(lines.first().map(|line| line.to_str().unwrap()), expected);
            let others: Vec<_> = headers.get_all("x").iter().collect();
            assert_eq!(others, ["1", "2"]);
        }
    }

    #[test]
    fn of_too_many_fields_only_their_being_too_many_is_kept() {
        let mut headers = HeaderMap::new();
        for _ in 0..2000 {
            headers.append("x", HeaderValue::from_static("y"));
            headers.append(COOKIE, HeaderValue::from_static("a=1"));
        }
        shrink(&mut headers);
        assert_eq!(headers.len(), MAX_FIELDS + 2);
        assert!(headers.capacity() < 300);
    }
}
