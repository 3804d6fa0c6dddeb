//! Which address and port a container's server has.
//!
//! Traefik's order of places to look, with one difference: where Traefik takes a
//! random network, a network the proxies are on is taken, else the first by name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::site::{Edge, Site};
use super::{Container, Network, Port, PortType};
use crate::label::Enable;
use crate::model::Diagnostic;

/// Why a container has no server, and what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) message: String,
    pub(super) suggestion: String,
    /// The label that would help, if one would.
    pub(super) label: Option<String>,
    /// There may be no trouble at all: not everything was looked at.
    pub(super) doubtful: bool,
}

const NETWORK_LABEL: &str = "traefik.docker.network";
/// A chain of `container:` longer than this is a circle.
const LONGEST_CHAIN: u8 = 8;

/// The address of the container's server in a service that asks for `port`.
pub(super) fn server(
    container: &Container,
    site: &Site<'_>,
    port: Option<&str>,
    port_label: &str,
    advice: &mut Vec<Diagnostic>,
) -> Result<SocketAddr, Trouble> {
    let port = private_port(container, port, port_label, advice)?;
    if site.options.use_bind_port_ip
        && let Some(published) = published(&container.ports, port)
    {
        return Ok(published);
    }
    let address = Search {
        site,
        named: container,
        advice,
    }
    .address(container, None, 0)?;
    Ok(SocketAddr::new(address, port))
}

fn private_port(
    container: &Container,
    port: Option<&str>,
    port_label: &str,
    advice: &mut Vec<Diagnostic>,
) -> Result<u16, Trouble> {
    if let Some(text) = port.filter(|text| !text.is_empty()) {
        let port = text.parse().ok().filter(|port| *port != 0);
        return port.ok_or_else(|| Trouble {
            message: format!("{text:?} is not a port"),
            suggestion: "use a number from 1 to 65535".to_owned(),
            label: Some(port_label.to_owned()),
            doubtful: false,
        });
    }
    let ports: BTreeSet<u16> = container.ports.iter().map(|port| port.private).collect();
    let Some(lowest) = ports.first().copied() else {
        return Err(no_port(container, port_label));
    };
    if ports.len() > 1 && is_asked_for(container) {
        let all: Vec<String> = ports.iter().map(u16::to_string).collect();
        let message = format!(
            "container {} exposes the ports {}, and no label says which one to use; {lowest} is \
             used, the lowest",
            container.name,
            all.join(", ")
        );
        let suggestion = format!("say which, as in {port_label}={lowest}");
        let told = Diagnostic::warning(message, suggestion)
            .container(&container.name)
            .label(port_label);
        if !advice.contains(&told) {
            advice.push(told);
        }
    }
    Ok(lowest)
}

/// Somebody wants the container served, rather than that it merely exists.
fn is_asked_for(container: &Container) -> bool {
    let labels = &container.decoded.labels;
    labels.enable == Enable::On || labels.has_routers() || labels.has_services()
}

fn no_port(container: &Container, port_label: &str) -> Trouble {
    let name = &container.name;
    Trouble {
        message: if container.image_unseen {
            format!("no file names a port of container {name}: it is served only if its image does")
        } else {
            format!("container {name} exposes no port")
        },
        suggestion: format!("say which port it listens on with {port_label}=PORT"),
        label: Some(port_label.to_owned()),
        doubtful: container.image_unseen,
    }
}

/// The host's address and port for a container's port, if it is published on one
/// address; TCP has precedence.
fn published(ports: &[Port], private: u16) -> Option<SocketAddr> {
    let of_type = |protocol| {
        ports.iter().find(|port| {
            port.private == private && port.protocol == protocol && port.published.is_some()
        })
    };
    let (address, port) = of_type(PortType::Tcp)
        .or_else(|| of_type(PortType::Udp))?
        .published?;
    let address = address.filter(|address| !address.is_unspecified())?;
    Some(SocketAddr::new(address, port))
}

/// The search for one container's address.
struct Search<'s, 'a> {
    site: &'s Site<'a>,
    /// The container the address is for, whose diagnostics these are.
    named: &'s Container,
    advice: &'s mut Vec<Diagnostic>,
}

impl Search<'_, '_> {
    /// `hint` is the network label of the container that uses this one's network.
    fn address(
        &mut self,
        container: &Container,
        hint: Option<&str>,
        depth: u8,
    ) -> Result<IpAddr, Trouble> {
        let own = container.decoded.labels.network.as_deref();
        let wanted = own.unwrap_or(&self.site.options.network);
        let wanted = if wanted.is_empty() {
            hint.unwrap_or_default()
        } else {
            wanted
        };
        if let Some((name, network)) = self.wanted(container, wanted) {
            return self.of_network(container, name, network);
        }
        match container.network_mode.as_str() {
            "host" => Ok(self.site.surroundings.host),
            "none" => Err(trouble(
                format!("container {} is in network mode none", container.name),
                "attach it to a network the proxies are on",
            )),
            mode => match mode.strip_prefix("container:") {
                Some(reference) => self.of_other(container, reference, depth),
                None => self.of_any(container),
            },
        }
    }

    /// The network that was asked for, if the container is on it.
    fn wanted<'c>(
        &mut self,
        container: &'c Container,
        wanted: &str,
    ) -> Option<(&'c str, &'c Network)> {
        if wanted.is_empty() || container.networks.is_empty() {
            return None;
        }
        if let Some((name, network)) = container.networks.get_key_value(wanted) {
            return Some((name, network));
        }
        // The provider's network is not meant for who shares the host's.
        if container.network_mode == "host" && container.decoded.labels.network.is_none() {
            return None;
        }
        // Compose puts the project before the names of its networks, and people
        // forget that: the name they mean is known all the same.
        let project = container
            .label("com.docker.compose.project")
            .unwrap_or_default();
        let meant = container
            .networks
            .get_key_value(&format!("{project}_{wanted}"));
        let names = names(&container.networks);
        self.advise(
            format!(
                "container {} is not on network {wanted}, but on {names}",
                container.name
            ),
            match meant {
                Some((name, _)) => format!("{name} is used; set traefik.docker.network={name}"),
                None => format!("set traefik.docker.network to one of {names}"),
            },
        );
        meant.map(|(name, network)| (name.as_str(), network))
    }

    fn of_network(
        &self,
        container: &Container,
        name: &str,
        network: &Network,
    ) -> Result<IpAddr, Trouble> {
        let Some(address) = network.address() else {
            return Err(Trouble {
                message: format!(
                    "container {} has no address on network {name}",
                    container.name
                ),
                suggestion: "name a network it has an address on".to_owned(),
                label: Some(NETWORK_LABEL.to_owned()),
                doubtful: false,
            });
        };
        match self.site.owner(name, address) {
            Some(owner) if owner.id != container.id => Err(trouble(
                format!(
                    "the address {address} of container {} on network {name} now belongs to \
                     container {}",
                    container.name, owner.name
                ),
                "wait for the container's end to be reported",
            )),
            _ => Ok(address),
        }
    }

    /// The container uses another container's network.
    fn of_other(
        &mut self,
        container: &Container,
        reference: &str,
        depth: u8,
    ) -> Result<IpAddr, Trouble> {
        let name = &container.name;
        let other = self.site.find(reference).filter(|_| depth < LONGEST_CHAIN);
        let Some(other) = other else {
            return Err(trouble(
                format!("container {reference}, whose network container {name} uses, is gone"),
                "re-create the container",
            ));
        };
        // The network ends with its owner, whatever the owner's health.
        if !other.is_running() || other.stopping {
            return Err(trouble(
                format!(
                    "container {}, whose network container {name} uses, is not running",
                    other.name
                ),
                "start it",
            ));
        }
        let hint = container.decoded.labels.network.clone();
        self.address(other, hint.as_deref(), depth.saturating_add(1))
    }

    /// No network was asked for.
    fn of_any(&mut self, container: &Container) -> Result<IpAddr, Trouble> {
        let name = &container.name;
        let usable: BTreeMap<&str, &Network> = container
            .networks
            .iter()
            .filter(|(_, network)| network.address().is_some())
            .map(|(name, network)| (name.as_str(), network))
            .collect();
        let Some((lowest, network)) = usable.first_key_value() else {
            return Err(trouble(
                format!("container {name} has no address on any network"),
                "attach it to a network the proxies are on",
            ));
        };
        let shared = match self.site.edge() {
            Edge::Networks(edge) => usable.iter().find(|(name, _)| edge.contains(*name)),
            Edge::Host | Edge::Unknown => None,
        };
        if let Some((name, network)) = shared {
            return self.of_network(container, name, network);
        }
        let all = names(&container.networks);
        if let Edge::Networks(edge) = self.site.edge() {
            let edge: Vec<_> = edge.iter().copied().collect();
            self.advise(
                format!(
                    "container {name} is on {all}, and the proxies are on {}: they share no \
                     network; {lowest} is used",
                    edge.join(", ")
                ),
                "attach the container to a network of the proxies".to_owned(),
            );
        } else if usable.len() > 1 {
            self.advise(
                format!("container {name} is on several networks ({all}); {lowest} is used"),
                format!("name the one the proxies reach, as in traefik.docker.network={lowest}"),
            );
        }
        self.of_network(container, lowest, network)
    }

    fn advise(&mut self, message: String, suggestion: String) {
        let advice = Diagnostic::warning(message, suggestion)
            .container(&self.named.name)
            .label(NETWORK_LABEL);
        if !self.advice.contains(&advice) {
            self.advice.push(advice);
        }
    }
}

fn names(networks: &BTreeMap<String, Network>) -> String {
    networks
        .keys()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn trouble(message: String, suggestion: &str) -> Trouble {
    Trouble {
        message,
        suggestion: suggestion.to_owned(),
        label: None,
        doubtful: false,
    }
}
