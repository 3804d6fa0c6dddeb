//! One server and its short memory of failed connects.

use http::HeaderValue;

/// Identity of an endpoint within this process: equal for equal (endpoint id,
/// scheme, address), never reused for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ServerKey(u64);

/// How to speak to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// HTTP/1.1 in the clear.
    Http,
    /// TLS.
    Https,
    /// HTTP/2 with prior knowledge in the clear.
    H2c,
}

/// One server: for Docker, one container.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) key: ServerKey,
    /// Endpoint id: container id, start time and address.
    pub(crate) id: String,
    pub(crate) scheme: Scheme,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `host:port`, as the `Host` header when the client's is not passed.
    pub(crate) authority: HeaderValue,
    /// Name of the container, for people.
    pub(crate) container: String,
}

impl Server {
    /// A connect failed or timed out: out of rotation for a short while, longer
    /// each time in a row.
    pub(crate) fn connect_failed(&self) {}

    /// It answered: in rotation again. One relaxed load when nothing was wrong, so
    /// it may be called for every response head.
    pub(crate) fn connected(&self) {}
}
