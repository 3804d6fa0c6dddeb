//! `fairway.inspection.v1`: what the control plane knows, for grpcurl and scripts.
//!
//! Read-only, and reads what the other parts publish; holds no state of its own.

mod view;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fairway_proto::discovery::v1::ResourceKind;
use fairway_proto::inspection::v1::inspection_server::Inspection;
use fairway_proto::inspection::v1::{
    GetConfigRequest, GetConfigResponse, ListDiagnosticsRequest, ListDiagnosticsResponse,
    ListProxiesRequest, ListProxiesResponse, WaitForVersionRequest, WaitForVersionResponse,
    WatchConfigRequest, WatchConfigResponse,
};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use crate::compile::Compiled;
use crate::discovery::{NodeStatus, Nodes, SnapshotReceiver};
use crate::snapshot::Snapshot;

/// How long [`Inspection::wait_for_version`] waits if the caller does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(30);

/// The Inspection service.
#[derive(Clone, Debug)]
pub struct InspectionServer {
    latest: SnapshotReceiver,
    compiled: watch::Receiver<Option<Arc<Compiled>>>,
    nodes: Nodes,
}

impl InspectionServer {
    /// Answers from what the arguments hold at the time of each call.
    pub fn new(
        latest: SnapshotReceiver,
        compiled: watch::Receiver<Option<Arc<Compiled>>>,
        nodes: Nodes,
    ) -> Self {
        Self {
            latest,
            compiled,
            nodes,
        }
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, Status> {
        self.latest.borrow().clone().ok_or_else(|| {
            Status::unavailable("no configuration yet: a provider has not answered so far")
        })
    }
}

#[tonic::async_trait]
impl Inspection for InspectionServer {
    async fn get_config(
        &self,
        request: Request<GetConfigRequest>,
    ) -> Result<Response<GetConfigResponse>, Status> {
        let GetConfigRequest { kind, name } = request.into_inner();
        let kind = ResourceKind::try_from(kind).map_err(|_| {
            Status::invalid_argument(format!("no kind of resource has number {kind}"))
        })?;
        let name = name.to_lowercase();
        let snapshot = self.snapshot()?;
        let wanted = snapshot.resources().iter().filter(|(key, _)| {
            (kind == ResourceKind::Unspecified || key.kind() == kind)
                && key.name().to_lowercase().contains(&name)
        });
        Ok(Response::new(GetConfigResponse {
            version: snapshot.version().to_owned(),
            resources: wanted.map(|(_, it)| view::resource(it)).collect(),
        }))
    }

    type WatchConfigStream =
        Pin<Box<dyn Stream<Item = Result<WatchConfigResponse, Status>> + Send>>;

    async fn watch_config(
        &self,
        _: Request<WatchConfigRequest>,
    ) -> Result<Response<Self::WatchConfigStream>, Status> {
        let state = (self.latest.clone(), None::<Arc<Snapshot>>);
        let changes = stream::unfold(state, |(mut latest, seen)| async move {
            let now = latest
                .wait_for(|now| match (now, &seen) {
                    (Some(now), Some(seen)) => now.version() != seen.version(),
                    (now, None) => now.is_some(),
                    (None, Some(_)) => false,
                })
                .await
                .ok()?
                .clone()?;
            let response = view::change(seen.as_deref(), &now);
            Some((Ok(response), (latest, Some(now))))
        });
        Ok(Response::new(changes.boxed()))
    }

    async fn list_proxies(
        &self,
        _: Request<ListProxiesRequest>,
    ) -> Result<Response<ListProxiesResponse>, Status> {
        let proxies = self.nodes.list().into_iter().map(view::proxy).collect();
        Ok(Response::new(ListProxiesResponse { proxies }))
    }

    async fn list_diagnostics(
        &self,
        request: Request<ListDiagnosticsRequest>,
    ) -> Result<Response<ListDiagnosticsResponse>, Status> {
        let request = request.into_inner();
        let compiled = self.compiled.borrow().clone();
        let diagnostics = compiled
            .iter()
            .flat_map(|compiled| &compiled.diagnostics)
            .map(view::diagnostic)
            .filter(|diagnostic| diagnostic.severity >= request.at_least)
            .filter(|diagnostic| {
                request.container.is_empty() || diagnostic.container == request.container
            });
        Ok(Response::new(ListDiagnosticsResponse {
            diagnostics: diagnostics.collect(),
        }))
    }

    async fn wait_for_version(
        &self,
        request: Request<WaitForVersionRequest>,
    ) -> Result<Response<WaitForVersionResponse>, Status> {
        let WaitForVersionRequest {
            version,
            timeout_ms,
        } = request.into_inner();
        let limit = match timeout_ms {
            0 => DEFAULT_WAIT,
            ms => Duration::from_millis(ms.into()),
        };
        let waited = timeout(limit, self.until_served(version)).await;
        match waited {
            Ok(response) => Ok(Response::new(response?)),
            Err(_) => Err(Status::deadline_exceeded(view::behind(
                &self.nodes.list(),
                self.latest.borrow().as_deref(),
            ))),
        }
    }
}

impl InspectionServer {
    async fn until_served(&self, version: String) -> Result<WaitForVersionResponse, Status> {
        let mut latest = self.latest.clone();
        let closing = |_| Status::unavailable("the control plane is shutting down");
        let place = |now: &Snapshot| match version.as_str() {
            "" => Some((now.version().to_owned(), now.sequence())),
            version => now
                .sequence_of(version)
                .map(|sequence| (version.to_owned(), sequence)),
        };
        let now = latest
            .wait_for(|now| now.as_deref().and_then(place).is_some())
            .await
            .map_err(closing)?
            .clone();
        let Some((version, sequence)) = now.as_deref().and_then(place) else {
            return Err(Status::internal("a version that was there is gone"));
        };
        let mut changes = self.nodes.changes();
        loop {
            changes.mark_unchanged();
            let nodes = self.nodes.list();
            let connected: Vec<_> = nodes.iter().filter(|node| node.is_connected()).collect();
            if !connected.is_empty() && connected.iter().all(|node| serves(node, sequence)) {
                let proxies = u32::try_from(connected.len()).unwrap_or(u32::MAX);
                return Ok(WaitForVersionResponse { version, proxies });
            }
            changes.changed().await.map_err(closing)?;
        }
    }
}

/// This version or a later one: a proxy may skip versions.
fn serves(node: &NodeStatus, wanted: u64) -> bool {
    node.acked
        .as_ref()
        .is_some_and(|(_, sequence)| *sequence >= wanted)
}
