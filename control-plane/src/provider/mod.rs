//! Providers: who tells Fairway what to route.
//!
//! Each provider is one folder. It watches its source for ever and publishes
//! [`crate::model::ProviderState`] on a watch channel, whole and only when it
//! changed. Nothing to the right of a provider hears of events.

mod backoff;
pub mod docker;
pub mod file;

pub(crate) use backoff::Backoff;

/// Name of the Docker provider: its objects are `name@docker`.
pub(crate) const DOCKER_PROVIDER: &str = "docker";
/// Name of the file provider.
pub(crate) const FILE_PROVIDER: &str = "file";
