//! The streams of one HTTP/2 connection: one task each, which ends when its patience
//! does.
//!
//! hyper hands each new stream first to the service and then, at once, to the
//! executor. The service [begins](Streams::begin) it; the executor takes it up and
//! keeps it until its response has ended. Ending the task early resets the stream. The
//! task also goes on with the request while the client does not take the response:
//! hyper asks for nothing then.
//!
//! A client pays for what it cancels: work begun for nothing costs the proxy and the
//! servers more than the client. Every answer that is taken to its end, and time,
//! give it back.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::rt::Executor;

use crate::proxy::body::{BodyError, ResponseBody};
use crate::proxy::patience::{CoarseClock, Limits, Patience, Phase, Verdict};
use crate::routing::Terms;

/// Requests a client may cancel in a row …
const MAX_CANCELLED: u32 = 200;
/// … of which it gets back this many each second.
const FORGIVEN_PER_SECOND: u32 = 10;

/// The streams of one connection.
pub(super) struct Streams {
    connection: Rc<Patience>,
    open: RefCell<HashMap<u64, Rc<Patience>>>,
    next: Cell<u64>,
    /// Begun and not yet taken up by the executor.
    newest: RefCell<Option<Rc<Stream>>>,
    answered: Cell<bool>,
    finishing: Cell<bool>,
    cancelled: Cell<u32>,
    forgiven_at: Cell<u32>,
}

/// One request and its response; open until dropped.
pub(super) struct Stream {
    streams: Rc<Streams>,
    id: u64,
    pub(super) patience: Rc<Patience>,
    ended: Cell<bool>,
    response: RefCell<Option<ResponseBody>>,
}

/// Runs hyper's tasks on the worker's own thread.
#[derive(Clone)]
pub(super) struct StreamExecutor(pub(super) Rc<Streams>);

impl Streams {
    pub(super) fn new(connection: Rc<Patience>) -> Self {
        Self {
            connection,
            open: RefCell::default(),
            next: Cell::new(0),
            newest: RefCell::default(),
            answered: Cell::new(false),
            finishing: Cell::new(false),
            cancelled: Cell::new(0),
            forgiven_at: Cell::new(0),
        }
    }

    /// A request has arrived.
    pub(super) fn begin(self: &Rc<Self>, clock: CoarseClock, terms: Terms) -> Rc<Stream> {
        let id = self.next.get();
        self.next.set(id.wrapping_add(1));
        self.forgive(clock.now());
        let patience = Rc::new(Patience::new(clock));
        patience.agree(terms);
        patience.enter(Phase::Serving);
        self.open.borrow_mut().insert(id, Rc::clone(&patience));
        self.connection.enter(Phase::Serving);
        let stream = Rc::new(Stream {
            streams: Rc::clone(self),
            id,
            patience,
            ended: Cell::new(false),
            response: RefCell::default(),
        });
        *self.newest.borrow_mut() = Some(Rc::clone(&stream));
        stream
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.open.borrow().is_empty()
    }

    /// A response has ended.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.get()
    }

    /// No more requests; false if that is known. A client that has none open and does
    /// not close has as long as for a request head.
    pub(super) fn finish(&self) -> bool {
        if !self.is_busy() && !self.finishing.get() {
            self.connection.enter(Phase::Head);
        }
        !self.finishing.replace(true)
    }

    /// Ends the streams whose patience is at its end.
    pub(super) fn sweep(&self, limits: &Limits) {
        for patience in self.open.borrow().values() {
            if patience.verdict(limits) == Verdict::Cut {
                patience.order(Verdict::Cut);
            }
        }
    }

    fn forgive(&self, now: u32) {
        let passed = now.saturating_sub(self.forgiven_at.replace(now));
        let forgiven = passed.saturating_mul(FORGIVEN_PER_SECOND);
        self.cancelled
            .set(self.cancelled.get().saturating_sub(forgiven));
    }

    fn end(&self, id: u64, cancelled: bool) {
        self.open.borrow_mut().remove(&id);
        if !self.is_busy() {
            self.connection.enter(if self.finishing.get() {
                Phase::Head
            } else {
                Phase::Idle
            });
        }
        let count = self.cancelled.get();
        if !cancelled {
            self.cancelled.set(count.saturating_sub(1));
            return;
        }
        self.cancelled.set(count.saturating_add(1));
        if count >= MAX_CANCELLED {
            tracing::debug!("client cancels its requests as fast as it sends them");
            self.connection.order(Verdict::Cut);
        }
    }
}

impl Stream {
    /// Its response has been handed over whole: what ends now is no cancellation.
    pub(super) fn answered(&self) {
        self.ended.set(true);
        self.streams.answered.set(true);
    }

    /// The response has begun.
    pub(super) fn respond(&self, body: ResponseBody) {
        *self.response.borrow_mut() = Some(body);
    }

    pub(super) fn poll_response(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self.response.borrow_mut() {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    pub(super) fn is_response_done(&self) -> bool {
        let response = self.response.borrow();
        response.as_ref().is_none_or(|body| body.is_end_stream())
    }

    pub(super) fn response_size(&self) -> SizeHint {
        match &*self.response.borrow() {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }

    /// Nobody asks for the rest of it.
    pub(super) fn forget_response(&self) {
        let response = self.response.borrow_mut().take();
        drop(response);
    }

    fn poll_task(
        &self,
        task: Pin<&mut impl Future<Output = ()>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.patience.ordered(cx.waker()) == Verdict::Cut {
            return Poll::Ready(());
        }
        let polled = task.poll(cx);
        if polled.is_pending()
            && let Some(body) = &mut *self.response.borrow_mut()
        {
            body.drive(cx);
        }
        polled
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let by_us = self.patience.is_cut();
        self.streams.end(self.id, !self.ended.get() && !by_us);
    }
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        let stream = self.0.newest.borrow_mut().take();
        tokio::task::spawn_local(async move {
            let Some(stream) = stream else {
                // The sending half of a tunnel.
                future.await;
                return;
            };
            let mut future = pin!(future);
            poll_fn(|cx| stream.poll_task(future.as_mut(), cx)).await;
        });
    }
}
