//! Bytes on their way out of a socket: a head, and data behind it that is not copied.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;
use tokio::io::AsyncWrite;

use crate::http1::{self, Framing};

/// Data up to this length is copied behind the head: cheaper than a second slice.
const COPY_BYTES: usize = 4 * 1024;

/// What is to be sent next.
#[derive(Default)]
pub(crate) struct Outbox {
    /// Heads, sizes of chunks, short data.
    head: BytesMut,
    /// Data behind the head.
    data: Bytes,
    /// Bytes behind the data.
    tail: &'static [u8],
    sent: bool,
}

impl Outbox {
    /// Room for a message head.
    pub(crate) fn with_head_room() -> Self {
        Self {
            head: BytesMut::with_capacity(1024),
            ..Self::default()
        }
    }

    /// Where heads are written. Only while no data waits.
    pub(crate) fn head(&mut self) -> &mut BytesMut {
        &mut self.head
    }

    /// Everything was sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.data.is_empty() && self.tail.is_empty()
    }

    /// Some of it was sent.
    pub(crate) fn has_sent(&self) -> bool {
        self.sent
    }

    /// Data waits: nothing can be put behind it.
    pub(crate) fn is_full(&self) -> bool {
        !self.data.is_empty() || !self.tail.is_empty() || self.head.len() > 4 * COPY_BYTES
    }

    /// Puts a piece of a body behind what is there. Not while [`Outbox::is_full`].
    pub(crate) fn push(&mut self, frame: Frame<Bytes>, framing: Framing) {
        match frame.into_data() {
            Ok(data) => self.push_data(data, framing == Framing::Chunked),
            Err(frame) => {
                if let (Framing::Chunked, Ok(trailers)) = (framing, frame.into_trailers()) {
                    self.push_trailers(&trailers);
                }
            }
        }
    }

    /// Ends a chunked body that has no trailers, behind the last of its data.
    pub(crate) fn end_chunks(&mut self) {
        if self.data.is_empty() {
            self.head.put_slice(http1::LAST_CHUNK);
        } else {
            self.tail = b"\r\n0\r\n\r\n";
        }
    }

    fn push_data(&mut self, data: Bytes, chunked: bool) {
        if data.is_empty() {
            return;
        }
        if chunked {
            http1::chunk_head(&mut self.head, data.len());
        }
        let end: &'static [u8] = if chunked { b"\r\n" } else { b"" };
        if data.len() <= COPY_BYTES {
            self.head.put_slice(&data);
            self.head.put_slice(end);
        } else {
            self.data = data;
            self.tail = end;
        }
    }

    fn push_trailers(&mut self, trailers: &HeaderMap) {
        http1::trailers(&mut self.head, trailers);
    }

    /// Writes until everything is sent.
    pub(crate) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let written = if self.data.is_empty() && self.tail.is_empty() {
                ready!(Pin::new(&mut *stream).poll_write(cx, &self.head))?
            } else {
                let slices = [
                    IoSlice::new(&self.head),
                    IoSlice::new(&self.data),
                    IoSlice::new(self.tail),
                ];
                ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent(written);
        }
        // Over TLS, bytes that were taken may not have been sent.
        Pin::new(stream).poll_flush(cx)
    }

    fn sent(&mut self, mut count: usize) {
        self.sent = true;
        let of_head = count.min(self.head.len());
        self.head.advance(of_head);
        count -= of_head;
        let of_data = count.min(self.data.len());
        self.data.advance(of_data);
        count -= of_data;
        self.tail = self.tail.get(count..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a socket gets that takes `step` bytes at a time.
    fn written(mut outbox: Outbox, step: usize) -> Vec<u8> {
        struct Narrow(Vec<u8>, usize);
        impl AsyncWrite for Narrow {
            fn poll_write(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let this = self.get_mut();
                let count = buf.len().min(this.1);
                this.0.extend_from_slice(&buf[..count]);
                Poll::Ready(Ok(count))
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
        let mut socket = Narrow(Vec::new(), step);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(outbox.poll_flush(&mut socket, &mut cx).is_ready());
        socket.0
    }

    #[test]
    fn the_last_chunk_comes_behind_the_data_whatever_its_length() {
        for length in [1, COPY_BYTES, COPY_BYTES + 1, 10 * COPY_BYTES] {
            let data = vec![b'x'; length];
            let size = format!("head{length:x}\r\n");
            let expected = [size.as_bytes(), &data, b"\r\n0\r\n\r\n"];
            for step in [1, 3, 100_000] {
                let mut outbox = Outbox::default();
                outbox.head().extend_from_slice(b"head");
                outbox.push(Frame::data(data.clone().into()), Framing::Chunked);
                outbox.end_chunks();
                assert_eq!(written(outbox, step), expected.concat(), "{length} {step}");
            }
        }
    }
}
