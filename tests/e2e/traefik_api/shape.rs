//! What Traefik's API sends, as a client that knows nothing else requires it:
//! fields that are always there are not optional, unknown ones are passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What every object has.
#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) error: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Router {
    #[serde(flatten)]
    pub(super) state: State,
    pub(super) entry_points: Vec<String>,
    #[serde(default)]
    pub(super) middlewares: Vec<String>,
    pub(super) service: String,
    pub(super) rule: String,
    pub(super) priority: i64,
    pub(super) priority_str: String,
    #[serde(default)]
    pub(super) using: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service {
    #[serde(flatten)]
    pub(super) state: State,
    pub(super) load_balancer: Option<LoadBalancer>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) server_status: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) used_by: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoadBalancer {
    #[serde(default)]
    pub(super) servers: Vec<Server>,
    pub(super) strategy: String,
    pub(super) pass_host_header: bool,
    pub(super) response_forwarding: ResponseForwarding,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResponseForwarding {
    pub(super) flush_interval: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Server {
    pub(super) url: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Middleware {
    #[serde(flatten)]
    pub(super) state: State,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) used_by: Vec<String>,
    pub(super) add_prefix: Option<AddPrefix>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AddPrefix {
    pub(super) prefix: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct EntryPoint {
    pub(super) name: String,
    pub(super) address: String,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) total: usize,
    pub(super) warnings: usize,
    pub(super) errors: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Protocol {
    pub(super) routers: Counts,
    pub(super) services: Counts,
    pub(super) middlewares: Counts,
}

#[derive(Debug, Deserialize)]
pub(super) struct Udp {
    pub(super) routers: Counts,
    pub(super) services: Counts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Features {
    pub(super) tracing: String,
    pub(super) metrics: String,
    pub(super) access_log: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Overview {
    pub(super) http: Protocol,
    pub(super) tcp: Protocol,
    pub(super) udp: Udp,
    pub(super) certificates: Counts,
    pub(super) features: Features,
    pub(super) providers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawData {
    pub(super) routers: BTreeMap<String, Router>,
    pub(super) middlewares: BTreeMap<String, Middleware>,
    pub(super) services: BTreeMap<String, Service>,
    pub(super) tcp_routers: BTreeMap<String, Value>,
    pub(super) tcp_middlewares: BTreeMap<String, Value>,
    pub(super) tcp_services: BTreeMap<String, Value>,
    pub(super) udp_routers: BTreeMap<String, Value>,
    pub(super) udp_services: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Version {
    #[serde(rename = "Version")]
    pub(super) version: String,
    #[serde(rename = "Codename")]
    pub(super) codename: String,
    #[serde(rename = "startDate")]
    pub(super) start_date: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) message: String,
}
