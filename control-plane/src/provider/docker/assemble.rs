//! All containers in, one configuration out. Pure: same containers in any order,
//! same result.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::declare::declare;
use super::merge::merge;
use super::site::Site;
use super::{Container, DockerOptions};
use crate::label::Enable;
use crate::model::{Diagnostic, ProviderState, Setting};

/// What the containers do not say and an address may depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Where containers in network mode `host` are reached.
    pub host: IpAddr,
}

/// Turns containers into what they declare together.
#[must_use]
pub fn assemble(
    containers: &[Container],
    options: &DockerOptions,
    surroundings: &Surroundings,
) -> ProviderState {
    let site = Site::new(containers, options, surroundings);
    let mut diagnostics = Vec::new();
    let mut declarations = Vec::new();
    let mut settings = Vec::new();
    for container in containers {
        if admitted(container, options, &mut diagnostics) {
            settings.push(container.decoded.settings.clone());
            declarations.push(declare(container, &site, &mut diagnostics));
        }
    }
    // The definition that started first is in force, and a container that does
    // not run has no say against one that does.
    declarations.sort_by_key(|it| {
        (
            !it.container.is_running(),
            it.container.started,
            it.container.id.as_str(),
        )
    });
    settings.retain(|of: &Arc<[Setting]>| !of.is_empty());
    settings.sort_by(|a, b| {
        let container = |of: &'_ [Setting]| of.first().map(|it| it.container.clone());
        container(a).cmp(&container(b))
    });
    let config = merge(declarations, &mut diagnostics);
    diagnostics.sort();
    diagnostics.dedup();
    ProviderState {
        config,
        diagnostics,
        settings,
        occurrences: Vec::new(),
    }
}

/// Whether a container takes part, whatever it is doing.
pub(super) fn takes_part(container: &Container, options: &DockerOptions) -> bool {
    let enabled = match container.decoded.labels.enable {
        Enable::On => true,
        Enable::Unset => options.exposed_by_default,
        Enable::Off | Enable::Invalid => false,
    };
    enabled
        && options
            .constraint
            .as_ref()
            .is_none_or(|it| it.admits(&container.labels))
}

/// Whether a container takes part as it is now; if not, its mistakes are told
/// only where they are the reason.
fn admitted(
    container: &Container,
    options: &DockerOptions,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let labels = &container.decoded.labels;
    if !takes_part(container, options) {
        if labels.enable == Enable::Invalid {
            diagnostics.extend(container.decoded.diagnostics.iter().cloned());
        } else if labels.enable == Enable::Unset && !options.exposed_by_default {
            diagnostics.extend(forgotten_enable(container, options));
        }
        return false;
    }
    container.unfit().is_none()
        || container.stopping
        || options.allow_empty_services
        || labels.allow_non_running
}

/// Objects on a container that nobody enabled are hardly meant to be ignored.
fn forgotten_enable(container: &Container, options: &DockerOptions) -> Option<Diagnostic> {
    let admits = options
        .constraint
        .as_ref()
        .is_none_or(|it| it.admits(&container.labels));
    let labels = &container.decoded.labels;
    let declares = labels.has_routers() || labels.has_services() || labels.has_middlewares();
    if !admits || !declares {
        return None;
    }
    let name = &container.name;
    Some(
        Diagnostic::warning(
            format!("the labels of container {name} are ignored, since it is not enabled"),
            "add traefik.enable=true, or start with --providers.docker.exposedByDefault=true",
        )
        .container(name)
        .label("traefik.enable"),
    )
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}
