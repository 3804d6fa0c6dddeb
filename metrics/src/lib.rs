//! What is counted of requests, and how Prometheus is told.
//!
//! Both planes show the same series under Traefik's names: a proxy its own numbers, the
//! control plane the sums over all proxies. What they must agree on is here, and nothing
//! else: the buckets, the series, the text. Nothing here knows of traffic or of streams.

mod bounds;
mod process;
mod request;
mod series;
mod text;

pub use bounds::{Bounds, DEFAULT_BUCKETS, MOST_BUCKETS};
pub use process::Process;
pub use request::{Shown, write_requests};
pub use series::{METHODS, PROTOCOLS, Scope, Series, Totals, method, protocol};
pub use text::{CONTENT_TYPE, Kind, Text};
