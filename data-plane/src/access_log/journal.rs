//! A worker's share of the access log: lines are put into one buffer and handed over
//! together.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;

use super::Surroundings;
use super::stamp::Stamp;
use super::writer::{Batch, Destination, WriterHandle};
use crate::proxy::Record;

/// Bytes that are handed over at once, however many lines are to be gathered.
const BATCH_BYTES: usize = 64 * 1024;
/// Longest stay of a line in the buffer.
const MOMENT: Duration = Duration::from_millis(50);
/// The same where lines are to be gathered.
const GATHERING: Duration = Duration::from_secs(1);

/// The lines of one worker that are not handed over yet.
pub(crate) struct Journal {
    node: Arc<str>,
    writer: WriterHandle,
    /// Requests of the whole process that were to be logged.
    requests: Arc<AtomicU64>,
    open: RefCell<Open>,
    /// A first line waits.
    begun: Notify,
    stay: Cell<Duration>,
}

/// What the journals of all workers are made from.
#[derive(Clone)]
pub(crate) struct JournalBlueprint {
    /// Name of this process.
    node: Arc<str>,
    writer: WriterHandle,
    requests: Arc<AtomicU64>,
}

struct Open {
    batch: Batch,
    destination: Destination,
    started: Stamp,
    ended: Stamp,
}

impl JournalBlueprint {
    pub(crate) fn new(node: &str, writer: WriterHandle) -> Self {
        Self {
            node: node.into(),
            writer,
            requests: Arc::default(),
        }
    }
}

impl Journal {
    pub(crate) fn new(blueprint: JournalBlueprint) -> Self {
        Self {
            node: blueprint.node,
            writer: blueprint.writer,
            requests: blueprint.requests,
            open: RefCell::new(Open {
                batch: Batch::default(),
                destination: Destination::StandardOutput,
                started: Stamp::new(),
                ended: Stamp::new(),
            }),
            begun: Notify::new(),
            stay: Cell::new(MOMENT),
        }
    }

    /// One more request that may be logged; its number.
    pub(crate) fn count(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed) + 1
    }

    /// Writes the line of a request that is over, if it is to be logged.
    pub(crate) fn log(&self, record: &Record) {
        let Some(log) = record.log.as_ref().filter(|_| record.is_logged) else {
            return;
        };
        let took = record.started.elapsed();
        if !log.wants(record, took) {
            return;
        }
        let open = &mut *self.open.borrow_mut();
        if open.destination != *log.destination() {
            self.hand_over(open);
            open.destination = log.destination().clone();
        }
        let mut surroundings = Surroundings {
            node: &self.node,
            took,
            count: record.number,
            started: &mut open.started,
            ended: &mut open.ended,
        };
        log.write(record, &mut surroundings, &mut open.batch.bytes);
        open.batch.lines += 1;
        let lines = usize::try_from(open.batch.lines).unwrap_or(usize::MAX);
        let is_full = log.gathered > 0 && lines >= log.gathered;
        if is_full || open.batch.bytes.len() >= BATCH_BYTES {
            self.hand_over(open);
        } else if lines == 1 {
            self.stay
                .set(if log.gathered > 0 { GATHERING } else { MOMENT });
            self.begun.notify_one();
        }
    }

    /// Sees to it that no line stays; never ends.
    pub(crate) async fn keep_moving(self: Rc<Self>) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(self.stay.get()).await;
            self.hand_over(&mut self.open.borrow_mut());
        }
    }

    fn hand_over(&self, open: &mut Open) {
        if open.batch.lines == 0 {
            return;
        }
        // The next batch will be about as long.
        let next = Batch {
            bytes: Vec::with_capacity(open.batch.bytes.len()),
            lines: 0,
        };
        let batch = std::mem::replace(&mut open.batch, next);
        self.writer.hand_over(open.destination.clone(), batch);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.hand_over(&mut self.open.borrow_mut());
    }
}
