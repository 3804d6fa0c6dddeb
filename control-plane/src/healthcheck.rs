//! `fairway-control healthcheck`: asks the running control plane's gRPC health
//! service, which needs no other flag than the address it listens on.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use fairway_control::config::StaticConfig;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Longest wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Succeeds if the control plane that runs with `config` on this host serves.
pub(crate) async fn ask(config: &StaticConfig) -> anyhow::Result<()> {
    let mut address = config.grpc_address;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(TIMEOUT)
        .timeout(TIMEOUT)
        .connect()
        .await
        .with_context(|| format!("nothing answers on {address}"))?;
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await?;
    match answer.into_inner().status() {
        ServingStatus::Serving => {
            println!("OK: {address}");
            Ok(())
        }
        status => bail!("{address} is {}", status.as_str_name()),
    }
}
