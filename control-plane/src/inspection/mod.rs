//! `fairway.inspection.v1`: what the control plane knows, for grpcurl and scripts.
//!
//! Read-only, and reads what the other parts publish; holds no state of its own.

mod explain;
mod view;
mod wait;
mod wait_text;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fairway_proto::discovery::v1::ResourceKind;
use fairway_proto::inspection::v1::inspection_server::Inspection;
use fairway_proto::inspection::v1::{
    ExplainRequest, ExplainResponse, GetConfigRequest, GetConfigResponse, ListDiagnosticsRequest,
    ListDiagnosticsResponse, ListProxiesRequest, ListProxiesResponse, WaitForVersionRequest,
    WaitForVersionResponse, WatchConfigRequest, WatchConfigResponse,
};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use crate::compile::Compiled;
use crate::discovery::{Nodes, SnapshotReceiver};
use crate::redact;
use crate::snapshot::Snapshot;
use wait::{Goal, Wait};

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
            resources: wanted
                .map(|(_, resource)| redact::resource(resource))
                .collect(),
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
        let request = request.into_inner();
        let limit = match request.timeout_ms {
            0 => DEFAULT_WAIT,
            ms => Duration::from_millis(ms.into()),
        };
        let mut wait = Wait::new(Goal::of(request)?, self.latest.clone(), self.nodes.clone());
        match timeout(limit, wait.run()).await {
            Ok(response) => Ok(Response::new(response?)),
            Err(_) => {
                let compiled = self.compiled.borrow().clone();
                Err(Status::deadline_exceeded(
                    wait.obstacle(compiled.as_deref()),
                ))
            }
        }
    }

    async fn explain(
        &self,
        request: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Status> {
        Ok(Response::new(self.ask(request.into_inner()).await?))
    }
}
