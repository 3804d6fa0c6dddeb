//! Bodies of `grpcWeb`: from base64 on the way in, and with the trailers at the end of
//! the body on the way out.
//!
//! A request in base64 is read whole before it is sent: browsers send it whole, and it
//! is bounded. Answers pass frame by frame.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;

use super::body::RequestBody;
use super::coding::EncodedBody;
use super::error::ProxyError;
use super::head::Head;
use super::{Answer, Onward, Payload};
use crate::middleware::{Dialect, Recall};

/// Of a request in base64: what servers take by default, and room for its frame.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;
/// Marks the frame that holds the trailers.
const TRAILER_FRAME: u8 = 0x80;

/// Writers disagree about padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One of the middlewares that a request passed says that its body is in base64.
pub(super) fn is_text(recalls: &[(usize, Recall)]) -> bool {
    let is_text =
        |(_, recall): &(usize, Recall)| matches!(recall, Recall::GrpcWeb(dialect) if dialect.text);
    recalls.iter().any(is_text)
}

/// Makes the body of a request what gRPC expects.
pub(super) async fn decode(head: &mut Head, onward: &mut Onward) -> Result<(), ProxyError> {
    if onward.body.is_empty() {
        return Ok(());
    }
    let mut read = BytesMut::new();
    while let Some(frame) = onward.body.frame().await {
        let frame = frame.map_err(ProxyError::from_client)?;
        read.extend_from_slice(frame.data_ref().map(|it| &it[..]).unwrap_or_default());
        if read.len() > MAX_BODY_BYTES {
            return Err(ProxyError::BadRequest("body in base64 is too long"));
        }
    }
    let body = decode_segments(&read).ok_or(ProxyError::BadRequest("body is not base64"))?;
    onward.expects_continue = false;
    head.headers.remove(EXPECT);
    head.headers
        .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    onward.body = RequestBody::Whole(body.into());
    Ok(())
}

/// Base64 that may have been written in pieces, each with its own padding.
fn decode_segments(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let mut rest = text;
    while !rest.is_empty() {
        let pad = rest.iter().position(|byte| *byte == b'=');
        let end = pad.map_or(rest.len(), |pad| {
            let after = rest.get(pad..).unwrap_or_default();
            pad + after.iter().take_while(|byte| **byte == b'=').count()
        });
        let (segment, after) = rest.split_at_checked(end)?;
        BASE64.decode_vec(segment, &mut decoded).ok()?;
        rest = after;
    }
    Some(decoded)
}

/// Makes the answer what the client expects, if it speaks gRPC.
pub(super) fn encode(answer: &mut Answer, dialect: &Dialect) {
    if !dialect.take_over(&mut answer.parts.headers) {
        return;
    }
    let mut writer = Writer::new(dialect.text);
    let payload = std::mem::replace(&mut answer.payload, Payload::Own(Bytes::new()));
    answer.payload = match payload {
        Payload::Own(bytes) if bytes.is_empty() => Payload::Own(bytes),
        Payload::Own(bytes) => {
            writer.write(&bytes);
            Payload::Own(writer.take())
        }
        Payload::Server(body) => Payload::Encoded(Box::new(EncodedBody::grpc_web(body, writer))),
        other @ (Payload::Encoded(_) | Payload::Switched(_)) => other,
    };
}

/// Writes bodies as gRPC-Web has them.
pub(super) struct Writer {
    text: bool,
    out: Vec<u8>,
}

impl Writer {
    fn new(text: bool) -> Self {
        Self {
            text,
            out: Vec::new(),
        }
    }

    pub(super) fn write(&mut self, data: &[u8]) {
        if self.text {
            // Each piece has its own padding: clients read as it comes.
            self.out.extend(STANDARD.encode(data).into_bytes());
        } else {
            self.out.extend_from_slice(data);
        }
    }

    /// The trailers, as the last frame of the body.
    pub(super) fn finish(mut self, trailers: Option<&HeaderMap>) -> Vec<u8> {
        if let Some(trailers) = trailers {
            let frame = frame(trailers);
            self.write(&frame);
        }
        self.out
    }

    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    fn take(self) -> Bytes {
        self.out.into()
    }
}

fn frame(trailers: &HeaderMap) -> Bytes {
    let mut lines = BytesMut::new();
    for (name, value) in trailers {
        lines.put_slice(name.as_str().as_bytes());
        lines.put_slice(b": ");
        lines.put_slice(value.as_bytes());
        lines.put_slice(b"\r\n");
    }
    let mut frame = BytesMut::with_capacity(5 + lines.len());
    frame.put_u8(TRAILER_FRAME);
    frame.put_u32(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    frame.put_slice(&lines);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_may_come_in_pieces() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("aGVsbG8=", Some(b"hello")),
            ("aGVsbG8", Some(b"hello")),
            ("aGU=bGxv", Some(b"hello")),
            ("aA==ZQ==bGxv", Some(b"hello")),
            ("a", None),
            ("aGV*", None),
            ("=", None),
        ] {
            let decoded = decode_segments(text.as_bytes());
            assert_eq!(decoded.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn trailers_are_the_last_frame() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.insert("grpc-message", HeaderValue::from_static("ok"));
        let mut writer = Writer::new(false);
        writer.write(b"\0\0\0\0\x01a");
        let lines = b"grpc-status: 0\r\ngrpc-message: ok\r\n";
        let expected = [b"\0\0\0\0\x01a\x80\0\0\0\x22", &lines[..]].concat();
        assert_eq!(writer.finish(Some(&trailers)), expected);
        let mut text = Writer::new(true);
        text.write(b"a");
        text.write(b"bc");
        assert_eq!(text.finish(None), b"YQ==YmM=");
    }
}
