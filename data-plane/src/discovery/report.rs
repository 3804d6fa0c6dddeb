//! What the control plane is told of the health of servers.
//!
//! The control plane takes a server for up until told otherwise, so that a new stream
//! begins with what is not. Reports are differences, few and short: whatever happened
//! since the last one is told as it is now.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1::{HealthReport, HealthState, ServerHealth};

use crate::balance::Standing;
use crate::routing::RouteTable;

/// Servers in one report; the rest waits for the next.
const MOST_SERVERS: usize = 1000;

/// What was told on one stream.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    /// By service and server: those that are not up.
    told: BTreeMap<(String, String), (HealthState, String)>,
}

impl Reporter {
    /// What has changed; `None` if nothing has.
    pub(super) fn report(&mut self, table: &RouteTable) -> Option<HealthReport> {
        let now = unhealthy(table);
        let recovered = self.told.keys().filter(|key| !now.contains_key(key));
        let up = (HealthState::Up, String::new());
        let recovered = recovered.map(|key| (key.clone(), up.clone()));
        let changed = now
            .iter()
            .filter(|(key, state)| self.told.get(key) != Some(state))
            .map(|(key, state)| (key.clone(), state.clone()));
        let news: Vec<_> = recovered.chain(changed).take(MOST_SERVERS).collect();
        if news.is_empty() {
            return None;
        }
        let mut servers = Vec::with_capacity(news.len());
        for (key, (state, reason)) in news {
            let (service, server) = key.clone();
            if state == HealthState::Up {
                self.told.remove(&key);
            } else {
                self.told.insert(key, (state, reason.clone()));
            }
            servers.push(ServerHealth {
                service,
                server,
                state: state.into(),
                reason,
            });
        }
        Some(HealthReport { servers })
    }
}

fn unhealthy(table: &RouteTable) -> BTreeMap<(String, String), (HealthState, String)> {
    let mut found = BTreeMap::new();
    for balancer in table.balancers() {
        for server in balancer.servers() {
            let standing = balancer.standing(server);
            let state = match standing {
                // Nothing is known against it.
                Standing::InRotation | Standing::Untested => continue,
                Standing::Down(_) => HealthState::Down,
                Standing::Ejected(_) | Standing::Probe | Standing::Failing(_) => {
                    HealthState::Ejected
                }
            };
            let key = (balancer.name.clone(), server.id.clone());
            found.insert(key, (state, standing.reason()));
        }
    }
    found
}
