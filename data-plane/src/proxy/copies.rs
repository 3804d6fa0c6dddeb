//! Copies of requests for mirrors.
//!
//! The main request goes first and never waits: its body is copied while it passes,
//! and copies are sent once it has an answer and its body has gone. What mirrors answer
//! is thrown away, and what goes wrong with them is only logged.
//!
//! Bounded for each worker: so many copies under way, so many bytes of bodies, so long
//! for each. What is above that is not copied.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body::Body as _;

use super::Onward;
use super::connection::Client;
use super::error::ProxyError;
use super::forward;
use super::head::Head;
use super::service::whole;
use crate::balance::{Asking, Mirroring, Regard, Service};
use crate::counter::Counters;
use crate::worker::Worker;

/// Copies of one worker that are under way.
const MAX_COPIES: usize = 256;
/// Bytes of bodies that one worker holds for copies.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// For a copy, from the first byte to the last of the answer.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Of an answer: what is longer is not read, and its connection closed.
const DRAIN_LIMIT: u64 = 64 * 1024;

/// What one worker has to do with copies.
#[derive(Debug, Default)]
pub(crate) struct Burden {
    copies: Cell<usize>,
    bytes: Cell<usize>,
}

/// The copies of one request.
pub(crate) struct Copies {
    worker: Rc<Worker>,
    /// `None` once they are sent.
    pending: RefCell<Option<Pending>>,
    /// Bytes on account of the worker's burden.
    held: Cell<usize>,
    answered: Cell<bool>,
    ended: Cell<bool>,
}

struct Pending {
    head: Box<Head>,
    targets: Vec<Target>,
    body: Vec<Bytes>,
    length: u64,
}

/// Who gets a copy.
struct Target {
    service: Arc<Service>,
    with_body: bool,
    /// Bytes of a body that is copied.
    limit: u64,
}

impl Copies {
    /// The copies that are due of a request, if any is. It does not switch protocols.
    pub(super) fn begin(
        client: &Client,
        mirrorings: &[&Mirroring],
        head: &Head,
        onward: &mut Onward,
    ) -> Option<Rc<Self>> {
        if onward.upgrade.is_some() {
            return None;
        }
        let smallest = onward.body.size_hint().lower();
        let mut targets = Vec::new();
        for mirroring in mirrorings {
            let limit = mirroring.max_body_size.unwrap_or(u64::MAX);
            let due = mirroring.due().into_iter().map(|service| Target {
                service,
                with_body: mirroring.mirror_body,
                limit,
            });
            targets.extend(due.filter(|it| !it.with_body || smallest <= limit));
        }
        if targets.is_empty() {
            return None;
        }
        let with_body = targets.iter().any(|target| target.with_body);
        let pending = Pending {
            head: Box::new(head.clone()),
            targets,
            body: Vec::new(),
            length: 0,
        };
        let copies = Rc::new(Self {
            worker: Rc::clone(&client.worker),
            pending: RefCell::new(Some(pending)),
            held: Cell::new(0),
            answered: Cell::new(false),
            ended: Cell::new(!with_body),
        });
        if with_body {
            onward.body.copy_to(&copies);
        }
        Some(copies)
    }

    /// A piece of the body.
    pub(crate) fn push(&self, data: &Bytes) {
        let mut pending = self.pending.borrow_mut();
        let Some(pending) = pending.as_mut() else {
            return;
        };
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        pending.length = pending.length.saturating_add(length);
        let fits = self.take(data.len());
        let (length, before) = (pending.length, pending.targets.len());
        let keeps = |target: &Target| !target.with_body || fits && length <= target.limit;
        pending.targets.retain(keeps);
        if !fits {
            self.worker
                .counters
                .copies_left_out(before - pending.targets.len());
        }
        match pending.targets.iter().any(|target| target.with_body) {
            true => pending.body.push(data.clone()),
            false => pending.body.clear(),
        }
    }

    /// The body has passed.
    pub(crate) fn end(&self) {
        self.ended.set(true);
        self.send();
    }

    /// The main request has an answer.
    pub(crate) fn answered(&self) {
        self.answered.set(true);
        self.send();
    }

    fn send(&self) {
        if !self.answered.get() || !self.ended.get() {
            return;
        }
        let Some(pending) = self.pending.take() else {
            return;
        };
        let burden = &self.worker.copies;
        let free = MAX_COPIES.saturating_sub(burden.copies.get());
        self.worker
            .counters
            .copies_left_out(pending.targets.len().saturating_sub(free));
        let Pending {
            head,
            targets,
            body,
            ..
        } = pending;
        let body = joined(body);
        // From here on the copies themselves have it on account.
        let held = Rc::new(Held {
            worker: Rc::clone(&self.worker),
            bytes: self.held.replace(0),
        });
        for target in targets.into_iter().take(free) {
            burden.copies.set(burden.copies.get() + 1);
            let held = Rc::clone(&held);
            let (head, body) = copy(&head, &body, target.with_body);
            let worker = Rc::clone(&self.worker);
            tokio::task::spawn_local(async move {
                let sent = send_copy(&worker, &target.service, head, body);
                let mirror = target.service.name.as_str();
                match tokio::time::timeout(TIME_LIMIT, sent).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(service = mirror, %error, "copy failed"),
                    Err(_) => tracing::debug!(service = mirror, "copy given up: it takes too long"),
                }
                let copies = &worker.copies.copies;
                copies.set(copies.get().saturating_sub(1));
                drop(held);
            });
        }
    }

    /// Is there room for so many bytes?
    fn take(&self, bytes: usize) -> bool {
        let all = self.worker.copies.bytes.get().saturating_add(bytes);
        if all > MAX_BYTES {
            return false;
        }
        self.worker.copies.bytes.set(all);
        self.held.set(self.held.get() + bytes);
        true
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        let bytes = &self.worker.copies.bytes;
        bytes.set(bytes.get().saturating_sub(self.held.get()));
    }
}

/// Bytes on account of the worker's burden while copies are sent.
struct Held {
    worker: Rc<Worker>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = &self.worker.copies.bytes;
        bytes.set(bytes.get().saturating_sub(self.bytes));
    }
}

fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() < 2 {
        return pieces.pop().unwrap_or_default();
    }
    let mut joined = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in pieces {
        joined.extend_from_slice(&piece);
    }
    joined.freeze()
}

fn copy(head: &Head, body: &Bytes, with_body: bool) -> (Box<Head>, Bytes) {
    let mut head = Box::new(head.clone());
    head.headers.remove(EXPECT);
    if !with_body {
        head.headers.remove(CONTENT_LENGTH);
        return (head, Bytes::new());
    }
    if !body.is_empty() {
        let length = HeaderValue::from(body.len());
        head.headers.insert(CONTENT_LENGTH, length);
    }
    (head, body.clone())
}

async fn send_copy(
    worker: &Rc<Worker>,
    service: &Service,
    head: Box<Head>,
    body: Bytes,
) -> Result<(), ProxyError> {
    let asking = Asking {
        client: head.peer,
        headers: &head.headers,
    };
    let Some(descent) = service.descend(asking, Regard::Take) else {
        return Err(super::service::no_share(service));
    };
    let mut turn = descent.turn;
    // The proxy itself: nobody is interested.
    if turn.balancer.internal.is_some() {
        return Ok(());
    }
    let sent = forward::forward(worker, &mut turn, head, whole(body), false, None);
    let mut body = sent.await?.body;
    body.count(turn.into_load());
    Counters::count(&worker.counters.copies);
    // For the connection's sake.
    body.read(DRAIN_LIMIT)
        .await
        .map_err(ProxyError::UpstreamReset)?;
    Ok(())
}
