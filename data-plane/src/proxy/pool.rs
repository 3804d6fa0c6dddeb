//! Idle connections to servers, one pool for each worker.
//!
//! Keyed by endpoint identity, never by address: Docker gives addresses to other
//! containers. A connection is lent as a [`Lease`] and comes back after a clean
//! end; dropping the lease closes it. The worker's sweep closes what has been idle
//! too long and what belongs to servers that left the table.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use hyper::client::conn::http2;

use super::body::RequestBody;
use super::connect::{Connection, Http1Connection};
use super::patience::CoarseClock;
use crate::balance::{Server, ServerKey};

/// Idle connections kept for one server.
const MAX_IDLE_PER_SERVER: usize = 200;
/// How long a connection may be idle, in seconds.
const MAX_IDLE_SECONDS: u32 = 90;

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
}

/// A connection in use by one request.
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    pub(crate) server: Arc<Server>,
    /// It has carried requests before: it may turn out closed.
    pub(crate) reused: bool,
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

    /// The connection to `server` that was used last, if one is idle.
    pub(crate) fn take(self: &Rc<Self>, server: &Arc<Server>) -> Option<Lease> {
        let connection = self
            .take_http1(server.key)
            .or_else(|| self.share_http2(server.key))?;
        Some(Lease {
            connection,
            server: Arc::clone(server),
            reused: true,
            pool: Rc::clone(self),
        })
    }

    /// A lease for a new connection.
    pub(crate) fn lend(self: &Rc<Self>, server: Arc<Server>, connection: Connection) -> Lease {
        if let Connection::Http2(sender) = &connection {
            self.shared.borrow_mut().insert(server.key, sender.clone());
        }
        Lease {
            connection,
            server,
            reused: false,
            pool: Rc::clone(self),
        }
    }

    /// Closes what is closed already, idle too long, or not to a server of `live`.
    pub(crate) fn sweep(&self, live: &HashSet<ServerKey>) {
        let now = self.clock.now();
        self.idle.borrow_mut().retain(|key, idle| {
            let is_live = live.contains(key);
            idle.retain(|entry| {
                is_live
                    && !entry.connection.sender.is_closed()
                    && now.saturating_sub(entry.since) <= MAX_IDLE_SECONDS
            });
            !idle.is_empty()
        });
        self.shared
            .borrow_mut()
            .retain(|key, sender| live.contains(key) && !sender.is_closed());
    }

    fn take_http1(&self, key: ServerKey) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.get_mut(&key)?;
        while let Some(entry) = connections.pop() {
            // Not ready: closed meanwhile, or its last request is still being sent.
            if entry.connection.sender.is_ready() {
                return Some(Connection::Http1(entry.connection));
            }
        }
        None
    }

    fn share_http2(&self, key: ServerKey) -> Option<Connection> {
        let shared = self.shared.borrow();
        if shared.is_empty() {
            return None;
        }
        let sender = shared.get(&key)?;
        (!sender.is_closed()).then(|| Connection::Http2(sender.clone()))
    }
}

impl Lease {
    /// After a clean end of the response.
    pub(crate) fn give_back(self) {
        let Connection::Http1(connection) = self.connection else {
            return;
        };
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.pool.idle.borrow_mut();
        let connections = idle.entry(self.server.key).or_default();
        if connections.len() < MAX_IDLE_PER_SERVER {
            connections.push(Idle {
                connection,
                since: self.pool.clock.now(),
            });
        }
    }
}
