//! The one task that sends spans, and what reaches it: what workers have finished,
//! within a bound. It ends when the last worker has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::Tracing;

/// Requests whose spans wait.
const MAX_WAITING: usize = 4096;
/// Spans that are sent at once …
const BATCH: usize = 512;
/// … or after this time.
const GATHERING: Duration = Duration::from_secs(1);
/// Longest wait for the collector.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is told that spans are dropped.
const PAUSE: Duration = Duration::from_secs(10);

/// The spans of one request.
pub(super) struct Batch {
    pub(super) tracing: Arc<Tracing>,
    pub(super) spans: Vec<Span>,
}

/// A worker's way to the exporter.
#[derive(Clone)]
pub(crate) struct Exporter {
    batches: mpsc::Sender<Batch>,
    dropped: Arc<AtomicU64>,
}

/// The process's way to the exporter: it does not keep it alive.
pub(crate) struct ExporterControl {
    dropped: Arc<AtomicU64>,
    ended: watch::Receiver<()>,
}

/// Starts the task. `node`: name of this process.
pub(crate) fn spawn(runtime: &Handle, node: &str) -> (Exporter, ExporterControl) {
    let (batches, receiver) = mpsc::channel(MAX_WAITING);
    let (ending, ended) = watch::channel(());
    let dropped = Arc::new(AtomicU64::new(0));
    let task = Task {
        node: node.to_owned(),
        batches: receiver,
        next: None,
        dropped: Arc::clone(&dropped),
        told: None,
    };
    runtime.spawn(async move {
        task.run().await;
        drop(ending);
    });
    let control = ExporterControl {
        dropped: Arc::clone(&dropped),
        ended,
    };
    (Exporter { batches, dropped }, control)
}

impl Exporter {
    /// Hands spans over, or drops them if too many wait.
    pub(super) fn send(&self, batch: Batch) {
        if let Err(error) = self.batches.try_send(batch) {
            let lost = match error {
                mpsc::error::TrySendError::Full(batch)
                | mpsc::error::TrySendError::Closed(batch) => batch.spans.len(),
            };
            count(&self.dropped, lost);
        }
    }
}

impl ExporterControl {
    /// Spans that were never sent.
    pub(crate) fn dropped_spans(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Returns when everything is sent and the exporter has ended.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

struct Task {
    node: String,
    batches: mpsc::Receiver<Batch>,
    /// Came last, and is for another collector than those before.
    next: Option<Batch>,
    dropped: Arc<AtomicU64>,
    /// When it was told that spans are dropped, and how many then.
    told: Option<(Instant, u64)>,
}

impl Task {
    async fn run(mut self) {
        while let Some(batch) = self.first().await {
            let Batch { tracing, mut spans } = batch;
            self.gather(&tracing, &mut spans).await;
            let count_of = spans.len();
            let sent = tracing.collector.send(&self.node, spans);
            let outcome = match tokio::time::timeout(PATIENCE, sent).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {PATIENCE:?}")),
            };
            if outcome.is_some() {
                count(&self.dropped, count_of);
            }
            self.tell(outcome.as_deref());
        }
    }

    async fn first(&mut self) -> Option<Batch> {
        match self.next.take() {
            Some(batch) => Some(batch),
            None => self.batches.recv().await,
        }
    }

    /// What else there is for the same collector.
    async fn gather(&mut self, tracing: &Arc<Tracing>, spans: &mut Vec<Span>) {
        let until = Instant::now() + GATHERING;
        while spans.len() < BATCH {
            let Ok(Some(batch)) = timeout_at(until, self.batches.recv()).await else {
                return;
            };
            if !Arc::ptr_eq(&batch.tracing, tracing) {
                self.next = Some(batch);
                return;
            }
            spans.extend(batch.spans);
        }
    }

    fn tell(&mut self, error: Option<&str>) {
        let dropped = self.dropped.load(Relaxed);
        let (told, known) = match self.told {
            Some((told, known)) => (Some(told), known),
            None => (None, 0),
        };
        let is_due = told.is_none_or(|told| told.elapsed() >= PAUSE);
        if dropped > known && is_due {
            self.told = Some((Instant::now(), dropped));
            let error = error.unwrap_or("the collector does not take them in time");
            tracing::warn!(dropped, error, "spans are dropped");
        }
    }
}

fn count(dropped: &AtomicU64, spans: usize) {
    dropped.fetch_add(u64::try_from(spans).unwrap_or(u64::MAX), Relaxed);
}
