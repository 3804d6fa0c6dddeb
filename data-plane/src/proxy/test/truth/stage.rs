//! A real proxy, its access log, and the servers behind it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fairway_proto::discovery::v1 as proto;
use tokio::sync::watch;

use super::super::put_in_force;
use super::ENTRY_POINTS;
use super::origin::Origins;
use super::request::Request;
use super::witness::{Line, Witness};
use crate::balance::Verdict;
use crate::config::Config;
use crate::discovery::DiscoveryStatus;
use crate::proxy::explain::{Own, explain};
use crate::{Running, assemble};

/// Longer than anything takes that comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A real proxy and its access log.
pub(super) struct Stage {
    pub(super) running: Running,
    log: Witness,
    pub(super) origins: Origins,
    runtime: tokio::runtime::Runtime,
    /// Requests so far.
    count: Cell<usize>,
    /// Numbers of the requests that may have been copied.
    pub(super) may_be_copied: std::cell::RefCell<BTreeSet<String>>,
    _status: watch::Sender<DiscoveryStatus>,
}

impl Stage {
    pub(super) fn set() -> Self {
        let (status, watched) = watch::channel(DiscoveryStatus::starting());
        let origins = Origins::start();
        let config = Config {
            control_planes: vec![format!("http://{}", origins.dead)],
            bind_address: Some([127, 0, 0, 1].into()),
            workers: 2,
            ..Config::default()
        };
        let stage = Self {
            running: assemble(&config, watched).unwrap(),
            log: Witness::new(),
            origins,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            count: Cell::new(0),
            may_be_copied: Default::default(),
            _status: status,
        };
        stage.check_servers();
        stage
    }

    /// Waits until every server that is checked has been. The services with servers are
    /// the same in all configurations, and so what is known of them.
    fn check_servers(&self) {
        self.put_in_force(self.origins.services());
        wait("servers are checked", || self.has_checked_every_server());
    }

    fn has_checked_every_server(&self) -> bool {
        let table = self.running.process.table.load();
        let mut checked = table
            .servers()
            .filter(|server| server.health.check().is_some());
        checked.all(|server| server.health.verdict() != Verdict::Untested)
    }

    /// Puts these in force, with the access log.
    pub(super) fn put_in_force(&self, mut resources: Vec<proto::Resource>) {
        resources.push(self.log.resource());
        put_in_force(&self.running, resources);
    }

    /// Of the next request.
    pub(super) fn number(&self) -> usize {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    /// Where the entry point of the request listens.
    pub(super) fn address(&self, request: &Request<'_>) -> SocketAddr {
        let name = ENTRY_POINTS[request.entry_point()];
        self.running.address(name).expect("it listens")
    }

    /// What is told about a request.
    pub(super) fn tell(&self, request: &Request<'_>) -> proto::Explanation {
        let bound = ENTRY_POINTS.map(|name| {
            let address = self.running.address(name).expect("it listens");
            (name.to_owned(), address.to_string())
        });
        let table = self.running.process.table.load();
        let server = crate::config::host_name_header();
        let bound = bound.into();
        let own = Own {
            bound: &bound,
            server: &server,
            draining: false,
        };
        let described = request.described(self.address(request).port());
        let explained = explain(&table, own, &described);
        self.runtime.block_on(explained)
    }

    /// The next line of the access log.
    pub(super) fn line(&self) -> Line {
        self.log.line(PATIENCE)
    }
}

/// Waits until it is so.
pub(super) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
