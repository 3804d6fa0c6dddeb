//! A server's response body before it is known what becomes of it: passed on,
//! compressed, read whole, or only looked at.

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::pool::Lease;

/// A server's response body, and the connection it comes over.
pub(crate) struct ServerBody {
    first: Option<Frame<Bytes>>,
    incoming: Incoming,
    lease: Lease,
}

impl ServerBody {
    pub(crate) fn new(incoming: Incoming, lease: Lease) -> Self {
        Self {
            first: None,
            incoming,
            lease,
        }
    }

    /// In bytes, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        if self.first.is_none() && self.incoming.is_end_stream() {
            return Some(0);
        }
        let data = self.first.as_ref().and_then(Frame::data_ref);
        longer(self.incoming.size_hint(), data.map_or(0, Bytes::len)).exact()
    }

    /// What was read before its time, the rest, and where it comes from.
    pub(crate) fn into_parts(self) -> (Option<Frame<Bytes>>, Incoming, Lease) {
        (self.first, self.incoming, self.lease)
    }

    /// Reads all of it; `None` if that is more than `limit` bytes.
    pub(crate) async fn read(mut self, limit: u64) -> Result<Option<Bytes>, hyper::Error> {
        let mut read = BytesMut::new();
        while let Some(frame) = self.incoming.frame().await {
            let frame = frame?;
            read.extend_from_slice(frame.data_ref().map(|it| &it[..]).unwrap_or_default());
            if u64::try_from(read.len()).unwrap_or(u64::MAX) > limit {
                return Ok(None);
            }
        }
        self.lease.give_back();
        Ok(Some(read.freeze()))
    }

    /// Waits for the first bytes; none if the body has none.
    pub(crate) async fn peek(&mut self) -> Result<&[u8], hyper::Error> {
        while self.first.is_none() && !self.incoming.is_end_stream() {
            let Some(frame) = self.incoming.frame().await else {
                break;
            };
            let is_empty = |frame: &Frame<Bytes>| frame.data_ref().is_some_and(Bytes::is_empty);
            self.first = Some(frame?).filter(|frame| !is_empty(frame));
        }
        let data = self.first.as_ref().and_then(Frame::data_ref);
        Ok(data.map(|data| &data[..]).unwrap_or_default())
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
