//! Bodies on their way through: streamed frame by frame, never collected.
//!
//! [`RequestBody`] goes to the server, [`ResponseBody`] to the client. Both are
//! enums over what can be there, so that nothing is boxed on the usual way.
//!
//! Invariants: a body that breaks off ends in an error, never in a clean end; a
//! server's connection goes back to the pool only after a clean end; what has to
//! happen when an exchange is over happens in [`Exchange`]'s drop, however it ends.
//! Trailers of requests are not passed on: a server would take them for headers
//! that this proxy has checked. Trailers of responses are.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::access_log::Record;
use super::coding::EncodedBody;
use super::patience::{Patience, Phase};
use super::pool::Lease;
use super::server_body::{ServerBody, longer};

/// How long a client that expects `100 Continue` waits for the server's.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// What is sent to a server after the head.
pub(crate) enum RequestBody {
    Empty,
    /// Read already.
    Whole(Bytes),
    Client(ClientBody),
}

/// The body of a client's request.
pub(crate) struct ClientBody {
    incoming: Incoming,
    patience: Rc<Patience>,
    /// Set while the client waits for leave to send. Not asking hyper for the
    /// body is what keeps it from giving that leave.
    hold: Option<Pin<Box<dyn Future<Output = ()>>>>,
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
    Server(#[from] hyper::Error),
    /// It cannot be compressed.
    #[error("cannot compress the body")]
    Coding(#[from] std::io::Error),
}

enum ResponseKind {
    /// Nothing, or nothing more.
    Done,
    Own(Bytes),
    Encoded(Box<EncodedBody>),
    Server {
        /// Read before the head was sent.
        first: Option<Frame<Bytes>>,
        incoming: Incoming,
        lease: Option<Lease>,
    },
}

/// What ends when the response body does.
pub(crate) struct Exchange {
    patience: Rc<Patience>,
    record: Option<Box<Record>>,
    broken: bool,
}

impl RequestBody {
    /// Takes the client's body; its end and its pauses are reported to `patience`.
    pub(crate) fn new(incoming: Incoming, patience: &Rc<Patience>) -> Self {
        if incoming.is_end_stream() {
            return Self::Empty;
        }
        patience.body_begins();
        Self::Client(ClientBody {
            incoming,
            patience: Rc::clone(patience),
            hold: None,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Holds the body back until `leave` is given, or for a second at most.
    pub(crate) fn hold_until(&mut self, leave: Arc<Notify>) {
        if let Self::Client(body) = self {
            body.hold = Some(Box::pin(async move {
                let _ = tokio::time::timeout(CONTINUE_WAIT, leave.notified()).await;
            }));
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
        let (first, incoming, lease) = body.into_parts();
        Self {
            kind: ResponseKind::Server {
                first,
                incoming,
                lease: Some(lease),
            },
            exchange,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                let frame = (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)));
                Poll::Ready(frame)
            }
            Self::Client(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Client(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Client(body) => body.incoming.size_hint(),
        }
    }
}

impl ClientBody {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(hold) = &mut self.hold {
            ready!(hold.as_mut().poll(cx));
            self.hold = None;
        }
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
                self.patience.body_pending();
                return Poll::Pending;
            };
            match frame {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    self.patience
                        .body_progress(u64::try_from(data.len()).unwrap_or(u64::MAX));
                    if self.incoming.is_end_stream() {
                        self.patience.body_done();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                None => {
                    self.patience.body_done();
                    return Poll::Ready(None);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            }
        }
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
            ResponseKind::Done => Poll::Ready(None),
            ResponseKind::Own(bytes) => {
                let bytes = std::mem::take(bytes);
                this.exchange.sent(&bytes);
                this.kind = ResponseKind::Done;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            ResponseKind::Encoded(body) => {
                let frame = ready!(body.poll_frame(cx));
                match &frame {
                    Some(Ok(frame)) => {
                        if let Some(data) = frame.data_ref() {
                            this.exchange.sent(data);
                        }
                    }
                    Some(Err(BodyError::Server(_))) => this.exchange.broke_off("upstream_reset"),
                    Some(Err(BodyError::Coding(_))) => this.exchange.broke_off("internal"),
                    None => this.kind = ResponseKind::Done,
                }
                Poll::Ready(frame)
            }
            ResponseKind::Server {
                first,
                incoming,
                lease,
            } => {
                let frame = match first.take() {
                    Some(frame) => Some(Ok(frame)),
                    None => ready!(Pin::new(&mut *incoming).poll_frame(cx)),
                };
                match &frame {
                    Some(Ok(frame)) => {
                        if let Some(data) = frame.data_ref() {
                            this.exchange.sent(data);
                        }
                    }
                    Some(Err(_)) => this.exchange.broke_off("upstream_reset"),
                    None => {
                        if let Some(lease) = lease.take() {
                            lease.give_back();
                        }
                        this.kind = ResponseKind::Done;
                    }
                }
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            ResponseKind::Done => true,
            ResponseKind::Own(_) => false,
            ResponseKind::Encoded(body) => body.is_done(),
            ResponseKind::Server {
                first, incoming, ..
            } => first.is_none() && incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            ResponseKind::Done => SizeHint::with_exact(0),
            ResponseKind::Encoded(_) => SizeHint::new(),
            ResponseKind::Own(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            ResponseKind::Server {
                first, incoming, ..
            } => {
                let data = first.as_ref().and_then(Frame::data_ref);
                longer(incoming.size_hint(), data.map_or(0, Bytes::len))
            }
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        match &mut self.kind {
            ResponseKind::Done | ResponseKind::Own(_) => {}
            ResponseKind::Encoded(body) => {
                if !body.is_done() {
                    self.exchange.broke_off("client_reset");
                }
            }
            ResponseKind::Server {
                first,
                incoming,
                lease,
            } => {
                // A body of known length ends with its last byte: nobody polls once
                // more.
                if first.is_some() || !incoming.is_end_stream() {
                    self.exchange.broke_off("client_reset");
                } else if let Some(lease) = lease.take() {
                    lease.give_back();
                }
            }
        }
    }
}

impl Exchange {
    pub(crate) fn new(patience: &Rc<Patience>, record: Option<Box<Record>>) -> Self {
        Self {
            patience: Rc::clone(patience),
            record,
            broken: false,
        }
    }
    fn sent(&mut self, data: &Bytes) {
        if let Some(record) = &mut self.record {
            record.bytes = record
                .bytes
                .saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
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
        if let Some(record) = self.record.take() {
            record.write(self.broken);
        }
    }
}
