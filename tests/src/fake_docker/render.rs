//! The engine's answers as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::clock::rfc3339;
use super::container::{Container, Phase};
use super::event::Filter;
use super::generation::Generation;
use super::network::Network;
use super::state::State;

/// `GET /containers/json`, newest first as Docker sorts them.
pub(crate) fn list(state: &State, all: bool, filter: &Filter, api: u16) -> Vec<Value> {
    let mut containers: Vec<&Container> = state
        .containers
        .values()
        .filter(|container| {
            all || container.phase.is_alive() || !filter.values("status").is_empty()
        })
        .filter(|container| is_wanted(container, filter))
        .collect();
    containers.sort_by_key(|container| std::cmp::Reverse(container.created_at));
    containers
        .into_iter()
        .map(|container| summary(state, container, api))
        .collect()
}

fn is_wanted(container: &Container, filter: &Filter) -> bool {
    let labels = &container.spec.labels;
    filter.allows("status", |value| value == container.phase.word())
        && filter.allows("name", |value| {
            container.name.contains(value.trim_start_matches('/'))
        })
        && filter.allows("id", |value| container.id.starts_with(value))
        && filter.allows("health", |value| {
            value == container.health.unwrap_or("none")
        })
        && filter.allows("network", |value| container.networks.contains_key(value))
        && filter
            .values("label")
            .iter()
            .all(|value| match value.split_once('=') {
                Some((key, expected)) => labels.get(key).is_some_and(|label| label == expected),
                None => labels.contains_key(value),
            })
}

fn summary(state: &State, container: &Container, api: u16) -> Value {
    let mut summary = json!({
        "Id": container.id,
        "Names": [format!("/{}", container.name)],
        "Image": container.spec.image,
        "ImageID": "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "Command": "serve",
        "Created": container.created_at / 1_000_000_000,
        "Ports": summary_ports(container),
        "Labels": container.spec.labels,
        "State": container.phase.word(),
        "Status": status_text(container),
        "HostConfig": { "NetworkMode": network_mode(state, container) },
        "NetworkSettings": { "Networks": networks(state, container) },
        "Mounts": [],
    });
    if api >= 52 {
        let status = container.health.unwrap_or("none");
        summary["Health"] = json!({ "Status": status, "FailingStreak": 0 });
    }
    summary
}

fn summary_ports(container: &Container) -> Vec<Value> {
    if !container.phase.is_alive() {
        return Vec::new();
    }
    let mut ports = Vec::new();
    for port in &container.spec.exposed {
        let mut bindings = container
            .spec
            .published
            .iter()
            .filter(|p| p.container_port == *port);
        match bindings.next() {
            None => ports.push(json!({ "PrivatePort": port, "Type": "tcp" })),
            Some(binding) => ports.push(json!({
                "IP": binding.host_ip,
                "PrivatePort": port,
                "PublicPort": binding.host_port,
                "Type": "tcp",
            })),
        }
    }
    ports
}

fn status_text(container: &Container) -> String {
    let since = |then: Option<u64>| {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let seconds = now.saturating_sub(then.unwrap_or_default() / 1_000_000_000);
        match seconds {
            0..1 => "Less than a second".to_owned(),
            1..2 => "1 second".to_owned(),
            2..60 => format!("{seconds} seconds"),
            60..120 => "About a minute".to_owned(),
            _ => format!("{} minutes", seconds / 60),
        }
    };
    let up = format!("Up {}", since(container.started_at));
    match (container.phase, container.health) {
        (Phase::Created, _) => "Created".to_owned(),
        (Phase::Exited, _) => {
            format!(
                "Exited ({}) {} ago",
                container.exit_code,
                since(container.finished_at)
            )
        }
        (Phase::Paused, _) => format!("{up} (Paused)"),
        (Phase::Running, None) => up,
        (Phase::Running, Some("starting")) => format!("{up} (health: starting)"),
        (Phase::Running, Some(health)) => format!("{up} ({health})"),
    }
}

fn network_mode(state: &State, container: &Container) -> String {
    match &container.spec.network_mode {
        // The API names the other container by its id.
        Some(mode) => match mode.strip_prefix("container:") {
            Some(other) => format!("container:{}", state.find(other).id),
            None => mode.clone(),
        },
        None => match container.spec.networks.first() {
            Some((name, _)) if name != "bridge" => name.clone(),
            _ if state.generation == Generation::V20_10 => "default".to_owned(),
            _ => "bridge".to_owned(),
        },
    }
}

fn networks(state: &State, container: &Container) -> Value {
    let mut all = Map::new();
    if let Some(mode @ ("host" | "none")) = container.spec.network_mode.as_deref() {
        all.insert(mode.to_owned(), endpoint("", "", "", "", 0));
    }
    for (name, attachment) in &container.networks {
        let Some(network) = state.networks.get(name) else {
            continue;
        };
        let value = match attachment.address {
            Some(address) => endpoint(
                &network.id,
                &attachment.endpoint,
                &network.gateway().to_string(),
                &address.to_string(),
                24,
            ),
            None => endpoint(&network.id, "", "", "", 0),
        };
        all.insert(name.clone(), value);
    }
    Value::Object(all)
}

fn endpoint(network: &str, endpoint: &str, gateway: &str, address: &str, prefix: u8) -> Value {
    json!({
        "IPAMConfig": null,
        "Links": null,
        "Aliases": null,
        "NetworkID": network,
        "EndpointID": endpoint,
        "Gateway": gateway,
        "IPAddress": address,
        "IPPrefixLen": prefix,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "",
        "DriverOpts": null,
    })
}

/// `GET /containers/{id}/json`.
pub(crate) fn inspect(state: &State, container: &Container) -> Value {
    let alive = container.phase.is_alive();
    let mut ports = Map::new();
    let mut exposed = Map::new();
    for port in &container.spec.exposed {
        exposed.insert(format!("{port}/tcp"), json!({}));
        let bindings: Vec<Value> = container
            .spec
            .published
            .iter()
            .filter(|published| published.container_port == *port)
            .map(|p| json!({ "HostIp": p.host_ip, "HostPort": p.host_port.to_string() }))
            .collect();
        let bindings = if bindings.is_empty() {
            Value::Null
        } else {
            json!(bindings)
        };
        ports.insert(format!("{port}/tcp"), bindings);
    }
    let mut answer = json!({
        "Id": container.id,
        "Created": rfc3339(Some(container.created_at)),
        "Path": "serve",
        "Args": [],
        "State": {
            "Status": container.phase.word(),
            "Running": alive,
            "Paused": container.phase == Phase::Paused,
            "Restarting": false,
            "OOMKilled": false,
            "Dead": false,
            "Pid": if alive { 4_242 } else { 0 },
            "ExitCode": container.exit_code,
            "Error": "",
            "StartedAt": rfc3339(container.started_at),
            "FinishedAt": rfc3339(container.finished_at),
        },
        "Image": "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "Name": format!("/{}", container.name),
        "RestartCount": container.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "HostConfig": { "NetworkMode": network_mode(state, container) },
        "Mounts": [],
        "Config": {
            "Hostname": container.id.get(..12),
            "Env": [],
            "Cmd": ["serve"],
            "Image": container.spec.image,
            "ExposedPorts": exposed,
            "Labels": container.spec.labels,
        },
        "NetworkSettings": {
            "Ports": if alive { Value::Object(ports) } else { json!({}) },
            "Networks": networks(state, container),
        },
    });
    if let Some(signal) = &container.spec.stop_signal {
        answer["Config"]["StopSignal"] = json!(signal);
    }
    if let Some(health) = container.health {
        answer["State"]["Health"] = json!({ "Status": health, "FailingStreak": 0, "Log": [] });
    }
    answer
}

/// `GET /networks`.
pub(crate) fn network_list(state: &State) -> Vec<Value> {
    state.networks.values().map(network).collect()
}

fn network(network: &Network) -> Value {
    json!({
        "Name": network.name,
        "Id": network.id,
        "Created": rfc3339(Some(network.created_at)),
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv6": false,
        "IPAM": {
            "Driver": "default",
            "Options": null,
            "Config": [{
                "Subnet": network.subnet.cidr(),
                "Gateway": network.gateway().to_string(),
            }],
        },
        "Internal": false,
        "Attachable": false,
        "Ingress": false,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": {},
        "Options": {},
        "Labels": network.labels,
    })
}

/// `GET /version`.
pub(crate) fn version(state: &State) -> Value {
    let (oldest, newest) = state.api_window();
    json!({
        "Platform": { "Name": "" },
        "Components": [],
        "Version": state.generation.version(),
        "ApiVersion": format!("1.{newest}"),
        "MinAPIVersion": format!("1.{oldest}"),
        "GitCommit": "0000000",
        "GoVersion": "go1.24",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": "6.1.0",
        "BuildTime": "2026-01-01T00:00:00.000000000+00:00",
    })
}
