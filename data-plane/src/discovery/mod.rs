//! The proxy's end of the stream from the control plane.

mod mirror;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use fairway_proto::discovery::v1::Node;
use futures_util::future::BoxFuture;
use http::Uri;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use self::mirror::Mirror;
use crate::routing::RouteTable;

/// Where the configuration comes from, and who asks for it.
#[derive(Debug, Clone)]
pub(crate) struct DiscoveryConfig {
    /// Control planes, `http://host:port`; one is used at a time.
    pub(crate) endpoints: Vec<Uri>,
    /// This process.
    pub(crate) node: Node,
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
            since: Instant::now(),
        }
    }
}

/// Keeps `table` as the control plane says, for ever. Nothing but an update that
/// was decoded changes it: while no control plane answers, the last one serves.
pub(crate) async fn run(
    config: DiscoveryConfig,
    table: Arc<ArcSwap<RouteTable>>,
    listeners: Arc<dyn Listeners>,
    status: watch::Sender<DiscoveryStatus>,
) {
    let _ = (config, table, listeners, status);
    std::future::pending().await
}
