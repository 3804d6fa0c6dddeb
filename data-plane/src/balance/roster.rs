//! Every server of a table, each once, however many services have it.
//!
//! This is where a server is recognised from one table to the next: it keeps its key,
//! so its pooled connections stay good, and its ejection.

use std::collections::HashMap;
use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;

use super::ejection::Ejection;
use super::server::{Identity, Scheme, Server, ServerError, ServerKey};
use super::service::Service;

/// The servers of one table.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    servers: HashMap<Identity, Arc<Server>>,
    next_key: u64,
}

impl Roster {
    /// Empty, and its keys go on where those of `previous` ended.
    pub(crate) fn after(previous: &Self) -> Self {
        Self {
            servers: HashMap::new(),
            next_key: previous.next_key,
        }
    }

    /// The server of this description: the one already here, else the one of the
    /// previous table, else a new one.
    pub(crate) fn enlist(
        &mut self,
        spec: &wire::Server,
        previous: &Self,
    ) -> Result<Arc<Server>, ServerError> {
        let scheme = Scheme::of(spec)?;
        let identity = (spec.id.clone(), scheme, spec.address.clone());
        if let Some(server) = self.servers.get(&identity) {
            return Ok(Arc::clone(server));
        }
        let server = match previous.servers.get(&identity) {
            Some(known) if known.container == spec.container => Arc::clone(known),
            // The container was renamed.
            Some(known) => {
                let ejection = Arc::clone(&known.ejection);
                Arc::new(Server::build(known.key, scheme, spec, ejection)?)
            }
            None => {
                let key = ServerKey(self.next_key);
                let server = Server::build(key, scheme, spec, Arc::new(Ejection::none()))?;
                self.next_key += 1;
                Arc::new(server)
            }
        };
        self.servers.insert(identity, Arc::clone(&server));
        Ok(server)
    }

    /// Without the servers that none of these services has.
    pub(crate) fn only<'s>(self, services: impl Iterator<Item = &'s Service>) -> Self {
        let servers = services.flat_map(Service::servers);
        Self {
            servers: servers
                .map(|server| (server.identity(), Arc::clone(server)))
                .collect(),
            next_key: self.next_key,
        }
    }

    /// Each server once, in no order.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.servers.values()
    }
}
