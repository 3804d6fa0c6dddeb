//! Bodies on their way through: streamed frame by frame, never collected.
//!
//! [`RequestBody`] goes to the server, [`ResponseBody`] to the client. Both are
//! enums over what can be there, so that nothing is boxed on the usual way.
//!
//! Invariants: a body that breaks off ends in an error, never in a clean end; a
//! server's connection goes back to the pool only after a clean end; what has to
//! happen when an exchange is over happens in [`Exchange`]'s drop, however it ends.
//! Trailers of requests pass without names that the proxy vouches for, and only to
//! servers that cannot take them for headers: those that speak HTTP/2. Trailers of
//! responses pass.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use super::client_socket::ClientSocket;
use super::coding::EncodedBody;
use super::connect::Leftover;
use super::copies::Copies;
use super::error::Reason;
use super::headers;
use super::http2::StreamUpload;
use super::patience::{Patience, Phase};
use super::replay::{Lent, Resumed};
use super::server_body::ServerBody;
use super::server_connection::UpstreamError;
use super::{Holds, Record};
use crate::http1::{Framing, FramingError};
use crate::stats::Tally;

/// How long a client that expects `100 Continue` waits for the server's.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// What is sent to a server after the head.
pub(crate) enum RequestBody {
    Empty,
    /// Read already.
    Whole(Bytes),
    Client(ClientBody),
    /// Of an HTTP/2 stream. Boxed so that the others do not grow.
    Http2(Box<StreamUpload>),
    /// Comes back unless somebody begins to read it.
    Lent(Box<Lent>),
    /// The beginning was read already.
    Resumed(Box<Resumed>),
}

/// The body of a client's request.
pub(crate) struct ClientBody {
    socket: Rc<ClientSocket>,
    hold: Option<Hold>,
    /// Gets what passes.
    copies: Option<Rc<Copies>>,
}

/// The client waits for leave to send. Not asking for the body is what keeps the
/// socket from giving that leave.
struct Hold {
    leave: Arc<Notify>,
    given: Pin<Box<dyn Future<Output = ()>>>,
}

/// Why a request's body ends before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The client broke off.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// What it sent is no body.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// It broke off its stream, or its connection.
    #[error(transparent)]
    Http2(#[from] hyper::Error),
}

/// What is sent to the client after the head.
pub(crate) struct ResponseBody {
    kind: ResponseKind,
    exchange: Exchange,
}

/// Why a body ends before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The server broke off.
    #[error(transparent)]
    Server(#[from] UpstreamError),
    /// It cannot be compressed.
    #[error("cannot compress the body")]
    Coding(#[from] std::io::Error),
}

enum ResponseKind {
    /// Nothing, or nothing more.
    Done,
    Own(Bytes),
    Encoded(Box<EncodedBody>),
    Server(ServerBody),
    Switched(Option<Box<Leftover>>),
}

/// What ends when the response body does.
pub(crate) struct Exchange {
    patience: Rc<Patience>,
    record: Option<Box<Record>>,
    broken: bool,
    holds: Option<Holds>,
    tally: Option<Tally>,
}

/// What ends when a tunnel does.
pub(super) struct Underway {
    _holds: Option<Holds>,
    record: Option<Box<Record>>,
    _tally: Option<Tally>,
}

impl RequestBody {
    /// The body that comes over `socket`; its end and its pauses are reported to
    /// `patience`.
    pub(crate) fn new(socket: &Rc<ClientSocket>, framing: Framing, patience: &Patience) -> Self {
        socket.expect_body(framing);
        if framing == Framing::Length(0) {
            return Self::Empty;
        }
        patience.body_begins();
        Self::Client(ClientBody {
            socket: Rc::clone(socket),
            hold: None,
            copies: None,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Bytes of it that were read before it is sent.
    pub(crate) fn at_hand(&self) -> u64 {
        match self {
            Self::Whole(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            _ => 0,
        }
    }

    /// Lets `copies` have what passes, from the beginning.
    pub(crate) fn copy_to(&mut self, copies: &Rc<Copies>) {
        match self {
            Self::Empty => copies.end(),
            Self::Whole(bytes) => {
                copies.push(bytes);
                copies.end();
            }
            Self::Client(body) => body.copies = Some(Rc::clone(copies)),
            Self::Http2(body) => body.copy_to(copies),
            Self::Lent(body) => body.copy_to(copies),
            Self::Resumed(body) => body.copy_to(copies),
        }
    }

    /// Holds the body back until it is released, or for a second at most. Yields
    /// what releases it.
    pub(crate) fn hold(&mut self) -> Option<Arc<Notify>> {
        let body = match self {
            Self::Client(body) => body,
            Self::Lent(body) => return body.hold(),
            Self::Empty | Self::Whole(_) | Self::Http2(_) | Self::Resumed(_) => return None,
        };
        let leave = Arc::new(Notify::new());
        let given = Arc::clone(&leave);
        body.hold = Some(Hold {
            leave: Arc::clone(&leave),
            given: Box::pin(async move {
                let _ = tokio::time::timeout(CONTINUE_WAIT, given.notified()).await;
            }),
        });
        Some(leave)
    }

    /// Gives the client leave to send.
    pub(crate) fn release(&self) {
        match self {
            Self::Client(body) => {
                if let Some(hold) = &body.hold {
                    hold.leave.notify_one();
                }
            }
            Self::Lent(body) => body.release(),
            Self::Empty | Self::Whole(_) | Self::Http2(_) | Self::Resumed(_) => {}
        }
    }
}

impl ResponseBody {
    /// A body of our own; may be empty.
    pub(crate) fn own(bytes: Bytes, exchange: Exchange) -> Self {
        let kind = if bytes.is_empty() {
            ResponseKind::Done
        } else {
            ResponseKind::Own(bytes)
        };
        Self { kind, exchange }
    }

    /// A body that is compressed on its way.
    pub(crate) fn encoded(body: Box<EncodedBody>, exchange: Exchange) -> Self {
        Self {
            kind: ResponseKind::Encoded(body),
            exchange,
        }
    }

    /// The body of a server's response.
    pub(crate) fn server(body: ServerBody, exchange: Exchange) -> Self {
        let kind = ResponseKind::Server(body);
        Self { kind, exchange }
    }

    /// No body: HTTP has ended on the server's socket.
    pub(crate) fn switched(server: Box<Leftover>, exchange: Exchange) -> Self {
        let kind = ResponseKind::Switched(Some(server));
        Self { kind, exchange }
    }

    /// The server's socket, after a switch of protocols; and what counts as long as it
    /// is open.
    pub(super) fn take_switched(&mut self) -> Option<(Box<Leftover>, Underway)> {
        let ResponseKind::Switched(server) = &mut self.kind else {
            return None;
        };
        let server = server.take()?;
        let underway = Underway {
            _holds: self.exchange.holds.take(),
            record: self.exchange.record.take(),
            _tally: self.exchange.tally.take(),
        };
        Some((server, underway))
    }

    /// What counts while the request is under way counts no longer.
    pub(crate) fn release(&mut self) {
        self.exchange.holds = None;
    }

    /// Goes on with the request while the client does not take the response.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let ResponseKind::Server(body) = &mut self.kind {
            body.drive(cx);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        let frame = match self.get_mut() {
            Self::Empty => None,
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)))
            }
            Self::Client(body) => ready!(body.poll_frame(cx)),
            Self::Http2(body) => ready!(body.poll_frame(cx)),
            Self::Lent(body) => ready!(body.poll_frame(cx)),
            Self::Resumed(body) => ready!(body.poll_frame(cx)),
        };
        Poll::Ready(frame.map(|frame| frame.map(without_claims)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Client(body) => body.socket.body_is_done(),
            Self::Http2(body) => body.is_done(),
            Self::Lent(body) => body.is_end_stream(),
            Self::Resumed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Client(body) => body.socket.body_size(),
            Self::Http2(body) => body.size(),
            Self::Lent(body) => body.size_hint(),
            Self::Resumed(body) => body.size_hint(),
        }
    }
}

/// Trailers may not say what only the head may.
fn without_claims(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(trailers) => Frame::trailers(headers::safe_trailers(trailers)),
        Err(data) => data,
    }
}

impl ClientBody {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        if let Some(hold) = &mut self.hold {
            ready!(hold.given.as_mut().poll(cx));
            self.hold = None;
        }
        let frame = ready!(self.socket.poll_body(cx));
        if let Some(copies) = &self.copies {
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                copies.push(data);
            }
            if self.socket.body_is_done() {
                copies.end();
                self.copies = None;
            }
        }
        Poll::Ready(frame)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match &mut this.kind {
            ResponseKind::Done | ResponseKind::Switched(_) => Poll::Ready(None),
            ResponseKind::Own(bytes) => {
                let bytes = std::mem::take(bytes);
                this.exchange.sent(&bytes);
                this.kind = ResponseKind::Done;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            ResponseKind::Encoded(body) => {
                let frame = ready!(body.poll_frame(cx));
                this.exchange.came(body.take_read());
                match &frame {
                    Some(Ok(frame)) => this.exchange.passed(frame),
                    Some(Err(BodyError::Server(_))) => this.exchange.broke_off("upstream_reset"),
                    Some(Err(BodyError::Coding(_))) => this.exchange.broke_off("internal"),
                    None => this.kind = ResponseKind::Done,
                }
                Poll::Ready(frame)
            }
            ResponseKind::Server(body) => {
                let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
                match &frame {
                    Some(Ok(frame)) => {
                        this.exchange.passed(frame);
                        if let Some(data) = frame.data_ref() {
                            this.exchange.came(data.len());
                        }
                    }
                    Some(Err(_)) => this.exchange.broke_off("upstream_reset"),
                    None => this.kind = ResponseKind::Done,
                }
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            ResponseKind::Done | ResponseKind::Switched(_) => true,
            ResponseKind::Own(_) => false,
            ResponseKind::Encoded(body) => body.is_done(),
            ResponseKind::Server(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            ResponseKind::Done | ResponseKind::Switched(_) => SizeHint::with_exact(0),
            ResponseKind::Encoded(_) => SizeHint::new(),
            ResponseKind::Own(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            ResponseKind::Server(body) => body.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let complete = match &self.kind {
            ResponseKind::Done | ResponseKind::Own(_) | ResponseKind::Switched(_) => true,
            ResponseKind::Encoded(body) => body.is_done(),
            // A body of known length ends with its last byte: nobody polls once more.
            ResponseKind::Server(body) => body.is_end_stream(),
        };
        if !complete {
            self.exchange.broke_off("client_reset");
        }
    }
}

impl Underway {
    /// So many bytes went from the server to the client.
    pub(super) fn sent(&mut self, bytes: u64) {
        if let Some(record) = &mut self.record {
            record.bytes = bytes;
        }
    }

    /// There is no tunnel, and the client gets this.
    pub(super) fn refused(mut self, status: StatusCode) {
        if let Some(record) = &mut self.record {
            record.status = status;
            record.reason = Reason::UpstreamInvalid.as_str();
        }
    }
}

impl Exchange {
    pub(crate) fn new(patience: &Rc<Patience>, record: Option<Box<Record>>) -> Self {
        Self {
            patience: Rc::clone(patience),
            record,
            broken: false,
            holds: None,
            tally: None,
        }
    }

    /// These are dropped when the exchange is over.
    pub(super) fn hold(&mut self, holds: Option<Holds>) {
        self.holds = holds;
    }

    /// Counts the request once the exchange is over.
    pub(super) fn count(&mut self, tally: Option<Tally>) {
        self.tally = tally;
    }

    fn passed(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.sent(data);
        } else if let (Some(tally), Some(trailers)) = (&mut self.tally, frame.trailers_ref()) {
            tally.trailers(trailers);
        }
    }

    fn sent(&mut self, data: &Bytes) {
        if let Some(tally) = &mut self.tally {
            tally.sent(data.len());
        }
        if let Some(record) = &mut self.record {
            record.bytes = record
                .bytes
                .saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        }
    }

    /// So much of the server's body was read.
    fn came(&mut self, bytes: usize) {
        if let Some(record) = &mut self.record {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            record.origin_bytes = record.origin_bytes.saturating_add(bytes);
        }
    }

    /// The response will not reach its end; the first reason counts.
    fn broke_off(&mut self, reason: &'static str) {
        if std::mem::replace(&mut self.broken, true) {
            return;
        }
        if let Some(record) = &mut self.record {
            record.reason = reason;
        }
        tracing::debug!(reason, "response broke off");
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.patience.phase() == Phase::Serving {
            self.patience.enter(Phase::Idle);
        }
        // Whoever reads of its end finds that it no longer counts.
        self.holds = None;
    }
}
