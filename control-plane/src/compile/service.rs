//! Services: encoding, and rejected ones kept as services without a server, so
//! that their routers answer 503 with the reason rather than 404.

use fairway_proto::discovery::v1::ResourceKind;
use fairway_proto::discovery::v1::resource::Spec;

use super::{Compiled, Object, Outcome, encode, name};
use crate::config::ServersTransport;
use crate::model::{DynamicConfig, ObjectKind, Service};

pub(super) fn take_over(provider: &str, config: &DynamicConfig, out: &mut Compiled) {
    for (name, declared) in &config.services {
        let mut object = Object::declared(provider, &declared.containers, declared.value.clone());
        if let Some(reason) = &declared.value.unavailable {
            object.outcome = Outcome::Degraded;
            object.errors.push(reason.clone());
        }
        out.services.insert(name::qualify(name, provider), object);
    }
    for (id, declared) in &config.rejected {
        if id.kind != ObjectKind::Service {
            continue;
        }
        let empty = Service {
            servers: Vec::new(),
            pass_host_header: true,
            unavailable: Some(declared.value.clone()),
        };
        let mut object = Object::declared(provider, &declared.containers, empty);
        object.outcome = Outcome::Rejected;
        out.services
            .entry(name::qualify(&id.name, provider))
            .or_insert(object);
    }
}

pub(super) fn compile(transport: &ServersTransport, out: &mut Compiled) {
    for (name, object) in &out.services {
        let Some(service) = &object.value else {
            continue;
        };
        out.resources.push(encode::resource(
            ResourceKind::Service,
            name,
            &object.provider,
            &object.containers,
            Spec::Service(encode::service(service, transport)),
        ));
    }
}
