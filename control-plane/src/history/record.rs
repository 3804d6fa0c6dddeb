//! One version: what it changed, what had happened before, and who serves it.

use std::time::SystemTime;

use super::change::{Change, changes};
use crate::model::Occurrence;
use crate::snapshot::Snapshot;

/// Changes of one version that are kept.
const MAX_CHANGES: usize = 100;
/// Occurrences before one version that are kept.
const MAX_OCCURRENCES: usize = 20;
/// Acknowledgements of one version that are kept.
const MAX_ACKNOWLEDGEMENTS: usize = 100;

/// One version of the configuration.
#[derive(Clone, Debug)]
pub struct Record {
    /// [`Snapshot::version`].
    pub version: String,
    /// [`Snapshot::sequence`].
    pub sequence: u64,
    /// When it was published.
    pub at: SystemTime,
    /// It is the first one of this process: everything is new.
    pub is_first: bool,
    /// Resources that came, changed and went.
    pub counts: [usize; 3],
    /// The first of them, those that went last.
    pub changes: Vec<Change>,
    /// What providers saw happen since the version before.
    pub occurrences: Vec<Occurrence>,
    /// Who serves it, in the order they said so.
    pub acknowledgements: Vec<Acknowledgement>,
}

/// A proxy serves a version.
#[derive(Clone, Debug)]
pub struct Acknowledgement {
    /// The proxy's id.
    pub node: String,
    /// The process.
    pub instance: String,
    /// When it said so.
    pub at: SystemTime,
    /// Resources of it that it does not serve as sent.
    pub rejections: usize,
}

impl Record {
    pub(super) fn new(
        before: Option<&Snapshot>,
        now: &Snapshot,
        mut occurrences: Vec<Occurrence>,
        at: SystemTime,
    ) -> Self {
        let (counts, changes) = changes(before, now, MAX_CHANGES);
        let surplus = occurrences.len().saturating_sub(MAX_OCCURRENCES);
        occurrences.drain(..surplus);
        Self {
            version: now.version().to_owned(),
            sequence: now.sequence(),
            at,
            is_first: before.is_none(),
            counts,
            changes,
            occurrences,
            acknowledgements: Vec::new(),
        }
    }

    /// Also says so if there is no room for another one.
    pub(super) fn is_acknowledged_by(&self, instance: &str) -> bool {
        let mut all = self.acknowledgements.iter();
        self.acknowledgements.len() >= MAX_ACKNOWLEDGEMENTS || all.any(|it| it.instance == instance)
    }
}
