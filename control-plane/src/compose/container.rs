//! Services to the containers they start, as the Docker provider sees them.
//!
//! A file does not know addresses. Each place of a container in a network gets one
//! that stands for the container, so that the provider finds servers the usual
//! way; [`Guests::name`] turns it back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{Project, Service};
use crate::model::ProviderState;
use crate::provider::docker::{Container, Network};

/// First of the addresses that stand for containers: of the block nobody uses.
const FIRST_ADDRESS: u32 = 0xf000_0001;

/// Which container an address stands for, and which service a container is of.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    names: BTreeMap<IpAddr, String>,
    services: BTreeMap<String, usize>,
}

/// The containers of a project in the order they start.
pub(crate) fn containers(project: &Project) -> (Vec<Container>, Guests) {
    let mut guests = Guests::default();
    let mut containers = Vec::new();
    let mut address = FIRST_ADDRESS;
    for (index, service) in project.services.iter().enumerate() {
        for number in 1..=service.replicas {
            let name = name(project, service, number);
            let mut container = container(project, service, &name);
            container.started = i64::try_from(containers.len()).unwrap_or(i64::MAX);
            for network in networks(service) {
                let ip = IpAddr::V4(Ipv4Addr::from_bits(address));
                address = address.saturating_add(1);
                guests.names.insert(ip, name.clone());
                let place = Network {
                    ipv4: Some(ip),
                    ipv6: None,
                };
                container.networks.insert(network, place);
            }
            guests.services.insert(name, index);
            containers.push(container);
        }
    }
    (containers, guests)
}

impl Guests {
    /// The service of a container: its index in the project.
    pub(crate) fn service(&self, container: &str) -> Option<usize> {
        self.services.get(container).copied()
    }

    /// Names of all containers.
    pub(crate) fn containers(&self) -> BTreeSet<&str> {
        self.services.keys().map(String::as_str).collect()
    }

    /// Writes names in place of the addresses that stand for containers.
    pub(crate) fn name_servers(&self, state: &mut ProviderState) {
        for service in state.config.services.values_mut() {
            let load_balancer = service.value.load_balancer_mut();
            for server in load_balancer.into_iter().flat_map(|it| &mut it.servers) {
                let Ok(address) = server.address.parse::<SocketAddr>() else {
                    continue;
                };
                if let Some(name) = self.names.get(&address.ip()) {
                    server.address = format!("{name}:{}", address.port());
                    server.id.clone_from(&server.address);
                }
            }
        }
    }
}

fn container(project: &Project, service: &Service, name: &str) -> Container {
    let mut labels: BTreeMap<String, String> = service
        .labels
        .iter()
        .map(|(key, (value, _))| (key.clone(), value.clone()))
        .collect();
    labels.insert(
        "com.docker.compose.project".to_owned(),
        project.name.clone(),
    );
    labels.insert(
        "com.docker.compose.service".to_owned(),
        service.name.clone(),
    );
    let mut container = Container::new(name, name, labels);
    container.network_mode = match service.network_mode.split_once(':') {
        Some(("service", other)) => {
            let other = project.services.iter().find(|it| it.name == other);
            let other = other.map(|it| self::name(project, it, 1));
            format!("container:{}", other.unwrap_or_default())
        }
        _ => service.network_mode.clone(),
    };
    container.ports.clone_from(&service.ports);
    container.image_unseen = true;
    container
}

/// As Compose names it.
fn name(project: &Project, service: &Service, number: usize) -> String {
    match &service.container_name {
        Some(name) => name.trim_start_matches('/').to_owned(),
        None => format!("{}-{}-{number}", project.name, service.name),
    }
}

fn networks(service: &Service) -> Vec<String> {
    match service.network_mode.as_str() {
        "" => service.networks.clone(),
        "bridge" | "default" => vec!["bridge".to_owned()],
        _ => Vec::new(),
    }
}
