//! `check --docker`: the containers of an engine, seen once.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::entrypoint::{self, Origin};
use super::finding::Finding;
use super::{Report, compile, place};
use crate::compose::Guests;
use crate::config::{ConfigError, StaticConfig};
use crate::provider::docker::{self, Access, Endpoint};
use crate::provider::file;

/// Longest wait for the engine's first list.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why an engine could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// A flag cannot be used.
    #[error(transparent)]
    Flag(#[from] ConfigError),
    /// Nothing listens there.
    #[error("cannot reach the Docker Engine at {endpoint}: {cause}")]
    Away {
        /// Where it was looked for.
        endpoint: Endpoint,
        /// What the system says.
        cause: String,
    },
    /// No complete list came.
    #[error("the Docker Engine at {endpoint} gave no list of containers within {} s", PATIENCE.as_secs())]
    NoList {
        /// Where it was asked.
        endpoint: Endpoint,
    },
}

/// Checks the containers of the engine that `flags` name, with [`check`](super::check)'s eyes.
///
/// # Errors
/// If a flag cannot be used, nothing listens at the engine's endpoint (told at once), or
/// no complete list comes within 10 s.
pub async fn check_docker(flags: &[String]) -> Result<Report, LiveError> {
    let named = flags
        .iter()
        .any(|flag| flag.to_lowercase().contains("entrypoints."));
    let all = ["--providers.docker".to_owned()]
        .into_iter()
        .chain(flags.iter().cloned());
    let config = StaticConfig::parse(all)?;
    let mut options = config.docker.clone().unwrap_or_default();
    options.watch = false;
    let endpoint = options.access.endpoint.clone();
    // The provider tries again for ever, and tells only the log why it must.
    if let Err(cause) = reach(&options.access).await {
        let cause = cause.to_string();
        return Err(LiveError::Away { endpoint, cause });
    }
    let (out, mut seen) = watch::channel(None);
    let provider = tokio::spawn(docker::run(options, out, docker::DockerVitals::default()));
    let state = timeout(PATIENCE, seen.wait_for(Option::is_some)).await;
    let state = match state {
        Ok(Ok(state)) => state.as_deref().cloned(),
        Ok(Err(_)) | Err(_) => None,
    };
    provider.abort();
    let state = state.ok_or(LiveError::NoList { endpoint })?;
    let compiled = compile(&config, state, config.file.as_ref().map(file::read));
    let mut findings: Vec<Finding> = compiled
        .diagnostics
        .iter()
        .map(|it| it.diagnostic.clone())
        .chain(config.warnings.iter().cloned())
        .map(Finding::of_engine)
        .collect();
    findings.sort();
    let objects = compiled.routers.values().map(|it| &it.containers);
    let objects = objects.chain(compiled.services.values().map(|it| &it.containers));
    let containers: std::collections::BTreeSet<_> = objects.flatten().collect();
    Ok(Report {
        containers: containers.len(),
        findings,
        entry_points: entrypoint::served(&config),
        entry_points_from: if named {
            Origin::Flags
        } else {
            Origin::Default
        },
        files: place(&config),
        project: String::new(),
        guests: Guests::default(),
        compiled,
    })
}

/// Opens a connection and closes it.
async fn reach(access: &Access) -> std::io::Result<()> {
    timeout(PATIENCE, access.try_out())
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}
