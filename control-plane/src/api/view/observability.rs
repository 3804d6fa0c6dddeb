//! What is told about requests.

use serde::Serialize;

use crate::model::{Observability, TraceVerbosity};

/// The switches of a router or an entry point, with what counts where nobody says it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ObservabilityView {
    access_logs: bool,
    metrics: bool,
    tracing: bool,
    trace_verbosity: &'static str,
}

impl ObservabilityView {
    pub(in crate::api) fn of(switches: Option<Observability>) -> Self {
        let switches = switches.unwrap_or_default();
        let verbosity = switches.trace_verbosity;
        Self {
            access_logs: switches.access_logs.unwrap_or(true),
            metrics: switches.metrics.unwrap_or(true),
            tracing: switches.tracing.unwrap_or(true),
            trace_verbosity: verbosity.unwrap_or(TraceVerbosity::Minimal).as_str(),
        }
    }
}
