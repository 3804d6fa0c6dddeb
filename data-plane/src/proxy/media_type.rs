//! The media type of a body whose head does not say, for `contentType`.
//!
//! Waits for the first bytes of the body: the head cannot be sent before. Nothing is
//! taken out of the body.

use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::server_connection::UpstreamError;
use super::{Answer, Payload};
use crate::middleware;

/// Names the media type of a body whose head does not.
pub(super) async fn detect(answer: &mut Answer) -> Result<(), UpstreamError> {
    let headers = &mut answer.parts.headers;
    let encoded = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|it| !it.is_empty());
    if encoded || headers.contains_key(CONTENT_TYPE) {
        return Ok(());
    }
    let data = match &mut answer.payload {
        Payload::Own(bytes) => &bytes[..],
        Payload::Server(body) => body.peek().await?,
        Payload::Encoded(_) | Payload::Switched(_) => return Ok(()),
    };
    if !data.is_empty() {
        let detected = HeaderValue::from_static(middleware::detect(data));
        headers.insert(CONTENT_TYPE, detected);
    }
    Ok(())
}
