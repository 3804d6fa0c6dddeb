//! Servers transports: files and certificates checked, references of services resolved.
//!
//! A service whose transport cannot be had is rejected and kept without a server, so that
//! its routers answer 503 with the reason. It is never spoken to in another way than was
//! asked for.

use fairway_proto::discovery::v1::ResourceKind;
use fairway_proto::discovery::v1::resource::Spec;

use super::composition::{Complaint, reject_one};
use super::name::{self, Guesses};
use super::{Compiled, Input, Object, Outcome, encode, internal};
use crate::model::{
    Diagnostic, DynamicConfig, ObjectId, ObjectKind, ServersTransport, Service, Unusable,
};

/// What services use that name none.
const DEFAULT: &str = "default@internal";

pub(super) fn take_over(provider: &str, config: &DynamicConfig, out: &mut Compiled) {
    for (name, declared) in &config.servers_transports {
        let object = Object::declared(provider, &declared.containers, declared.value.clone());
        out.servers_transports
            .insert(name::qualify(name, provider), object);
    }
    for (id, declared) in &config.rejected {
        if id.kind == ObjectKind::ServersTransport {
            let object = Object::rejected(provider, &declared.containers);
            out.servers_transports
                .entry(name::qualify(&id.name, provider))
                .or_insert(object);
        }
    }
}

/// Encodes every transport, and rejects those that cannot be had and the services that
/// name one of these.
pub(super) fn compile(input: Input<'_>, out: &mut Compiled) {
    if !default_name(input.servers_transport).is_empty() {
        out.resources.push(encode::resource(
            ResourceKind::ServersTransport,
            DEFAULT,
            internal::PROVIDER,
            &[],
            Spec::ServersTransport(input.servers_transport.encode()),
        ));
    }
    let mut findings = Vec::new();
    for (name, object) in &mut out.servers_transports {
        let Some(value) = &object.value else {
            continue;
        };
        let read = |path: &str| input.file(&object.provider, path);
        match value.with_files(&read) {
            Ok(filled) => out.resources.push(encode::resource(
                ResourceKind::ServersTransport,
                name,
                &object.provider,
                &object.containers,
                Spec::ServersTransport(filled.encode()),
            )),
            Err(unusable) => {
                object.outcome = Outcome::Rejected;
                findings.push((object.provider.clone(), unfit(name, &unusable, object)));
            }
        }
    }
    for (provider, diagnostic) in findings {
        out.report(&provider, diagnostic);
    }
    reject_services(&Guesses::of(input), out);
}

/// By which name services name the default transport: none, if it is what proxies do by
/// themselves.
pub(super) fn default_name(default: &ServersTransport) -> &'static str {
    if default.encode() == ServersTransport::default().encode() {
        ""
    } else {
        DEFAULT
    }
}

/// The transport that a service names, with its qualified name.
pub(super) fn of_service<'c>(
    reference: Option<&str>,
    provider: &str,
    out: &'c Compiled,
) -> Option<(String, &'c ServersTransport)> {
    let name = name::qualify(reference?, provider);
    let value = out.servers_transports.get(&name)?.value.as_ref()?;
    Some((name, value))
}

fn unfit(name: &str, unusable: &Unusable, object: &Object<ServersTransport>) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        unusable.to_string(),
        "name a file that the control plane can read, with PEM in it, or write the PEM itself",
    );
    let diagnostic = match object.containers.first() {
        Some(container) => diagnostic.container(container),
        None => diagnostic,
    };
    diagnostic.object(ObjectId::servers_transport(name))
}

fn reject_services(guesses: &Guesses, out: &mut Compiled) {
    let complaints = out.services.iter().filter_map(|(service, object)| {
        let balancer = object.value.as_ref().and_then(Service::load_balancer)?;
        let reference = balancer.servers_transport.as_deref()?;
        let name = name::qualify(reference, &object.provider);
        let complaint = complaint(&name, guesses, out)?;
        let option = name::option("services", service, "loadBalancer.serversTransport");
        Some((service.clone(), option, complaint))
    });
    for (service, option, complaint) in Vec::from_iter(complaints) {
        reject_one(&service, Some(option), complaint, out);
    }
}

/// What is wrong with a reference and what would work.
fn complaint(name: &str, guesses: &Guesses, out: &Compiled) -> Option<Complaint> {
    if name == DEFAULT {
        return None;
    }
    let known = &out.servers_transports;
    let Some(object) = known.get(name) else {
        let near = guesses.nearest(name, known.keys());
        let near = near.map(|near| format!("did you mean {near}?"));
        let suggestion = near.or_else(|| guesses.unread(name)).unwrap_or_else(|| {
            format!(
                "declare http.serversTransports.{0} in a file of --providers.file, and name it \
                 {0}@file",
                name::local(name)
            )
        });
        let message = format!("the servers transport {name} does not exist");
        return Some((message, suggestion));
    };
    (object.outcome == Outcome::Rejected).then(|| {
        (
            format!("the servers transport {name} is rejected"),
            format!("mend servers transport {name}, its own diagnostic says how"),
        )
    })
}
