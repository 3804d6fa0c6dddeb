//! The control plane of a world, and what it answers.

use std::net::SocketAddr;

use fairway_control::StaticConfig;
use fairway_proto::inspection::v1::inspection_client::InspectionClient;
use fairway_proto::inspection::v1::{
    Diagnostic, GetConfigRequest, GetConfigResponse, ListDiagnosticsRequest, ListProxiesRequest,
    Proxy, WaitForVersionRequest,
};
use tonic::transport::Channel;

use super::World;

impl World {
    /// Starts the control plane, on the same address each time.
    pub async fn start_control_plane(&mut self) {
        let ip = self.control_plane_ip();
        let unix = || self.docker.endpoint();
        let endpoint = self.docker.tcp_endpoint().unwrap_or_else(unix);
        let mut flags = vec![
            format!("--providers.docker.endpoint={}", endpoint),
            format!("--entrypoints.http.address=:{}", self.http_port),
            format!("--entrypoints.traefik.address={ip}:{}", self.api_port),
            "--api.insecure=true".to_owned(),
            "--ping".to_owned(),
            format!("--grpc.address={}", self.grpc_address),
        ];
        flags.extend(self.flags.iter().cloned());
        let config = StaticConfig::parse(flags).expect("flags that parse");
        let started = fairway_control::start(config).await;
        self.control_plane = Some(started.expect("a control plane"));
    }

    /// Ends the control plane.
    pub async fn stop_control_plane(&mut self) {
        if let Some(control_plane) = self.control_plane.take() {
            control_plane.stop().await;
        }
    }

    /// Where the gRPC services listen.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where `/api` and `/ping` listen.
    pub fn api_address(&self) -> SocketAddr {
        SocketAddr::new(self.control_plane_ip(), self.api_port)
    }

    /// A client of the Inspection service, not through the line.
    ///
    /// # Panics
    /// If there is no control plane.
    pub async fn inspection(&self) -> InspectionClient<Channel> {
        let address = format!("http://{}", self.grpc_address);
        InspectionClient::connect(address)
            .await
            .expect("a control plane")
    }

    /// The compiled configuration.
    pub async fn config(&self) -> GetConfigResponse {
        let asked = self
            .inspection()
            .await
            .get_config(GetConfigRequest::default())
            .await;
        asked.expect("an answer").into_inner()
    }

    /// Every proxy as the control plane sees it.
    pub async fn list_proxies(&self) -> Vec<Proxy> {
        let asked = self
            .inspection()
            .await
            .list_proxies(ListProxiesRequest::default())
            .await;
        asked.expect("an answer").into_inner().proxies
    }

    /// Every diagnostic.
    pub async fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut client = self.inspection().await;
        let asked = client
            .list_diagnostics(ListDiagnosticsRequest::default())
            .await;
        asked.expect("an answer").into_inner().diagnostics
    }

    /// Waits for a diagnostic.
    pub async fn wait_diagnostic(
        &self,
        what: &str,
        wanted: impl Fn(&Diagnostic) -> bool,
    ) -> Diagnostic {
        crate::wait::wait_for(what, || async {
            self.diagnostics()
                .await
                .into_iter()
                .find(|diagnostic| wanted(diagnostic))
        })
        .await
    }

    /// Waits until every connected proxy serves the current version; answers it.
    pub async fn settle(&self) -> String {
        let mut client = self.inspection().await;
        let asked = client
            .wait_for_version(WaitForVersionRequest::default())
            .await;
        asked.expect("an answer").into_inner().version
    }
}
