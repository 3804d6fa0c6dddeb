//! What the control plane is told of the ledger, over one stream.
//!
//! Totals of what has changed. A report is bounded: what does not fit is told the next
//! time, entry points before all others.

use std::collections::HashMap;

use fairway_metrics::{Process, Scope, Series};
use fairway_proto::discovery::v1 as wire;

use super::collector::Collector;
use super::ledger::{Entry, Ledger};

/// Series in one report.
const MOST_SAMPLES: usize = 5000;

/// What was told on one stream.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    epoch: u32,
    /// Revision at which each series was told.
    told: HashMap<u32, u64>,
    /// Where to go on if there is too much.
    from: usize,
    /// Series with lower ids were there when the stream began.
    backlog: Option<u32>,
}

impl Reporter {
    /// What is new since the last report.
    pub(crate) fn report(&mut self, collector: &Collector) -> wire::StatsReport {
        let process = Process::now();
        let ledger = collector.ledger();
        let started = collector.started().as_millis();
        wire::StatsReport {
            process: Some(wire::ProcessStats {
                started_unix_ms: u64::try_from(started).unwrap_or_default(),
                cpu_ms: process.cpu_ms,
                resident_bytes: process.resident_bytes,
                open_files: process.open_files,
                open_connections: ledger.open_connections(),
            }),
            ..self.of(&ledger)
        }
    }

    fn of(&mut self, ledger: &Ledger) -> wire::StatsReport {
        if self.epoch != ledger.epoch() {
            self.epoch = ledger.epoch();
            self.told.clear();
        }
        let backlog = *self.backlog.get_or_insert_with(|| ledger.next_id());
        let catching_up = ledger
            .series()
            .any(|(_, entry)| entry.id < backlog && !self.told.contains_key(&entry.id));
        let mut changed: Vec<(&Series, &Entry)> = ledger
            .series()
            .filter(|(_, entry)| self.told.get(&entry.id) != Some(&entry.revision))
            .collect();
        if changed.len() > MOST_SAMPLES {
            let first = changed.partition_point(|(it, _)| it.scope == Scope::EntryPoint);
            if let Some((_, others)) = changed.split_at_mut_checked(first) {
                let from = self.from % others.len().max(1);
                others.rotate_left(from);
                self.from = from + MOST_SAMPLES.saturating_sub(first);
            }
            changed.truncate(MOST_SAMPLES);
        }
        let mut report = wire::StatsReport {
            epoch: self.epoch,
            bounds_ns: ledger.bounds().nanos().to_vec(),
            catching_up,
            answers: ledger
                .answers()
                .iter()
                .map(|(reason, count)| ((*reason).to_owned(), *count))
                .collect(),
            retries: ledger.retries().clone(),
            ..wire::StatsReport::default()
        };
        for (series, entry) in changed {
            if self.told.insert(entry.id, entry.revision).is_none() {
                report.series.push(named(entry.id, series));
            }
            report.samples.push(sample(entry));
        }
        self.told.retain(|id, _| {
            let stays = ledger.has(*id);
            if !stays {
                report.gone.push(*id);
            }
            stays
        });
        report
    }
}

fn named(id: u32, series: &Series) -> wire::Series {
    let scope = match series.scope {
        Scope::EntryPoint => wire::SeriesScope::EntryPoint,
        Scope::Router => wire::SeriesScope::Router,
        Scope::Service => wire::SeriesScope::Service,
        Scope::Server => wire::SeriesScope::Server,
    };
    wire::Series {
        id,
        scope: scope.into(),
        name: series.name.clone(),
        part: series.part.clone(),
        code: series.code.into(),
        method: series.method.to_owned(),
        protocol: series.protocol.to_owned(),
        headers: series.headers.clone(),
    }
}

fn sample(entry: &Entry) -> wire::Sample {
    let totals = &entry.totals;
    let filled = totals.buckets.iter().enumerate();
    let filled = filled.filter(|(_, count)| **count > 0);
    let (buckets, counts) = filled
        .filter_map(|(at, count)| Some((u32::try_from(at).ok()?, *count)))
        .unzip();
    wire::Sample {
        series: entry.id,
        requests: totals.requests,
        request_bytes: totals.request_bytes,
        response_bytes: totals.response_bytes,
        nanos: totals.nanos,
        buckets,
        counts,
    }
}
