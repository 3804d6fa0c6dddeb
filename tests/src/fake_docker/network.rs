//! A network of the fake engine and its address book. Addresses are loopback
//! addresses, so that a backend can really listen on them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::loopback::Subnet;

/// A bridge network.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created_at: u64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) subnet: Subnet,
    taken: BTreeSet<Ipv4Addr>,
}

impl Network {
    pub(crate) fn new(id: String, name: &str, created_at: u64) -> Self {
        let (labels, taken) = (BTreeMap::new(), BTreeSet::new());
        Self {
            id,
            name: name.to_owned(),
            created_at,
            labels,
            subnet: Subnet::claim(),
            taken,
        }
    }

    pub(crate) fn gateway(&self) -> Ipv4Addr {
        self.subnet.host(1)
    }

    /// Gives out `wanted` or, as Docker does, the first free address.
    pub(crate) fn take(&mut self, wanted: Option<Ipv4Addr>) -> Ipv4Addr {
        let address = wanted.unwrap_or_else(|| {
            (2..255)
                .map(|n| self.subnet.host(n))
                .find(|address| !self.taken.contains(address))
                .expect("a free address in the network")
        });
        assert!(
            self.taken.insert(address),
            "{address} is already in use in {}",
            self.name
        );
        address
    }

    pub(crate) fn free(&mut self, address: Ipv4Addr) {
        self.taken.remove(&address);
    }
}
