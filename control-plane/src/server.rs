//! Wires the parts together and serves them: the only place that knows all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use axum::routing::get;
use fairway_metrics::Bounds;
use fairway_proto::discovery::v1::discovery_server::DiscoveryServer as DiscoveryService;
use fairway_proto::inspection::v1::inspection_server::InspectionServer as InspectionService;
use fairway_proto::{
    DESCRIPTORS, INTERNAL_PATH, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT, MAX_MESSAGE_BYTES,
    METRICS_PATH,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::{Router, TcpIncoming};
use tracing::{error, info};

use crate::api::{self, Api};
use crate::config::{StaticConfig, UnreadableFile};
use crate::discovery::{DiscoveryServer, Nodes};
use crate::history::Historian;
use crate::inspection::InspectionServer;
use crate::label_file;
use crate::model::ProviderState;
use crate::provider::docker::DockerVitals;
use crate::provider::{DOCKER_PROVIDER, FILE_PROVIDER, docker, file};
use crate::reconcile::Reconciler;
use crate::stats::{Page, Stats};

/// Name under which the findings about the static configuration are shown.
const STATIC_PROVIDER: &str = "static";

/// Why the control plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({flag})")]
    Bind {
        /// Flag that sets the address.
        flag: &'static str,
        /// Address that was tried.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of the configuration cannot be read.
    #[error(transparent)]
    File(#[from] UnreadableFile),
    /// A file of the default servers transport cannot be used.
    #[error("serversTransport: {0}")]
    ServersTransport(String),
    /// The reflection service cannot be built.
    #[error("cannot build the gRPC reflection service")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// A running control plane. Ends when it is dropped.
#[derive(Debug)]
pub struct Running {
    grpc: SocketAddr,
    api: Option<SocketAddr>,
    terminating: watch::Sender<bool>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    /// Where the gRPC services listen.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc
    }

    /// Where the API listens, if it does.
    pub fn api_address(&self) -> Option<SocketAddr> {
        self.api
    }

    /// Ends streams and listeners, and waits until they have ended.
    pub async fn stop(mut self) {
        self.terminating.send_replace(true);
        self.stop.cancel();
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts providers, compiler and servers.
///
/// # Errors
///
/// If an address cannot be listened on, or a file that the configuration names cannot
/// be used.
pub async fn start(config: StaticConfig) -> Result<Running, StartError> {
    let read = |path: &str| label_file::read(Path::new(path)).map(Some);
    let servers_transport = config.servers_transport.with_files(&read);
    let servers_transport =
        servers_transport.map_err(|error| StartError::ServersTransport(error.to_string()))?;
    let grpc = bind("--grpc.address", &config.grpc_address.to_string()).await?;
    let api = match config.api_address() {
        Some(address) => Some(bind("--entrypoints.traefik.address", address).await?),
        None => None,
    };
    let local = |listener: &TcpListener, flag, address: &str| {
        listener.local_addr().map_err(|source| StartError::Bind {
            flag,
            address: address.to_owned(),
            source,
        })
    };
    let grpc_address = local(&grpc, "--grpc.address", "")?;
    let api_address = match &api {
        Some(api) => Some(local(api, "--entrypoints.traefik.address", "")?),
        None => None,
    };

    let stop = CancellationToken::new();
    let (terminating, terminating_seen) = watch::channel(false);
    let (snapshot, latest) = watch::channel(None);
    let (compiled, compiled_seen) = watch::channel(None);
    let nodes = Nodes::new();
    let prometheus = config.metrics.prometheus.clone();
    let buckets = prometheus.clone().unwrap_or_default().buckets;
    let stats = Stats::new(Bounds::new(buckets));
    let docker_vitals = config.docker.as_ref().map(|_| DockerVitals::default());
    let mut tasks = JoinSet::new();

    let mut providers = BTreeMap::new();
    let findings = ProviderState {
        diagnostics: config.warnings.clone(),
        ..Default::default()
    };
    let (static_findings, seen) = watch::channel(Some(Arc::new(findings)));
    providers.insert(STATIC_PROVIDER.to_owned(), seen);
    if let Some(options) = config.docker.clone() {
        let (out, seen) = watch::channel(None);
        providers.insert(DOCKER_PROVIDER.to_owned(), seen);
        let vitals = docker_vitals.clone().unwrap_or_default();
        tasks.spawn(docker::run(options, out, vitals));
    }
    if let Some(options) = config.file.clone() {
        let (out, seen) = watch::channel(None);
        providers.insert(FILE_PROVIDER.to_owned(), seen);
        tasks.spawn(file::run(options, out));
    }
    let declared = providers.clone();
    let reconciler = Reconciler {
        entry_points: config.entry_points.clone(),
        closed_entry_points: config.closed_entry_points.clone(),
        internal_services: config.internal_services(),
        metrics: config.metrics.clone(),
        servers_transport,
        observability: config.observability.clone().with_files()?,
        label_files: config.label_files.clone(),
        // Nonces signed before a restart are stale after it: browsers ask anew.
        nonce_key: rand::random(),
        providers,
        compiled,
        snapshot,
    };
    tasks.spawn(async move {
        reconciler.run().await;
        drop(static_findings);
    });

    tasks.spawn(stats.clone().note_publications(latest.clone()));
    let page = prometheus.map(|prometheus| Page {
        stats: stats.clone(),
        shown: prometheus.shown(),
        nodes: nodes.clone(),
        latest: latest.clone(),
        compiled: compiled_seen.clone(),
        docker: docker_vitals,
        started: SystemTime::now(),
    });
    let serves_metrics = config.serves_metrics();
    let historian = Historian::new(
        latest.clone(),
        compiled_seen.clone(),
        nodes.clone(),
        declared.values().cloned(),
    );
    let history = historian.subscribe();
    tasks.spawn(historian.run());

    let api_options = config.api.clone().unwrap_or_default();
    let shown = Api {
        compiled: compiled_seen.clone(),
        latest: latest.clone(),
        nodes: nodes.clone(),
        declared,
        history,
        stats: stats.clone(),
        internal_services: config.internal_services(),
        providers: config.providers().collect(),
        access_log: config.observability.access_log.is_some(),
        tracing: config.observability.tracing.is_some(),
        started: SystemTime::now(),
        api: api_options.insecure,
        dashboard: api_options.dashboard,
        dashboard_name: api_options.dashboard_name,
        ping: config.ping,
        metrics: page.clone().filter(|_| serves_metrics),
        terminating: terminating_seen,
        entry_points: config.entry_points,
    };
    let services = grpc_services(
        DiscoveryServer::new(latest.clone(), nodes.clone(), stats),
        InspectionServer::new(latest, compiled_seen, nodes),
        config.api.map(|_| shown.clone().internal_router()),
        page,
    );
    tasks.spawn(serve_grpc(grpc, services.await?, stop.clone()));
    if let Some(listener) = api {
        tasks.spawn(serve_api(listener, shown, stop.clone()));
    }
    info!(grpc = %grpc_address, api = ?api_address, "control plane started");
    Ok(Running {
        grpc: grpc_address,
        api: api_address,
        terminating,
        stop,
        tasks,
    })
}

/// Listens on `host:port`; no host means every address.
async fn bind(flag: &'static str, address: &str) -> Result<TcpListener, StartError> {
    let target = match address.strip_prefix(':') {
        Some(port) => format!("[::]:{port}"),
        None => address.to_owned(),
    };
    let listener = match TcpListener::bind(&target).await {
        // Machines without IPv6.
        Err(_) if address.starts_with(':') => TcpListener::bind(format!("0.0.0.0{address}")).await,
        other => other,
    };
    listener.map_err(|source| StartError::Bind {
        flag,
        address: address.to_owned(),
        source,
    })
}

/// Every gRPC service of the control plane, and what proxies get for `api@internal` and
/// `prometheus@internal`.
async fn grpc_services(
    discovery: DiscoveryServer,
    inspection: InspectionServer,
    internal: Option<axum::Router>,
    page: Option<Page>,
) -> Result<Router, StartError> {
    let discovery = DiscoveryService::new(discovery)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let inspection =
        InspectionService::new(inspection).max_encoding_message_size(MAX_MESSAGE_BYTES);
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_serving::<DiscoveryService<DiscoveryServer>>()
        .await;
    health
        .set_serving::<InspectionService<InspectionServer>>()
        .await;
    // Old grpcurl asks v1alpha, new ones v1.
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = Routes::default();
    if let Some(internal) = internal {
        let router = std::mem::take(routes.axum_router_mut());
        // As a service: a nested router would leave its `/` to gRPC.
        *routes.axum_router_mut() = router.nest_service(INTERNAL_PATH, internal);
    }
    if let Some(page) = page {
        let router = std::mem::take(routes.axum_router_mut());
        let metrics = get(async move || api::metrics(&page));
        *routes.axum_router_mut() = router.route(METRICS_PATH, metrics);
    }
    Ok(Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .add_routes(routes)
        .add_service(discovery)
        .add_service(inspection)
        .add_service(health_service)
        .add_service(reflection().build_v1().map_err(StartError::Reflection)?)
        .add_service(
            reflection()
                .build_v1alpha()
                .map_err(StartError::Reflection)?,
        ))
}

async fn serve_grpc(listener: TcpListener, services: Router, stop: CancellationToken) {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let served = services
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await;
    if let Err(error) = served {
        error!(%error, "gRPC server ended");
    }
}

async fn serve_api(listener: TcpListener, api: Api, stop: CancellationToken) {
    let served = axum::serve(listener, api.router())
        .with_graceful_shutdown(stop.cancelled_owned())
        .await;
    if let Err(error) = served {
        error!(%error, "API server ended");
    }
}
