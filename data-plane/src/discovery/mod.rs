//! The proxy's end of the stream from the control plane.
//!
//! [`run`] keeps one stream open; [`session`] is one stream; `Replica` applies what it
//! brings; [`Mirror`] is what was sent, as sent. Nothing but an update that was decoded
//! changes the table: while no control plane answers, the last one serves.
//!
//! Not here: what a resource means ([`crate::routing`]), how listeners are opened.

mod backoff;
mod mirror;
mod replica;
mod report;
mod session;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use fairway_proto::discovery::v1::{Node, Scheme, Server};
use futures_util::future::BoxFuture;
use http::Uri;
use rand::seq::SliceRandom as _;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, warn};

use self::backoff::Backoff;
pub(crate) use self::mirror::Mirror;
use self::replica::Replica;
use crate::access_log::WriterControl;
use crate::routing::RouteTable;
use crate::stats::Collector;

/// Where the configuration comes from, and who asks for it.
#[derive(Debug, Clone)]
pub(crate) struct DiscoveryConfig {
    /// Control planes, `http://host:port`; one is used at a time.
    pub(crate) endpoints: Vec<Uri>,
    /// This process.
    pub(crate) node: Node,
    /// It is being stopped.
    pub(crate) draining: watch::Receiver<bool>,
    /// What it has counted.
    pub(crate) collector: Arc<Collector>,
    /// Where the access log is written; `None`: nowhere.
    pub(crate) access_log: Option<Arc<WriterControl>>,
}

/// The control planes as servers of `api@internal`.
pub(crate) fn control_planes(endpoints: &[Uri]) -> Arc<[Server]> {
    let servers = endpoints.iter().filter_map(|endpoint| {
        let port = endpoint.port_u16().unwrap_or(80);
        Some(Server {
            id: "control plane".to_owned(),
            // On the port of the gRPC services there is nothing but HTTP/2.
            scheme: Scheme::H2c.into(),
            address: format!("{}:{port}", endpoint.host()?),
            weight: 1,
            container: "control plane".to_owned(),
            ..Server::default()
        })
    });
    servers.collect()
}

/// Opens and closes listeners as a table says.
pub(crate) trait Listeners: Send + Sync {
    /// Called after each swap, before the acknowledgement. For each entry point the
    /// address it is bound to, or why it could not be bound.
    fn reconcile<'a>(
        &'a self,
        table: &'a RouteTable,
    ) -> BoxFuture<'a, BTreeMap<String, Result<String, String>>>;
}

/// How fresh the table is. Readiness is `ever_applied`; the rest is for people.
#[derive(Debug, Clone)]
pub(crate) struct DiscoveryStatus {
    /// An update was applied since the process started. Never goes back.
    pub(crate) ever_applied: bool,
    /// A stream is open and has brought an update.
    pub(crate) connected: bool,
    /// Version in service; empty before the first.
    pub(crate) version: String,
    /// Versions that were put in service.
    pub(crate) applied: u64,
    /// When the last of them was.
    pub(crate) applied_at: Option<SystemTime>,
    /// Since when `connected` is what it is.
    pub(crate) since: Instant,
}

impl DiscoveryStatus {
    /// Before the first connection.
    pub(crate) fn starting() -> Self {
        Self {
            ever_applied: false,
            connected: false,
            version: String::new(),
            applied: 0,
            applied_at: None,
            since: Instant::now(),
        }
    }
}

/// Keeps `table` as the control planes say, for ever; they are tried in random order.
pub(crate) async fn run(
    config: DiscoveryConfig,
    table: Arc<ArcSwap<RouteTable>>,
    listeners: Arc<dyn Listeners>,
    status: watch::Sender<DiscoveryStatus>,
) {
    let DiscoveryConfig {
        mut endpoints,
        node,
        draining,
        collector,
        access_log,
    } = config;
    let mut replica = Replica::new(table, listeners, status, draining, access_log);
    let mut backoff = Backoff::default();
    loop {
        endpoints.shuffle(&mut rand::rng());
        for endpoint in &endpoints {
            let Err(error) =
                session::run(endpoint, &node, &mut replica, &collector, &mut backoff).await;
            replica.disconnected();
            warn!(control_plane = %endpoint, error = chain(&error), "no control plane");
            backoff.sleep().await;
        }
        if endpoints.is_empty() {
            error!("no control plane is configured");
            return std::future::pending().await;
        }
    }
}

/// An error and its sources in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.extend([": ", &error.to_string()]);
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
