//! All containers at once, where one container's affairs depend on others: whose
//! address an address is, and on which networks the proxies are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Container, DockerOptions, Surroundings};

/// Label that marks a container whose networks the proxies are on.
const EDGE_LABEL: &str = "fairway.edge";

/// The containers of one moment, and what is known around them.
#[derive(Debug)]
pub(super) struct Site<'a> {
    pub(super) options: &'a DockerOptions,
    pub(super) surroundings: &'a Surroundings,
    by_id: BTreeMap<&'a str, &'a Container>,
    by_name: BTreeMap<&'a str, &'a Container>,
    owners: BTreeMap<(&'a str, IpAddr), &'a Container>,
    edge: Edge<'a>,
}

/// Where the proxies are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Edge<'a> {
    /// Nobody said.
    Unknown,
    /// In the host's network, which reaches all.
    Host,
    /// On these networks.
    Networks(BTreeSet<&'a str>),
}

impl<'a> Site<'a> {
    pub(super) fn new(
        containers: &'a [Container],
        options: &'a DockerOptions,
        surroundings: &'a Surroundings,
    ) -> Self {
        let by_id = containers.iter().map(|it| (it.id.as_str(), it)).collect();
        let by_name = containers.iter().map(|it| (it.name.as_str(), it)).collect();
        let owners = owners(containers);
        let mut site = Self {
            options,
            surroundings,
            by_id,
            by_name,
            owners,
            edge: Edge::Unknown,
        };
        site.edge = site.find_edge(containers);
        site
    }

    /// The container of this id or name.
    pub(super) fn find(&self, reference: &str) -> Option<&'a Container> {
        self.by_id
            .get(reference)
            .or_else(|| self.by_name.get(reference))
            .copied()
    }

    /// Who holds an address now: of several that run, the one that started last,
    /// because engines hand out the address of a container that just ended.
    pub(super) fn owner(&self, network: &str, address: IpAddr) -> Option<&'a Container> {
        self.owners.get(&(network, address)).copied()
    }

    /// Where the proxies are.
    pub(super) fn edge(&self) -> &Edge<'a> {
        &self.edge
    }

    fn find_edge(&self, containers: &'a [Container]) -> Edge<'a> {
        let mut networks = BTreeSet::new();
        let mut known = false;
        for container in containers.iter().filter(|it| is_edge(it)) {
            let container = self.namespace_of(container);
            if container.network_mode == "host" {
                return Edge::Host;
            }
            known = true;
            networks.extend(container.networks.keys().map(String::as_str));
        }
        if known {
            Edge::Networks(networks)
        } else {
            Edge::Unknown
        }
    }

    /// The container whose network namespace this one uses: itself, or the other
    /// end of `container:`.
    fn namespace_of(&self, container: &'a Container) -> &'a Container {
        container
            .network_mode
            .strip_prefix("container:")
            .and_then(|reference| self.find(reference))
            .unwrap_or(container)
    }
}

/// Any truth: a label people write by hand, and nothing else reads.
fn is_edge(container: &Container) -> bool {
    let value = container.labels.get(EDGE_LABEL).map(String::as_str);
    matches!(value, Some("" | "1" | "t" | "T" | "true" | "True" | "TRUE"))
}

fn owners(containers: &[Container]) -> BTreeMap<(&str, IpAddr), &Container> {
    let mut owners: BTreeMap<(&str, IpAddr), &Container> = BTreeMap::new();
    for container in containers.iter().filter(|it| it.is_running()) {
        for (name, network) in &container.networks {
            for address in [network.ipv4, network.ipv6].into_iter().flatten() {
                let owner = owners.entry((name, address)).or_insert(container);
                if (owner.started, &owner.id) < (container.started, &container.id) {
                    *owner = container;
                }
            }
        }
    }
    owners
}
