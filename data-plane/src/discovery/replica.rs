//! What this proxy holds, and the one place that changes what it serves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use fairway_proto::discovery::v1::{
    Ack, Explanation, Question, Rejection, RejectionKind, ResourceId, ResourceKind, Update,
    UpdateMode,
};
use http::HeaderValue;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::backoff::LAST_CEILING;
use super::{DiscoveryStatus, Listeners, Mirror};
use crate::access_log::{Destination, WriterControl};
use crate::middleware::Part;
use crate::routing::{self, RouteTable};
use crate::{config, proxy};

/// Name of the resource: there is one.
const ACCESS_LOG: &str = "access-log";
/// Until a larger share is believed: by then every proxy has tried to come back.
const SHARE_GRACE: Duration = LAST_CEILING;

/// The mirror, the table made of it, and who has to know.
pub(super) struct Replica {
    mirror: Mirror,
    /// Of the last build.
    rejections: Vec<Rejection>,
    /// A larger share than the one in force, and from when on it is.
    larger_share: Option<(Part, Instant)>,
    /// Where the entry points listen, by name.
    bound: BTreeMap<String, String>,
    /// As the request path writes it in `X-Forwarded-Server`.
    host_name: HeaderValue,
    table: Arc<ArcSwap<RouteTable>>,
    listeners: Arc<dyn Listeners>,
    status: watch::Sender<DiscoveryStatus>,
    draining: watch::Receiver<bool>,
    access_log: Option<Arc<WriterControl>>,
    /// Where the access log could be opened.
    opened: Option<Destination>,
}

impl Replica {
    pub(super) fn new(
        table: Arc<ArcSwap<RouteTable>>,
        listeners: Arc<dyn Listeners>,
        status: watch::Sender<DiscoveryStatus>,
        draining: watch::Receiver<bool>,
        access_log: Option<Arc<WriterControl>>,
    ) -> Self {
        Self {
            mirror: Mirror::default(),
            rejections: Vec::new(),
            larger_share: None,
            bound: BTreeMap::new(),
            host_name: config::host_name_header(),
            table,
            listeners,
            status,
            draining,
            access_log,
            opened: None,
        }
    }

    /// Version of the whole set; empty if there is none.
    pub(super) fn version(&self) -> &str {
        self.mirror.version()
    }

    /// One transaction: mirror, table, listeners, and then the acknowledgement.
    pub(super) async fn apply(&mut self, update: Update) -> Ack {
        let nonce = update.nonce;
        if self.is_up_to_date(&update) {
            debug!(
                version = update.version,
                nonce, "configuration is up to date"
            );
        } else {
            self.swap(update);
        }
        let mut ack = Ack {
            nonce,
            rejections: self.rejections.clone(),
            ..Ack::default()
        };
        let table = self.table.load_full();
        for (entry_point, bound) in self.listeners.reconcile(&table).await {
            match bound {
                Ok(address) => drop(ack.listeners.insert(entry_point, address)),
                Err(reason) => {
                    warn!(
                        entrypoint = entry_point,
                        error = reason,
                        "entry point is not bound"
                    );
                    ack.rejections.push(not_bound(entry_point, reason));
                }
            }
        }
        ack.rejections.extend(self.open_access_log(&table).await);
        self.bound.clone_from(&ack.listeners);
        self.report(true);
        ack
    }

    /// Opens the access log of the table, if it is not open.
    async fn open_access_log(&mut self, table: &RouteTable) -> Option<Rejection> {
        let log = table.access_log().map(|log| log.destination().clone());
        let (Some(writer), Some(destination)) = (&self.access_log, log) else {
            self.opened = None;
            return None;
        };
        if self.opened.as_ref() == Some(&destination) {
            return None;
        }
        match writer.open(&destination).await {
            Ok(()) => {
                self.opened = Some(destination);
                None
            }
            Err(error) => {
                self.opened = None;
                warn!(error = %error, "no access log");
                Some(not_opened(error.to_string()))
            }
        }
    }

    /// What a request would meet. Changes nothing.
    pub(super) async fn explain(&self, question: Question) -> Explanation {
        let request = question.request.unwrap_or_default();
        let table = self.table.load_full();
        let own = proxy::Own {
            bound: &self.bound,
            server: &self.host_name,
            draining: *self.draining.borrow(),
        };
        Explanation {
            id: question.id,
            ..proxy::explain(&table, own, &request).await
        }
    }

    /// What is in force.
    pub(super) fn table(&self) -> Arc<RouteTable> {
        self.table.load_full()
    }

    /// A stream is open. Until the control plane says otherwise this proxy is the only
    /// one that it knows.
    pub(super) fn connected(&mut self) {
        self.take_share(Part::ALONE);
    }

    /// How much of what all proxies share is this one's. Less at once; more only after
    /// a while: the others may just be on their way to a control plane that is new.
    pub(super) fn take_share(&mut self, part: Part) {
        let table = self.table.load();
        let in_force = table.share().part();
        if part.proxies >= in_force.proxies {
            table.share().set(part);
            self.larger_share = None;
        } else {
            let since = self.larger_share.filter(|(known, _)| *known == part);
            let from = since.map_or_else(|| Instant::now() + SHARE_GRACE, |(_, from)| from);
            self.larger_share = Some((part, from));
        }
        debug!(proxies = part.proxies, place = part.place, "share");
    }

    /// Returns when a larger share comes into force; never if there is none.
    pub(super) async fn grow(&mut self) {
        let Some((part, from)) = self.larger_share else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(from).await;
        self.table.load().share().set(part);
        self.larger_share = None;
    }

    /// The stream ended. What is served stays, the share too.
    pub(super) fn disconnected(&mut self) {
        self.larger_share = None;
        self.report(false);
    }

    /// The answer to a proxy that already holds the current version. The table is left
    /// as it is, even where a build would make an equal one.
    fn is_up_to_date(&self, update: &Update) -> bool {
        update.mode() == UpdateMode::Delta
            && update.upserts.is_empty()
            && update.removals.is_empty()
            && update.version == self.mirror.version()
    }

    fn swap(&mut self, update: Update) {
        let (nonce, mode) = (update.nonce, update.mode());
        let (upserts, removals) = (update.upserts.len(), update.removals.len());
        self.mirror.apply(update);
        let (table, rejections) = routing::build(&self.mirror, &self.table.load());
        self.table.store(Arc::new(table));
        for rejection in rejections
            .iter()
            .filter(|known| !self.rejections.contains(known))
        {
            warn_of(rejection);
        }
        self.rejections = rejections;
        self.status.send_modify(|status| {
            status.applied += 1;
            status.applied_at = Some(SystemTime::now());
        });
        info!(
            version = self.mirror.version(),
            nonce,
            mode = mode.as_str_name(),
            upserts,
            removals,
            rejections = self.rejections.len(),
            "configuration applied"
        );
    }

    fn report(&self, connected: bool) {
        self.status.send_modify(|status| {
            if status.connected != connected {
                status.connected = connected;
                status.since = Instant::now();
            }
            status.ever_applied |= connected;
            self.mirror.version().clone_into(&mut status.version);
        });
    }
}

fn not_opened(reason: String) -> Rejection {
    Rejection {
        id: Some(ResourceId {
            kind: ResourceKind::AccessLog.into(),
            name: ACCESS_LOG.to_owned(),
        }),
        kind: RejectionKind::Invalid.into(),
        reason,
    }
}

fn not_bound(entry_point: String, reason: String) -> Rejection {
    Rejection {
        id: Some(ResourceId {
            kind: ResourceKind::EntryPoint.into(),
            name: entry_point,
        }),
        kind: RejectionKind::Invalid.into(),
        reason,
    }
}

fn warn_of(rejection: &Rejection) {
    let error = &rejection.reason;
    let id = rejection.id.clone().unwrap_or_default();
    match id.kind() {
        ResourceKind::EntryPoint => warn!(entrypoint = id.name, error, "entry point is rejected"),
        ResourceKind::Router => warn!(router = id.name, error, "router is rejected"),
        ResourceKind::Middleware => warn!(middleware = id.name, error, "middleware is rejected"),
        ResourceKind::Service => warn!(service = id.name, error, "service is rejected"),
        ResourceKind::ServersTransport => {
            warn!(name = id.name, error, "servers transport is rejected");
        }
        ResourceKind::AccessLog | ResourceKind::Tracing => {
            warn!(name = id.name, error, "it is rejected");
        }
        ResourceKind::Unspecified => warn!(name = id.name, error, "resource is rejected"),
    }
}
