//! What is told about requests, as routers and entry points switch it.

use fairway_proto::discovery::v1 as wire;

/// Switches of a router or an entry point; `None`: as the level above says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Switches {
    access_logs: Option<bool>,
    metrics: Option<bool>,
    tracing: Option<bool>,
    /// Spans of every step.
    detailed: Option<bool>,
}

impl Switches {
    pub(super) fn build(spec: Option<&wire::Observability>) -> Self {
        let Some(spec) = spec else {
            return Self::default();
        };
        Self {
            access_logs: spec.access_logs,
            metrics: spec.metrics,
            tracing: spec.tracing,
            detailed: match spec.trace_verbosity() {
                wire::TraceVerbosity::Unspecified => None,
                wire::TraceVerbosity::Minimal => Some(false),
                wire::TraceVerbosity::Detailed => Some(true),
            },
        }
    }

    /// These, and where they say nothing those of `above`.
    pub(crate) fn or(self, above: Self) -> Self {
        Self {
            access_logs: self.access_logs.or(above.access_logs),
            metrics: self.metrics.or(above.metrics),
            tracing: self.tracing.or(above.tracing),
            detailed: self.detailed.or(above.detailed),
        }
    }

    /// Requests are logged.
    pub(crate) fn logs(self) -> bool {
        self.access_logs.unwrap_or(true)
    }

    /// Requests are counted.
    pub(crate) fn counts(self) -> bool {
        self.metrics.unwrap_or(true)
    }

    /// Requests have spans.
    pub(crate) fn traces(self) -> bool {
        self.tracing.unwrap_or(true)
    }

    /// Every step has one.
    pub(crate) fn traces_steps(self) -> bool {
        self.detailed.unwrap_or(false)
    }
}
