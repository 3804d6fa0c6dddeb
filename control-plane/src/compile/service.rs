//! Services: encoding, and rejected ones kept as services without a server, so
//! that their routers answer 503 with the reason rather than 404.

use std::collections::BTreeSet;

use fairway_proto::discovery::v1::ResourceKind;
use fairway_proto::discovery::v1::resource::Spec;

use super::name::{self, Guesses};
use super::{Compiled, Object, Outcome, encode, middleware, servers_transport};
use crate::model::{DynamicConfig, LoadBalancer, ObjectKind, ServersTransport, Service};

pub(super) fn take_over(provider: &str, config: &DynamicConfig, out: &mut Compiled) {
    for (name, declared) in &config.services {
        let mut object = Object::declared(provider, &declared.containers, declared.value.clone());
        if let Some(reason) = declared.value.unavailable() {
            object.outcome = Outcome::Degraded;
            object.errors.push(reason.to_owned());
        }
        out.services.insert(name::qualify(name, provider), object);
    }
    for (id, declared) in &config.rejected {
        if id.kind != ObjectKind::Service {
            continue;
        }
        let empty = LoadBalancer::without_server(declared.value.clone());
        let mut object = Object::declared(provider, &declared.containers, empty.into());
        object.outcome = Outcome::Rejected;
        out.services
            .entry(name::qualify(&id.name, provider))
            .or_insert(object);
    }
}

/// `default`: how servers are spoken to of services that name no servers transport.
pub(super) fn compile(default: &ServersTransport, out: &mut Compiled) {
    let default_name = servers_transport::default_name(default);
    let mut resources = Vec::new();
    for (name, object) in &out.services {
        for reference in object.middlewares() {
            if let Some(middleware) = out.middlewares.get_mut(&reference) {
                middleware.used_by.insert(name.clone());
            }
        }
        let Some(service) = &object.value else {
            continue;
        };
        let balancer = service.load_balancer();
        let reference = balancer.and_then(|it| it.servers_transport.as_deref());
        let named = servers_transport::of_service(reference, &object.provider, out);
        let transport = named.unwrap_or_else(|| (default_name.to_owned(), default));
        resources.push(encode::resource(
            ResourceKind::Service,
            name,
            &object.provider,
            &object.containers,
            Spec::Service(encode::service(name, &object.provider, service, transport)),
        ));
    }
    out.resources.append(&mut resources);
}

/// The middlewares of a service, as they come after those of a router that uses it.
///
/// # Errors
///
/// What is wrong and what would work, if one of them cannot be used, or if the service
/// consists of others that have some: the router would be served without those.
pub(super) fn chain(
    name: &str,
    guesses: &Guesses,
    out: &Compiled,
) -> Result<Vec<String>, (String, String)> {
    let mut flat = Vec::new();
    for reference in middlewares(name, out) {
        flat.extend(middleware::flatten(&reference, guesses, out)?);
    }
    let mut seen = BTreeSet::from([name.to_owned()]);
    let mut parts: Vec<String> = parts(name, out).collect();
    while let Some(part) = parts.pop() {
        if !middlewares(&part, out).is_empty() {
            return Err((
                format!("service {part}, a part of {name}, has middlewares of its own"),
                format!("name them in the routers of {name}, and take them out of {part}"),
            ));
        }
        parts.extend(self::parts(&part, out).filter(|it| seen.insert(it.clone())));
    }
    Ok(flat)
}

/// Qualified names of the middlewares of a service, as written.
pub(super) fn middlewares(name: &str, out: &Compiled) -> Vec<String> {
    let service = out.services.get(name);
    service.map(Object::middlewares).unwrap_or_default()
}

impl Object<Service> {
    /// Qualified names of its middlewares, as written.
    pub(crate) fn middlewares(&self) -> Vec<String> {
        let balancer = self.value.as_ref().and_then(Service::load_balancer);
        let written = balancer.map_or(&[][..], |it| &it.middlewares);
        let qualified = written.iter().map(|it| name::qualify(it, &self.provider));
        qualified.collect()
    }
}

/// Qualified names of the services that a service consists of.
fn parts<'o>(name: &str, out: &'o Compiled) -> impl Iterator<Item = String> + use<'o> {
    let object = out.services.get(name);
    let parts = object.and_then(|object| {
        let references = object.value.as_ref()?.references();
        Some(
            references
                .into_iter()
                .map(|it| name::qualify(it, &object.provider)),
        )
    });
    parts.into_iter().flatten()
}
