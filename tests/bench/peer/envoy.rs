//! Envoy, with one worker.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{ECHO, FILES, Ground, HOST, PATH, Running, Scene};
use crate::process::Process;

const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.\
    http_connection_manager.v3.HttpConnectionManager";
const ACCESS_CONTROL: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
const STDOUT_LOG: &str =
    "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";

/// The program: `ENVOY`, or what the search path has.
pub(super) fn program() -> String {
    std::env::var("ENVOY").unwrap_or_else(|_| "envoy".to_owned())
}

impl Ground {
    pub(super) fn envoy(&self) -> anyhow::Result<Running> {
        let address = SocketAddr::from((self.subnet.host(5), self.http_port));
        let path = self.write("envoy.json", &self.envoy_config(address).to_string())?;
        let arguments = [
            "-c",
            &path,
            "--concurrency",
            "1",
            "-l",
            "off",
            "--use-dynamic-base-id",
        ];
        Ok(Running {
            process: Process::start(0, &program(), &arguments.map(str::to_owned))?,
            address,
            http2: address,
        })
    }

    fn envoy_config(&self, address: SocketAddr) -> Value {
        let observed = self.scene == Scene::Observed;
        let added = |name: &str, value: &str| {
            json!({ "header": { "key": name, "value": value },
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD" })
        };
        let mut asked = vec![
            added("X-Forwarded-Host", "%REQ(:AUTHORITY)%"),
            added("X-Forwarded-Port", &self.http_port.to_string()),
            added("X-Forwarded-Server", "bench"),
            added("X-Real-Ip", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
            added("X-Replaced-Path", "%REQ(:PATH)%"),
        ];
        let mut answered = Vec::new();
        let mut filters = Vec::new();
        let mut log = Vec::new();
        if observed {
            asked.push(added("X-Edge", "bench"));
            answered.push(added("X-Served-By", "bench"));
            let local = json!({ "direct_remote_ip":
                { "address_prefix": "127.0.0.0", "prefix_len": 8 } });
            let rules = json!({ "policies": { "local":
                { "permissions": [{ "any": true }], "principals": [local] } } });
            filters.push(json!({ "name": "envoy.filters.http.rbac",
                "typed_config": { "@type": ACCESS_CONTROL, "rules": rules } }));
            log.push(json!({ "name": "envoy.access_loggers.stdout",
                "typed_config": { "@type": STDOUT_LOG } }));
        }
        filters.push(json!({ "name": "envoy.filters.http.router",
            "typed_config": { "@type": ROUTER } }));
        let routes = json!([
            { "match": { "path": PATH }, "route": { "cluster": "api", "prefix_rewrite": "/" } },
            { "match": { "prefix": FILES }, "route": { "cluster": "files", "timeout": "60s" } },
            { "match": { "path": ECHO }, "route": { "cluster": "echo", "timeout": "0s",
                "upgrade_configs": [{ "upgrade_type": "websocket" }] } },
        ]);
        let manager = json!({
            "@type": MANAGER, "stat_prefix": "http", "codec_type": "AUTO",
            "use_remote_address": true, "access_log": log, "http_filters": filters,
            "route_config": { "virtual_hosts": [{
                "name": "demo", "domains": [HOST, format!("{HOST}:*")], "routes": routes,
                "request_headers_to_add": asked, "response_headers_to_add": answered,
            }] },
        });
        json!({ "static_resources": {
            "listeners": [{ "name": "http", "address": socket(address),
                "filter_chains": [{ "filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": manager }] }] }],
            "clusters": [
                cluster("api", &self.servers.api),
                cluster("files", &[self.servers.files]),
                cluster("echo", &[self.servers.echo]),
            ],
        } })
    }
}

fn cluster(name: &str, servers: &[SocketAddr]) -> Value {
    let endpoints: Vec<Value> = servers
        .iter()
        .map(|server| json!({ "endpoint": { "address": socket(*server) } }))
        .collect();
    // Its own limits are for other purposes.
    let limits = json!({ "thresholds": [{ "max_connections": 100_000,
        "max_pending_requests": 100_000, "max_requests": 100_000 }] });
    json!({ "name": name, "type": "STATIC", "connect_timeout": "1s", "circuit_breakers": limits,
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] } })
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address":
        { "address": address.ip().to_string(), "port_value": address.port() } })
}
