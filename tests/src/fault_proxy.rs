//! A TCP proxy with faults that can be switched while connections are open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// What is wrong with the line; the default is a good one.
#[derive(Debug, Clone, Default)]
pub struct LineFault {
    /// Every piece arrives this much later.
    pub latency: Duration,
    /// Bytes per second and direction; 0: no limit.
    pub rate: u64,
    /// A connection ends cleanly after this many bytes in one direction.
    pub cut_after: Option<u64>,
    /// Connections are accepted (and stay open), nothing gets through.
    pub black_hole: bool,
    /// One byte at a time.
    pub byte_at_a_time: bool,
    /// New connections are closed at once.
    pub refuse: bool,
    /// Open connections are reset; new ones too.
    pub reset: bool,
    /// The direction to the client is closed; the other stays open.
    pub half_close: bool,
}

/// A running proxy. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<LineFault>,
    counts: Arc<Counts>,
    abort: AbortHandle,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    to_client: AtomicU64,
}

impl FaultProxy {
    /// Listens on an address of its own and connects to `upstream`.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind(crate::loopback::free_address()).await;
        let listener = listener.expect("a free address");
        let address = listener.local_addr().expect("the address listened on");
        let (fault, receiver) = watch::channel(LineFault::default());
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(accept(listener, upstream, receiver, Arc::clone(&counts)));
        Self {
            address,
            fault,
            counts,
            abort: task.abort_handle(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what is wrong, for open connections too.
    pub fn fault(&self, change: impl FnOnce(&mut LineFault)) {
        self.fault.send_modify(change);
    }

    /// A good line again.
    pub fn heal(&self) {
        self.fault.send_replace(LineFault::default());
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// Bytes that went from upstream to clients.
    pub fn bytes_to_client(&self) -> u64 {
        self.counts.to_client.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    fault: watch::Receiver<LineFault>,
    counts: Arc<Counts>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        while connections.try_join_next().is_some() {}
        connections.spawn(relay(client, upstream, fault.clone(), Arc::clone(&counts)));
    }
}

async fn relay(
    client: TcpStream,
    upstream: SocketAddr,
    mut fault: watch::Receiver<LineFault>,
    counts: Arc<Counts>,
) {
    let now = fault.borrow().clone();
    if now.refuse {
        return;
    }
    let _ = fault.wait_for(|fault| !fault.black_hole).await;
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let up = Pipe {
        read: client_read,
        write: server_write,
        counts: None,
        fault: fault.clone(),
    };
    let down = Pipe {
        read: server_read,
        write: client_write,
        counts: Some(counts),
        fault: fault.clone(),
    };
    let mut both = JoinSet::new();
    both.spawn(up.run());
    both.spawn(down.run());
    while let Some(result) = both.join_next().await {
        match result {
            // A clean end of one direction leaves the other one open; after a
            // reset each direction sees to its own end.
            Ok(End::Finished | End::Reset) => {}
            Ok(End::Cut | End::Broken) | Err(_) => break,
        }
    }
}

enum End {
    Finished,
    Cut,
    Reset,
    Broken,
}

struct Pipe {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    /// Set for the direction to the client.
    counts: Option<Arc<Counts>>,
    fault: watch::Receiver<LineFault>,
}

impl Pipe {
    async fn run(mut self) -> End {
        let mut buffer = vec![0; 16 * 1024];
        let mut carried = 0;
        loop {
            let fault = self.fault.borrow_and_update().clone();
            if fault.reset {
                // A reset needs the linger set before the last half is dropped.
                let _ = self.read.as_ref().set_zero_linger();
                let _ = self.write.as_ref().set_zero_linger();
                // Dropping the half would say a clean goodbye first.
                self.write.forget();
                return End::Reset;
            }
            if fault.half_close && self.counts.is_some() {
                let _ = self.write.shutdown().await;
                return End::Finished;
            }
            if fault.black_hole {
                let _ = self.fault.changed().await;
                continue;
            }
            let size = if fault.byte_at_a_time {
                1
            } else {
                buffer.len()
            };
            let room = fault.cut_after.map_or(size, |limit| {
                usize::try_from(limit.saturating_sub(carried))
                    .unwrap_or(size)
                    .min(size)
            });
            if room == 0 {
                return End::Cut;
            }
            let read = tokio::select! {
                read = self.read.read(&mut buffer[..room]) => read,
                Ok(()) = self.fault.changed() => continue,
            };
            let count = match read {
                Ok(0) => {
                    let _ = self.write.shutdown().await;
                    return End::Finished;
                }
                Ok(count) => count,
                Err(_) => return End::Broken,
            };
            self.pace(&fault, count).await;
            // What was read before the hole opened does not get through either.
            let _ = self
                .fault
                .wait_for(|fault| !fault.black_hole || fault.reset)
                .await;
            if self.write.write_all(&buffer[..count]).await.is_err() {
                return End::Broken;
            }
            let count = u64::try_from(count).unwrap_or_default();
            carried += count;
            if let Some(counts) = &self.counts {
                counts.to_client.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    async fn pace(&self, fault: &LineFault, count: usize) {
        let count = u64::try_from(count).unwrap_or_default();
        let busy = match fault.rate {
            0 => Duration::ZERO,
            rate => Duration::from_nanos(count.saturating_mul(1_000_000_000) / rate),
        };
        let pause = fault.latency + busy;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}
