//! What is shown of statistics: plain values, as `/api/stats` writes them.

use std::collections::BTreeMap;

use serde::Serialize;

/// How an object does, over the last seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// Mean of the last ten seconds.
    pub requests_per_second: f64,
    /// Of these, how many failed: 5xx, or a status of gRPC that says so.
    pub errors_per_second: f64,
    /// Seconds that half of the requests of the last minute took at most; `None`
    /// without any.
    pub p50: Option<f64>,
    /// Seconds that 99 % took at most.
    pub p99: Option<f64>,
}

/// The last minutes, one value for each second, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Chart {
    /// Requests that ended in it.
    pub requests: Vec<u32>,
    /// Of these, how many failed.
    pub errors: Vec<u32>,
    /// Median in seconds; `None`: no request. Empty where it is not kept by second.
    pub p50: Vec<Option<f64>>,
    /// 99th percentile in seconds, likewise.
    pub p99: Vec<Option<f64>>,
    /// How it goes now.
    pub rates: Rates,
}

/// All of it at a glance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Unix time of the last second in the charts.
    pub at: u64,
    /// Seconds that charts show once the process has run as long.
    pub window: u64,
    /// Requests of clients, over all entry points and proxies.
    pub overall: Chart,
    /// Requests of clients by entry point.
    pub entry_points: BTreeMap<String, Chart>,
    /// The proxies that are or were lately connected, by id.
    pub proxies: Vec<ProxyStats>,
}

/// One proxy.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyStats {
    /// As it was named.
    pub node: String,
    /// Which process.
    pub instance: String,
    /// It has a stream.
    pub connected: bool,
    /// Unix time of its start.
    pub started: u64,
    /// CPU it used lately, in cores.
    pub cpu: f64,
    /// CPU it used since its start, in seconds.
    pub cpu_seconds: f64,
    /// Memory it holds, in bytes.
    pub resident_bytes: u64,
    /// File descriptors it has open.
    pub open_files: u32,
    /// Connections of clients by entry point.
    pub open_connections: BTreeMap<String, u64>,
    /// Requests of its clients.
    pub chart: Chart,
}

/// One router, service or entry point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectStats {
    /// Over all proxies.
    pub chart: Chart,
    /// Of a service.
    pub servers: Vec<ServerStats>,
}

/// One server of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerStats {
    /// Its id.
    pub server: String,
    /// Over all proxies.
    pub rates: Rates,
    /// Through each proxy that has sent it requests.
    pub proxies: Vec<ServerProxyStats>,
}

/// One server as one proxy sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerProxyStats {
    /// Name of the proxy.
    pub node: String,
    /// Which process.
    pub instance: String,
    /// Mean of the last ten seconds.
    pub requests_per_second: f64,
    /// Of these, how many failed.
    pub errors_per_second: f64,
    /// How long one took on average, in seconds; `None` without any.
    pub latency: Option<f64>,
}
