//! From the mirror to the table, one resource at a time.
//!
//! Every build starts from the whole mirror. What is equal to what the previous table
//! was built from is taken over as it stands, so that balancers keep their place and a
//! change costs what changed. What cannot be built is rejected, and its last good form
//! stays in service if there is one.
//!
//! A router is never served without one of its middlewares: if its service or any
//! middleware is missing or rejected, the router is rejected too. Its own last good
//! form, if any, then runs with the forms of its parts that are in service.

mod behind;
mod router;
mod service;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use fairway_proto::discovery::v1::{Rejection, Resource, ResourceId, ResourceKind, resource::Spec};

use self::router::Routers;
use self::service::Services;
use super::RouteTable;
use super::entry_point::EntryPoint;
use super::error::BuildError;
use super::listing::Listing;
use super::route::Route;
use crate::access_log::AccessLog;
use crate::balance::{LoadBalancer, Roster, Service, Transport};
use crate::discovery::Mirror;
use crate::middleware::Middleware;
use crate::stats::MetricsOptions;
use crate::trace::Tracing;

/// Everything that was built, by name.
#[derive(Debug, Default)]
pub(super) struct Parts {
    entry_points: PartsOf<EntryPoint>,
    middlewares: PartsOf<Middleware>,
    transports: PartsOf<Transport>,
    services: PartsOf<Service>,
    routes: PartsOf<Route>,
    access_logs: PartsOf<AccessLog>,
    tracings: PartsOf<Tracing>,
}

impl Parts {
    /// Of the services in service, each once.
    pub(super) fn balancers(&self) -> impl Iterator<Item = &LoadBalancer> {
        let services = self.services.values();
        services.filter_map(|part| part.built.load_balancer())
    }

    /// Is there a router of this name, and does it lead to this service?
    pub(super) fn router_leads_to(&self, name: &str, service: &str) -> bool {
        let route = self.routes.get(name);
        route.is_some_and(|part| part.built.subject.part == service)
    }

    pub(super) fn has_service(&self, name: &str) -> bool {
        self.services.contains_key(name)
    }

    /// Has the service a server of this id?
    pub(super) fn has_server(&self, service: &str, server: &str) -> bool {
        let service = self.services.get(service);
        let balancer = service.and_then(|part| part.built.load_balancer());
        balancer.is_some_and(|it| it.servers().iter().any(|it| it.id == server))
    }
}

type PartsOf<T> = HashMap<String, Part<T>>;

/// Something built, and what it was built from.
#[derive(Debug)]
struct Part<T> {
    source: Arc<Resource>,
    built: Arc<T>,
    /// The source is what the mirror holds now; otherwise this is the last good form
    /// of something that is rejected.
    current: bool,
}

impl<T> Part<T> {
    fn current(source: &Arc<Resource>, built: Arc<T>) -> Self {
        Self {
            source: Arc::clone(source),
            built,
            current: true,
        }
    }

    fn last_good(&self) -> Self {
        Self {
            source: Arc::clone(&self.source),
            built: Arc::clone(&self.built),
            current: false,
        }
    }
}

/// Builds a table from the whole mirror, and says which resources are not in service
/// as sent, ordered by kind and name.
pub(crate) fn build(mirror: &Mirror, previous: &RouteTable) -> (RouteTable, Vec<Rejection>) {
    let mut rejections = Vec::new();
    let mut roster = Roster::after(&previous.roster);
    let mut parts = Parts {
        entry_points: entry_points(mirror, previous, &mut rejections),
        middlewares: middlewares(mirror, previous, &mut roster, &mut rejections),
        transports: transports(mirror, previous, &mut rejections),
        access_logs: access_logs(mirror, previous, &mut rejections),
        tracings: tracings(mirror, previous, &mut rejections),
        ..Parts::default()
    };
    let services = Services::new(
        mirror,
        previous,
        &parts.transports,
        &parts.middlewares,
        &mut roster,
    );
    parts.services = services.build(&mut rejections);
    let routers = Routers {
        mirror,
        known: &previous.parts.routes,
    };
    parts.routes = routers.build(&parts, &mut rejections);
    reject_unknown_kinds(mirror, &mut rejections);
    let listings = listings(mirror, &parts, previous, &mut rejections);
    rejections.sort_by(|a, b| order(a).cmp(&order(b)));

    let access_log = parts.access_logs.values().next();
    let access_log = access_log.map(|part| Arc::clone(&part.built));
    let tracing = parts.tracings.values().next();
    let tracing = tracing.map(|part| Arc::clone(&part.built));
    let table = RouteTable {
        version: mirror.version().into(),
        listings,
        roster: roster.only(in_service(&parts)),
        parts,
        metrics: metrics(mirror, previous),
        share: Arc::clone(&previous.share),
        control_planes: Arc::clone(&previous.control_planes),
        access_log,
        tracing,
    };
    (table, rejections)
}

fn entry_points(
    mirror: &Mirror,
    previous: &RouteTable,
    rejections: &mut Vec<Rejection>,
) -> PartsOf<EntryPoint> {
    let kind = ResourceKind::EntryPoint;
    carry_over(
        mirror,
        kind,
        &previous.parts.entry_points,
        rejections,
        |name, spec, _| match spec {
            Spec::EntryPoint(spec) => Ok(EntryPoint::build(name, spec)?),
            _ => Err(BuildError::Mismatch),
        },
    )
}

/// As the entry points say; it is the same at all of them.
fn metrics(mirror: &Mirror, previous: &RouteTable) -> Arc<MetricsOptions> {
    let mut entry_points = mirror.of_kind(ResourceKind::EntryPoint);
    let said = entry_points.find_map(|(_, resource)| match &resource.spec {
        Some(Spec::EntryPoint(spec)) => spec.metrics.as_ref(),
        _ => None,
    });
    let options = said.map(MetricsOptions::build).unwrap_or_default();
    match options == *previous.metrics {
        true => Arc::clone(&previous.metrics),
        false => Arc::new(options),
    }
}

fn middlewares(
    mirror: &Mirror,
    previous: &RouteTable,
    roster: &mut Roster,
    rejections: &mut Vec<Rejection>,
) -> PartsOf<Middleware> {
    let kind = ResourceKind::Middleware;
    carry_over(
        mirror,
        kind,
        &previous.parts.middlewares,
        rejections,
        |name, spec, _| match spec {
            Spec::Middleware(spec) => Ok(Middleware::build(
                name,
                spec,
                &previous.share,
                &mut |server, of, transport| {
                    let known = &previous.roster;
                    let transport = transport.unwrap_or(known.transport());
                    roster.enlist(server, of, transport, known)
                },
            )?),
            _ => Err(BuildError::Mismatch),
        },
    )
}

fn transports(
    mirror: &Mirror,
    previous: &RouteTable,
    rejections: &mut Vec<Rejection>,
) -> PartsOf<Transport> {
    carry_over(
        mirror,
        ResourceKind::ServersTransport,
        &previous.parts.transports,
        rejections,
        |_, spec, _| match spec {
            Spec::ServersTransport(spec) => Ok(Transport::build(spec)?),
            _ => Err(BuildError::Mismatch),
        },
    )
}

/// There is at most one.
fn access_logs(
    mirror: &Mirror,
    previous: &RouteTable,
    rejections: &mut Vec<Rejection>,
) -> PartsOf<AccessLog> {
    carry_over(
        mirror,
        ResourceKind::AccessLog,
        &previous.parts.access_logs,
        rejections,
        |_, spec, _| match spec {
            Spec::AccessLog(spec) => Ok(AccessLog::build(spec)?),
            _ => Err(BuildError::Mismatch),
        },
    )
}

/// There is at most one.
fn tracings(
    mirror: &Mirror,
    previous: &RouteTable,
    rejections: &mut Vec<Rejection>,
) -> PartsOf<Tracing> {
    carry_over(
        mirror,
        ResourceKind::Tracing,
        &previous.parts.tracings,
        rejections,
        |_, spec, _| match spec {
            Spec::Tracing(spec) => Ok(Tracing::build(spec)?),
            _ => Err(BuildError::Mismatch),
        },
    )
}

/// With the servers of the API and of the metrics, which only the proxy knows.
fn located<'s>(spec: &'s wire::Service, control_planes: &[wire::Server]) -> Cow<'s, wire::Service> {
    let at_control_plane = [wire::Internal::Api, wire::Internal::Prometheus];
    if !at_control_plane.contains(&spec.internal()) {
        return Cow::Borrowed(spec);
    }
    let unavailable_reason = match control_planes {
        [] => "this proxy was told of no control plane".to_owned(),
        _ => String::new(),
    };
    Cow::Owned(wire::Service {
        servers: control_planes.to_vec(),
        unavailable_reason,
        ..spec.clone()
    })
}

/// Builds the resources of a kind, each from its own message alone.
fn carry_over<T>(
    mirror: &Mirror,
    kind: ResourceKind,
    known: &PartsOf<T>,
    rejections: &mut Vec<Rejection>,
    mut build: impl FnMut(&str, &Spec, Option<&T>) -> Result<T, BuildError>,
) -> PartsOf<T> {
    let mut parts = HashMap::new();
    for (name, resource) in mirror.of_kind(kind) {
        let known = known.get(name);
        let unchanged = known.filter(|known| is_same(&known.source, resource));
        let built = match (unchanged, &resource.spec) {
            (Some(known), _) => Ok(Arc::clone(&known.built)),
            (None, Some(spec)) => build(name, spec, known.map(|known| &*known.built)).map(Arc::new),
            (None, None) => Err(BuildError::Kind),
        };
        let part = match built {
            Ok(built) => Some(Part::current(resource, built)),
            Err(error) => {
                rejections.push(rejection(kind, name, &error));
                known.map(Part::last_good)
            }
        };
        parts.extend(part.map(|part| (name.to_owned(), part)));
    }
    parts
}

/// Equal but for who declared it.
fn is_same(a: &Arc<Resource>, b: &Arc<Resource>) -> bool {
    Arc::ptr_eq(a, b) || a.spec == b.spec
}

fn listings(
    mirror: &Mirror,
    parts: &Parts,
    previous: &RouteTable,
    rejections: &mut Vec<Rejection>,
) -> Vec<Listing> {
    let mut routes: HashMap<&str, Vec<Arc<Route>>> = HashMap::new();
    // In the order of names, which is the second half of the final order.
    for (name, _) in mirror.of_kind(ResourceKind::Router) {
        let Some(part) = parts.routes.get(name) else {
            continue;
        };
        for entry_point in router::entry_points(&part.source) {
            let routes = routes.entry(entry_point).or_default();
            if !routes
                .last()
                .is_some_and(|last| Arc::ptr_eq(last, &part.built))
            {
                routes.push(Arc::clone(&part.built));
            }
        }
    }
    let entry_points = mirror.of_kind(ResourceKind::EntryPoint);
    entry_points
        .filter_map(|(name, _)| {
            let entry_point = Arc::clone(&parts.entry_points.get(name)?.built);
            let routes = routes.remove(name).unwrap_or_default();
            let known = previous.listing(name);
            let routes = behind::routes(&entry_point, routes, mirror, parts, known, rejections);
            Some(Listing::build(entry_point, routes, known))
        })
        .collect()
}

/// Of services and of what middlewares ask, also of those that are only left in the
/// last good form of a router or a service.
fn in_service(parts: &Parts) -> impl Iterator<Item = &LoadBalancer> {
    let stale = || parts.routes.values().filter(|part| !part.current);
    let asked = parts.middlewares.values().map(|part| &part.built);
    let asked = asked.chain(stale().flat_map(|part| &part.built.middlewares));
    let services = parts.services.values().map(|part| &part.built);
    let behind = services.clone().filter_map(|service| service.behind());
    let asked = asked.chain(behind.flat_map(|it| &it.middlewares));
    let services = services.chain(stale().map(|part| &part.built.service));
    services
        .flat_map(|service| {
            let mirrors = service.mirrors().flat_map(|mirror| mirror.balancers());
            service.balancers().chain(mirrors)
        })
        .chain(asked.filter_map(|middleware| middleware.service()))
}

fn reject_unknown_kinds(mirror: &Mirror, rejections: &mut Vec<Rejection>) {
    for ((kind, name), _) in mirror.resources() {
        if matches!(
            ResourceKind::try_from(*kind),
            Err(_) | Ok(ResourceKind::Unspecified)
        ) {
            rejections.push(rejection(*kind, name, &BuildError::Kind));
        }
    }
}

fn rejection(kind: impl Into<i32>, name: &str, error: &BuildError) -> Rejection {
    Rejection {
        id: Some(ResourceId {
            kind: kind.into(),
            name: name.to_owned(),
        }),
        kind: error.kind().into(),
        reason: error.to_string(),
    }
}

fn order(rejection: &Rejection) -> Option<(i32, &str)> {
    rejection.id.as_ref().map(|id| (id.kind, id.name.as_str()))
}

#[cfg(test)]
mod tests;
