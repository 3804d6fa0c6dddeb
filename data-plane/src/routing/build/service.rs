//! Services: some consist of others.
//!
//! A service that lacks one of those it consists of is rejected, as a router is; its
//! last good form then runs with the forms of its parts that are in service. A service
//! is built anew when one of its parts was, and goes on where it stood.
//!
//! A service whose transport cannot be had is served without a server: its routers
//! answer 503 and say why. It is never reached in another way than was asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use fairway_proto::discovery::v1::{self as wire, Rejection, Resource, ResourceKind};
use wire::resource::Spec;
use wire::service::Parts;

use super::super::RouteTable;
use super::super::error::BuildError;
use super::{Part, PartsOf, is_same, located, rejection};
use crate::balance::{Roster, Service, Transport};
use crate::discovery::Mirror;
use crate::middleware::Middleware;

/// Services within services. A person who writes more has made a mistake.
const MAX_LEVELS: usize = 16;

/// What services are built from.
pub(super) struct Services<'b> {
    mirror: &'b Mirror,
    previous: &'b RouteTable,
    transports: &'b PartsOf<Transport>,
    middlewares: &'b PartsOf<Middleware>,
    roster: &'b mut Roster,
    built: PartsOf<Service>,
    /// Those that cannot be built as sent.
    errors: HashMap<String, BuildError>,
    /// Those that are being built, outermost first.
    open: Vec<String>,
}

impl<'b> Services<'b> {
    pub(super) fn new(
        mirror: &'b Mirror,
        previous: &'b RouteTable,
        transports: &'b PartsOf<Transport>,
        middlewares: &'b PartsOf<Middleware>,
        roster: &'b mut Roster,
    ) -> Self {
        Self {
            mirror,
            previous,
            transports,
            middlewares,
            roster,
            built: PartsOf::new(),
            errors: HashMap::new(),
            open: Vec::new(),
        }
    }

    pub(super) fn build(mut self, rejections: &mut Vec<Rejection>) -> PartsOf<Service> {
        let kind = ResourceKind::Service;
        let mirror = self.mirror;
        for (name, resource) in mirror.of_kind(kind) {
            self.settle(name, resource);
        }
        let errors = self.errors.iter();
        rejections.extend(errors.map(|(name, error)| rejection(kind, name, error)));
        for (name, resource) in mirror.of_kind(kind) {
            if let Some(Spec::Service(spec)) = &resource.spec
                && self.transport_of(spec).is_none()
                && !self.errors.contains_key(name)
            {
                let error = self.without_transport(&spec.servers_transport);
                rejections.push(rejection(kind, name, &error));
            }
        }
        self.built
    }

    /// Builds a service, unless that is done.
    fn settle(&mut self, name: &str, resource: &Arc<Resource>) {
        if self.built.contains_key(name) || self.errors.contains_key(name) {
            return;
        }
        self.open.push(name.to_owned());
        let as_sent = self.as_sent(name, resource);
        self.open.pop();
        match as_sent {
            Ok(built) => {
                let part = Part::current(resource, built);
                self.built.insert(name.to_owned(), part);
            }
            Err(error) => {
                self.errors.insert(name.to_owned(), error);
                if let Some(part) = self.last_good(name) {
                    self.built.insert(name.to_owned(), part);
                }
            }
        }
    }

    fn as_sent(
        &mut self,
        name: &str,
        resource: &Arc<Resource>,
    ) -> Result<Arc<Service>, BuildError> {
        let spec = match &resource.spec {
            Some(Spec::Service(spec)) => spec,
            Some(_) => return Err(BuildError::Mismatch),
            None => return Err(BuildError::Kind),
        };
        let mut services = Vec::new();
        for part in Service::names_of_parts(spec) {
            services.push(self.part(part)?);
        }
        let known = self.previous.parts.services.get(name);
        let middlewares = self.before(spec, known.map(|known| &*known.built))?;
        let unchanged = known
            .filter(|known| is_same(&known.source, resource) && known.built.consists_of(&services))
            .filter(|known| known.built.is_behind(&middlewares))
            .filter(|known| self.has_transport(spec, &known.built));
        match unchanged {
            Some(known) => Ok(Arc::clone(&known.built)),
            None => {
                let known = known.map(|known| &*known.built);
                self.make(name, spec, services, middlewares, known)
            }
        }
    }

    /// The middlewares that a service is behind, with what they have counted.
    fn before(
        &mut self,
        spec: &wire::Service,
        known: Option<&Service>,
    ) -> Result<Vec<Arc<Middleware>>, BuildError> {
        let Some(Parts::Behind(behind)) = &spec.parts else {
            return Ok(Vec::new());
        };
        let had = known.and_then(Service::behind);
        let mut had = had.map_or_else(Vec::new, |had| had.middlewares.to_vec());
        let mut before = Vec::new();
        for name in &behind.middlewares {
            let part = self.middlewares.get(name).filter(|part| part.current);
            let part = part.ok_or_else(|| {
                let (kind, name) = ("middleware", name.clone());
                match self.mirror.contains(ResourceKind::Middleware, &name) {
                    true => BuildError::Rejected { kind, name },
                    false => BuildError::Missing { kind, name },
                }
            })?;
            let middleware = Arc::clone(&part.built);
            before.push(middleware.for_router(&mut had, |service| self.part(service))?);
        }
        Ok(before)
    }

    /// A service that another one consists of, if it is in service as sent.
    fn part(&mut self, name: &str) -> Result<Arc<Service>, BuildError> {
        if self.open.iter().any(|open| open == name) {
            return Err(BuildError::Circle(name.to_owned()));
        }
        if self.open.len() >= MAX_LEVELS {
            return Err(BuildError::Levels(MAX_LEVELS));
        }
        let (kind, name) = ("service", name.to_owned());
        let Some(resource) = self.mirror.find(ResourceKind::Service, &name) else {
            return Err(BuildError::Missing { kind, name });
        };
        self.settle(&name, resource);
        let part = self.built.get(&name).filter(|part| part.current);
        let built = part.map(|part| Arc::clone(&part.built));
        built.ok_or(BuildError::Rejected { kind, name })
    }

    /// How the servers are reached; `None` if that cannot be had.
    fn transport_of(&self, spec: &wire::Service) -> Option<Arc<Transport>> {
        match spec.servers_transport.as_str() {
            "" => Some(Arc::clone(self.previous.roster.transport())),
            name => Some(Arc::clone(&self.transports.get(name)?.built)),
        }
    }

    /// Was the service built with the transport it has now?
    fn has_transport(&self, spec: &wire::Service, built: &Service) -> bool {
        let Some(balancer) = built.load_balancer() else {
            return true;
        };
        match self.transport_of(spec) {
            None => balancer.servers().is_empty(),
            Some(transport) => {
                let mut servers = balancer.servers().iter();
                let spec = located(spec, &self.previous.control_planes);
                servers.len() == spec.servers.len()
                    && servers.all(|server| Arc::ptr_eq(&server.transport, &transport))
            }
        }
    }

    fn without_transport(&self, transport: &str) -> BuildError {
        let (kind, name) = ("servers transport", transport.to_owned());
        let kind_of = ResourceKind::ServersTransport;
        match self.mirror.contains(kind_of, transport) {
            true => BuildError::Rejected { kind, name },
            false => BuildError::Missing { kind, name },
        }
    }

    /// As it was last good, with the forms of its parts that are in service now. Where
    /// there is none any more, with the form it had.
    fn last_good(&mut self, name: &str) -> Option<Part<Service>> {
        let known = self.previous.parts.services.get(name)?;
        let Some(Spec::Service(spec)) = &known.source.spec else {
            return Some(known.last_good());
        };
        let now = known.built.parts().iter().map(|had| {
            let part = self.built.get(&had.name);
            Arc::clone(part.map_or(had, |part| &part.built))
        });
        let services: Vec<_> = now.collect();
        let mut part = known.last_good();
        let had = known.built.behind();
        let middlewares = had.map_or_else(Vec::new, |had| had.middlewares.to_vec());
        if !known.built.consists_of(&services)
            && let Ok(built) = self.make(name, spec, services, middlewares, Some(&known.built))
        {
            part.built = built;
        }
        Some(part)
    }

    fn make(
        &mut self,
        name: &str,
        spec: &wire::Service,
        services: Vec<Arc<Service>>,
        middlewares: Vec<Arc<Middleware>>,
        known: Option<&Service>,
    ) -> Result<Arc<Service>, BuildError> {
        let transport = self.transport_of(spec);
        let spec = match transport {
            Some(_) => located(spec, &self.previous.control_planes),
            None => Cow::Owned(without_servers(spec)),
        };
        let (roster, previous) = (&mut *self.roster, &self.previous.roster);
        let transport = transport.as_ref().unwrap_or(previous.transport());
        let service = Service::build(name, &spec, services, middlewares, known, |server, of| {
            roster.enlist(server, of, transport, previous)
        });
        Ok(Arc::new(service?))
    }
}

/// What is left of a service whose transport cannot be had.
fn without_servers(spec: &wire::Service) -> wire::Service {
    wire::Service {
        servers: Vec::new(),
        unavailable_reason: format!(
            "the servers transport `{}` cannot be used",
            spec.servers_transport
        ),
        ..spec.clone()
    }
}

#[cfg(test)]
mod tests {
    use wire::RejectionKind::{Dependency, Invalid};

    use super::super::super::fixture::*;
    use super::super::tests::{Proxy, pick};
    use super::*;

    fn web() -> wire::Resource {
        router_resource("r", router("r", host("a.test"), "top"))
    }

    fn of(parts: &[(&str, u32)]) -> wire::Resource {
        weighted("top", parts)
    }

    fn picks(proxy: &Proxy, count: usize) -> String {
        (0..count).map(|_| pick(&proxy.route())).collect()
    }

    #[test]
    fn a_service_of_others_follows_what_becomes_of_them_and_goes_on_in_turn() {
        let mut proxy = Proxy::with([
            entry_point("web"),
            web(),
            of(&[("x", 2), ("y", 1)]),
            service("x", &["a", "b"]),
            service("y", &["c"]),
        ]);
        assert_eq!(proxy.rejected(), []);
        assert_eq!(picks(&proxy, 4), "acba");
        proxy.send([service("y", &["d"])]);
        assert_eq!(picks(&proxy, 3), "dba", "the turn and that of x stay");
        assert_eq!(proxy.table.servers().count(), 3);
        let before = proxy.route();
        proxy.send([service("z", &["e"])]);
        assert!(
            Arc::ptr_eq(&before, &proxy.route()),
            "nothing of it changed"
        );
    }

    #[test]
    fn a_service_that_lacks_a_part_is_rejected_and_its_last_good_form_follows_the_others() {
        let parts = [("x", 1), ("y", 1)];
        let mut proxy = Proxy::with([entry_point("web"), web(), of(&parts), service("x", &["a"])]);
        let missing = (Dependency, "top", "the service `y` does not exist");
        let router = (Dependency, "r", "the service `top` is rejected");
        assert_eq!(proxy.rejected(), [router, missing]);
        proxy.send([service("y", &["b"])]);
        assert_eq!(proxy.rejected(), []);
        assert_eq!(picks(&proxy, 2), "ab");
        proxy.remove(ResourceKind::Service, "y");
        proxy.send([service("x", &["c"])]);
        assert_eq!(proxy.rejected(), [router, missing]);
        assert_eq!(picks(&proxy, 2), "cb");
        assert_eq!(proxy.table.servers().count(), 2, "b is still to be reached");
    }

    #[test]
    fn services_that_contain_each_other_are_rejected() {
        let failover = |name: &str, service: &str| {
            composite(
                name,
                Parts::Failover(wire::Failover {
                    service: service.to_owned(),
                    fallback: "x".to_owned(),
                    ..Default::default()
                }),
            )
        };
        let proxy = Proxy::with([
            failover("a", "b"),
            failover("b", "a"),
            failover("c", "c"),
            service("x", &[]),
        ]);
        let expected = [
            (Dependency, "a", "the service `b` is rejected"),
            (Invalid, "b", "the service `a` contains itself"),
            (Invalid, "c", "the service `c` contains itself"),
        ];
        assert_eq!(proxy.rejected(), expected);
    }

    #[test]
    fn services_are_nested_only_so_deep() {
        let name = |level: usize| format!("s{level:03}");
        let levels = (0..500).map(|level| weighted(&name(level), &[(&name(level + 1), 1)]));
        let proxy = Proxy::with(levels.chain([service(&name(500), &["a"])]));
        let deep = "services are nested in more than 16 levels";
        assert!(proxy.rejected().iter().any(|(_, _, why)| *why == deep));
        let built = proxy.table.parts.services.len();
        assert!((2..=17).contains(&built), "{built}");
    }
}
