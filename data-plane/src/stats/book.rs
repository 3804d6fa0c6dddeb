//! What one worker has counted since it was last asked. Belongs to its thread.
//!
//! A place in the book is found once for each request and side, by the addresses of
//! whom it is counted for; its numbers are then added up at the end of the request,
//! however late that is. Places that nobody has used for a while are given up.

use std::collections::HashMap;
use std::sync::Arc;

use fairway_metrics::{Bounds, Totals};
use foldhash::fast::FixedState;
use http::{HeaderMap, HeaderName};

use super::subject::{Kind, Subject};
use crate::balance::Server;

/// Kinds of requests that are told apart. What is above that is counted by class of
/// answer only.
const MOST_PLACES: usize = 50_000;
/// Values of headers that are told apart, of one worker.
const MOST_VALUES: usize = 1000;
/// What stands for others.
const OTHER_VALUE: &str = "other";
/// Harvests without a request after which a place is given up.
const IDLE_HARVESTS: u32 = 120;

/// A place in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// The numbers of one worker.
#[derive(Debug)]
pub(crate) struct Book {
    bounds: Arc<Bounds>,
    places: HashMap<Key, usize, FixedState>,
    cells: Vec<Option<Cell>>,
    free: Vec<usize>,
    /// Cells with something in them.
    touched: Vec<usize>,
    harvests: u32,
    answers: Vec<(&'static str, u64)>,
    retries: Vec<(Arc<Subject>, u64)>,
    /// Values of the headers that are labels. Their numbers begin with 1.
    values: HashMap<Vec<String>, u32>,
    coarse: u64,
}

/// Whom a request is counted for.
#[derive(Clone, Debug)]
pub(crate) enum Side {
    /// A client's, at an entry point and at a router, if one has taken it.
    Client(Arc<Subject>, Option<Arc<Subject>>),
    /// A server's, in a service; none: the service had no answer of a server.
    Server(Arc<Subject>, Option<Arc<str>>),
}

/// [`Side`] and [`Kind`] as numbers. No client chooses them: a fast hash will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    first: usize,
    second: u64,
    kind: Kind,
}

#[derive(Debug)]
struct Cell {
    key: Key,
    side: Side,
    /// Requests under way.
    open: u32,
    touched: bool,
    used: u32,
    requests: u64,
    request_bytes: u64,
    response_bytes: u64,
    nanos: u64,
    buckets: Box<[u64]>,
}

/// How one request went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Went {
    pub(crate) nanos: u64,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

/// What was counted since the last one.
#[derive(Debug)]
pub(crate) struct Harvest {
    /// Which worker.
    pub(crate) worker: usize,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) counts: Vec<(Side, Kind, Totals)>,
    /// By reason code.
    pub(crate) answers: Vec<(&'static str, u64)>,
    /// By service.
    pub(crate) retries: Vec<(Arc<Subject>, u64)>,
    /// The values that [`Kind::headers`] stand for, the first for 1.
    pub(crate) values: Vec<Vec<String>>,
    /// Connections of clients open now.
    pub(crate) open: Vec<(String, usize)>,
    /// Requests counted by class of answer only.
    pub(crate) coarse: u64,
}

impl Book {
    pub(crate) fn new(bounds: Arc<Bounds>) -> Self {
        Self {
            bounds,
            places: HashMap::default(),
            cells: Vec::new(),
            free: Vec::new(),
            touched: Vec::new(),
            harvests: 0,
            answers: Vec::new(),
            retries: Vec::new(),
            values: HashMap::new(),
            coarse: 0,
        }
    }

    /// Where a client's request is counted.
    pub(crate) fn of_client(
        &mut self,
        entry_point: &Arc<Subject>,
        router: Option<&Arc<Subject>>,
        kind: Kind,
    ) -> Place {
        let key = Key {
            first: address(entry_point),
            second: router.map_or(0, |it| u64::try_from(address(it)).unwrap_or_default()),
            kind,
        };
        self.place(key, || {
            Side::Client(Arc::clone(entry_point), router.map(Arc::clone))
        })
    }

    /// Where a request to a server is counted.
    pub(crate) fn of_server(
        &mut self,
        service: &Arc<Subject>,
        server: Option<&Server>,
        kind: Kind,
    ) -> Place {
        let key = Key {
            first: address(service),
            second: server.map_or(u64::MAX, |it| it.key.number()),
            kind,
        };
        self.place(key, || {
            let server = server.map(|it| Arc::from(it.id.as_str()));
            Side::Server(Arc::clone(service), server)
        })
    }

    /// The place for the same side and another status.
    pub(crate) fn with_code(&mut self, place: Place, code: u16) -> Place {
        let Some(Some(cell)) = self.cells.get_mut(place.0) else {
            return place;
        };
        cell.open = cell.open.saturating_sub(1);
        let (side, mut key) = (cell.side.clone(), cell.key);
        key.kind.code = code;
        self.place(key, || side)
    }

    /// A request has ended.
    pub(crate) fn count(&mut self, place: Place, went: Went) {
        let bucket = self.bounds.bucket(went.nanos);
        let Some(Some(cell)) = self.cells.get_mut(place.0) else {
            return;
        };
        cell.open = cell.open.saturating_sub(1);
        cell.requests += 1;
        cell.request_bytes += went.request_bytes;
        cell.response_bytes += went.response_bytes;
        cell.nanos += went.nanos;
        if let Some(count) = cell.buckets.get_mut(bucket) {
            *count += 1;
        }
        if !std::mem::replace(&mut cell.touched, true) {
            self.touched.push(place.0);
        }
    }

    /// The proxy has answered by itself.
    pub(crate) fn answered(&mut self, reason: &'static str) {
        match self.answers.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.answers.push((reason, 1)),
        }
    }

    /// A request is sent again.
    pub(crate) fn retried(&mut self, service: &Arc<Subject>) {
        let known = |(it, _): &&mut (Arc<Subject>, u64)| Arc::ptr_eq(it, service);
        match self.retries.iter_mut().find(known) {
            Some((_, count)) => *count += 1,
            None => self.retries.push((Arc::clone(service), 1)),
        }
    }

    /// The number of what these headers say; 0 if none is asked for.
    pub(crate) fn values_of(&mut self, wanted: &[HeaderName], headers: &HeaderMap) -> u32 {
        if wanted.is_empty() {
            return 0;
        }
        let value = |name| {
            let value = headers
                .get(name)
                .map(|it| String::from_utf8_lossy(it.as_bytes()));
            value.unwrap_or_default().into_owned()
        };
        let mut values: Vec<String> = wanted.iter().map(value).collect();
        if self.values.len() >= MOST_VALUES && !self.values.contains_key(&values) {
            values.fill(OTHER_VALUE.to_owned());
        }
        let next = u32::try_from(self.values.len() + 1).unwrap_or(u32::MAX);
        *self.values.entry(values).or_insert(next)
    }

    /// Takes out what was counted. From now on it is counted in `bounds`.
    pub(crate) fn harvest(&mut self, worker: usize, bounds: &Arc<Bounds>) -> Harvest {
        self.harvests = self.harvests.wrapping_add(1);
        let touched = std::mem::take(&mut self.touched);
        let counts = touched.iter().filter_map(|at| {
            let cell = self.cells.get_mut(*at)?.as_mut()?;
            cell.used = self.harvests;
            Some((cell.side.clone(), cell.key.kind, cell.take()))
        });
        let counts = counts.collect();
        let mut values: Vec<_> = self.values.iter().collect();
        values.sort_unstable_by_key(|(_, number)| **number);
        let harvest = Harvest {
            worker,
            bounds: Arc::clone(&self.bounds),
            counts,
            answers: std::mem::take(&mut self.answers),
            retries: std::mem::take(&mut self.retries),
            values: values.into_iter().map(|(it, _)| it.clone()).collect(),
            open: Vec::new(),
            coarse: std::mem::take(&mut self.coarse),
        };
        if self.harvests.is_multiple_of(IDLE_HARVESTS) {
            self.give_up();
        }
        if self.bounds != *bounds {
            self.bounds = Arc::clone(bounds);
            for cell in self.cells.iter_mut().flatten() {
                cell.buckets = vec![0; bounds.buckets()].into();
            }
        }
        harvest
    }

    fn place(&mut self, mut key: Key, side: impl FnOnce() -> Side) -> Place {
        let mut found = self.places.get(&key).copied();
        if found.is_none() && self.places.len() >= MOST_PLACES {
            self.coarse += 1;
            key.kind = key.kind.coarse();
            found = self.places.get(&key).copied();
        }
        let at = match found {
            Some(at) => at,
            None => self.begin(key, side()),
        };
        if let Some(Some(cell)) = self.cells.get_mut(at) {
            cell.open = cell.open.saturating_add(1);
        }
        Place(at)
    }

    fn begin(&mut self, key: Key, side: Side) -> usize {
        let cell = Cell {
            key,
            side,
            open: 0,
            touched: false,
            used: self.harvests,
            requests: 0,
            request_bytes: 0,
            response_bytes: 0,
            nanos: 0,
            buckets: vec![0; self.bounds.buckets()].into(),
        };
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.cells.push(None);
                self.cells.len() - 1
            }
        };
        if let Some(place) = self.cells.get_mut(at) {
            *place = Some(cell);
        }
        self.places.insert(key, at);
        at
    }

    /// Lets go of what is not used: its subjects may be gone.
    fn give_up(&mut self) {
        for (at, place) in self.cells.iter_mut().enumerate() {
            let idle = |cell: &mut Cell| {
                let since = self.harvests.wrapping_sub(cell.used);
                cell.open == 0 && !cell.touched && since >= IDLE_HARVESTS
            };
            if let Some(cell) = place.take_if(idle) {
                self.places.remove(&cell.key);
                self.free.push(at);
            }
        }
    }
}

impl Cell {
    fn take(&mut self) -> Totals {
        self.touched = false;
        let totals = Totals {
            requests: std::mem::take(&mut self.requests),
            request_bytes: std::mem::take(&mut self.request_bytes),
            response_bytes: std::mem::take(&mut self.response_bytes),
            nanos: std::mem::take(&mut self.nanos),
            buckets: self.buckets.to_vec(),
        };
        self.buckets.fill(0);
        totals
    }
}

fn address(subject: &Arc<Subject>) -> usize {
    Arc::as_ptr(subject).addr()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method, StatusCode};

    use super::*;

    fn kind(code: u16) -> Kind {
        let none = HeaderMap::new();
        let code = StatusCode::from_u16(code).unwrap();
        Kind::of(&Method::GET, &none).answered(code, &none)
    }

    fn went(nanos: u64) -> Went {
        Went {
            nanos,
            request_bytes: 1,
            response_bytes: 10,
        }
    }

    fn harvest(book: &mut Book) -> Harvest {
        let bounds = Arc::clone(&book.bounds);
        book.harvest(0, &bounds)
    }

    /// Code and number of each count.
    fn counts(harvest: &Harvest) -> Vec<(u16, u64)> {
        let counts = harvest.counts.iter();
        counts
            .map(|(_, kind, totals)| (kind.code, totals.requests))
            .collect()
    }

    #[test]
    fn a_harvest_is_what_has_ended_since_the_one_before() {
        let mut book = Book::new(Arc::default());
        let (web, router) = (Subject::new("web"), Subject::router("r", "s"));
        for _ in 0..3 {
            let place = book.of_client(&web, Some(&router), kind(200));
            book.count(place, went(1_000_000));
        }
        let under_way = book.of_client(&web, None, kind(404));
        assert_eq!(counts(&harvest(&mut book)), [(200, 3)]);
        assert!(harvest(&mut book).counts.is_empty());
        book.count(under_way, went(5));
        let last = harvest(&mut book);
        assert_eq!(counts(&last), [(404, 1)]);
        let (side, _, totals) = &last.counts[0];
        assert!(matches!(side, Side::Client(it, None) if Arc::ptr_eq(it, &web)));
        assert_eq!((totals.request_bytes, totals.response_bytes), (1, 10));
        assert_eq!(totals.buckets.iter().sum::<u64>(), 1);
    }

    #[test]
    fn a_call_whose_status_comes_last_is_counted_under_it() {
        let mut book = Book::new(Arc::default());
        let service = Subject::new("s");
        let place = book.of_server(&service, None, kind(200));
        let place = book.with_code(place, 14);
        book.count(place, went(1));
        assert_eq!(counts(&harvest(&mut book)), [(14, 1)]);
    }

    #[test]
    fn places_that_nobody_uses_are_given_up_unless_a_request_is_under_way() {
        let mut book = Book::new(Arc::default());
        let (gone, open) = (Subject::new("gone"), Subject::new("open"));
        let place = book.of_client(&gone, None, kind(200));
        book.count(place, went(1));
        let place = book.of_client(&open, None, kind(200));
        for _ in 0..3 * IDLE_HARVESTS {
            harvest(&mut book);
        }
        assert_eq!(Arc::strong_count(&gone), 1);
        assert_eq!(Arc::strong_count(&open), 2);
        book.count(place, went(1));
        assert_eq!(counts(&harvest(&mut book)), [(200, 1)]);
        let other = book.of_client(&gone, None, kind(200));
        book.count(other, went(1));
        assert_eq!(book.cells.len(), 2, "its place is used again");
    }

    #[test]
    fn of_too_many_kinds_only_the_class_is_kept_and_it_is_told() {
        let mut book = Book::new(Arc::default());
        let web = Subject::new("web");
        for headers in 0..u32::try_from(MOST_PLACES).unwrap() + 10 {
            let kind = Kind {
                headers,
                ..kind(404)
            };
            let place = book.of_client(&web, None, kind);
            book.count(place, went(1));
        }
        let harvest = harvest(&mut book);
        assert_eq!(harvest.coarse, 10);
        assert_eq!(harvest.counts.len(), MOST_PLACES + 1);
        let (_, coarse, totals) = harvest.counts.last().unwrap();
        assert_eq!((coarse.code, totals.requests), (400, 10));
    }

    #[test]
    fn values_of_headers_are_numbered_and_bounded() {
        let mut book = Book::new(Arc::default());
        let wanted = [HeaderName::from_static("x-tenant")];
        let mut number = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-tenant", HeaderValue::from_str(value).unwrap());
            book.values_of(&wanted, &headers)
        };
        assert_eq!(["a", "b", "a"].map(&mut number), [1, 2, 1]);
        for value in 0..2 * MOST_VALUES {
            number(&format!("v{value}"));
        }
        assert_eq!(number("x"), number("y"));
        assert_eq!(book.values_of(&[], &HeaderMap::new()), 0);
        let values = harvest(&mut book).values;
        assert_eq!(values.len(), MOST_VALUES + 1);
        assert_eq!(values[0], ["a"]);
        assert_eq!(values[MOST_VALUES], [OTHER_VALUE]);
    }

    #[test]
    fn other_buckets_begin_with_the_next_request() {
        let mut book = Book::new(Arc::default());
        let web = Subject::new("web");
        let place = book.of_client(&web, None, kind(200));
        let bounds = Arc::new(Bounds::new([std::time::Duration::from_millis(25)]));
        assert_eq!(book.harvest(0, &bounds).bounds, Arc::default());
        book.count(place, went(1));
        let next = book.harvest(0, &bounds);
        assert_eq!(next.bounds, bounds);
        assert_eq!(next.counts[0].2.buckets.len(), bounds.buckets());
    }
}
