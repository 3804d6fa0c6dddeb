//! Containers in, what they declare out: every file of `fixtures/docker`.
//!
//! A fixture's name says what it shows. `flags` are the provider's, `host` is
//! where containers in network mode `host` are reached, and `expect` is what comes
//! out, one line for each thing. After an intended change, write the new lines with
//! `UPDATE_FIXTURES=1 cargo test -p fairway-control --test golden` and read the
//! difference.

#![allow(clippy::unwrap_used, reason = "a test may stop loudly")]

mod lines;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use fairway_control::config::StaticConfig;
use fairway_control::provider::docker::{
    Container, DockerOptions, Health, Network, Port, PortType, State, Surroundings, assemble,
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    flags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<IpAddr>,
    containers: BTreeMap<String, Description>,
    #[serde(default)]
    expect: Vec<String>,
}

/// A container under its name. Absent: running, no health check, network mode
/// `bridge`; its id is its name.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Description {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    health: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stopping: bool,
    /// Order of starts.
    #[serde(default, skip_serializing_if = "is_zero")]
    started: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    /// Addresses by network; an IPv6 address beside an IPv4 one after a comma.
    networks: BTreeMap<String, String>,
    /// As `docker ps` prints them: `80/tcp` or `127.0.0.1:8080->80/tcp`.
    ports: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
}

#[test]
fn every_fixture_declares_what_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/docker");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 50, "only {} fixtures", paths.len());
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let mut failures = String::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut fixture: Fixture =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines = run(&fixture);
        if update {
            fixture.expect = lines;
            let text = serde_json::to_string_pretty(&fixture).unwrap() + "\n";
            std::fs::write(&path, text).unwrap();
        } else if lines != fixture.expect {
            let (expected, found) = (fixture.expect.join("\n  "), lines.join("\n  "));
            failures.push_str(&format!(
                "\n{name}\n expected\n  {expected}\n found\n  {found}\n"
            ));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn the_order_of_the_list_does_not_matter() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/docker");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let fixture: Fixture = serde_json::from_str(&text).unwrap();
        let (options, surroundings) = (options(&fixture), surroundings(&fixture));
        let mut containers = containers(&fixture);
        let forwards = assemble(&containers, &options, &surroundings);
        containers.reverse();
        assert_eq!(assemble(&containers, &options, &surroundings), forwards);
    }
}

fn run(fixture: &Fixture) -> Vec<String> {
    let state = assemble(
        &containers(fixture),
        &options(fixture),
        &surroundings(fixture),
    );
    lines::lines(&state)
}

fn options(fixture: &Fixture) -> DockerOptions {
    let flags = fixture
        .flags
        .iter()
        .cloned()
        .chain(["--providers.docker".to_owned()]);
    StaticConfig::parse(flags).unwrap().docker.unwrap()
}

fn surroundings(fixture: &Fixture) -> Surroundings {
    fixture
        .host
        .map_or_else(Surroundings::default, |host| Surroundings { host })
}

fn containers(fixture: &Fixture) -> Vec<Container> {
    fixture
        .containers
        .iter()
        .map(|(name, it)| container(name, it))
        .collect()
}

fn container(name: &str, it: &Description) -> Container {
    let mut container = Container::new(name, name, it.labels.clone());
    container.state = State::from_word(it.state.as_deref().unwrap_or_default());
    container.health = it.health.as_deref().map(|word| match word {
        "healthy" => Health::Healthy,
        "starting" => Health::Starting,
        "unhealthy" => Health::Unhealthy,
        other => panic!("{other} is no health"),
    });
    container.stopping = it.stopping;
    container.started = it.started;
    container.network_mode = it.mode.clone().unwrap_or_else(|| "bridge".to_owned());
    container.networks = it
        .networks
        .iter()
        .map(|(name, addresses)| {
            let addresses: Vec<IpAddr> = addresses
                .split(", ")
                .filter_map(|text| text.parse().ok())
                .collect();
            let network = Network {
                ipv4: addresses.iter().copied().find(IpAddr::is_ipv4),
                ipv6: addresses.iter().copied().find(IpAddr::is_ipv6),
            };
            (name.clone(), network)
        })
        .collect();
    container.ports = it.ports.iter().map(|text| port(text)).collect();
    container
}

fn port(text: &str) -> Port {
    let (published, private) = match text.split_once("->") {
        Some((published, private)) => {
            let (ip, port) = published.rsplit_once(':').unwrap();
            (Some((ip.parse().ok(), port.parse().unwrap())), private)
        }
        None => (None, text),
    };
    let (private, protocol) = private.split_once('/').unwrap();
    let protocol = if protocol == "udp" {
        PortType::Udp
    } else {
        PortType::Tcp
    };
    Port {
        private: private.parse().unwrap(),
        protocol,
        published,
    }
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}
