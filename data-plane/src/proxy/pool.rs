//! Idle connections to servers, one pool for each worker.
//!
//! Keyed by endpoint identity, never by address: Docker gives addresses to other
//! containers. A connection is taken out for one exchange and put back by its
//! [`Lease`] after a clean end. The worker's sweep closes what has been idle too
//! long, what the server has closed, and what belongs to servers that left the table.
//!
//! The limit on idle connections is the sweep's, too: in a burst there are moments when
//! few requests are under way, and connections that were closed then would be opened
//! again at once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use hyper::client::conn::http2;

use super::body::RequestBody;
use super::connect::Connection;
use super::patience::CoarseClock;
use super::server_connection::Http1Connection;
use crate::balance::{Server, ServerKey};

/// Seconds after which idle connections above the limit are closed.
const SURPLUS_SECONDS: u32 = 1;

/// The idle connections of one worker.
pub(crate) struct Pool {
    clock: CoarseClock,
    idle: RefCell<HashMap<ServerKey, Vec<Idle>>>,
    /// HTTP/2: one connection carries every request.
    shared: RefCell<HashMap<ServerKey, http2::SendRequest<RequestBody>>>,
}

struct Idle {
    connection: Http1Connection,
    since: u32,
    /// In seconds.
    limit: u32,
    /// Of the server's idle connections, those that stay.
    most: usize,
}

/// A server that is serving a request, and the way back for its connection.
pub(crate) struct Lease {
    pub(crate) server: Arc<Server>,
    pool: Rc<Pool>,
}

impl Pool {
    pub(crate) fn new(clock: CoarseClock) -> Self {
        Self {
            clock,
            idle: RefCell::default(),
            shared: RefCell::default(),
        }
    }

    /// The connection to `server` that was used last, if one is idle. `once`: the
    /// request will not be sent twice, so that a look at the socket is worth it. `http1`: none
    /// of HTTP/2.
    pub(crate) fn take(&self, server: &Server, once: bool, http1: bool) -> Option<Connection> {
        self.take_http1(server.key, once)
            .map(Connection::Http1)
            .or_else(|| {
                let shared = self.share_http2(server.key).filter(|_| !http1);
                shared.map(Connection::Http2)
            })
    }

    /// Lets others use a new connection that carries many requests.
    pub(crate) fn share(&self, server: &Server, connection: &Connection) {
        if let Connection::Http2(sender) = connection {
            self.shared.borrow_mut().insert(server.key, sender.clone());
        }
    }

    /// For a connection that is in use by a request to `server`.
    pub(crate) fn lease(self: &Rc<Self>, server: Arc<Server>) -> Lease {
        Lease {
            server,
            pool: Rc::clone(self),
        }
    }

    /// Closes what is closed already, idle too long, or not to a server of `live`.
    pub(crate) fn sweep(&self, live: &HashSet<ServerKey>) {
        let now = self.clock.now();
        self.idle.borrow_mut().retain(|key, idle| {
            let is_live = live.contains(key);
            let mut left = idle.len();
            // Those used last are at the end.
            idle.retain_mut(|entry| {
                let age = now.saturating_sub(entry.since);
                let stays = is_live
                    && age <= entry.limit
                    && (age <= SURPLUS_SECONDS || left <= entry.most)
                    && entry.connection.is_silent();
                left -= usize::from(!stays);
                stays
            });
            !idle.is_empty()
        });
        self.shared
            .borrow_mut()
            .retain(|key, sender| live.contains(key) && !sender.is_closed());
    }

    fn take_http1(&self, key: ServerKey, once: bool) -> Option<Http1Connection> {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.get_mut(&key)?;
        while let Some(Idle { mut connection, .. }) = connections.pop() {
            let usable = if once {
                connection.is_silent_now()
            } else {
                connection.is_silent()
            };
            if usable {
                return Some(connection);
            }
        }
        None
    }

    fn share_http2(&self, key: ServerKey) -> Option<http2::SendRequest<RequestBody>> {
        let shared = self.shared.borrow();
        if shared.is_empty() {
            return None;
        }
        let sender = shared.get(&key)?;
        (!sender.is_closed()).then(|| sender.clone())
    }
}

impl Lease {
    /// After a clean end of the exchange.
    pub(crate) fn give_back(self, connection: Http1Connection) {
        let mut idle = self.pool.idle.borrow_mut();
        let connections = idle.entry(self.server.key).or_default();
        let transport = &self.server.transport;
        if transport.max_idle > 0 {
            connections.push(Idle {
                connection,
                since: self.pool.clock.now(),
                limit: transport.idle_seconds(),
                most: transport.max_idle,
            });
        }
    }
}
