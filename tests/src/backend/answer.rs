//! One request to a backend and its answer.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRAILER, UPGRADE};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_stream::StreamExt as _;

use super::{Mode, Seen, Shared, lock};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An error closes the connection without an answer.
pub(crate) async fn handle(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    // First the mode: who sees the request counted may change it.
    let mode = lock(&shared.mode).clone();
    shared.requests.fetch_add(1, Ordering::Release);
    if let Mode::Status(status) = mode {
        let mut response = Response::new(full(Bytes::new()));
        *response.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
        return Ok(response);
    }
    if request.headers().contains_key(UPGRADE) {
        return Ok(upgrade(request));
    }
    let seen = read(&shared.name, peer, request).await?;
    *lock(&shared.last) = Some(seen.clone());
    let text = Bytes::from(serde_json::to_vec(&seen)?);
    match mode {
        Mode::CloseBeforeAnswer => Err(io::Error::other("closed on purpose")),
        Mode::Slow(delay) => {
            tokio::time::sleep(delay).await;
            Ok(json(full(text), &seen))
        }
        Mode::CloseMidBody => Ok(close_mid_body(&text, &seen)),
        Mode::Trailers => Ok(with_trailers(&text, &seen)),
        Mode::Events(count, pause) => Ok(events(count, pause)),
        Mode::Bulk(bytes) => Ok(bulk(bytes)),
        Mode::Normal | Mode::Status(_) => Ok(json(full(text), &seen)),
    }
}

/// Reads the whole request. hyper says `100 Continue` when the body is asked for.
async fn read(name: &str, peer: SocketAddr, request: Request<Incoming>) -> io::Result<Seen> {
    let (head, mut body) = request.into_parts();
    let mut digest = blake3::Hasher::new();
    let (mut body_bytes, mut trailers) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        match frame.into_data() {
            Ok(data) => {
                body_bytes += u64::try_from(data.len()).map_err(io::Error::other)?;
                digest.update(&data);
            }
            Err(frame) => trailers = frame.trailers_ref().map(pairs).unwrap_or_default(),
        }
    }
    let headers = pairs(&head.headers);
    let nonce = headers.iter().find(|(key, _)| key == "x-nonce");
    Ok(Seen {
        name: name.to_owned(),
        nonce: nonce.map(|(_, value)| value.clone()).unwrap_or_default(),
        method: head.method.to_string(),
        target: head.uri.to_string(),
        version: format!("{:?}", head.version),
        headers,
        body_bytes,
        body_digest: digest.finalize().to_hex().to_string(),
        trailers,
        peer: peer.to_string(),
    })
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(key, value)| {
            (
                key.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

fn json(body: Body, seen: &Seen) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [("x-nonce", &seen.nonce), ("x-container", &seen.name)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// Says yes to any protocol and echoes every byte.
fn upgrade(mut request: Request<Incoming>) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = request.headers().get(UPGRADE) {
        headers.insert(UPGRADE, protocol.clone());
    }
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut write).await;
    });
    response
}

fn close_mid_body(text: &Bytes, seen: &Seen) -> Response<Body> {
    let half = text.slice(..text.len() / 2);
    let frames = tokio_stream::iter([Some(half), None]).then(|part| async move {
        match part {
            Some(half) => Ok(Frame::data(half)),
            None => {
                // What was sent before shall leave the buffers.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(io::Error::other("closed on purpose"))
            }
        }
    });
    let mut response = json(StreamBody::new(frames).boxed_unsync(), seen);
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, text.len().into());
    response
}

fn with_trailers(text: &Bytes, seen: &Seen) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-trailer", HeaderValue::from_static("yes"));
    if let Ok(digest) = HeaderValue::from_str(blake3::hash(text).to_hex().as_str()) {
        trailers.insert("x-body-digest", digest);
    }
    let half = text.len() / 2;
    let frames = [
        Ok(Frame::data(text.slice(..half))),
        Ok(Frame::data(text.slice(half..))),
        Ok(Frame::trailers(trailers)),
    ];
    let mut response = json(
        StreamBody::new(tokio_stream::iter(frames)).boxed_unsync(),
        seen,
    );
    let names = HeaderValue::from_static("x-trailer, x-body-digest");
    response.headers_mut().insert(TRAILER, names);
    response
}

fn events(count: usize, pause: Duration) -> Response<Body> {
    let numbers = tokio_stream::iter(0..count);
    let frames = numbers.then(move |number| async move {
        if number > 0 {
            tokio::time::sleep(pause).await;
        }
        Ok(Frame::data(Bytes::from(format!("data: {number}\n\n"))))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let event_stream = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, event_stream);
    response
}

fn bulk(bytes: u64) -> Response<Body> {
    const BLOCK: usize = 16 * 1024;
    let block = Bytes::from(vec![b'x'; BLOCK]);
    let size = u64::try_from(BLOCK).unwrap_or(1);
    let frames = tokio_stream::iter(0..bytes.div_ceil(size)).map(move |number| {
        let left = usize::try_from(bytes - number * size).unwrap_or(BLOCK);
        Ok(Frame::data(block.slice(..left.min(BLOCK))))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, bytes.into());
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}
