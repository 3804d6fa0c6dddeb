//! A response body on its way to an HTTP/2 client, in pieces that a slow client can
//! take one by one.
//!
//! hyper asks for the next piece when the client has room for the one before: the
//! time in between is the client's, and noted in the stream's patience. What is left
//! of the request goes on in that time: the response is kept in the [`Stream`], whose
//! task sees to it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::stream::Stream;
use crate::proxy::body::{BodyError, ResponseBody};
use crate::proxy::server_body::longer;

/// Largest piece, in bytes; also what HTTP/2 puts into a frame unless told else. Who
/// takes less than one within the limit for writing is cut.
const PIECE_BYTES: usize = 16 * 1024;

/// The body of one response.
pub(super) struct StreamBody {
    /// Of the piece that came last.
    rest: Bytes,
    stream: Rc<Stream>,
}

impl StreamBody {
    pub(super) fn new(inner: ResponseBody, stream: Rc<Stream>) -> Self {
        stream.respond(inner);
        let body = Self {
            rest: Bytes::new(),
            stream,
        };
        body.note_end();
        body
    }

    fn note_end(&self) {
        if self.is_end_stream() {
            self.stream.answered();
        }
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        this.stream.patience.write_progress();
        let mut data = std::mem::take(&mut this.rest);
        if data.is_empty() {
            match ready!(this.stream.poll_response(cx)) {
                None => {
                    this.stream.answered();
                    return Poll::Ready(None);
                }
                Some(Err(error)) => {
                    // The server's doing, or ours.
                    this.stream.answered();
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(read) => data = read,
                    Err(trailers) => {
                        this.stream.answered();
                        // hyper asks no more; the server's connection is free when
                        // the end was seen.
                        let _ = this.stream.poll_response(cx);
                        return Poll::Ready(Some(Ok(trailers)));
                    }
                },
            }
        }
        this.rest = data.split_off(data.len().min(PIECE_BYTES));
        this.stream.patience.write_pending();
        this.note_end();
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.stream.is_response_done()
    }

    fn size_hint(&self) -> SizeHint {
        longer(self.stream.response_size(), self.rest.len())
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.stream.forget_response();
    }
}
