//! Why a wait came to no end, for the person who reads a deploy script's log.

use std::collections::BTreeSet;

use fairway_proto::discovery::v1::resource::Spec;

use super::wait::{Goal, Since, Wait, services, services_with};
use crate::compile::Compiled;
use crate::discovery::NodeStatus;
use crate::snapshot::Snapshot;
use crate::spelling;

/// One sentence without a full stop.
pub(super) fn obstacle(wait: &Wait, compiled: Option<&Compiled>) -> String {
    let now = wait.latest.borrow().clone();
    let Some(now) = now else {
        return "there is no configuration yet".to_owned();
    };
    match &wait.since {
        Some(since) => behind(wait, since),
        None => match &wait.goal {
            Goal::Version(version) => {
                format!(
                    "version {version} never came; the current one is {}",
                    now.version()
                )
            }
            Goal::Serving(container) => not_served(container, &now, compiled),
            Goal::Gone(container) => {
                let services: Vec<_> = services_with(container, &now).map(|it| it.0).collect();
                format!(
                    "container {container} is still in service {}",
                    services.join(", ")
                )
            }
        },
    }
}

/// The configuration is there: who does not serve it.
fn behind(wait: &Wait, since: &Since) -> String {
    let nodes = wait.nodes.list();
    let connected: Vec<_> = nodes.iter().filter(|node| node.is_connected()).collect();
    if connected.is_empty() {
        return "no proxy is connected".to_owned();
    }
    let id = |node: &NodeStatus| node.node.id.clone();
    let late: Vec<_> = connected
        .iter()
        .filter(|node| since.is_after(node))
        .map(|node| id(node))
        .collect();
    if !late.is_empty() {
        return format!(
            "behind version {}: proxy {}",
            since.version,
            late.join(", ")
        );
    }
    let refusals: Vec<_> = connected
        .iter()
        .filter_map(|node| {
            Some(format!(
                "proxy {} rejects {}",
                id(node),
                wait.refusal(node, since)?
            ))
        })
        .collect();
    refusals.join("; ")
}

/// The container is in no rotation that a router uses.
fn not_served(container: &str, now: &Snapshot, compiled: Option<&Compiled>) -> String {
    let unused: Vec<_> = services_with(container, now).map(|it| it.0).collect();
    let found = found(container, compiled);
    if !unused.is_empty() {
        let unused = unused.join(", ");
        return format!("no router uses service {unused} of container {container}{found}");
    }
    let known = known(now, compiled);
    if known.contains(container) {
        let why = match found.as_str() {
            "" => ": it is stopped, paused, starting or unhealthy",
            found => found,
        };
        return format!("container {container} is not in rotation{why}");
    }
    let near = spelling::nearest(container, known);
    let hint = near
        .map(|near| format!("; did you mean {near}?"))
        .unwrap_or_default();
    format!("no container {container} takes part in routing{found}{hint}")
}

/// What was found about a container, after a colon; empty if nothing was.
fn found(container: &str, compiled: Option<&Compiled>) -> String {
    let Some(compiled) = compiled else {
        return String::new();
    };
    let diagnosed = compiled
        .diagnostics
        .iter()
        .map(|finding| &finding.diagnostic)
        .filter(|it| it.container.as_deref() == Some(container))
        .map(|it| it.message.as_str());
    let unavailable = compiled
        .services
        .values()
        .filter(|it| it.containers.iter().any(|name| name == container))
        .filter_map(|it| it.value.as_ref()?.unavailable());
    // The same reason stands in both where a service was rejected.
    let messages: BTreeSet<_> = diagnosed.chain(unavailable).collect();
    if messages.is_empty() {
        return String::new();
    }
    format!(": {}", messages.into_iter().collect::<Vec<_>>().join("; "))
}

/// Names of the containers that declare or are something.
fn known<'a>(now: &'a Snapshot, compiled: Option<&'a Compiled>) -> BTreeSet<&'a str> {
    let declared = now
        .resources()
        .values()
        .flat_map(|it| &it.origin)
        .flat_map(|origin| &origin.containers);
    let rejected = compiled
        .iter()
        .flat_map(|it| it.routers.values())
        .flat_map(|router| &router.containers);
    let servers = services(now).filter_map(|(_, resource)| match &resource.spec {
        Some(Spec::Service(service)) => Some(&service.servers),
        _ => None,
    });
    let servers = servers.flatten().map(|server| &server.container);
    declared
        .chain(rejected)
        .chain(servers)
        .map(String::as_str)
        .collect()
}
