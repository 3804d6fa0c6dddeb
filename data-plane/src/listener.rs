//! The sockets this process listens on: one for each entry point and worker.
//!
//! Follows the table: [`reconcile`](Listeners::reconcile) binds what is new, closes
//! what is gone, and says how it went, for the acknowledgement. All sockets share
//! their address with `SO_REUSEPORT`, also with other processes; the kernel spreads
//! the connections. An entry point that cannot be bound keeps its old address, if
//! it had one, and harms no other.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::sync::mpsc;

use crate::discovery::Listeners;
use crate::routing::RouteTable;
use crate::worker::Command;

/// Connections the kernel queues for each socket.
const BACKLOG: i32 = 4096;
/// Dead peers are found after about this much silence and a few probes.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(180);

/// What is listened on, and the workers that accept.
pub(crate) struct WorkerListeners {
    bind_address: Option<IpAddr>,
    workers: Vec<mpsc::UnboundedSender<Command>>,
    /// Locked by the discovery task and by the drain, never while waiting.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<String, Listening>,
    closed_for_good: bool,
}

struct Listening {
    /// As the table says it.
    address: String,
    bound: SocketAddr,
}

/// Why an entry point is not listened on.
#[derive(Debug, thiserror::Error)]
enum BindError {
    /// Not `host:port`, `[v6]:port` or `:port`.
    #[error("`{0}` is not an address")]
    Address(String),
    /// The kernel says no.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        address: SocketAddr,
        source: io::Error,
    },
    /// The process is being stopped.
    #[error("the proxy is being stopped")]
    Stopping,
}

impl WorkerListeners {
    pub(crate) fn new(
        bind_address: Option<IpAddr>,
        workers: Vec<mpsc::UnboundedSender<Command>>,
    ) -> Self {
        Self {
            bind_address,
            workers,
            state: Mutex::default(),
        }
    }

    /// Stops accepting, everywhere and for good.
    pub(crate) fn close_all(&self) {
        let mut state = self.lock();
        state.closed_for_good = true;
        for entry_point in std::mem::take(&mut state.open).into_keys() {
            self.tell_close(&entry_point);
        }
    }

    /// The address an entry point is bound to.
    pub(crate) fn bound(&self, entry_point: &str) -> Option<SocketAddr> {
        self.lock()
            .open
            .get(entry_point)
            .map(|listening| listening.bound)
    }

    fn follow(&self, table: &RouteTable) -> BTreeMap<String, Result<String, String>> {
        let mut state = self.lock();
        let gone: Vec<String> = state
            .open
            .keys()
            .filter(|name| table.entry_point(name).is_none())
            .cloned()
            .collect();
        for name in gone {
            state.open.remove(&name);
            self.tell_close(&name);
            tracing::info!(entrypoint = name, "closed");
        }
        table
            .entry_points()
            .map(|entry_point| {
                let name = entry_point.name();
                let outcome = self
                    .follow_one(&mut state, name, entry_point.address())
                    .map(|bound| bound.to_string())
                    .map_err(|error| error.to_string());
                if let Err(error) = &outcome {
                    tracing::warn!(entrypoint = name, error, "not listening");
                }
                (name.to_owned(), outcome)
            })
            .collect()
    }

    fn follow_one(
        &self,
        state: &mut State,
        name: &str,
        address: &str,
    ) -> Result<SocketAddr, BindError> {
        if state.closed_for_good {
            return Err(BindError::Stopping);
        }
        if let Some(listening) = state.open.get(name)
            && listening.address == address
        {
            return Ok(listening.bound);
        }
        let wanted = socket_address(address, self.bind_address)?;
        let (sockets, bound) =
            bind_all(wanted, self.workers.len()).map_err(|source| BindError::Bind {
                address: wanted,
                source,
            })?;
        if state.open.remove(name).is_some() {
            self.tell_close(name);
        }
        for (worker, listener) in self.workers.iter().zip(sockets) {
            let _ = worker.send(Command::Open {
                entry_point: name.to_owned(),
                listener,
            });
        }
        state.open.insert(
            name.to_owned(),
            Listening {
                address: address.to_owned(),
                bound,
            },
        );
        tracing::info!(entrypoint = name, address = %bound, "listening");
        Ok(bound)
    }

    fn tell_close(&self, entry_point: &str) {
        for worker in &self.workers {
            let _ = worker.send(Command::Close {
                entry_point: entry_point.to_owned(),
            });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Listeners for WorkerListeners {
    fn reconcile<'a>(
        &'a self,
        table: &'a RouteTable,
    ) -> BoxFuture<'a, BTreeMap<String, Result<String, String>>> {
        // Binding does not block: nothing is awaited, nothing resolved but literals.
        std::future::ready(self.follow(table)).boxed()
    }
}

/// Reads an entry point's address. Without a host: all addresses, IPv6 and IPv4.
fn socket_address(text: &str, replacement: Option<IpAddr>) -> Result<SocketAddr, BindError> {
    let wrong = || BindError::Address(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    if let Some(address) = replacement {
        return Ok(SocketAddr::new(address, port));
    }
    if host.is_empty() {
        return Ok(SocketAddr::new(all_addresses(), port));
    }
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = literal.parse() {
        return Ok(SocketAddr::new(address, port));
    }
    (host, port)
        .to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(wrong)
}

/// `::` takes IPv4 too, unless the kernel has no IPv6.
fn all_addresses() -> IpAddr {
    match Socket::new(Domain::IPV6, Type::STREAM, None) {
        Ok(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
        Err(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
    }
}

/// One socket for each worker, all on one address. Port 0 is chosen by the first.
fn bind_all(wanted: SocketAddr, workers: usize) -> io::Result<(Vec<TcpListener>, SocketAddr)> {
    let mut bound = wanted;
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers {
        let listener = bind(bound)?;
        bound = listener.local_addr()?;
        sockets.push(listener);
    }
    Ok((sockets, bound))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit it.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEP_ALIVE))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_point_addresses_are_read_and_their_host_replaced() {
        let replacement: IpAddr = "127.0.0.2".parse().unwrap();
        for (text, plain, replaced) in [
            ("127.0.0.1:80", Some("127.0.0.1:80"), Some("127.0.0.2:80")),
            ("[::1]:80", Some("[::1]:80"), Some("127.0.0.2:80")),
            ("80", None, None),
            (":http", None, None),
            (":65536", None, None),
        ] {
            let read = |replacement| {
                socket_address(text, replacement)
                    .ok()
                    .map(|address| address.to_string())
            };
            assert_eq!(read(None).as_deref(), plain, "{text}");
            assert_eq!(read(Some(replacement)).as_deref(), replaced, "{text}");
        }
        assert!(socket_address(":80", None).unwrap().ip().is_unspecified());
        assert_eq!(
            socket_address(":80", Some(replacement))
                .unwrap()
                .to_string(),
            "127.0.0.2:80"
        );
    }

    #[test]
    fn all_workers_share_one_address() {
        let (sockets, bound) = bind_all("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_ne!(bound.port(), 0);
        for socket in &sockets {
            assert_eq!(socket.local_addr().unwrap(), bound);
        }
    }
}
