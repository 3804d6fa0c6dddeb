//! A server's response body, and the connection it comes over.
//!
//! Passed on, compressed, read whole, or only looked at: whatever becomes of it, its
//! connection goes back to the pool when the body has come to its clean end, and is
//! closed otherwise.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::connect::Leftover;
use super::pool::Lease;
use super::server_connection::{Http1Exchange, UpstreamError};
use crate::balance::InFlight;
use crate::stats::Attempt;

/// A server's response body.
pub(crate) struct ServerBody {
    /// Read before its time.
    first: Option<Frame<Bytes>>,
    source: Source,
    /// Counts the request as under way.
    load: Option<InFlight>,
    /// Counts it once it is over.
    attempt: Option<Attempt>,
}

enum Source {
    /// Nothing more; the connection is back in the pool, or closed.
    Done,
    Http1(Box<(Http1Exchange, Lease)>),
    Http2(Incoming),
}

impl ServerBody {
    /// The body of the response to an exchange.
    pub(crate) fn http1(exchange: Http1Exchange, lease: Lease) -> Self {
        let mut body = Self {
            first: None,
            source: Source::Http1(Box::new((exchange, lease))),
            load: None,
            attempt: None,
        };
        body.settle();
        body
    }

    pub(crate) fn http2(incoming: Incoming) -> Self {
        let mut body = Self {
            first: None,
            source: Source::Http2(incoming),
            load: None,
            attempt: None,
        };
        // A head alone stays one: to gRPC an empty body behind it is something else.
        body.settle();
        body
    }

    /// Lets `load` last as long as the body.
    pub(crate) fn count(&mut self, load: Option<InFlight>) {
        self.load = load.filter(|_| !matches!(self.source, Source::Done));
    }

    /// Counts the request when the body has ended.
    pub(crate) fn measure(&mut self, attempt: Option<Attempt>) {
        self.attempt = attempt.filter(|_| !matches!(self.source, Source::Done));
    }

    /// The server's socket, after a switch of protocols.
    pub(crate) fn into_leftover(self) -> Option<Leftover> {
        match self.source {
            Source::Http1(http1) => Some(http1.0.into_leftover(self.load, self.attempt)),
            Source::Http2(_) | Source::Done => None,
        }
    }

    /// In bytes, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        if self.is_end_stream() {
            return Some(0);
        }
        self.size_hint().exact()
    }

    /// Reads all of it; `None` if that is more than `limit` bytes.
    pub(crate) async fn read(mut self, limit: u64) -> Result<Option<Bytes>, UpstreamError> {
        let mut read = BytesMut::new();
        while let Some(frame) = self.frame().await {
            let frame = frame?;
            read.extend_from_slice(frame.data_ref().map(|it| &it[..]).unwrap_or_default());
            if u64::try_from(read.len()).unwrap_or(u64::MAX) > limit {
                return Ok(None);
            }
        }
        Ok(Some(read.freeze()))
    }

    /// Waits for the first bytes; none if the body has none.
    pub(crate) async fn peek(&mut self) -> Result<&[u8], UpstreamError> {
        while self.first.is_none() && !self.is_end_stream() {
            let Some(frame) = self.frame().await else {
                break;
            };
            let is_empty = |frame: &Frame<Bytes>| frame.data_ref().is_some_and(Bytes::is_empty);
            self.first = Some(frame?).filter(|frame| !is_empty(frame));
        }
        let data = self.first.as_ref().and_then(Frame::data_ref);
        Ok(data.map(|data| &data[..]).unwrap_or_default())
    }

    /// Goes on with the request while the response cannot be passed on.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Source::Http1(http1) = &mut self.source {
            let _ = http1.0.drive_upload(cx);
        }
    }

    /// Lets go of the connection once the body has ended.
    fn settle(&mut self) {
        let ended = match &self.source {
            Source::Done => true,
            Source::Http1(http1) => http1.0.has_ended(),
            Source::Http2(incoming) => incoming.is_end_stream(),
        };
        if !ended {
            return;
        }
        self.load = None;
        self.attempt = None;
        if let Source::Http1(http1) = std::mem::replace(&mut self.source, Source::Done) {
            let (exchange, lease) = *http1;
            if let Some(connection) = exchange.into_connection() {
                lease.give_back(connection);
            }
        }
    }
}

impl Body for ServerBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let this = self.get_mut();
        if let Some(frame) = this.first.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let frame = match &mut this.source {
            Source::Done => return Poll::Ready(None),
            Source::Http1(http1) => ready!(http1.0.poll_frame(cx)),
            Source::Http2(incoming) => {
                let frame = ready!(Pin::new(incoming).poll_frame(cx));
                frame.map(|frame| frame.map_err(UpstreamError::from))
            }
        };
        if let (Some(attempt), Some(Ok(frame))) = (&mut this.attempt, &frame) {
            match (frame.data_ref(), frame.trailers_ref()) {
                (Some(data), _) => attempt.sent(data.len()),
                (_, Some(trailers)) => attempt.trailers(trailers),
                _ => {}
            }
        }
        this.settle();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && matches!(self.source, Source::Done)
    }

    fn size_hint(&self) -> SizeHint {
        let rest = match &self.source {
            Source::Done => SizeHint::with_exact(0),
            Source::Http1(http1) => match http1.0.length() {
                Some(length) => SizeHint::with_exact(length),
                None => SizeHint::new(),
            },
            Source::Http2(incoming) => incoming.size_hint(),
        };
        let data = self.first.as_ref().and_then(Frame::data_ref);
        longer(rest, data.map_or(0, Bytes::len))
    }
}

/// The size of a body that has this many bytes more.
pub(super) fn longer(hint: SizeHint, by: usize) -> SizeHint {
    let by = u64::try_from(by).unwrap_or(u64::MAX);
    let mut longer = SizeHint::new();
    longer.set_lower(hint.lower().saturating_add(by));
    if let Some(upper) = hint.upper() {
        longer.set_upper(upper.saturating_add(by));
    }
    longer
}
