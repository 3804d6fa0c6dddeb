//! One worker: an OS thread with its own runtime, listeners, connections and
//! pools to servers. Workers share the route table and nothing else.
//!
//! A worker obeys [`Command`]s. Once a second it sweeps: the coarse clock moves,
//! slow clients are found, connections to servers that left the table are closed.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Cache};
use http::{HeaderValue, StatusCode};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::access_log::{Journal, JournalBlueprint};
use crate::balance::ServerKey;
use crate::config::Timeouts;
use crate::counter::Counters;
use crate::proxy::{self, Burden, CoarseClock, Limits, Patience, Phase, Pool, Verdict};
use crate::routing::RouteTable;
use crate::stats::{Book, Harvest, Subject};
use crate::trace::Exporter;

/// How often a worker looks at its connections.
const SWEEP: Duration = Duration::from_secs(1);

/// What workers are told. Every worker gets the same.
pub(crate) enum Command {
    /// Accept connections for the entry point.
    Open {
        entry_point: String,
        listener: std::net::TcpListener,
    },
    /// Stop accepting for the entry point, after what is queued.
    Close { entry_point: String },
    /// From now on every answer closes its connection.
    Drain,
    /// Close idle connections; the others after their answer.
    Finish,
    /// Hand over what was counted.
    Count(mpsc::UnboundedSender<Harvest>),
    /// End the thread; what is still open is cut.
    Stop,
}

/// What all workers of a process are made from.
#[derive(Clone)]
pub(crate) struct Blueprint {
    pub(crate) table: Arc<ArcSwap<RouteTable>>,
    pub(crate) host_name: HeaderValue,
    pub(crate) timeouts: Timeouts,
    pub(crate) journal: JournalBlueprint,
    pub(crate) exporter: Exporter,
    /// Client connections of one worker at most.
    pub(crate) max_connections: usize,
}

/// The process's side of a worker.
pub(crate) struct WorkerHandle {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    pub(crate) counters: Arc<Counters>,
}

/// The thread's side of a worker: what its connections share.
pub(crate) struct Worker {
    index: usize,
    table: RefCell<Cache<Arc<ArcSwap<RouteTable>>, Arc<RouteTable>>>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) copies: Burden,
    pub(crate) host_name: HeaderValue,
    pub(crate) clock: CoarseClock,
    /// For `Date`, by the last sweep.
    date: RefCell<HeaderValue>,
    pub(crate) limits: Limits,
    pub(crate) journal: Rc<Journal>,
    pub(crate) exporter: Exporter,
    max_connections: usize,
    pub(crate) draining: Cell<bool>,
    finishing: Cell<bool>,
    pub(crate) counters: Arc<Counters>,
    /// What is counted of requests.
    pub(crate) book: RefCell<Book>,
    connections: RefCell<HashMap<u64, Rc<Patience>>>,
    /// How many of them each entry point has.
    open: RefCell<Vec<(Rc<str>, usize)>>,
    next_connection: Cell<u64>,
}

/// The servers of the table swept last.
#[derive(Default)]
struct LiveServers {
    table: Option<Arc<RouteTable>>,
    keys: HashSet<ServerKey>,
}

/// Keeps a connection on the worker's list; dropping it takes it off.
pub(crate) struct Registration {
    worker: Rc<Worker>,
    id: u64,
    entry_point: Rc<str>,
}

/// Starts a worker's thread.
pub(crate) fn spawn(index: usize, blueprint: Blueprint) -> std::io::Result<WorkerHandle> {
    let (commands, receiver) = mpsc::unbounded_channel();
    let counters = Arc::new(Counters::default());
    let own = Arc::clone(&counters);
    thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => {
                    let worker = Rc::new(Worker::new(index, blueprint, own));
                    runtime.block_on(worker.run(receiver));
                }
                Err(error) => tracing::error!(%error, "worker has no runtime"),
            }
        })?;
    Ok(WorkerHandle { commands, counters })
}

impl Worker {
    fn new(index: usize, blueprint: Blueprint, counters: Arc<Counters>) -> Self {
        let clock = CoarseClock::default();
        let bounds = Arc::clone(&blueprint.table.load().metrics().bounds);
        Self {
            index,
            book: RefCell::new(Book::new(bounds)),
            open: RefCell::default(),
            table: RefCell::new(Cache::new(blueprint.table)),
            pool: Rc::new(Pool::new(clock.clone())),
            copies: Burden::default(),
            host_name: blueprint.host_name,
            clock,
            date: RefCell::new(date_now()),
            limits: Limits::new(&blueprint.timeouts),
            journal: Rc::new(Journal::new(blueprint.journal)),
            exporter: blueprint.exporter,
            max_connections: blueprint.max_connections,
            draining: Cell::new(false),
            finishing: Cell::new(false),
            counters,
            connections: RefCell::default(),
            next_connection: Cell::new(0),
        }
    }

    /// Reads the table in force.
    pub(crate) fn with_table<T>(&self, read: impl FnOnce(&RouteTable) -> T) -> T {
        read(self.table.borrow_mut().load())
    }

    /// The date for responses, to the second.
    pub(crate) fn with_date(&self, write: impl FnOnce(&HeaderValue)) {
        write(&self.date.borrow());
    }

    /// A request was answered; `reason` says why by the proxy itself, or is empty.
    pub(crate) fn answered(&self, status: StatusCode, reason: &'static str) {
        self.counters.answered(status);
        if !reason.is_empty() {
            self.book.borrow_mut().answered(reason);
        }
    }

    /// A request is sent again, to a server of this service.
    pub(crate) fn retried(&self, service: Option<&Arc<Subject>>) {
        Counters::count(&self.counters.retries);
        if let Some(service) = service {
            self.book.borrow_mut().retried(service);
        }
    }

    /// Puts a connection on the list.
    pub(crate) fn register(
        self: &Rc<Self>,
        entry_point: &Rc<str>,
        patience: &Rc<Patience>,
    ) -> Registration {
        let mut open = self.open.borrow_mut();
        match open.iter_mut().find(|(name, _)| name == entry_point) {
            Some((_, count)) => *count += 1,
            None => open.push((Rc::clone(entry_point), 1)),
        }
        let id = self.next_connection.get();
        self.next_connection.set(id.wrapping_add(1));
        self.connections
            .borrow_mut()
            .insert(id, Rc::clone(patience));
        self.counters.open_connections.fetch_add(1, Relaxed);
        Counters::count(&self.counters.connections);
        Registration {
            worker: Rc::clone(self),
            id,
            entry_point: Rc::clone(entry_point),
        }
    }

    /// No room for another connection.
    pub(crate) fn is_full(&self) -> bool {
        self.connections.borrow().len() >= self.max_connections
    }

    async fn run(self: Rc<Self>, mut commands: mpsc::UnboundedReceiver<Command>) {
        let started = Instant::now();
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut listening: HashMap<String, oneshot::Sender<()>> = HashMap::new();
        let mut live = LiveServers::default();
        tokio::task::spawn_local(Rc::clone(&self.journal).keep_moving());
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Open { entry_point, listener }) => {
                        if let Some(stop) = self.open(&entry_point, listener) {
                            listening.insert(entry_point, stop);
                        }
                    }
                    // Dropping the sender stops the accept loop.
                    Some(Command::Close { entry_point }) => drop(listening.remove(&entry_point)),
                    Some(Command::Drain) => self.draining.set(true),
                    Some(Command::Finish) => {
                        self.finishing.set(true);
                        self.order_all(|_| Verdict::Finish);
                    }
                    // Nobody to tell: the process is about to end.
                    Some(Command::Count(answer)) => drop(answer.send(self.harvest())),
                    Some(Command::Stop) | None => return,
                },
                _ = sweep.tick() => {
                    let seconds = started.elapsed().as_secs();
                    self.clock.set(u32::try_from(seconds).unwrap_or(u32::MAX));
                    self.date.replace(date_now());
                    self.sweep(&mut live);
                }
            }
        }
    }

    fn open(
        self: &Rc<Self>,
        entry_point: &str,
        listener: std::net::TcpListener,
    ) -> Option<oneshot::Sender<()>> {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(entrypoint = entry_point, %error, "cannot use the listener");
                return None;
            }
        };
        let (stop, stopped) = oneshot::channel();
        tokio::task::spawn_local(proxy::accept(
            Rc::clone(self),
            Rc::from(entry_point),
            listener,
            stopped,
        ));
        Some(stop)
    }

    fn harvest(&self) -> Harvest {
        let bounds = self.with_table(|table| Arc::clone(&table.metrics().bounds));
        let open = self.open.borrow();
        let open = open.iter().map(|(name, count)| (name.to_string(), *count));
        Harvest {
            open: open.collect(),
            ..self.book.borrow_mut().harvest(self.index, &bounds)
        }
    }

    fn sweep(&self, live: &mut LiveServers) {
        let crowded = self.connections.borrow().len() > self.max_connections / 10 * 9;
        self.order_all(|patience| {
            let verdict = patience.verdict(&self.limits);
            if self.finishing.get() || (crowded && patience.phase() == Phase::Idle) {
                verdict.max(Verdict::Finish)
            } else {
                verdict
            }
        });
        let table = Arc::clone(self.table.borrow_mut().load());
        if live
            .table
            .as_ref()
            .is_none_or(|known| !Arc::ptr_eq(known, &table))
        {
            live.keys = table.servers().map(|server| server.key).collect();
            live.table = Some(table);
        }
        self.pool.sweep(&live.keys);
    }

    fn order_all(&self, verdict: impl Fn(&Patience) -> Verdict) {
        for patience in self.connections.borrow().values() {
            patience.order(verdict(patience));
        }
    }
}

fn date_now() -> HeaderValue {
    HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now()))
        .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.worker.connections.borrow_mut().remove(&self.id);
        let mut open = self.worker.open.borrow_mut();
        let own = open.iter_mut().find(|(name, _)| *name == self.entry_point);
        if let Some((_, count)) = own {
            *count = count.saturating_sub(1);
        }
        self.worker.counters.open_connections.fetch_sub(1, Relaxed);
    }
}
