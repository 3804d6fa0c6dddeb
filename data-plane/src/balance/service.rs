//! Servers and how requests are spread over them.

use std::sync::Arc;
use std::time::Duration;

use super::{Server, ServerKey};

/// Servers and how to reach them.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// Send the client's `Host` (true) or the server's address.
    pub(crate) pass_host_header: bool,
    /// Why there is no server; empty if there are some.
    pub(crate) unavailable_reason: String,
    /// Until another server is tried.
    pub(crate) dial_timeout: Duration,
    /// Until the response head must be there.
    pub(crate) response_header_timeout: Option<Duration>,
}

impl Service {
    /// The next server in rotation that is not in `tried` and not ejected; an
    /// ejected one if there is no other; `None` if all were tried or there are none.
    pub(crate) fn pick(&self, tried: &[ServerKey]) -> Option<Arc<Server>> {
        let _ = tried;
        None
    }
}
