//! Every server of a table, each once, however many services have it.
//!
//! This is where a server is recognised from one table to the next: it keeps its key,
//! so its pooled connections stay good, and its ejection.

use std::collections::HashMap;
use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;

use tokio::time::Instant;

use super::ejection::Ejection;
use super::health::Health;
use super::load_balancer::LoadBalancer;
use super::server::{Care, Identity, Memory, Scheme, Server, ServerError, ServerKey};
use super::transport::Transport;

/// The servers of one table.
#[derive(Debug)]
pub(crate) struct Roster {
    servers: HashMap<Identity, Arc<Server>>,
    next_key: u64,
    /// Of services that name none.
    transport: Arc<Transport>,
    /// What times of failures count from.
    epoch: Instant,
}

impl Roster {
    /// Empty, and its keys go on where those of `previous` ended.
    pub(crate) fn after(previous: &Self) -> Self {
        Self {
            servers: HashMap::new(),
            next_key: previous.next_key,
            transport: Arc::clone(&previous.transport),
            epoch: previous.epoch,
        }
    }

    /// The transport of services that name none.
    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.transport
    }

    /// The server of this description in this service: the one already here, else the
    /// one of the previous table, else a new one.
    pub(crate) fn enlist(
        &mut self,
        spec: &wire::Server,
        of: &wire::Service,
        transport: &Arc<Transport>,
        previous: &Self,
    ) -> Result<Arc<Server>, ServerError> {
        let scheme = Scheme::of(spec)?;
        let care = Arc::new(Care {
            transport: Arc::clone(transport),
            check: of.health_check.clone(),
            passive: of.passive_health_check,
        });
        let identity = (
            spec.id.clone(),
            scheme,
            spec.address.clone(),
            Arc::clone(&care),
        );
        if let Some(server) = self.servers.get(&identity) {
            return Ok(Arc::clone(server));
        }
        let server = match previous.servers.get(&identity) {
            Some(known) if known.is_as(spec) => Arc::clone(known),
            // The container was renamed, or the URL is written in another way.
            Some(known) => {
                let server = Server::build(known.key, scheme, spec, care, known.memory())?;
                Arc::new(server)
            }
            None => {
                let key = ServerKey(self.next_key);
                let (check, passive) = (care.check.as_ref(), care.passive.as_ref());
                let memory = Memory {
                    ejection: Arc::new(Ejection::none()),
                    health: Arc::new(Health::build(check, passive, self.epoch)?),
                    load: Arc::default(),
                };
                let server = Server::build(key, scheme, spec, care, memory)?;
                self.next_key += 1;
                Arc::new(server)
            }
        };
        self.servers.insert(identity, Arc::clone(&server));
        Ok(server)
    }

    /// Without the servers that none of these has.
    pub(crate) fn only<'s>(self, balancers: impl Iterator<Item = &'s LoadBalancer>) -> Self {
        let servers = balancers.flat_map(LoadBalancer::servers);
        Self {
            servers: servers
                .map(|server| (server.identity(), Arc::clone(server)))
                .collect(),
            ..self
        }
    }

    /// Each server once, in no order.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.servers.values()
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self {
            servers: HashMap::new(),
            next_key: 0,
            transport: Arc::default(),
            epoch: Instant::now(),
        }
    }
}
