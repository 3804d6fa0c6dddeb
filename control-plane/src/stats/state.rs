//! The sums over all proxies, and what of each they are made of.
//!
//! A proxy tells totals. What it has told before is kept, so that the difference can be
//! added to the sums: they only rise, whoever comes and goes. A proxy that comes back
//! after a while tells what it counted meanwhile; charts show it spread over that time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use fairway_metrics::{Bounds, Scope, Series, Totals, method, protocol};
use fairway_proto::discovery::v1::{self as wire, ProcessStats, Sample, StatsReport};

use tokio::time::Instant;

use super::meter::{Meter, Recent};

/// Series of one proxy that are kept; nothing is known of more.
const MOST_SERIES: usize = 400_000;
/// Proxies without a stream whose totals are kept. One that comes back after it was
/// forgotten is counted anew.
const MOST_GONE: usize = 32;
/// Seconds that a series is shown at least after its object is gone, unless it was seen.
const LINGER_SECONDS: u64 = 120;

/// What a ring of numbers is about: all the series of one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Object {
    pub(super) scope: Scope,
    pub(super) name: String,
    /// Of a server: its id.
    pub(super) part: String,
}

/// A series, summed over all proxies.
#[derive(Debug)]
struct Sum {
    series: Series,
    object: Object,
    totals: Totals,
    /// Proxies that have it.
    holders: usize,
    /// Since which second nobody has.
    gone: Option<u64>,
}

/// The numbers of an object, and how many series they are of.
#[derive(Debug)]
pub(super) struct Metered {
    pub(super) meter: Meter,
    series: usize,
}

/// One process.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) node: String,
    pub(super) connected: bool,
    epoch: u32,
    known: HashMap<u32, Known>,
    /// Second of its last report.
    reported: Option<u64>,
    /// The same, of the stream before this one.
    cut_off: Option<u64>,
    pub(super) meter: Meter,
    pub(super) recents: BTreeMap<Object, Recent>,
    pub(super) process: ProcessStats,
    /// CPU used between the last two reports, in thousandths of a core.
    pub(super) cpu_per_mille: u64,
    noted: Option<Instant>,
    answers: BTreeMap<String, u64>,
    retries: BTreeMap<String, u64>,
}

/// A series as a process told it last.
#[derive(Debug)]
struct Known {
    sum: usize,
    last: Totals,
    /// Counted, at least in part, before the stream began.
    backlog: bool,
}

/// Everything that is kept.
#[derive(Debug)]
pub(super) struct State {
    pub(super) bounds: Arc<Bounds>,
    sums: Vec<Option<Sum>>,
    free: Vec<usize>,
    by_series: BTreeMap<Series, usize>,
    pub(super) objects: BTreeMap<Object, Metered>,
    pub(super) overall: Meter,
    pub(super) instances: BTreeMap<String, Instance>,
    pub(super) answers: BTreeMap<String, u64>,
    pub(super) retries: BTreeMap<String, u64>,
    /// Series that were not kept: there are too many.
    pub(super) left_out: u64,
    /// When the last configuration was.
    pub(super) published: Option<SystemTime>,
}

impl State {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            overall: Meter::fine(bounds.buckets()),
            bounds: Arc::new(bounds),
            sums: Vec::new(),
            free: Vec::new(),
            by_series: BTreeMap::new(),
            objects: BTreeMap::new(),
            instances: BTreeMap::new(),
            answers: BTreeMap::new(),
            retries: BTreeMap::new(),
            left_out: 0,
            published: None,
        }
    }

    /// A stream of this process begins.
    pub(super) fn connect(&mut self, instance: &str, node: &str) {
        let buckets = self.bounds.buckets();
        let known = self.instances.entry(instance.to_owned());
        let known = known.or_insert_with(|| Instance::new(buckets));
        node.clone_into(&mut known.node);
        known.connected = true;
        known.cut_off = known.reported;
    }

    /// Its stream has ended.
    pub(super) fn disconnect(&mut self, instance: &str, second: u64) {
        if let Some(known) = self.instances.get_mut(instance) {
            known.connected = false;
            known.process.open_connections.clear();
        }
        let gone = self.instances.iter().filter(|(_, it)| !it.connected);
        let mut gone: Vec<_> = gone.map(|(id, it)| (it.reported, id.clone())).collect();
        gone.sort_unstable_by(|a, b| b.cmp(a));
        for (_, instance) in gone.drain(..).skip(MOST_GONE) {
            if let Some(instance) = self.instances.remove(&instance) {
                for known in instance.known.into_values() {
                    self.release(known.sum, second);
                }
            }
        }
    }

    /// Takes a report over.
    pub(super) fn take(&mut self, id: &str, report: StatsReport, second: u64) {
        // Taken out while the sums change.
        let Some(mut instance) = self.instances.remove(id) else {
            return;
        };
        if instance.epoch != report.epoch {
            instance.epoch = report.epoch;
            for (_, known) in instance.known.drain() {
                self.release(known.sum, second);
            }
        }
        for series in report.series {
            self.define(&mut instance, series, report.catching_up);
        }
        let places = self.places(&report.bounds_ns);
        for sample in report.samples {
            self.count(&mut instance, &sample, &places, second);
        }
        for series in report.gone {
            if let Some(known) = instance.known.remove(&series) {
                self.forget_recent(&mut instance, known.sum);
                self.release(known.sum, second);
            }
        }
        add_differences(&mut self.answers, &mut instance.answers, report.answers);
        add_differences(&mut self.retries, &mut instance.retries, report.retries);
        if let Some(process) = report.process {
            instance.note(process);
        }
        instance.reported = Some(second);
        self.instances.insert(id.to_owned(), instance);
    }

    /// Every series with its sums, in order.
    pub(super) fn sums(&self) -> impl Iterator<Item = (&Series, &Totals)> + Clone {
        self.by_series.iter().filter_map(|(series, at)| {
            let sum = self.sums.get(*at)?.as_ref()?;
            Some((series, &sum.totals))
        })
    }

    /// Drops what is gone. `seen`: it has just been shown once more.
    pub(super) fn sweep(&mut self, second: u64, seen: bool) {
        let over = |gone: u64| seen || gone + LINGER_SECONDS < second;
        let gone: Vec<usize> = self
            .sums
            .iter()
            .enumerate()
            .filter(|(_, sum)| sum.as_ref().and_then(|it| it.gone).is_some_and(over))
            .map(|(at, _)| at)
            .collect();
        for at in gone {
            let Some(sum) = self.sums.get_mut(at).and_then(Option::take) else {
                continue;
            };
            self.free.push(at);
            self.by_series.remove(&sum.series);
            if sum.series.scope == Scope::Service {
                let name = &sum.series.name;
                let left = self.objects.get(&sum.object).map_or(0, |it| it.series);
                if left <= 1 {
                    self.retries.remove(name);
                }
            }
            if let Some(metered) = self.objects.get_mut(&sum.object) {
                metered.series -= 1;
                if metered.series == 0 {
                    self.objects.remove(&sum.object);
                }
            }
        }
    }

    fn define(&mut self, instance: &mut Instance, series: wire::Series, backlog: bool) {
        let id = series.id;
        let Some(series) = decoded(series) else {
            return;
        };
        if let Some(known) = instance.known.get_mut(&id) {
            // Named anew because the stream is new.
            known.backlog = backlog;
            return;
        }
        if instance.known.len() >= MOST_SERIES {
            self.left_out += 1;
            return;
        }
        if series.scope == Scope::Server {
            let object = Object::of(&series);
            let recent = instance.recents.entry(object).or_insert_with(Recent::new);
            recent.series += 1;
        }
        let sum = self.hold(series);
        let known = Known {
            sum,
            last: Totals::default(),
            backlog,
        };
        instance.known.insert(id, known);
    }

    /// The place of a series, which one more process has.
    fn hold(&mut self, series: Series) -> usize {
        let at = match self.by_series.get(&series) {
            Some(at) => *at,
            None => self.place(series),
        };
        if let Some(Some(sum)) = self.sums.get_mut(at) {
            sum.holders += 1;
            sum.gone = None;
        }
        at
    }

    fn place(&mut self, series: Series) -> usize {
        let object = Object::of(&series);
        let buckets = self.bounds.buckets();
        let metered = self.objects.entry(object.clone());
        let metered = metered.or_insert_with(|| Metered {
            meter: match object.scope {
                Scope::EntryPoint => Meter::fine(buckets),
                Scope::Router | Scope::Service | Scope::Server => Meter::coarse(buckets),
            },
            series: 0,
        });
        metered.series += 1;
        let sum = Sum {
            series: series.clone(),
            object,
            totals: Totals::default(),
            holders: 0,
            gone: None,
        };
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.sums.push(None);
                self.sums.len() - 1
            }
        };
        if let Some(place) = self.sums.get_mut(at) {
            *place = Some(sum);
        }
        self.by_series.insert(series, at);
        at
    }

    fn release(&mut self, at: usize, second: u64) {
        if let Some(Some(sum)) = self.sums.get_mut(at) {
            sum.holders = sum.holders.saturating_sub(1);
            if sum.holders == 0 {
                sum.gone = Some(second);
            }
        }
    }

    fn forget_recent(&self, instance: &mut Instance, at: usize) {
        let Some(Some(sum)) = self.sums.get(at) else {
            return;
        };
        if let Some(recent) = instance.recents.get_mut(&sum.object) {
            recent.series = recent.series.saturating_sub(1);
            if recent.series == 0 {
                instance.recents.remove(&sum.object);
            }
        }
    }

    fn count(
        &mut self,
        instance: &mut Instance,
        sample: &Sample,
        places: &Places,
        second: u64,
    ) -> Option<()> {
        let known = instance.known.get_mut(&sample.series)?;
        let totals = places.totals(sample, self.bounds.buckets());
        let more = totals.since(&known.last);
        known.last = totals;
        let backlog = std::mem::take(&mut known.backlog);
        let sum = self.sums.get_mut(known.sum)?.as_mut()?;
        sum.totals.add(&more);
        let failed = sum.series.is_error();
        let record = |meter: &mut Meter| match (backlog, instance.cut_off) {
            (false, _) => meter.add(second, &more, failed),
            (true, Some(cut_off)) => meter.spread(cut_off, second, &more, failed),
            // Nobody knows when that was.
            (true, None) => {}
        };
        if sum.series.scope == Scope::EntryPoint {
            record(&mut self.overall);
            record(&mut instance.meter);
        }
        record(&mut self.objects.get_mut(&sum.object)?.meter);
        if sum.series.scope == Scope::Server && !backlog {
            let recent = instance.recents.get_mut(&sum.object)?;
            recent.add(second, &more, failed);
        }
        Some(())
    }

    /// Where the buckets of a report belong among ours.
    fn places(&self, bounds: &[u64]) -> Places {
        if bounds == self.bounds.nanos() {
            return Places::Same;
        }
        let of_bounds = bounds.iter().map(|bound| self.bounds.bucket(*bound));
        let last = self.bounds.buckets() - 1;
        Places::Moved(of_bounds.chain([last]).collect())
    }
}

/// Where the buckets of a report belong.
enum Places {
    /// Where they are.
    Same,
    /// At these.
    Moved(Vec<usize>),
}

impl Places {
    fn totals(&self, sample: &Sample, buckets: usize) -> Totals {
        let mut totals = Totals {
            requests: sample.requests,
            request_bytes: sample.request_bytes,
            response_bytes: sample.response_bytes,
            nanos: sample.nanos,
            buckets: vec![0; buckets],
        };
        for (bucket, count) in sample.buckets.iter().zip(&sample.counts) {
            let at = usize::try_from(*bucket).ok();
            let at = match self {
                Self::Same => at,
                Self::Moved(places) => at.and_then(|at| places.get(at)).copied(),
            };
            if let Some(cell) = at.and_then(|at| totals.buckets.get_mut(at)) {
                *cell += count;
            }
        }
        totals
    }
}

impl Object {
    fn of(series: &Series) -> Self {
        let part = match series.scope {
            Scope::Server => series.part.clone(),
            Scope::EntryPoint | Scope::Router | Scope::Service => String::new(),
        };
        Self {
            scope: series.scope,
            name: series.name.clone(),
            part,
        }
    }
}

impl Instance {
    fn new(buckets: usize) -> Self {
        Self {
            node: String::new(),
            connected: true,
            epoch: 0,
            known: HashMap::new(),
            reported: None,
            cut_off: None,
            meter: Meter::fine(buckets),
            recents: BTreeMap::new(),
            process: ProcessStats::default(),
            cpu_per_mille: 0,
            noted: None,
            answers: BTreeMap::new(),
            retries: BTreeMap::new(),
        }
    }

    fn note(&mut self, process: ProcessStats) {
        let now = Instant::now();
        let passed = self.noted.map_or(0, |it| (now - it).as_millis());
        let used = u128::from(process.cpu_ms.saturating_sub(self.process.cpu_ms));
        if let Some(used) = (used * 1000).checked_div(passed) {
            self.cpu_per_mille = u64::try_from(used).unwrap_or(u64::MAX);
        }
        self.noted = Some(now);
        self.process = process;
    }
}

fn decoded(series: wire::Series) -> Option<Series> {
    let scope = match series.scope() {
        wire::SeriesScope::EntryPoint => Scope::EntryPoint,
        wire::SeriesScope::Router => Scope::Router,
        wire::SeriesScope::Service => Scope::Service,
        wire::SeriesScope::Server => Scope::Server,
        wire::SeriesScope::Unspecified => return None,
    };
    let (method, protocol) = match scope {
        Scope::Server => ("", ""),
        _ => (method(&series.method), protocol(&series.protocol)),
    };
    Some(Series {
        scope,
        name: series.name,
        part: series.part,
        code: u16::try_from(series.code).ok()?,
        method,
        protocol,
        headers: series.headers,
    })
}

/// Adds to `sums` what `now` says beyond `last`, and keeps it.
fn add_differences(
    sums: &mut BTreeMap<String, u64>,
    last: &mut BTreeMap<String, u64>,
    now: BTreeMap<String, u64>,
) {
    for (name, count) in now {
        let before = last.get(&name).copied().unwrap_or_default();
        let more = count.checked_sub(before).unwrap_or(count);
        *sums.entry(name.clone()).or_default() += more;
        last.insert(name, count);
    }
}
