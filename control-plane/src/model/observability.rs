//! What is told about requests, as routers and entry points switch it.

/// Switches of a router or an entry point; `None`: as the level above says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observability {
    /// Lines in the access log.
    pub access_logs: Option<bool>,
    /// Numbers.
    pub metrics: Option<bool>,
    /// Spans.
    pub tracing: Option<bool>,
    /// Which spans.
    pub trace_verbosity: Option<TraceVerbosity>,
}

/// Which spans a request has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceVerbosity {
    /// One of the request and one of each request to a server.
    #[default]
    Minimal,
    /// Also of the router, the middlewares and the service.
    Detailed,
}

impl Observability {
    /// These, and where they say nothing those of `above`.
    #[must_use]
    pub fn or(self, above: Self) -> Self {
        Self {
            access_logs: self.access_logs.or(above.access_logs),
            metrics: self.metrics.or(above.metrics),
            tracing: self.tracing.or(above.tracing),
            trace_verbosity: self.trace_verbosity.or(above.trace_verbosity),
        }
    }
}

impl TraceVerbosity {
    /// The words for it.
    pub const WORDS: &str = "minimal or detailed";

    /// From Traefik's word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "minimal" => Some(Self::Minimal),
            "detailed" => Some(Self::Detailed),
            _ => None,
        }
    }

    /// Traefik's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Detailed => "detailed",
        }
    }
}
