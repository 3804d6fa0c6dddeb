//! The client's end of an HTTP/1 connection: heads and bodies in, responses out.
//!
//! One task drives it, and everything that waits for it is in that task: no channel
//! stands between a socket and who reads from it. What comes and what stalls is noted
//! in the connection's [`Patience`].

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http::header::EXPECT;
use http::{HeaderMap, StatusCode, Version};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::body::ClientError;
use super::fill::poll_fill;
use super::outbox::Outbox;
use super::patience::{Patience, Phase, Verdict};
use crate::http1::{self, Decoded, Decoder, Framing, HeadError, RequestHead};

/// Bytes of later requests that are read while one is served.
const MAX_READ_AHEAD: usize = 16 * 1024;
/// Bytes of an unread body that are read and forgotten before the socket is closed.
const MAX_LINGER_BYTES: usize = 1024 * 1024;

/// How long that is done.
const LINGER: Duration = Duration::from_secs(2);

/// The socket of a client, and what was read ahead.
pub(crate) struct ClientSocket {
    io: RefCell<Io>,
    patience: Rc<Patience>,
    /// Of a request's head.
    max_head_bytes: usize,
}

struct Io {
    stream: TcpStream,
    read: BytesMut,
    /// Bytes of `read` that hold no end of a head.
    scanned: usize,
    /// Of the request that was taken last.
    body: Decoder,
    /// The client waits for leave to send the body.
    expects_continue: bool,
    /// Answers before the answer: 1xx.
    out: Outbox,
    /// The client has finished sending.
    ended: bool,
}

/// Why there is no next request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error(transparent)]
    Socket(#[from] io::Error),
}

impl ClientSocket {
    /// `early` was read from the socket before.
    pub(crate) fn new(stream: TcpStream, early: BytesMut, patience: Rc<Patience>) -> Self {
        Self {
            io: RefCell::new(Io {
                stream,
                read: early,
                scanned: 0,
                body: Decoder::new(Framing::Length(0)),
                expects_continue: false,
                out: Outbox::default(),
                ended: false,
            }),
            patience,
            max_head_bytes: http1::MAX_HEAD_BYTES,
        }
    }

    /// The same with another limit for heads, in bytes.
    pub(crate) fn limited_to(self, max_head_bytes: Option<usize>) -> Self {
        let max_head_bytes = max_head_bytes.unwrap_or(self.max_head_bytes);
        Self {
            max_head_bytes,
            ..self
        }
    }

    /// The next request; `None` where the connection ends between two.
    pub(crate) async fn read_head(&self) -> Result<Option<RequestHead>, ReadError> {
        poll_fn(|cx| self.poll_head(cx)).await
    }

    fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Result<Option<RequestHead>, ReadError>> {
        let io = &mut *self.io.borrow_mut();
        loop {
            if io.scanned < io.read.len() {
                if matches!(self.patience.phase(), Phase::New | Phase::Idle) {
                    self.patience.enter(Phase::Head);
                }
                if let Some(head) =
                    http1::request(&mut io.read, &mut io.scanned, self.max_head_bytes)?
                {
                    io.begin(&head);
                    return Poll::Ready(Ok(Some(head)));
                }
            }
            let Poll::Ready(filled) = poll_fill(&mut io.stream, cx, &mut io.read, 0) else {
                // Only after a look at what has arrived: it may be a request.
                if self.patience.order_in_force() >= Verdict::Finish && io.read.is_empty() {
                    return Poll::Ready(Ok(None));
                }
                return Poll::Pending;
            };
            match filled {
                Ok(0) if io.read.is_empty() => return Poll::Ready(Ok(None)),
                Ok(0) => {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// How the body of the request taken last ends; before the first byte of it is
    /// asked for.
    pub(crate) fn expect_body(&self, framing: Framing) {
        self.io.borrow_mut().body = Decoder::new(framing);
    }

    /// The next piece of the request's body. Asking for it gives leave to send it.
    pub(crate) fn poll_body(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, ClientError>>> {
        let io = &mut *self.io.borrow_mut();
        loop {
            let frame = match io.body.decode(&mut io.read) {
                Ok(Decoded::Data(data)) => {
                    let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                    self.patience.body_progress(length);
                    Some(Ok(Frame::data(data)))
                }
                Ok(Decoded::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
                Ok(Decoded::End) => None,
                Ok(Decoded::Starved) => match self.poll_more_body(io, cx) {
                    Poll::Ready(Ok(())) => continue,
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                    Poll::Pending => return Poll::Pending,
                },
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            };
            if io.body.is_done() {
                self.patience.body_done();
            }
            return Poll::Ready(frame);
        }
    }

    fn poll_more_body(&self, io: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut io.expects_continue) {
            io.out.head().extend_from_slice(http1::CONTINUE);
        }
        if let Poll::Ready(Err(error)) = io.out.poll_flush(&mut io.stream, cx) {
            return Poll::Ready(Err(error));
        }
        let expected = io.body.length().unwrap_or_default();
        match poll_fill(&mut io.stream, cx, &mut io.read, expected) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.patience.body_pending();
                Poll::Pending
            }
        }
    }

    /// All of the request's body was taken.
    pub(crate) fn body_is_done(&self) -> bool {
        self.io.borrow().body.is_done()
    }

    /// Bytes of the request's body to come.
    pub(crate) fn body_size(&self) -> SizeHint {
        match self.io.borrow().body.length() {
            Some(length) => SizeHint::with_exact(length),
            None => SizeHint::new(),
        }
    }

    /// Resolves when the client is gone; not when it has only finished sending.
    /// Nothing may be left of the body.
    pub(crate) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let io = &mut *self.io.borrow_mut();
        while !io.ended && io.read.len() < MAX_READ_AHEAD {
            match ready!(poll_fill(&mut io.stream, cx, &mut io.read, 0)) {
                Ok(0) => io.ended = true,
                Ok(_) => {}
                Err(error) => return Poll::Ready(error),
            }
        }
        Poll::Pending
    }

    /// Sends a 1xx now, or before the response.
    pub(crate) fn inform(&self, cx: &mut Context<'_>, status: StatusCode, headers: &HeaderMap) {
        let io = &mut *self.io.borrow_mut();
        if status == StatusCode::CONTINUE && !std::mem::take(&mut io.expects_continue) {
            return;
        }
        http1::informational_head(io.out.head(), status, headers);
        // What fails or does not fit now is met by the response.
        let _ = io.out.poll_flush(&mut io.stream, cx);
    }

    /// Sends what is in `outbox`, after any 1xx.
    pub(crate) fn poll_send(
        &self,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let io = &mut *self.io.borrow_mut();
        let mut sent = io.out.poll_flush(&mut io.stream, cx);
        if let Poll::Ready(Ok(())) = sent {
            sent = outbox.poll_flush(&mut io.stream, cx);
        }
        match sent {
            Poll::Pending => self.patience.write_pending(),
            Poll::Ready(_) => self.patience.write_progress(),
        }
        sent
    }

    /// To this client a close is a clean end: only a reset says otherwise.
    pub(crate) fn reset(&self) {
        let _ = self.io.borrow().stream.set_zero_linger();
    }

    /// Closes so that the client gets the response: a socket that is closed with
    /// unread bytes is reset, and takes with it what was not read at the other end.
    pub(crate) async fn close(&self) {
        let unread = {
            let io = self.io.borrow();
            !io.body.is_done() || !io.read.is_empty()
        };
        if unread {
            // In vain: what is left to do is to let go of the socket.
            let _ = tokio::time::timeout(LINGER, self.linger()).await;
        }
    }

    async fn linger(&self) {
        let mut left = MAX_LINGER_BYTES;
        let finished = poll_fn(|cx| {
            let io = &mut *self.io.borrow_mut();
            Pin::new(&mut io.stream).poll_shutdown(cx)
        });
        if finished.await.is_err() {
            return;
        }
        poll_fn(|cx| {
            let io = &mut *self.io.borrow_mut();
            while left > 0 && !io.ended {
                io.read.clear();
                match ready!(poll_fill(&mut io.stream, cx, &mut io.read, 0)) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => left = left.saturating_sub(count),
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Io {
    fn begin(&mut self, head: &RequestHead) {
        self.scanned = 0;
        self.expects_continue =
            head.parts.version == Version::HTTP_11 && head.parts.headers.contains_key(EXPECT);
        if self.read.is_empty() {
            // The head shares its memory: the next bytes need their own.
            self.read = BytesMut::new();
        }
    }
}

/// The client's socket after a switch of protocols: what was read ahead comes first.
impl AsyncRead for &ClientSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let io = &mut *self.io.borrow_mut();
        if io.read.is_empty() {
            return Pin::new(&mut io.stream).poll_read(cx, buf);
        }
        let count = io.read.len().min(buf.remaining());
        buf.put_slice(io.read.get(..count).unwrap_or_default());
        io.read.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for &ClientSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io.borrow_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io.borrow_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io.borrow_mut().stream).poll_shutdown(cx)
    }
}
