//! Request bodies that may be needed again.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::Notify;

use super::body::{ClientError, RequestBody};
use super::copies::Copies;
use super::server_body::longer;

/// A body that comes home if nobody has begun to read it.
pub(crate) struct Lent {
    /// `None` only while being dropped.
    body: Option<RequestBody>,
    begun: bool,
    home: Home,
}

/// Where a lent body comes back to.
#[derive(Clone, Default)]
pub(super) struct Home(Rc<RefCell<Option<RequestBody>>>);

/// A body of which the beginning was read.
pub(crate) struct Resumed {
    read: Bytes,
    rest: RequestBody,
}

type Polled = Poll<Option<Result<Frame<Bytes>, ClientError>>>;

impl Home {
    /// The body, if it is back.
    pub(super) fn take(&self) -> Option<RequestBody> {
        self.0.borrow_mut().take()
    }
}

impl Lent {
    pub(super) fn lend(body: RequestBody) -> (RequestBody, Home) {
        let home = Home::default();
        if body.is_empty() {
            // There is nothing that could be gone.
            *home.0.borrow_mut() = Some(body);
            return (RequestBody::Empty, home);
        }
        let lent = Self {
            body: Some(body),
            begun: false,
            home: home.clone(),
        };
        (RequestBody::Lent(Box::new(lent)), home)
    }

    /// As [`RequestBody::hold`].
    pub(super) fn hold(&mut self) -> Option<Arc<Notify>> {
        self.body.as_mut()?.hold()
    }

    /// As [`RequestBody::release`].
    pub(super) fn release(&self) {
        if let Some(body) = &self.body {
            body.release();
        }
    }

    /// As [`RequestBody::copy_to`].
    pub(super) fn copy_to(&mut self, copies: &Rc<Copies>) {
        if let Some(body) = &mut self.body {
            body.copy_to(copies);
        }
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        self.begun = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), |body| body.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.begun {
            *self.home.0.borrow_mut() = self.body.take();
        }
    }
}

impl Resumed {
    pub(super) fn body(read: Bytes, rest: RequestBody) -> RequestBody {
        RequestBody::Resumed(Box::new(Self { read, rest }))
    }

    /// As [`RequestBody::copy_to`].
    pub(super) fn copy_to(&mut self, copies: &Rc<Copies>) {
        copies.push(&self.read);
        self.rest.copy_to(copies);
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        if self.read.is_empty() {
            return Pin::new(&mut self.rest).poll_frame(cx);
        }
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.read)))))
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        longer(self.rest.size_hint(), self.read.len())
    }
}
