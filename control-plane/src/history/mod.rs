//! The last changes, for people: which versions there were, what each of them changed,
//! and when each proxy acknowledged it.
//!
//! Reads along behind the `watch` of snapshots, as a proxy's session does, and publishes
//! an immutable [`History`]. Bounded, forgotten with the process, and nothing depends on
//! it. Versions that follow each other faster than it looks are one entry.

mod change;
mod record;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use crate::compile::{Compiled, Finding};
use crate::discovery::{Nodes, SnapshotReceiver};
use crate::model::Occurrence;
use crate::reconcile::ProviderReceiver;
use crate::snapshot::Snapshot;

pub(crate) use change::kind_word;
pub use change::{Action, Change};
pub use record::{Acknowledgement, Record};

/// Versions that are kept.
const MAX_RECORDS: usize = 100;

/// Gives the latest history.
pub type HistoryReceiver = watch::Receiver<Arc<History>>;

/// When findings were first made.
type Dates = HashMap<Finding, SystemTime>;

/// The last changes.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Newest first.
    records: VecDeque<Arc<Record>>,
    /// When each finding of the latest compilation was first made.
    since: Arc<Dates>,
}

/// Writes the history.
#[derive(Debug)]
pub struct Historian {
    latest: SnapshotReceiver,
    compiled: watch::Receiver<Option<Arc<Compiled>>>,
    nodes: Nodes,
    providers: Vec<ProviderReceiver>,
    out: watch::Sender<Arc<History>>,
    seen: Option<Arc<Snapshot>>,
    /// Of the last occurrence that is part of a record, by provider.
    told: Vec<u64>,
}

impl History {
    /// The versions that are remembered, newest first.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &Record> {
        self.records.iter().map(AsRef::as_ref)
    }

    /// When a finding that is still true was first made.
    pub fn since(&self, finding: &Finding) -> Option<SystemTime> {
        self.since.get(finding).copied()
    }

    /// Findings with the time each was first made; `None` if they are the known ones.
    fn date(&self, findings: &[Finding], now: SystemTime) -> Option<Arc<Dates>> {
        let known = findings.iter().filter(|it| self.since.contains_key(it));
        if findings.len() == self.since.len() && known.count() == findings.len() {
            return None;
        }
        let dated = findings
            .iter()
            .map(|finding| (finding.clone(), self.since(finding).unwrap_or(now)));
        Some(Arc::new(dated.collect()))
    }

    fn push(&mut self, record: Record) {
        self.records.push_front(Arc::new(record));
        self.records.truncate(MAX_RECORDS);
    }

    /// Whether it would be news that this instance serves this version.
    fn lacks(&self, version: &str, instance: &str) -> bool {
        let record = self.records.iter().find(|it| it.version == version);
        record.is_some_and(|it| !it.is_acknowledged_by(instance))
    }

    fn acknowledged(&mut self, version: &str, by: Acknowledgement) {
        if let Some(record) = self.records.iter_mut().find(|it| it.version == version) {
            Arc::make_mut(record).acknowledgements.push(by);
        }
    }
}

impl Historian {
    /// Follows these.
    pub fn new(
        latest: SnapshotReceiver,
        compiled: watch::Receiver<Option<Arc<Compiled>>>,
        nodes: Nodes,
        providers: impl IntoIterator<Item = ProviderReceiver>,
    ) -> Self {
        let providers: Vec<_> = providers.into_iter().collect();
        Self {
            latest,
            compiled,
            nodes,
            told: vec![0; providers.len()],
            providers,
            out: watch::Sender::default(),
            seen: None,
        }
    }

    /// Where the history appears.
    pub fn subscribe(&self) -> HistoryReceiver {
        self.out.subscribe()
    }

    /// Runs until the reconciler ends.
    pub async fn run(mut self) {
        let mut changes = self.nodes.changes();
        loop {
            self.compiled();
            self.snapshot();
            self.acknowledgements();
            let more = tokio::select! {
                more = self.latest.changed() => more,
                more = self.compiled.changed() => more,
                more = changes.changed() => more,
            };
            if more.is_err() {
                return;
            }
        }
    }

    fn compiled(&mut self) {
        let Some(compiled) = self.compiled.borrow_and_update().clone() else {
            return;
        };
        let now = SystemTime::now();
        self.out.send_if_modified(|history| {
            let dated = history.date(&compiled.diagnostics, now);
            dated
                .map(|dated| Arc::make_mut(history).since = dated)
                .is_some()
        });
    }

    fn snapshot(&mut self) {
        let Some(now) = self.latest.borrow_and_update().clone() else {
            return;
        };
        let seen = self.seen.replace(now.clone());
        if seen
            .as_ref()
            .is_some_and(|seen| seen.version() == now.version())
        {
            return;
        }
        let occurrences = self.occurrences();
        let record = Record::new(seen.as_deref(), &now, occurrences, SystemTime::now());
        self.out
            .send_modify(|history| Arc::make_mut(history).push(record));
    }

    /// What providers say has happened since the last version.
    fn occurrences(&mut self) -> Vec<Occurrence> {
        let mut news = Vec::new();
        for (provider, told) in self.providers.iter().zip(&mut self.told) {
            let Some(state) = provider.borrow().clone() else {
                continue;
            };
            let unseen = state.occurrences.iter().filter(|it| it.number > *told);
            news.extend(unseen.cloned());
            *told = state
                .occurrences
                .last()
                .map_or(*told, |it| it.number.max(*told));
        }
        news.sort_by_key(|it| it.at);
        news
    }

    fn acknowledgements(&mut self) {
        let now = SystemTime::now();
        for status in self.nodes.list() {
            let Some((version, _)) = &status.acked else {
                continue;
            };
            let by = Acknowledgement {
                node: status.node.id.clone(),
                instance: status.node.instance_id.clone(),
                at: now,
                rejections: status.rejections.len(),
            };
            self.out.send_if_modified(|history| {
                let news = history.lacks(version, &by.instance);
                if news {
                    Arc::make_mut(history).acknowledged(version, by);
                }
                news
            });
        }
    }
}

#[cfg(test)]
mod tests;
