//! The request body of an HTTP/2 stream, on its way to a server. A client may send as
//! much as its window holds; asking for more here is what opens it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use crate::proxy::body::{ClientError, RequestBody};
use crate::proxy::copies::Copies;
use crate::proxy::patience::Patience;

/// The body of one request.
pub(crate) struct StreamUpload {
    incoming: Incoming,
    patience: Rc<Patience>,
    /// Gets what passes.
    copies: Option<Rc<Copies>>,
}

impl StreamUpload {
    /// The body that comes as `incoming`; its end and its pauses are reported to
    /// `patience`.
    pub(super) fn body(incoming: Incoming, patience: &Rc<Patience>) -> RequestBody {
        if incoming.is_end_stream() {
            return RequestBody::Empty;
        }
        patience.body_begins();
        RequestBody::Http2(Box::new(Self {
            incoming,
            patience: Rc::clone(patience),
            copies: None,
        }))
    }

    pub(crate) fn copy_to(&mut self, copies: &Rc<Copies>) {
        self.copies = Some(Rc::clone(copies));
    }

    pub(crate) fn is_done(&self) -> bool {
        self.incoming.is_end_stream()
    }

    pub(crate) fn size(&self) -> SizeHint {
        self.incoming.size_hint()
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            self.patience.body_pending();
            return Poll::Pending;
        };
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                    self.patience.body_progress(length);
                    if let Some(copies) = &self.copies {
                        copies.push(data);
                    }
                }
                if frame.is_trailers() || self.incoming.is_end_stream() {
                    self.done();
                }
            }
            Some(Err(_)) => {}
            None => self.done(),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(ClientError::from)))
    }

    fn done(&mut self) {
        self.patience.body_done();
        if let Some(copies) = self.copies.take() {
            copies.end();
        }
    }
}
