//! Waiting until every connected proxy serves something, or has stopped using it.
//!
//! Looks at what is published and at what proxies acknowledged, never at events:
//! what was true before the call began counts.

use std::collections::{BTreeMap, BTreeSet};

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::service::Parts;
use fairway_proto::discovery::v1::{Resource, ResourceId, ResourceKind, Server};
use fairway_proto::inspection::v1::{WaitForVersionRequest, WaitForVersionResponse};
use tonic::Status;

use super::wait_text;
use crate::compile::Compiled;
use crate::discovery::{NodeStatus, Nodes, SnapshotReceiver};
use crate::snapshot::Snapshot;

/// Digits of a container's id that are taken for one; Docker prints as many.
const SHORT_ID: usize = 12;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// This version or a later one; empty: the one current when the wait begins.
    Version(String),
    /// The container is in the rotation of a service that a router uses.
    Serving(String),
    /// The container is in no rotation.
    Gone(String),
}

/// One call's wait.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) goal: Goal,
    pub(super) latest: SnapshotReceiver,
    pub(super) nodes: Nodes,
    pub(super) since: Option<Since>,
    /// For [`Goal::Gone`]: services that have or had the container. A proxy that
    /// rejected the latest form of one serves an earlier form.
    had: BTreeSet<String>,
}

/// From which version on the goal is met by what is published.
#[derive(Debug)]
pub(super) struct Since {
    pub(super) version: String,
    sequence: u64,
    /// Sequence of the snapshot looked at last.
    seen: u64,
    /// Services with the container in rotation, and the routers that use them.
    routes: Routes,
}

/// Services and the routers that use them.
type Routes = BTreeMap<String, Vec<String>>;

impl Goal {
    pub(super) fn of(request: WaitForVersionRequest) -> Result<Self, Status> {
        let WaitForVersionRequest {
            version,
            container,
            gone,
            ..
        } = request;
        match (version.is_empty(), container.is_empty(), gone) {
            (_, true, false) => Ok(Self::Version(version)),
            (true, false, false) => Ok(Self::Serving(container)),
            (true, false, true) => Ok(Self::Gone(container)),
            (false, false, _) => Err(Status::invalid_argument(
                "either a version or a container, not both",
            )),
            (_, true, true) => Err(Status::invalid_argument("gone needs a container")),
        }
    }
}

impl Wait {
    pub(super) fn new(goal: Goal, latest: SnapshotReceiver, nodes: Nodes) -> Self {
        Self {
            goal,
            latest,
            nodes,
            since: None,
            had: BTreeSet::new(),
        }
    }

    /// Returns when every connected proxy, and at least one, has reached the goal.
    pub(super) async fn run(&mut self) -> Result<WaitForVersionResponse, Status> {
        let closing = |_| Status::unavailable("the control plane is shutting down");
        let mut changes = self.nodes.changes();
        loop {
            changes.mark_unchanged();
            let now = self.latest.borrow_and_update().clone();
            if let Some(now) = now {
                self.look(&now);
            }
            if let Some(reached) = self.reached() {
                return Ok(reached);
            }
            tokio::select! {
                changed = self.latest.changed() => changed.map_err(closing)?,
                changed = changes.changed() => changed.map_err(closing)?,
            }
        }
    }

    /// Why the goal was not reached: a sentence without a full stop.
    pub(super) fn obstacle(&self, compiled: Option<&Compiled>) -> String {
        wait_text::obstacle(self, compiled)
    }

    /// Takes in what is published now.
    fn look(&mut self, now: &Snapshot) {
        let routes = match &self.goal {
            Goal::Version(version) => {
                if self.since.is_none() {
                    self.since = Since::version(version, now);
                }
                return;
            }
            Goal::Serving(container) => {
                let routes = routes_to(container, now);
                (!routes.is_empty()).then_some(routes)
            }
            Goal::Gone(container) => {
                self.had
                    .extend(services_of(container, now).map(|(name, _)| name.to_owned()));
                let in_use = services_with(container, now).next().is_some();
                (!in_use).then(Routes::new)
            }
        };
        let before = self.since.take();
        self.since = routes.map(|routes| match before {
            // A version between the two may not have met the goal, and may be
            // what a proxy acknowledged.
            Some(before) if now.sequence() <= before.seen + 1 => Since {
                seen: now.sequence(),
                routes,
                ..before
            },
            _ => Since::now(now, routes),
        });
    }

    fn reached(&self) -> Option<WaitForVersionResponse> {
        let since = self.since.as_ref()?;
        let nodes = self.nodes.list();
        let (connected, gone): (Vec<_>, Vec<_>) =
            nodes.iter().partition(|node| node.is_connected());
        let all = connected.iter().all(|node| self.is_at(node, since));
        (all && !connected.is_empty()).then(|| WaitForVersionResponse {
            version: since.version.clone(),
            proxies: u32::try_from(connected.len()).unwrap_or(u32::MAX),
            disconnected: gone.iter().map(|node| node.node.id.clone()).collect(),
        })
    }

    fn is_at(&self, node: &NodeStatus, since: &Since) -> bool {
        !since.is_after(node) && self.refusal(node, since).is_none()
    }

    /// What this proxy rejected and is waited for.
    pub(super) fn refusal(&self, node: &NodeStatus, since: &Since) -> Option<String> {
        let reason = |kind: ResourceKind, name: &str| {
            let is_it = |id: &ResourceId| id.kind() == kind && id.name == name;
            let mut rejections = node.rejections.iter();
            rejections
                .find(|it| it.id.as_ref().is_some_and(is_it))
                .map(|it| it.reason.as_str())
        };
        for service in since.routes.keys().chain(&self.had) {
            if let Some(reason) = reason(ResourceKind::Service, service) {
                return Some(format!("service {service}: {reason}"));
            }
        }
        for routers in since.routes.values() {
            let refused: Option<Vec<_>> = routers
                .iter()
                .map(|name| Some((name, reason(ResourceKind::Router, name)?)))
                .collect();
            if let Some((name, reason)) = refused.as_deref().and_then(<[_]>::first) {
                return Some(format!("router {name}: {reason}"));
            }
        }
        None
    }
}

impl Since {
    fn version(wanted: &str, now: &Snapshot) -> Option<Self> {
        let (version, sequence) = match wanted {
            "" => (now.version(), now.sequence()),
            wanted => (wanted, now.sequence_of(wanted)?),
        };
        let version = version.to_owned();
        Some(Self {
            version,
            sequence,
            seen: now.sequence(),
            routes: Routes::new(),
        })
    }

    fn now(now: &Snapshot, routes: Routes) -> Self {
        let sequence = now.sequence();
        Self {
            version: now.version().to_owned(),
            sequence,
            seen: sequence,
            routes,
        }
    }

    /// The proxy has not come so far; it may skip versions.
    pub(super) fn is_after(&self, node: &NodeStatus) -> bool {
        node.acked
            .as_ref()
            .is_none_or(|(_, at)| *at < self.sequence)
    }
}

/// Services with this container in rotation that a router uses, be it by way of other
/// services, with the routers.
fn routes_to(container: &str, now: &Snapshot) -> Routes {
    let routers_of = |service: &str| {
        let leading = leading_to(service, now);
        let routers = now.resources().iter().filter(|(_, resource)| {
            matches!(&resource.spec, Some(Spec::Router(router))
                if leading.contains(router.service.as_str()))
        });
        Vec::from_iter(routers.map(|(key, _)| key.name().to_owned()))
    };
    let mut routes: Routes = services_with(container, now)
        .map(|(name, _)| (name.to_owned(), routers_of(name)))
        .collect();
    routes.retain(|_, routers| !routers.is_empty());
    routes
}

/// The service, and those that send it requests.
fn leading_to<'a>(service: &'a str, now: &'a Snapshot) -> BTreeSet<&'a str> {
    let mut leading = BTreeSet::from([service]);
    loop {
        let composites = services(now).filter(|(name, resource)| {
            !leading.contains(name) && parts(resource).iter().any(|it| leading.contains(it))
        });
        let more: Vec<_> = composites.map(|(name, _)| name).collect();
        if more.is_empty() {
            return leading;
        }
        leading.extend(more);
    }
}

/// Names of the services that answer its requests.
fn parts(resource: &Resource) -> Vec<&str> {
    let Some(Spec::Service(service)) = &resource.spec else {
        return Vec::new();
    };
    match &service.parts {
        None => Vec::new(),
        Some(Parts::Weighted(it) | Parts::HighestRandomWeight(it)) => {
            let shares = it.services.iter().filter(|it| it.weight > 0);
            shares.map(|it| it.service.as_str()).collect()
        }
        Some(Parts::Mirroring(it)) => vec![&it.service],
        Some(Parts::Failover(it)) => vec![&it.service, &it.fallback],
        Some(Parts::Behind(it)) => vec![&it.service],
    }
}

/// Services with this container in rotation.
pub(super) fn services_with<'a>(
    container: &'a str,
    now: &'a Snapshot,
) -> impl Iterator<Item = (&'a str, &'a Resource)> {
    services(now).filter(move |(_, service)| has(service, container))
}

/// Services that this container declares or is in.
fn services_of<'a>(
    container: &'a str,
    now: &'a Snapshot,
) -> impl Iterator<Item = (&'a str, &'a Resource)> {
    services(now).filter(move |(_, service)| {
        let declared = service.origin.iter().flat_map(|origin| &origin.containers);
        declared.into_iter().any(|name| name == container) || has(service, container)
    })
}

/// Every service, by name.
pub(super) fn services(now: &Snapshot) -> impl Iterator<Item = (&str, &Resource)> {
    let all = now.resources().iter();
    all.filter(|(key, _)| key.kind() == ResourceKind::Service)
        .map(|(key, resource)| (key.name(), &**resource))
}

fn has(service: &Resource, container: &str) -> bool {
    match &service.spec {
        Some(Spec::Service(service)) => service.servers.iter().any(|it| is(it, container)),
        _ => false,
    }
}

/// By name, or by the beginning of the id, with which a server's own id begins.
fn is(server: &Server, container: &str) -> bool {
    let is_id = container.len() >= SHORT_ID && container.bytes().all(|b| b.is_ascii_hexdigit());
    server.container == container || is_id && server.id.starts_with(container)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fairway_proto::discovery::v1::{Router, Service};
    use tokio::sync::watch;

    use super::*;

    /// A service with these containers and, if it is used, a router.
    fn after(previous: Option<&Snapshot>, containers: &[&str], used: bool) -> Snapshot {
        let resource = |kind: ResourceKind, spec| Resource {
            id: Some(ResourceId {
                kind: kind.into(),
                name: "web".to_owned(),
            }),
            origin: None,
            spec: Some(spec),
        };
        let server = |name: &&str| Server {
            id: format!("0123456789abcdef-{name}"),
            container: (*name).to_owned(),
            ..Server::default()
        };
        let servers = containers.iter().map(server).collect();
        let service = Spec::Service(Service {
            servers,
            ..Service::default()
        });
        let router = Spec::Router(Router {
            service: "web".to_owned(),
            ..Router::default()
        });
        let mut resources = vec![resource(ResourceKind::Service, service)];
        if used {
            resources.push(resource(ResourceKind::Router, router));
        }
        Snapshot::following(previous, resources)
    }

    fn wait(goal: Goal) -> Wait {
        let (_, latest) = watch::channel(None::<Arc<Snapshot>>);
        Wait::new(goal, latest, Nodes::new())
    }

    #[test]
    fn the_goal_is_met_since_the_first_of_the_versions_that_meet_it_in_a_row() {
        let one = after(None, &["a"], true);
        let two = after(Some(&one), &["a", "b"], true);
        let three = after(Some(&two), &["b"], true);
        let four = after(Some(&three), &["a", "c"], true);
        let five = after(Some(&four), &["a"], false);
        let serving = || Goal::Serving("a".to_owned());
        for (goal, looked_at, expected) in [
            (serving(), vec![&one, &two], Some(1)),
            (serving(), vec![&one, &two, &three], None),
            (serving(), vec![&one, &two, &three, &four], Some(4)),
            // The third was missed, and did not meet the goal.
            (serving(), vec![&one, &two, &four], Some(4)),
            (serving(), vec![&four, &five], None),
            (Goal::Gone("a".to_owned()), vec![&two, &three], Some(3)),
            (Goal::Gone("a".to_owned()), vec![&two, &three, &four], None),
            (Goal::Gone("a".to_owned()), vec![&five], None),
            (
                Goal::Version(one.version().to_owned()),
                vec![&three, &four],
                Some(1),
            ),
            (Goal::Version(String::new()), vec![&three, &four], Some(3)),
            (Goal::Version("never".to_owned()), vec![&three], None),
        ] {
            let mut wait = wait(goal);
            for snapshot in &looked_at {
                wait.look(snapshot);
            }
            let sequence = wait.since.as_ref().map(|since| since.sequence);
            let count = looked_at.len();
            assert_eq!(sequence, expected, "{:?} after {count}", wait.goal);
        }
    }

    #[test]
    fn questions_that_contradict_themselves_are_refused() {
        let ask = |version: &str, container: &str, gone| {
            Goal::of(WaitForVersionRequest {
                version: version.to_owned(),
                container: container.to_owned(),
                gone,
                timeout_ms: 0,
            })
        };
        assert_eq!(ask("", "", false).unwrap(), Goal::Version(String::new()));
        assert_eq!(ask("", "a", true).unwrap(), Goal::Gone("a".to_owned()));
        for refused in [ask("v", "a", false), ask("v", "a", true), ask("", "", true)] {
            assert_eq!(refused.unwrap_err().code(), tonic::Code::InvalidArgument);
        }
    }
}
