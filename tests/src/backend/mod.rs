//! Backends that say what they saw: what stands behind the proxy in a test.
//!
//! [`Backend`] is an HTTP server whose answers are JSON ([`Seen`]);
//! [`recorder::Recorder`] keeps raw bytes and answers with raw bytes.

mod answer;
pub mod recorder;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

/// How a backend answers. Upgrades (`Connection: upgrade`) and `Expect` work in
/// [`Mode::Normal`] and [`Mode::Slow`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// JSON, with a length.
    #[default]
    Normal,
    /// As `Normal`, this much later.
    Slow(Duration),
    /// Closes the connection when the request is there.
    CloseBeforeAnswer,
    /// Promises a body and closes in the middle of it.
    CloseMidBody,
    /// This status at once, without reading the body.
    Status(u16),
    /// JSON in chunks, then the trailers `x-trailer: yes` and `x-body-digest`.
    Trailers,
    /// `text/event-stream`: this many events, with this much time between them.
    Events(usize, Duration),
    /// A body of this many bytes, as fast as it is taken.
    Bulk(u64),
}

/// What a backend saw of a request; the body of its answers.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Seen {
    /// Name of the backend.
    pub name: String,
    /// `X-Nonce` of the request, empty if it had none.
    pub nonce: String,
    /// `GET`, …
    pub method: String,
    /// Request target as it stood in the request line.
    pub target: String,
    /// `HTTP/1.1`, …
    pub version: String,
    /// Lower-case names and values in order.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// BLAKE3 of the body, hexadecimal.
    pub body_digest: String,
    /// Trailers of the request.
    pub trailers: Vec<(String, String)>,
    /// Address of the other end of the connection.
    pub peer: String,
}

impl Seen {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        Some(value)
    }
}

pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) mode: Mutex<Mode>,
    pub(crate) requests: AtomicUsize,
    pub(crate) last: Mutex<Option<Seen>>,
    connections: AtomicUsize,
}

/// A running backend. Dropping it kills it.
pub struct Backend {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    abort: AbortHandle,
    task: Option<JoinHandle<()>>,
}

impl Backend {
    /// Starts on `address`.
    ///
    /// # Panics
    /// If the address is in use.
    pub async fn start(name: &str, address: SocketAddr) -> Self {
        Self::start_as(name, address, Protocol::Http1).await
    }

    async fn start_as(name: &str, address: SocketAddr, protocol: Protocol) -> Self {
        let listener = TcpListener::bind(address)
            .await
            .unwrap_or_else(|error| panic!("backend {name} cannot listen on {address}: {error}"));
        let address = listener.local_addr().expect("the address listened on");
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            mode: Mutex::default(),
            requests: AtomicUsize::new(0),
            last: Mutex::new(None),
            connections: AtomicUsize::new(0),
        });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, protocol, Arc::clone(&shared), stopped));
        Self {
            address,
            shared,
            stop,
            abort: task.abort_handle(),
            task: Some(task),
        }
    }

    /// The same for clients that speak HTTP/2 by prior knowledge, and nobody else.
    pub async fn start_http2(name: &str, address: SocketAddr) -> Self {
        Self::start_as(name, address, Protocol::Http2).await
    }

    /// Starts on an address of its own.
    pub async fn start_anywhere(name: &str) -> Self {
        Self::start(name, crate::loopback::free_address()).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Name in its answers.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Changes how the next requests are answered.
    pub fn mode(&self, mode: Mode) {
        *lock(&self.shared.mode) = mode;
    }

    /// Requests that arrived.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Acquire)
    }

    /// Connections accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The request that was read last.
    pub fn last(&self) -> Option<Seen> {
        lock(&self.shared.last).clone()
    }

    /// Ends as a well-behaved process does on SIGTERM: no new connections, what
    /// is in flight is finished, idle connections are closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }

    /// Ends as on SIGKILL: everything is closed at once. Returns when it is.
    pub async fn kill(mut self) {
        self.abort.abort();
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Backend({} on {})",
            self.shared.name, self.address
        )
    }
}

/// What a backend speaks.
#[derive(Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
}

async fn accept(
    listener: TcpListener,
    protocol: Protocol,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    // Aborting this task drops the set, and with it every connection.
    let mut connections = JoinSet::new();
    let signal = stopped.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, peer)) = accepted else { continue };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (shared, signal) = (Arc::clone(&shared), signal.clone());
                match protocol {
                    Protocol::Http1 => connections.spawn(serve(stream, peer, shared, signal)),
                    Protocol::Http2 => connections.spawn(serve_http2(stream, peer, shared, signal)),
                };
            }
            Some(_) = connections.join_next() => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer::handle(Arc::clone(&shared), peer, request));
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn serve_http2(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer::handle(Arc::clone(&shared), peer, request));
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
