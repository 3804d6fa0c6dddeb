//! Services: encoding, and rejected ones kept as services without a server, so
//! that their routers answer 503 with the reason rather than 404.

use std::collections::BTreeSet;

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{self as wire, ResourceKind};

use super::name::{self, Guesses};
use super::{Compiled, Input, Object, Outcome, encode, middleware, servers_transport};
use crate::model::{DynamicConfig, LoadBalancer, ObjectKind, Service};

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

/// Encodes every service, and those with middlewares once more as the parts of others
/// that they are.
pub(super) fn compile(input: Input<'_>, out: &mut Compiled) {
    let guesses = Guesses::of(input);
    for (name, object) in &out.services {
        for reference in object.middlewares() {
            if let Some(middleware) = out.middlewares.get_mut(&reference) {
                middleware.used_by.insert(name.clone());
            }
        }
    }
    let default = input.servers_transport;
    let default_name = servers_transport::default_name(default);
    let mut resources = Vec::new();
    let mut parts = BTreeSet::new();
    for (name, object) in &out.services {
        let Some(service) = &object.value else {
            continue;
        };
        let balancer = service.load_balancer();
        let reference = balancer.and_then(|it| it.servers_transport.as_deref());
        let named = servers_transport::of_service(reference, &object.provider, out);
        let transport = named.unwrap_or_else(|| (default_name.to_owned(), default));
        let as_part = |part: &str| as_part(part, out);
        let message = encode::service(name, &object.provider, service, transport, as_part);
        resources.push(resource(name, object, message));
        let references = service.references().into_iter();
        parts.extend(references.map(|it| name::qualify(it, &object.provider)));
    }
    for part in parts {
        // Where one of them cannot be used, nobody refers to this.
        let middlewares = chain(&part, &guesses, out).unwrap_or_default();
        if let Some(object) = out.services.get(&part)
            && !middlewares.is_empty()
        {
            let message = encode::behind(middlewares, &part);
            resources.push(resource(&as_part(&part, out), object, message));
        }
    }
    out.resources.append(&mut resources);
}

fn resource(name: &str, object: &Object<Service>, message: wire::Service) -> wire::Resource {
    encode::resource(
        ResourceKind::Service,
        name,
        &object.provider,
        &object.containers,
        Spec::Service(message),
    )
}

/// What proxies know a service as where it is a part of another one. No name that
/// somebody gave has a space.
fn as_part(name: &str, out: &Compiled) -> String {
    match middlewares(name, out).is_empty() {
        true => name.to_owned(),
        false => format!("{name} behind its middlewares"),
    }
}

/// The middlewares of a service, as they come after those of a router that uses it, or
/// of the service that it is a part of.
///
/// # Errors
///
/// What is wrong and what would work, if one of them cannot be used.
pub(super) fn chain(
    name: &str,
    guesses: &Guesses,
    out: &Compiled,
) -> Result<Vec<String>, (String, String)> {
    let mut flat = Vec::new();
    for reference in middlewares(name, out) {
        flat.extend(middleware::flatten(&reference, guesses, out)?);
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
        let written = self.value.as_ref().map_or(&[][..], Service::middlewares);
        let qualified = written.iter().map(|it| name::qualify(it, &self.provider));
        qualified.collect()
    }
}
