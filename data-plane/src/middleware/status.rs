//! Ranges of statuses.

use fairway_proto::discovery::v1 as wire;
use http::StatusCode;

use super::MiddlewareError;

/// Statuses from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusRange {
    first: u32,
    last: u32,
}

impl StatusRange {
    pub(super) fn build(spec: &wire::StatusRange) -> Result<Self, MiddlewareError> {
        if spec.first > spec.last {
            return Err(MiddlewareError::Code(spec.first));
        }
        Ok(Self {
            first: spec.first,
            last: spec.last,
        })
    }

    pub(super) fn contains(self, status: StatusCode) -> bool {
        (self.first..=self.last).contains(&u32::from(status.as_u16()))
    }

    /// `404` or `500-599`.
    fn shown(self) -> String {
        if self.first == self.last {
            self.first.to_string()
        } else {
            format!("{}-{}", self.first, self.last)
        }
    }
}

pub(super) fn ranges(specs: &[wire::StatusRange]) -> Result<Box<[StatusRange]>, MiddlewareError> {
    specs.iter().map(StatusRange::build).collect()
}

pub(super) fn contains(ranges: &[StatusRange], status: StatusCode) -> bool {
    ranges.iter().any(|range| range.contains(status))
}

/// For people.
pub(super) fn shown(ranges: &[StatusRange]) -> String {
    let ranges = ranges.iter().map(|range| range.shown());
    Vec::from_iter(ranges).join(", ")
}

/// The status of an answer.
pub(super) fn of_answer(code: u32) -> Result<StatusCode, MiddlewareError> {
    u16::try_from(code)
        .ok()
        .filter(|code| (200..=599).contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or(MiddlewareError::Code(code))
}
