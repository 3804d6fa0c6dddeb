//! `mode=grpc`: `grpc.health.v1.Health/Check` of the whole server.
//!
//! The messages are two: an empty one, and one with a number. They are read here by
//! hand, so that the path of the traffic needs no gRPC.

use bytes::{Buf as _, Bytes};
use http::header::{CONTENT_TYPE, TE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};

use super::Failure;
use crate::balance::{Check, Scheme, Server};
use crate::exchange::{Place, send};

const METHOD: PathAndQuery = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
/// A frame without compression and without bytes: the empty message.
const EMPTY_FRAME: &[u8] = &[0; 5];
/// Of an answer.
const MAX_BYTES: usize = 4096;
/// Field 1 as a number, and `SERVING`.
const SERVING: &[u8] = &[0x08, 0x01];

/// Asks, and takes `SERVING` alone for a yes.
pub(super) async fn check(server: &Server, check: &Check) -> Result<(), Failure> {
    let scheme = match check.scheme.unwrap_or(server.scheme) {
        Scheme::Http | Scheme::H2c => Scheme::H2c,
        Scheme::Https => Scheme::Https,
    };
    let place = Place {
        scheme,
        host: server.host.clone(),
        port: check.port.unwrap_or(server.port),
    };
    let mut request = Request::new(Full::new(Bytes::from_static(EMPTY_FRAME)));
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.clone_from(&check.headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    let host = check.hostname.as_ref();
    let mut answer = send(&place, &server.transport, &METHOD, host, request).await?;
    let status = answer.response.status();
    if status != StatusCode::OK {
        return Err(Failure::Status(status.as_u16()));
    }
    grpc_status(answer.response.headers())?;
    let body = Limited::new(answer.response.body_mut(), MAX_BYTES);
    let body = body
        .collect()
        .await
        .map_err(|error| Failure::Grpc(format!("what cannot be read: {error}")))?;
    if let Some(trailers) = body.trailers() {
        grpc_status(trailers)?;
    }
    if serving(body.to_bytes()) {
        Ok(())
    } else {
        Err(Failure::Grpc("that it is not serving".to_owned()))
    }
}

/// An error that gRPC tells in its headers or trailers.
fn grpc_status(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get("grpc-status") {
        None => Ok(()),
        Some(status) if status == "0" => Ok(()),
        Some(status) => {
            let status = String::from_utf8_lossy(status.as_bytes());
            Err(Failure::Grpc(format!("with the status {status}")))
        }
    }
}

/// One frame without compression that holds the status `SERVING`.
fn serving(mut body: Bytes) -> bool {
    if body.remaining() < EMPTY_FRAME.len() || body.get_u8() != 0 {
        return false;
    }
    let length = usize::try_from(body.get_u32()).unwrap_or(usize::MAX);
    body.get(..length) == Some(SERVING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serving_alone_is_a_yes() {
        for (body, expected) in [
            (&[0, 0, 0, 0, 2, 8, 1][..], true),
            (&[0, 0, 0, 0, 2, 8, 2], false),
            (&[0, 0, 0, 0, 2, 8, 0], false),
            (&[0, 0, 0, 0, 0], false),
            (&[1, 0, 0, 0, 2, 8, 1], false),
            (&[0, 0, 0, 0, 9, 8, 1], false),
            (&[], false),
        ] {
            assert_eq!(serving(Bytes::copy_from_slice(body)), expected, "{body:?}");
        }
    }
}
