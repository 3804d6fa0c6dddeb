//! The access log: one line for each request, in Traefik's words, so that tools for its
//! access log read ours.
//!
//! [`AccessLog`] is what the control plane says of it. A worker writes lines into the
//! buffer of its [`Journal`], which hands them to the one thread that writes (`writer`)
//! when there are many or a moment has passed. Requests never wait for it: what a slow
//! sink does not take in time is dropped, counted, and told.

mod clf;
mod field;
mod journal;
mod json;
mod selection;
mod stamp;
mod writer;

use std::time::Duration;

use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, HeaderName, HeaderValue};

use self::field::{Field, FieldSet};
pub(crate) use self::journal::{Journal, JournalBlueprint};
pub(crate) use self::selection::SelectionError;
use self::selection::{Mode, Selection};
pub(crate) use self::writer::{Destination, WriterControl, spawn};
use crate::proxy::Record;

/// What stands in place of a value that is not to be seen.
pub(crate) const REDACTED: &str = "REDACTED";

/// How requests are logged. Immutable.
#[derive(Debug)]
pub(crate) struct AccessLog {
    format: Format,
    destination: Destination,
    /// Lines that are gathered before they are written; 0: what comes in a moment.
    pub(crate) gathered: usize,
    filters: Filters,
    fields: FieldSet,
    headers: Selection<HeaderName>,
    query: Selection<String>,
    /// A request without an id gets one.
    pub(crate) gives_ids: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// With router, server and duration.
    Common,
    /// Up to the user agent.
    GenericClf,
    Json,
}

/// A request that one of these fits is logged; without any, all are.
#[derive(Debug, Default)]
struct Filters {
    statuses: Box<[(u32, u32)]>,
    retried: bool,
    longer_than: Option<Duration>,
}

/// Headers of a message that are to be logged.
pub(crate) type Captured = Vec<(HeaderName, HeaderValue)>;

impl AccessLog {
    /// From the resource.
    pub(crate) fn build(spec: &wire::AccessLog) -> Result<Self, SelectionError> {
        let filters = spec.filters.as_ref();
        let empty = wire::FieldSelection::default();
        let or_empty = |of| Option::unwrap_or(of, &empty);
        Ok(Self {
            format: match spec.format() {
                wire::AccessLogFormat::Json => Format::Json,
                wire::AccessLogFormat::GenericClf => Format::GenericClf,
                wire::AccessLogFormat::Common | wire::AccessLogFormat::Unspecified => {
                    Format::Common
                }
            },
            destination: Destination::of(&spec.file_path),
            gathered: usize::try_from(spec.buffering_size).unwrap_or(usize::MAX),
            filters: filters.map(Filters::build).unwrap_or_default(),
            fields: FieldSet::build(or_empty(spec.fields.as_ref())),
            headers: Selection::of_headers(or_empty(spec.headers.as_ref()))?,
            query: Selection::of_parameters(or_empty(spec.query_parameters.as_ref())),
            gives_ids: spec.request_id,
        })
    }

    /// Where the lines go.
    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The headers that are to be logged.
    pub(crate) fn capture(&self, headers: &HeaderMap) -> Captured {
        if self.headers.drops_all() {
            return Captured::new();
        }
        let of_line = |(name, value): (&HeaderName, &HeaderValue)| {
            let shown = match self.headers.mode(name) {
                Mode::Drop => return None,
                Mode::Keep => value.clone(),
                Mode::Redact => HeaderValue::from_static(REDACTED),
            };
            Some((name.clone(), shown))
        };
        headers.iter().filter_map(of_line).collect()
    }

    /// Puts the line of a request behind `out`; `end` is now.
    fn write(&self, record: &Record, surroundings: &mut Surroundings<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => json::write(self, record, surroundings, out),
            Format::Common => clf::write(self, record, surroundings, true, out),
            Format::GenericClf => clf::write(self, record, surroundings, false, out),
        }
    }

    fn wants(&self, record: &Record, took: Duration) -> bool {
        let Filters {
            statuses,
            retried,
            longer_than,
        } = &self.filters;
        if statuses.is_empty() && !retried && longer_than.is_none() {
            return true;
        }
        let status = u32::from(record.status.as_u16());
        statuses
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
            || (*retried && record.retries > 0)
            || longer_than.is_some_and(|limit| took > limit)
    }

    /// The target of a request, its query as the selection says.
    fn path<'r>(&self, record: &'r Record) -> std::borrow::Cow<'r, str> {
        let target = record.target.as_ref().map_or("", |it| it.as_str());
        match target.split_once('?') {
            Some((path, query)) if !self.query.keeps_all() => {
                self.query.selected(path, query).into()
            }
            _ => target.into(),
        }
    }
}

/// What a line says besides its request.
struct Surroundings<'a> {
    node: &'a str,
    /// How long the request took.
    took: Duration,
    /// Number of the request in this process.
    count: u64,
    started: &'a mut stamp::Stamp,
    ended: &'a mut stamp::Stamp,
}

impl Filters {
    fn build(spec: &wire::AccessLogFilters) -> Self {
        let ranges = spec.status_codes.iter();
        Self {
            statuses: ranges.map(|range| (range.first, range.last)).collect(),
            retried: spec.retry_attempts,
            longer_than: (spec.min_duration_us > 0)
                .then(|| Duration::from_micros(spec.min_duration_us)),
        }
    }
}
