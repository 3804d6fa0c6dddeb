//! The contract: what the control plane and the proxies say to each other, and
//! what people can ask the control plane. Generated types and nothing else,
//! but for the few constants both ends must agree on.

#![allow(
    missing_docs,
    reason = "generated code carries the comments of the .proto files"
)]

use std::time::Duration;

/// `fairway.discovery.v1`: the stream between the planes and its resources.
pub mod discovery {
    /// Version 1.
    pub mod v1 {
        #![allow(unreachable_pub, clippy::all, clippy::indexing_slicing)]
        tonic::include_proto!("fairway.discovery.v1");
    }
}

/// `fairway.inspection.v1`: read-only questions about the running system.
pub mod inspection {
    /// Version 1.
    pub mod v1 {
        #![allow(unreachable_pub, clippy::all, clippy::indexing_slicing)]
        tonic::include_proto!("fairway.inspection.v1");
    }
}

/// Encoded `FileDescriptorSet` of every service, for gRPC server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Largest message either end accepts, in bytes. tonic's default of 4 MiB is
/// less than the snapshot of a large site.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// Sets above this encoded size, in bytes, travel compressed.
pub const COMPRESS_ABOVE_BYTES: usize = 256 * 1024;

/// Below this path a control plane serves to proxies what `api@internal` shows. What
/// a client asks for is put behind it, so that no client reaches a gRPC service.
pub const INTERNAL_PATH: &str = "/fairway.internal.v1";

/// At this path a control plane serves to proxies what `prometheus@internal` shows.
pub const METRICS_PATH: &str = "/fairway.internal.v1.metrics";

/// HTTP/2 keep-alive on both ends: a ping after this much silence …
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// … and a dead peer when the answer takes longer than this.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Fields of the access log, with Traefik's names first and Fairway's own last; what
/// `accessLog.fields.names` may say, ignoring case.
pub const ACCESS_LOG_FIELDS: [&str; 41] = [
    "StartUTC",
    "StartLocal",
    "Duration",
    "RouterName",
    "ServiceName",
    "ServiceURL",
    "ServiceAddr",
    "ClientAddr",
    "ClientHost",
    "ClientPort",
    "ClientUsername",
    "RequestAddr",
    "RequestHost",
    "RequestPort",
    "RequestMethod",
    "RequestPath",
    "RequestProtocol",
    "RequestScheme",
    "RequestContentSize",
    "OriginDuration",
    "OriginContentSize",
    "OriginStatus",
    "DownstreamStatus",
    "DownstreamContentSize",
    "RequestCount",
    "GzipRatio",
    "Overhead",
    "RetryAttempts",
    "TLSVersion",
    "TLSCipher",
    "TLSClientSubject",
    "entryPointName",
    "TraceId",
    "SpanId",
    "trace_id",
    "span_id",
    "reason",
    "config_version",
    "request_id",
    "node",
    "container",
];
