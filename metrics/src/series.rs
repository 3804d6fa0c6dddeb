//! What is counted: one series for each object and kind of request.

/// Methods that stand for themselves; every other is an extension.
pub const METHODS: [&str; 10] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "EXTENSION_METHOD",
];

/// What requests speak, in Traefik's words.
pub const PROTOCOLS: [&str; 5] = ["http", "websocket", "sse", "grpc", "grpc-web"];

/// What a series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Requests of clients, by where they came in.
    EntryPoint,
    /// Requests of clients, by the router that took them.
    Router,
    /// Requests to servers, by service.
    Service,
    /// Requests to one server of a service. No part of what Traefik counts.
    Server,
}

/// One series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// What it is about.
    pub scope: Scope,
    /// Name of the entry point, the router or the service.
    pub name: String,
    /// Of a router: its service. Of a server: its id. Else empty.
    pub part: String,
    /// Status of the answer; of gRPC the status of the call.
    pub code: u16,
    /// One of [`METHODS`]; empty for servers.
    pub method: &'static str,
    /// One of [`PROTOCOLS`]; empty for servers.
    pub protocol: &'static str,
    /// Values of the headers that were asked for as labels, in the order of those.
    pub headers: Vec<String>,
}

/// What was counted of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that have ended.
    pub requests: u64,
    /// Bytes of their bodies.
    pub request_bytes: u64,
    /// Bytes of the bodies of the answers.
    pub response_bytes: u64,
    /// How long they took together.
    pub nanos: u64,
    /// Requests by how long they took; empty: none.
    pub buckets: Vec<u64>,
}

/// The known method of this name.
#[must_use]
pub fn method(name: &str) -> &'static str {
    let known = METHODS.into_iter().find(|known| *known == name);
    known.unwrap_or("EXTENSION_METHOD")
}

/// The known protocol of this name.
#[must_use]
pub fn protocol(name: &str) -> &'static str {
    let known = PROTOCOLS.into_iter().find(|known| *known == name);
    known.unwrap_or("http")
}

impl Series {
    /// An answer of the server, or in its place, that says it has failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self.protocol {
            // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED to DATA_LOSS.
            "grpc" | "grpc-web" if self.code < 100 => {
                matches!(self.code, 2 | 4 | 12..=15)
            }
            _ => self.code >= 500,
        }
    }

    /// Equal but for labels that are made of headers.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.scope, it.code, it.method, it.protocol);
        key(self) == key(other) && self.name == other.name && self.part == other.part
    }
}

impl Totals {
    /// These and those.
    pub fn add(&mut self, more: &Self) {
        self.requests += more.requests;
        self.request_bytes += more.request_bytes;
        self.response_bytes += more.response_bytes;
        self.nanos = self.nanos.saturating_add(more.nanos);
        if self.buckets.len() < more.buckets.len() {
            self.buckets.resize(more.buckets.len(), 0);
        }
        for (mine, more) in self.buckets.iter_mut().zip(&more.buckets) {
            *mine += more;
        }
    }

    /// What has come since `before`; all of it if these are no later totals of the same.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let counts = |it: &Self| [it.requests, it.request_bytes, it.response_bytes, it.nanos];
        let fell = counts(self)
            .into_iter()
            .chain(self.buckets.iter().copied())
            .zip(
                counts(before)
                    .into_iter()
                    .chain(before.buckets.iter().copied()),
            )
            .any(|(now, before)| now < before);
        if fell {
            return self.clone();
        }
        let mut buckets = self.buckets.clone();
        for (now, before) in buckets.iter_mut().zip(&before.buckets) {
            *now -= before;
        }
        Self {
            requests: self.requests - before.requests,
            request_bytes: self.request_bytes - before.request_bytes,
            response_bytes: self.response_bytes - before.response_bytes,
            nanos: self.nanos - before.nanos,
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(requests: u64, buckets: &[u64]) -> Totals {
        Totals {
            requests,
            nanos: requests * 10,
            buckets: buckets.to_vec(),
            ..Totals::default()
        }
    }

    #[test]
    fn what_was_there_before_and_what_has_come_since_are_the_whole() {
        let before = totals(3, &[1, 2]);
        let now = totals(5, &[1, 3, 1]);
        let mut sum = before.clone();
        sum.add(&now.since(&before));
        assert_eq!(sum, now);
        assert_eq!(now.since(&Totals::default()), now);
    }

    #[test]
    fn totals_that_fell_are_those_of_another_beginning() {
        let now = totals(5, &[5, 0]);
        assert_eq!(now.since(&totals(6, &[6, 0])), now);
        assert_eq!(now.since(&totals(5, &[4, 1])), now);
    }

    #[test]
    fn what_nobody_knows_is_counted_together() {
        assert_eq!(method("PATCH"), "PATCH");
        assert_eq!(method("get"), "EXTENSION_METHOD");
        assert_eq!(protocol("sse"), "sse");
        assert_eq!(protocol("gopher"), "http");
    }
}
