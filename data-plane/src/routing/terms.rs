//! How long the clients of an entry point may take, and how long a stop does.

use std::time::Duration;

use fairway_proto::discovery::v1 as wire;

/// What an entry point says about its connections; what it does not say is as the
/// process was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Longest head of a request, in bytes.
    pub(crate) max_header_bytes: Option<usize>,
    /// For a whole request to arrive.
    pub(crate) read: Option<Duration>,
    /// From the head of a request to the end of its answer.
    pub(crate) write: Option<Duration>,
    /// Between two requests.
    pub(crate) idle: Option<Duration>,
    /// Requests of one connection.
    pub(crate) max_requests: Option<u32>,
    /// Age at which a connection takes its last request.
    pub(crate) max_time: Option<Duration>,
    /// How long a proxy that stops goes on accepting.
    pub(crate) accept_grace: Option<Duration>,
    /// How long it then waits for requests.
    pub(crate) grace: Option<Duration>,
}

impl Terms {
    pub(super) fn build(spec: &wire::EntryPoint) -> Self {
        let some = |millis: u64| (millis > 0).then(|| Duration::from_millis(millis));
        let bytes = usize::try_from(spec.max_header_bytes).ok();
        Self {
            max_header_bytes: bytes.filter(|bytes| *bytes > 0),
            read: some(spec.read_timeout_ms),
            write: some(spec.write_timeout_ms),
            idle: some(spec.idle_timeout_ms),
            max_requests: Some(spec.keep_alive_max_requests).filter(|most| *most > 0),
            max_time: some(spec.keep_alive_max_time_ms),
            accept_grace: spec.request_accept_grace_ms.map(Duration::from_millis),
            grace: spec.grace_timeout_ms.map(Duration::from_millis),
        }
    }
}
