//! Bodies compressed on their way to the client.
//!
//! What a server sends is compressed as it comes; when the server pauses, what
//! there is goes out, so that events arrive when they happen.
//!
//! Invariant: a body that breaks off ends in an error, never in the clean end of a
//! compressed stream.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http_body::{Body as _, Frame};

use super::body::BodyError;
use super::error::ProxyError;
use super::server_body::ServerBody;
use super::{Answer, Payload, grpc_web, media_type};
use crate::middleware::{Coding, Compress, mark_as_varying, relabel, takes_no_gzip};

/// Compressed bytes that are worth a frame.
const FRAME_BYTES: usize = 16 * 1024;
/// Of brotli: its usual quality for content that is made while it is sent.
const BROTLI_QUALITY: u32 = 6;
/// Of brotli, as a power of two: 1 MiB.
const BROTLI_WINDOW: u32 = 20;
const BROTLI_BUFFER: usize = 4096;

/// A server's body that is compressed while it is read.
pub(crate) struct EncodedBody {
    body: ServerBody,
    /// `None`: all data was sent.
    encoder: Option<Encoder>,
    /// The encoder holds back bytes that the client could have.
    held: bool,
    trailers: Option<HeaderMap>,
    /// Bytes of the server's that nobody has asked about.
    read: usize,
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    /// Trailers become a part of the body.
    GrpcWeb(grpc_web::Writer),
}

/// Compresses the answer if the middleware and the client want it.
pub(super) async fn compress(
    answer: &mut Answer,
    compress: &Compress,
    coding: Option<Coding>,
) -> Result<(), ProxyError> {
    let is_translated = matches!(answer.payload, Payload::Encoded(_));
    if is_translated || !compress.admits(&answer.parts, answer.payload.length()) {
        return Ok(());
    }
    mark_as_varying(&mut answer.parts.headers);
    let Some(coding) = coding else {
        return Ok(());
    };
    if coding == Coding::Gzip {
        if takes_no_gzip(&mut answer.parts.headers) {
            return Ok(());
        }
        media_type::detect(answer)
            .await
            .map_err(ProxyError::UpstreamReset)?;
        if !compress.admits(&answer.parts, answer.payload.length()) {
            return Ok(());
        }
    }
    let failed = |_| ProxyError::Internal;
    let encoder = Encoder::new(coding).map_err(failed)?;
    let payload = std::mem::replace(&mut answer.payload, Payload::Own(Bytes::new()));
    answer.payload = match payload {
        Payload::Own(bytes) => Payload::Own(encoder.whole(&bytes).map_err(failed)?),
        Payload::Server(body) => Payload::Encoded(Box::new(EncodedBody::new(body, encoder))),
        other @ (Payload::Encoded(_) | Payload::Switched(_)) => other,
    };
    relabel(&mut answer.parts.headers, coding);
    Ok(())
}

impl EncodedBody {
    fn new(body: ServerBody, encoder: Encoder) -> Self {
        Self {
            body,
            encoder: Some(encoder),
            held: false,
            trailers: None,
            read: 0,
        }
    }

    /// A body of gRPC for a client that speaks gRPC-Web.
    pub(super) fn grpc_web(body: ServerBody, writer: grpc_web::Writer) -> Self {
        Self::new(body, Encoder::GrpcWeb(writer))
    }

    /// Bytes that were read from the server since this was asked last.
    pub(crate) fn take_read(&mut self) -> usize {
        std::mem::take(&mut self.read)
    }

    /// Everything was read and sent.
    pub(crate) fn is_done(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let Some(encoder) = &mut self.encoder else {
                let trailers = self.trailers.take();
                return Poll::Ready(trailers.map(|it| Ok(Frame::trailers(it))));
            };
            let encoded = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        self.read = self.read.saturating_add(data.len());
                        self.held |= !data.is_empty();
                        encoder.write(&data)?
                    }
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        None
                    }
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(None) => self.finish()?,
                Poll::Pending if self.held => {
                    self.held = false;
                    match encoder.flush()? {
                        Some(encoded) => Some(encoded),
                        None => return Poll::Pending,
                    }
                }
                Poll::Pending => return Poll::Pending,
            };
            if let Some(encoded) = encoded {
                return Poll::Ready(Some(Ok(Frame::data(encoded))));
            }
        }
    }

    fn finish(&mut self) -> io::Result<Option<Bytes>> {
        let Some(encoder) = self.encoder.take() else {
            return Ok(None);
        };
        let rest = encoder.finish(&mut self.trailers)?;
        Ok((!rest.is_empty()).then(|| rest.into()))
    }
}

impl Encoder {
    fn new(coding: Coding) -> io::Result<Self> {
        let out = Vec::new();
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(out, Compression::default())),
            Coding::Brotli => {
                let writer =
                    CompressorWriter::new(out, BROTLI_BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
                Self::Brotli(Box::new(writer))
            }
            Coding::Zstd => {
                let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                Self::Zstd(zstd::stream::write::Encoder::new(out, level)?)
            }
        })
    }

    /// Takes data; yields what has become of it, once that is worth a frame.
    fn write(&mut self, data: &[u8]) -> io::Result<Option<Bytes>> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(data)?,
            Self::Brotli(encoder) => encoder.write_all(data)?,
            Self::Zstd(encoder) => encoder.write_all(data)?,
            Self::GrpcWeb(writer) => writer.write(data),
        }
        Ok(self.take(FRAME_BYTES))
    }

    /// Yields what lets the client have all data taken so far.
    fn flush(&mut self) -> io::Result<Option<Bytes>> {
        match self {
            Self::Gzip(encoder) => encoder.flush()?,
            Self::Brotli(encoder) => encoder.flush()?,
            Self::Zstd(encoder) => encoder.flush()?,
            Self::GrpcWeb(_) => {}
        }
        Ok(self.take(1))
    }

    /// Takes the trailers, if they have a place in the body.
    fn finish(self, trailers: &mut Option<HeaderMap>) -> io::Result<Vec<u8>> {
        match self {
            Self::GrpcWeb(writer) => Ok(writer.finish(trailers.take().as_ref())),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }

    fn whole(mut self, data: &[u8]) -> io::Result<Bytes> {
        let mut encoded = self.write(data)?.unwrap_or_default().to_vec();
        encoded.append(&mut self.finish(&mut None)?);
        Ok(encoded.into())
    }

    fn take(&mut self, at_least: usize) -> Option<Bytes> {
        let out = match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::GrpcWeb(writer) => writer.buffer(),
        };
        (out.len() >= at_least).then(|| std::mem::take(out).into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn decoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 64 * 1024];
        let mut read: Box<dyn io::Read> = match coding {
            Coding::Gzip => Box::new(flate2::read::GzDecoder::new(bytes)),
            Coding::Brotli => Box::new(brotli::Decompressor::new(bytes, 4096)),
            Coding::Zstd => Box::new(zstd::stream::read::Decoder::new(bytes).unwrap()),
        };
        let mut length = 0;
        // What is cut off ends in an error; what was read before it counts.
        while let Ok(count @ 1..) = read.read(&mut out[length..]) {
            length += count;
        }
        out.truncate(length);
        out
    }

    #[test]
    fn what_was_flushed_can_be_read_before_the_end() {
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            let mut encoder = Encoder::new(coding).unwrap();
            let mut sent = Vec::new();
            for event in ["data: one\n\n", "data: two\n\n"] {
                assert!(encoder.write(event.as_bytes()).unwrap().is_none());
                sent.extend(encoder.flush().unwrap().expect("something to send"));
                assert!(
                    decoded(coding, &sent).ends_with(event.as_bytes()),
                    "{coding:?}"
                );
            }
            sent.extend(encoder.finish(&mut None).unwrap());
            assert_eq!(decoded(coding, &sent), b"data: one\n\ndata: two\n\n");
        }
    }

    #[test]
    fn a_whole_body_comes_back() {
        let text = "to be or not to be ".repeat(1000);
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            let encoded = Encoder::new(coding)
                .unwrap()
                .whole(text.as_bytes())
                .unwrap();
            assert!(encoded.len() < text.len() / 10);
            assert_eq!(decoded(coding, &encoded), text.as_bytes());
        }
    }
}
