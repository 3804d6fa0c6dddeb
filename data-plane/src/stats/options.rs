//! How requests are counted, as the entry points say it.

use std::sync::Arc;

use fairway_metrics::{Bounds, Shown};
use fairway_proto::discovery::v1 as wire;
use http::HeaderName;

/// How all of them are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MetricsOptions {
    pub(crate) bounds: Arc<Bounds>,
    /// On this proxy's own `/metrics`.
    pub(crate) shown: Shown,
    /// Headers whose values are labels.
    pub(crate) headers: Box<[HeaderName]>,
    /// Count what goes to Fairway's own services.
    pub(crate) internals: bool,
}

impl MetricsOptions {
    /// Headers that cannot be are left out: the control plane has told of them.
    pub(crate) fn build(spec: &wire::Metrics) -> Self {
        let headers = spec.header_labels.iter();
        let headers = headers.filter_map(|(label, header)| {
            let name = HeaderName::try_from(header.as_str()).ok()?;
            Some((label.clone(), name))
        });
        let (header_labels, headers): (Vec<_>, Vec<_>) = headers.unzip();
        let buckets = spec.buckets_ns.iter();
        let bounds = match spec.buckets_ns.is_empty() {
            true => Bounds::default(),
            false => Bounds::new(buckets.map(|it| std::time::Duration::from_nanos(*it))),
        };
        Self {
            bounds: Arc::new(bounds),
            shown: Shown {
                entry_points: !spec.hide_entry_points,
                routers: spec.show_routers,
                services: !spec.hide_services,
                header_labels,
            },
            headers: headers.into(),
            internals: spec.add_internals,
        }
    }
}
