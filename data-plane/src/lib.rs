//! The data plane: takes its routing configuration from the control plane and
//! forwards HTTP.
//!
//! [`start`] builds the whole process from a [`Config`] and returns at once: worker
//! threads for the traffic, one thread for everything else (discovery, table
//! building, admin), so that nothing takes time from traffic. [`Running`] is the
//! handle: ready or not, which version, and the way out.

mod access_log;
mod admin;
mod balance;
mod config;
mod counter;
mod discovery;
mod exchange;
mod http1;
mod listener;
#[doc(hidden)]
pub mod measure;
mod middleware;
mod probe;
mod proxy;
mod routing;
mod shutdown;
mod stats;
mod telemetry;
mod trace;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arc_swap::ArcSwap;
use fairway_proto::discovery::v1::Node;
use http::Uri;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

pub use self::admin::client::{HealthcheckError, healthcheck};
pub use self::config::{Config, Drain, Timeouts};
#[cfg(any(fuzzing, test))]
pub use self::proxy::fuzz;
pub use self::telemetry::{LogError, LogFormat, LogOptions, start as start_log};

use self::access_log::{JournalBlueprint, WriterControl};
use self::discovery::{DiscoveryConfig, DiscoveryStatus, Listeners};
use self::listener::WorkerListeners;
use self::routing::RouteTable;
use self::stats::Collector;
use self::trace::ExporterControl;
use self::worker::{Blueprint, Command, WorkerHandle};

/// Reads the PROXY header that `bytes` begin with: its length, and the client it names.
/// `None`: more bytes are needed. For fuzzing.
///
/// # Errors
/// Why it cannot be believed, in words.
#[doc(hidden)]
pub fn proxy_header(bytes: &[u8]) -> Result<Option<(usize, Option<std::net::SocketAddr>)>, String> {
    proxy::proxy_header(bytes)
        .map(|header| header.map(|it| (it.length, it.source)))
        .map_err(|error| error.to_string())
}

/// How long a process that has drained waits for the last lines of its access log and its
/// last spans.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not a URL.
    #[error("control plane `{0}` is not a URL such as http://control:9090")]
    ControlPlane(String),
    /// A thread or runtime cannot be had.
    #[error("cannot start threads")]
    Threads(#[source] std::io::Error),
    /// The admin address cannot be listened on.
    #[error("cannot listen on the admin address `{address}`")]
    Admin {
        /// As given.
        address: String,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
}

/// What the parts of a process share.
pub(crate) struct Process {
    pub(crate) table: Arc<ArcSwap<RouteTable>>,
    pub(crate) listeners: Arc<WorkerListeners>,
    pub(crate) workers: Vec<WorkerHandle>,
    pub(crate) status: watch::Receiver<DiscoveryStatus>,
    pub(crate) draining: watch::Receiver<bool>,
    pub(crate) collector: Arc<Collector>,
    pub(crate) access_log: Arc<WriterControl>,
    pub(crate) spans: ExporterControl,
}

/// A running proxy. Dropping it ends it at once; [`Running::stop`] drains first.
pub struct Running {
    process: Arc<Process>,
    draining: watch::Sender<bool>,
    drain: Drain,
    /// Turns true when the drain is over.
    drained: watch::Sender<bool>,
    /// `None` only while being dropped.
    runtime: Option<Runtime>,
}

/// Starts a proxy. It serves as soon as a control plane has sent a configuration.
pub fn start(config: Config) -> Result<Running, StartError> {
    let endpoints = endpoints(&config)?;
    let (status, watched) = watch::channel(DiscoveryStatus::starting());
    let running = assemble(&config, watched)?;
    let discovery = DiscoveryConfig {
        endpoints,
        node: Node {
            id: config.node_id.clone(),
            instance_id: format!("{:016x}", rand::random::<u64>()),
            build: env!("CARGO_PKG_VERSION").to_owned(),
        },
        draining: running.draining.subscribe(),
        collector: Arc::clone(&running.process.collector),
        access_log: Some(Arc::clone(&running.process.access_log)),
    };
    tracing::info!(
        node = config.node_id,
        workers = running.process.workers.len(),
        "started"
    );
    let process = &running.process;
    running.spawn(discovery::run(
        discovery,
        Arc::clone(&process.table),
        Arc::clone(&process.listeners) as Arc<dyn Listeners>,
        status,
    ));
    Ok(running)
}

fn endpoints(config: &Config) -> Result<Vec<Uri>, StartError> {
    let urls = config.control_planes.iter();
    urls.map(|text| match text.trim().parse::<Uri>() {
        Ok(uri) if uri.host().is_some() && uri.scheme().is_some() => Ok(uri),
        _ => Err(StartError::ControlPlane(text.clone())),
    })
    .collect()
}

/// Everything but discovery.
fn assemble(
    config: &Config,
    status: watch::Receiver<DiscoveryStatus>,
) -> Result<Running, StartError> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(StartError::Threads)?;
    let control_planes = discovery::control_planes(&endpoints(config)?);
    let table = RouteTable::with_control_planes(control_planes);
    let table = Arc::new(ArcSwap::from_pointee(table));
    let count = config.workers.max(1);
    let (exporter, spans) = trace::spawn(runtime.handle(), &config.node_id);
    let (writer, access_log) = access_log::spawn().map_err(StartError::Threads)?;
    let blueprint = Blueprint {
        table: Arc::clone(&table),
        host_name: config::host_name_header(),
        timeouts: config.timeouts,
        journal: JournalBlueprint::new(&config.node_id, writer),
        exporter,
        max_connections: config.max_connections.div_ceil(count),
    };
    let workers = (0..count)
        .map(|index| worker::spawn(index, blueprint.clone()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(StartError::Threads)?;
    // What it holds of the log's writer must end with the workers.
    drop(blueprint);
    let commands: Vec<_> = workers
        .iter()
        .map(|worker| worker.commands.clone())
        .collect();
    let collector = Collector::new(commands.clone(), Arc::clone(&table));
    let (draining, watched) = watch::channel(false);
    let process = Arc::new(Process {
        table: Arc::clone(&table),
        listeners: Arc::new(WorkerListeners::new(config.bind_address, commands)),
        workers,
        status: status.clone(),
        draining: watched,
        collector: Arc::new(collector),
        access_log: Arc::new(access_log),
        spans,
    });
    runtime.spawn(probe::run(table, status));
    if let Some(address) = &config.admin_address {
        let entered = runtime.enter();
        let listener = admin::listen(address).map_err(|source| StartError::Admin {
            address: address.clone(),
            source,
        })?;
        drop(entered);
        runtime.spawn(admin::serve(listener, Arc::clone(&process)));
    }
    Ok(Running {
        process,
        draining,
        drain: config.drain,
        drained: watch::channel(false).0,
        runtime: Some(runtime),
    })
}

impl Running {
    /// Has a configuration and is not being stopped.
    pub fn ready(&self) -> bool {
        self.process.is_ready()
    }

    /// Returns when the first configuration is in force.
    pub async fn wait_ready(&self) {
        let mut status = self.process.status.clone();
        let _ = status.wait_for(|status| status.ever_applied).await;
    }

    /// The version in force; empty before the first.
    pub fn version(&self) -> String {
        self.process.table.load().version().to_owned()
    }

    /// The address an entry point is bound to, `host:port`; `None` if it is not.
    pub fn address(&self, entry_point: &str) -> Option<std::net::SocketAddr> {
        self.process.listeners.bound(entry_point)
    }

    /// Client connections open now.
    pub fn open_connections(&self) -> usize {
        self.process.open_connections()
    }

    /// Starts to drain, and returns at once. A second call changes nothing.
    pub fn begin_drain(&self) {
        let begun = self
            .draining
            .send_if_modified(|draining| !std::mem::replace(draining, true));
        if begun {
            let process = Arc::clone(&self.process);
            let (timing, drained) = (self.drain, self.drained.clone());
            self.spawn(async move {
                shutdown::drain(&process, timing).await;
                drained.send_replace(true);
            });
        }
    }

    /// Drains, then ends. Cancelling it (dropping the future) ends at once.
    pub async fn stop(self) {
        self.begin_drain();
        let _ = self.drained.subscribe().wait_for(|drained| *drained).await;
        self.process.tell_workers(|| Command::Stop);
        // What hangs has had its time.
        let told = async {
            self.process.access_log.ended().await;
            self.process.spans.ended().await;
        };
        let _ = tokio::time::timeout(LAST_WORDS, told).await;
    }

    /// Opens the file of the access log anew: it was moved away.
    pub fn reopen_access_log(&self) {
        self.process.access_log.reopen();
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(task);
        }
    }
}

impl Process {
    pub(crate) fn is_ready(&self) -> bool {
        self.status.borrow().ever_applied && !*self.draining.borrow()
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.workers
            .iter()
            .map(|worker| worker.counters.open_connections.load(Relaxed))
            .sum()
    }

    pub(crate) fn tell_workers(&self, command: impl Fn() -> Command) {
        for worker in &self.workers {
            let _ = worker.commands.send(command());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.tell_workers(|| Command::Stop);
        if let Some(runtime) = self.runtime.take() {
            // Not waited for: the caller may be a runtime's own thread.
            runtime.shutdown_background();
        }
    }
}
