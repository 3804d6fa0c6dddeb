//! The totals of this process, by name: what every worker has counted, added up.
//!
//! What is about an object that is gone from the table is shown once more and dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use fairway_metrics::{Bounds, Scope, Series, Totals};
use tokio::time::Instant;

use super::book::{Harvest, Side};
use super::subject::Kind;
use crate::routing::RouteTable;

/// After this long what is gone is dropped although nobody has asked for it …
const LINGER: Duration = Duration::from_secs(60);
/// … and not before this, so that the control plane hears of its end.
const LAST_WORD: Duration = Duration::from_secs(3);

/// Every total of this process.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    bounds: Arc<Bounds>,
    /// Rises when all begins anew.
    epoch: u32,
    series: BTreeMap<Series, Entry>,
    ids: BTreeSet<u32>,
    next_id: u32,
    /// Rises with every harvest.
    revision: u64,
    answers: BTreeMap<&'static str, u64>,
    retries: BTreeMap<String, u64>,
    /// Connections of clients by worker and entry point.
    open: BTreeMap<usize, Vec<(String, usize)>>,
    coarse: u64,
    /// The table that was swept last, and nothing was gone from it.
    swept: Weak<RouteTable>,
}

/// One series.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Never used again in this epoch.
    pub(crate) id: u32,
    pub(crate) totals: Totals,
    /// Of the last change.
    pub(crate) revision: u64,
    /// Since when its object is gone, and whether that was shown.
    gone: Option<(Instant, bool)>,
}

impl Ledger {
    /// Adds what a worker has counted.
    pub(crate) fn take(&mut self, harvest: Harvest) {
        if harvest.bounds != self.bounds {
            if !harvest.counts.is_empty() && !self.series.is_empty() {
                tracing::info!("other buckets: counting begins anew");
            }
            self.begin_anew(&harvest.bounds);
        }
        self.revision += 1;
        let values = |kind: Kind| {
            let at = usize::try_from(kind.headers).ok()?.checked_sub(1)?;
            harvest.values.get(at).cloned()
        };
        for (side, kind, totals) in &harvest.counts {
            for series in series_of(side, *kind, &values(*kind).unwrap_or_default()) {
                self.add(series, totals);
            }
        }
        for (reason, count) in harvest.answers {
            *self.answers.entry(reason).or_default() += count;
        }
        for (service, count) in harvest.retries {
            *self.retries.entry(service.name.clone()).or_default() += count;
        }
        self.open.insert(harvest.worker, harvest.open);
        if self.coarse == 0 && harvest.coarse > 0 {
            tracing::warn!("too many kinds of requests: new ones are counted by class of answer");
        }
        self.coarse += harvest.coarse;
    }

    /// Finds what is gone from the table, and drops what was gone before.
    pub(crate) fn sweep(&mut self, table: &Arc<RouteTable>) {
        if std::ptr::eq(self.swept.as_ptr(), Arc::as_ptr(table)) {
            return;
        }
        let now = Instant::now();
        let mut any_gone = false;
        let ids = &mut self.ids;
        self.series.retain(|series, entry| {
            if table.has(series) {
                entry.gone = None;
                return true;
            }
            let (since, shown) = *entry.gone.get_or_insert((now, false));
            let age = now - since;
            let stays = age < LAST_WORD || !shown && age < LINGER;
            any_gone |= stays;
            if !stays {
                ids.remove(&entry.id);
            }
            stays
        });
        self.retries.retain(|service, _| table.has_service(service));
        if !any_gone {
            self.swept = Arc::downgrade(table);
        }
    }

    /// Everything, in order. `shown`: to somebody who asks for it again and again.
    pub(crate) fn series(&self) -> impl Iterator<Item = (&Series, &Entry)> + Clone {
        self.series.iter()
    }

    /// It was shown as it is.
    pub(crate) fn shown(&mut self) {
        for entry in self.series.values_mut() {
            if let Some((_, shown)) = &mut entry.gone {
                *shown = true;
            }
        }
    }

    /// Is this the id of a series?
    pub(crate) fn has(&self, id: u32) -> bool {
        self.ids.contains(&id)
    }

    /// Above the ids of all series there are.
    pub(crate) fn next_id(&self) -> u32 {
        self.next_id
    }

    pub(crate) fn bounds(&self) -> &Arc<Bounds> {
        &self.bounds
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Answers of the proxy's own, by reason code.
    pub(crate) fn answers(&self) -> &BTreeMap<&'static str, u64> {
        &self.answers
    }

    /// Requests sent again, by service.
    pub(crate) fn retries(&self) -> &BTreeMap<String, u64> {
        &self.retries
    }

    /// Connections of clients, by entry point.
    pub(crate) fn open_connections(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for (name, count) in self.open.values().flatten() {
            let count = u64::try_from(*count).unwrap_or_default();
            *sums.entry(name.clone()).or_default() += count;
        }
        sums
    }

    /// Requests that were counted by class of answer only.
    pub(crate) fn coarse(&self) -> u64 {
        self.coarse
    }

    fn begin_anew(&mut self, bounds: &Arc<Bounds>) {
        self.bounds = Arc::clone(bounds);
        if !self.series.is_empty() {
            self.epoch += 1;
            self.series.clear();
            self.ids.clear();
        }
    }

    fn add(&mut self, series: Series, totals: &Totals) {
        let (next_id, ids) = (&mut self.next_id, &mut self.ids);
        let swept = &mut self.swept;
        let entry = self.series.entry(series).or_insert_with(|| {
            let id = *next_id;
            *next_id += 1;
            // It may be of an object that is gone already.
            *swept = Weak::new();
            ids.insert(id);
            Entry {
                id,
                totals: Totals::default(),
                revision: 0,
                gone: None,
            }
        });
        entry.totals.add(totals);
        entry.revision = self.revision;
    }
}

/// The series that a count belongs to.
fn series_of(side: &Side, kind: Kind, values: &[String]) -> impl Iterator<Item = Series> {
    let series = |scope, name: &str, part: &str| Series {
        scope,
        name: name.to_owned(),
        part: part.to_owned(),
        code: kind.code,
        method: kind.method_name(),
        protocol: kind.protocol_name(),
        headers: values.to_vec(),
    };
    let (first, second) = match side {
        Side::Client(entry_point, router) => (
            series(Scope::EntryPoint, &entry_point.name, ""),
            router
                .as_ref()
                .map(|it| series(Scope::Router, &it.name, &it.part)),
        ),
        Side::Server(service, server) => (
            series(Scope::Service, &service.name, ""),
            server.as_ref().map(|id| Series {
                method: "",
                protocol: "",
                headers: Vec::new(),
                ..series(Scope::Server, &service.name, id)
            }),
        ),
    };
    [first].into_iter().chain(second)
}
