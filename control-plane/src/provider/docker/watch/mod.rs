//! The provider's loop: subscribes, lists, inspects, and publishes what comes of
//! it (`session`, `publisher`); when the engine is lost, starts again.

mod publisher;
mod session;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::engine::{DockerEngine, Engine};
use super::picture::Picture;
use super::{DockerOptions, DockerVitals};
use crate::model::ProviderState;
use crate::provider::Backoff;
use publisher::Publisher;
use session::Session;

/// A connection that held this long was well.
const WELL: Duration = Duration::from_secs(2);

/// Watches an engine for ever and publishes what its containers declare; the
/// channel holds `None` until the first complete list. Ends when it is dropped.
pub async fn run(
    options: DockerOptions,
    out: watch::Sender<Option<Arc<ProviderState>>>,
    vitals: DockerVitals,
) {
    let target = options.access.clone();
    follow::<DockerEngine>(options, &target, out, vitals).await;
}

/// [`run`] for any engine.
async fn follow<E: Engine>(
    options: DockerOptions,
    target: &E::Target,
    out: watch::Sender<Option<Arc<ProviderState>>>,
    vitals: DockerVitals,
) {
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(4));
    let mut publisher = Publisher::new(options.clone(), out, vitals);
    let mut picture = Picture::new(options.clone());
    loop {
        let begun = Instant::now();
        let result = match Session::<E>::open(target, &mut picture, &mut publisher).await {
            Ok(session) => session.run(options.watch).await,
            Err(error) => Err(error),
        };
        let Err(error) = result else { break };
        let error = describe(&error);
        if begun.elapsed() > WELL {
            // Socket proxies cut idle streams as a habit: no news until it is
            // known that the engine cannot be reached again.
            backoff.reset();
            tracing::info!(provider = "docker", %error, "connecting to the Docker Engine again");
        } else {
            tracing::warn!(
                provider = "docker",
                %error,
                "no connection to the Docker Engine; what was known last stays in service"
            );
            publisher.lost(&error);
        }
        sleep(backoff.delay()).await;
    }
    // Nobody may take the end of watching for the end of the provider.
    std::future::pending::<()>().await;
}

/// An error and what caused it.
pub(super) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
