//! Asks every worker what it has counted, and keeps the sums.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::book::Harvest;
use super::ledger::Ledger;
use crate::routing::RouteTable;
use crate::worker::Command;

/// A worker that has not answered by then is counted the next time.
const PATIENCE: Duration = Duration::from_millis(100);

/// The way to the workers, and what they have counted.
#[derive(Debug)]
pub(crate) struct Collector {
    workers: Vec<mpsc::UnboundedSender<Command>>,
    table: Arc<ArcSwap<RouteTable>>,
    ledger: Mutex<Ledger>,
    /// Held by who asks.
    round: tokio::sync::Mutex<Round>,
    answer: mpsc::UnboundedSender<Harvest>,
    started: SystemTime,
}

#[derive(Debug)]
struct Round {
    answers: mpsc::UnboundedReceiver<Harvest>,
    /// Of those that were asked, how many have not answered.
    open: usize,
}

impl Collector {
    pub(crate) fn new(
        workers: Vec<mpsc::UnboundedSender<Command>>,
        table: Arc<ArcSwap<RouteTable>>,
    ) -> Self {
        let (answer, answers) = mpsc::unbounded_channel();
        Self {
            workers,
            table,
            ledger: Mutex::default(),
            round: tokio::sync::Mutex::new(Round { answers, open: 0 }),
            answer,
            started: SystemTime::now(),
        }
    }

    /// Brings the ledger up to now.
    pub(crate) async fn collect(&self) {
        let mut round = self.round.lock().await;
        for worker in &self.workers {
            if worker.send(Command::Count(self.answer.clone())).is_ok() {
                round.open += 1;
            }
        }
        let deadline = Instant::now() + PATIENCE;
        while round.open > 0 {
            let Ok(Some(harvest)) = timeout_at(deadline, round.answers.recv()).await else {
                break;
            };
            round.open -= 1;
            self.ledger().take(harvest);
        }
        self.ledger().sweep(&self.table.load());
    }

    /// As it was collected last.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when this process counts, in Unix time.
    pub(crate) fn started(&self) -> Duration {
        let since = self.started.duration_since(UNIX_EPOCH);
        since.unwrap_or(Duration::ZERO)
    }
}
