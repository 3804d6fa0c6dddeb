//! A Docker Engine that is scripted: a hyper server on a unix socket (and TCP,
//! if asked) speaking the real Engine API to the real client, with faults.
//!
//! [`FakeDocker`] is the daemon: it listens, goes away and comes back.
//! [`Engine`] is what it manages: containers, networks and the event log.

mod clock;
mod container;
mod delivery;
mod engine;
mod event;
mod fault;
mod generation;
mod network;
mod render;
mod server;
mod state;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::AbortHandle;

pub use container::{ContainerSpec, Phase};
pub use engine::Engine;
pub use event::Event;
pub use fault::{EventFaults, Faults, InspectFault, ListFault};
pub use generation::Generation;

/// A running daemon. Dropping it ends it.
#[derive(Debug)]
pub struct FakeDocker {
    engine: Engine,
    directory: tempfile::TempDir,
    tcp: Option<SocketAddr>,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
}

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Which engine is played.
    pub generation: Generation,
    /// Same seed, same ids and same faults.
    pub seed: u64,
    /// Listen on TCP too.
    pub tcp: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            generation: Generation::V28,
            seed: 1,
            tcp: false,
        }
    }
}

impl FakeDocker {
    /// Starts a healthy engine without containers.
    pub async fn start(options: Options) -> Self {
        let docker = Self {
            engine: Engine::new(options.generation, options.seed),
            directory: tempfile::tempdir().expect("a directory for the socket"),
            tcp: options.tcp.then(crate::loopback::free_address),
            tasks: Arc::default(),
        };
        docker.come_back().await;
        docker
    }

    /// The engine's commands.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// For `--providers.docker.endpoint`: `unix://…`.
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// `tcp://…`, if TCP was asked for.
    pub fn tcp_endpoint(&self) -> Option<String> {
        self.tcp.map(|address| format!("tcp://{address}"))
    }

    /// Path of the unix socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    /// The daemon dies: every connection breaks and nothing listens. The
    /// containers live on, and so do their events, which nobody hears.
    pub fn go_away(&self) {
        let _ = std::fs::remove_file(self.socket());
        for task in lock(&self.tasks).drain(..) {
            task.abort();
        }
        self.engine.state().cut_events(false);
    }

    /// The daemon listens again, on the same addresses.
    pub async fn come_back(&self) {
        let unix = UnixListener::bind(self.socket()).expect("a free socket");
        let (engine, tasks) = (self.engine.clone(), Arc::clone(&self.tasks));
        self.keep(tokio::spawn(async move {
            while let Ok((stream, _)) = unix.accept().await {
                serve(&engine, &tasks, stream);
            }
        }));
        let Some(address) = self.tcp else { return };
        // The listener of before is gone when its task has heard of it.
        let free = || async { TcpListener::bind(address).await.ok() };
        let tcp = crate::wait::wait_for("a free address", free).await;
        let (engine, tasks) = (self.engine.clone(), Arc::clone(&self.tasks));
        self.keep(tokio::spawn(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                serve(&engine, &tasks, stream);
            }
        }));
    }

    fn keep(&self, task: tokio::task::JoinHandle<()>) {
        lock(&self.tasks).push(task.abort_handle());
    }
}

impl Drop for FakeDocker {
    fn drop(&mut self) {
        self.go_away();
    }
}

fn serve<S>(engine: &Engine, tasks: &Arc<Mutex<Vec<AbortHandle>>>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    engine.state().count("connection");
    let engine = engine.clone();
    let task = tokio::spawn(async move {
        let service = service_fn(move |request| server::handle(engine.clone(), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .half_close(false)
            .serve_connection(TokioIo::new(stream), service);
        let _ = connection.await;
    });
    let mut tasks = lock(tasks);
    tasks.retain(|task| !task.is_finished());
    tasks.push(task.abort_handle());
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
