//! A service, and one that stands in for it.

use std::ops::RangeInclusive;
use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use http::StatusCode;

use super::composition::Service;

/// A service, and one that stands in while it has no usable server, or for its
/// answers of some statuses.
#[derive(Debug)]
pub(crate) struct Failover {
    pub(crate) main: Arc<Service>,
    pub(crate) fallback: Arc<Service>,
    statuses: Box<[RangeInclusive<u32>]>,
    /// Bytes of a body that is kept for the fallback; `None`: no limit.
    pub(crate) max_request_body_bytes: Option<u64>,
}

impl Failover {
    pub(super) fn build(spec: &wire::Failover, main: Arc<Service>, fallback: Arc<Service>) -> Self {
        let statuses = spec.statuses.iter().map(|range| range.first..=range.last);
        Self {
            main,
            fallback,
            statuses: statuses.collect(),
            max_request_body_bytes: spec.max_request_body_bytes,
        }
    }

    /// The one that gets requests now.
    pub(super) fn choose(&self) -> &Arc<Service> {
        let stands_in = !self.main.is_usable()
            && (self.fallback.is_usable() || self.main.is_empty() && !self.fallback.is_empty());
        match stands_in {
            true => &self.fallback,
            false => &self.main,
        }
    }

    /// The main service's answers may be replaced: requests must be kept.
    pub(crate) fn replaces_answers(&self) -> bool {
        !self.statuses.is_empty()
    }

    /// The fallback answers instead of this answer of the main service.
    pub(crate) fn replaces(&self, status: StatusCode) -> bool {
        let status = u32::from(status.as_u16());
        self.statuses.iter().any(|range| range.contains(&status))
    }
}
