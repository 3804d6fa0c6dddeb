//! Options of metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use super::API_ENTRY_POINT;

/// How requests are counted, and who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsOptions {
    /// Count the requests for Fairway's own services.
    pub add_internals: bool,
    /// Tell Prometheus.
    pub prometheus: Option<PrometheusOptions>,
}

/// What Prometheus is told, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusOptions {
    /// Entry point that serves `/metrics`.
    pub entry_point: String,
    /// None does: routers lead to `prometheus@internal`.
    pub manual_routing: bool,
    /// Upper bounds of the buckets of durations.
    pub buckets: Vec<Duration>,
    /// Show requests by entry point.
    pub add_entry_points_labels: bool,
    /// Show requests by router.
    pub add_routers_labels: bool,
    /// Show requests by service.
    pub add_services_labels: bool,
    /// Headers whose values are labels, by label.
    pub header_labels: BTreeMap<String, String>,
}

impl Default for PrometheusOptions {
    fn default() -> Self {
        Self {
            entry_point: API_ENTRY_POINT.to_owned(),
            manual_routing: false,
            buckets: fairway_metrics::DEFAULT_BUCKETS.to_vec(),
            add_entry_points_labels: true,
            add_routers_labels: false,
            add_services_labels: true,
            header_labels: BTreeMap::new(),
        }
    }
}

impl MetricsOptions {
    /// The entry point that serves `/metrics`; `None`: none does by itself.
    #[must_use]
    pub fn scraped_at(&self) -> Option<&str> {
        let prometheus = self.prometheus.as_ref();
        let prometheus = prometheus.filter(|it| !it.manual_routing)?;
        Some(&prometheus.entry_point)
    }
}

impl PrometheusOptions {
    /// Which requests are shown.
    #[must_use]
    pub fn shown(&self) -> fairway_metrics::Shown {
        fairway_metrics::Shown {
            entry_points: self.add_entry_points_labels,
            routers: self.add_routers_labels,
            services: self.add_services_labels,
            header_labels: self.header_labels.keys().cloned().collect(),
        }
    }
}
