//! Middlewares: encoding, and what a router's list comes down to.

use fairway_proto::discovery::v1::middleware::Kind;
use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{self as wire, ResourceKind};

use super::name::{self, Guesses};
use super::{Compiled, Input, Object, Outcome, encode};
use crate::middleware::Errors;
use crate::model::{Diagnostic, DynamicConfig, Middleware, ObjectId, ObjectKind, Unusable};

pub(super) fn take_over(provider: &str, config: &DynamicConfig, out: &mut Compiled) {
    for (name, declared) in &config.middlewares {
        let object = Object::declared(provider, &declared.containers, declared.value.clone());
        out.middlewares
            .insert(name::qualify(name, provider), object);
    }
    for (id, declared) in &config.rejected {
        if id.kind == ObjectKind::Middleware {
            let object = Object::rejected(provider, &declared.containers);
            out.middlewares
                .entry(name::qualify(&id.name, provider))
                .or_insert(object);
        }
    }
}

/// Encodes every middleware that is not a chain: chains do not travel. One whose
/// file cannot be used or whose service does not exist is rejected.
pub(super) fn compile(input: Input<'_>, out: &mut Compiled) {
    let mut findings = Vec::new();
    let guesses = Guesses::of(input);
    for (name, object) in &mut out.middlewares {
        let Some(value) = &object.value else {
            continue;
        };
        let read = |path: &str| input.file(&object.provider, path);
        let service = match value {
            Middleware::Errors(errors) => name::qualify(&errors.service, &object.provider),
            _ => String::new(),
        };
        if matches!(value, Middleware::Errors(_)) && !out.services.contains_key(&service) {
            object.outcome = Outcome::Rejected;
            let diagnostic = no_service(name, &service, &guesses, out.services.keys(), object);
            findings.push((object.provider.clone(), diagnostic));
            continue;
        }
        let filled = match value.with_files(&read) {
            Ok(filled) => filled,
            Err(unusable) => {
                object.outcome = Outcome::Rejected;
                let diagnostic = unusable_file(name, &unusable, object);
                findings.push((object.provider.clone(), diagnostic));
                continue;
            }
        };
        let filled = match filled {
            Middleware::Errors(errors) => Middleware::Errors(Errors { service, ..errors }),
            filled => filled,
        };
        let Some(mut message) = filled.encode() else {
            continue;
        };
        sign(name, input.nonce_key, &mut message);
        out.resources.push(encode::resource(
            ResourceKind::Middleware,
            name,
            &object.provider,
            &object.containers,
            Spec::Middleware(message),
        ));
    }
    for (provider, diagnostic) in findings {
        out.report(&provider, diagnostic);
    }
}

/// Gives the middleware a key of its own, if it makes nonces.
fn sign(name: &str, key: &[u8; 32], message: &mut wire::Middleware) {
    if let Some(Kind::DigestAuth(auth)) = &mut message.kind {
        let own = blake3::keyed_hash(key, name.as_bytes());
        auth.nonce_key = own.as_bytes().to_vec();
    }
}

fn unusable_file(name: &str, file: &Unusable, object: &Object<Middleware>) -> Diagnostic {
    let form = match &object.value {
        Some(Middleware::DigestAuth(_)) => ", with a line name:realm:hash for each user",
        Some(Middleware::BasicAuth(_)) => ", with a line name:hash for each user",
        Some(Middleware::ForwardAuth(_)) => ", with PEM in it",
        _ => "",
    };
    let suggestion = format!("name a file that the control plane can read{form}");
    let diagnostic = Diagnostic::error(file.to_string(), suggestion);
    about(diagnostic, name, object)
}

fn no_service<'a>(
    name: &str,
    service: &str,
    guesses: &Guesses,
    services: impl Iterator<Item = &'a String>,
    object: &Object<Middleware>,
) -> Diagnostic {
    let suggestion = match guesses.nearest(service, services) {
        Some(near) => format!("did you mean {near}?"),
        None => guesses.unread(service).unwrap_or_else(|| {
            "name a service, with @ and its provider if that is another one".to_owned()
        }),
    };
    let message = format!("the service {service} of the error pages does not exist");
    let mut diagnostic = about(Diagnostic::error(message, suggestion), name, object);
    let local = name::local(name);
    diagnostic.label = Some(format!("traefik.http.middlewares.{local}.errors.service"));
    diagnostic
}

fn about(diagnostic: Diagnostic, name: &str, object: &Object<Middleware>) -> Diagnostic {
    let diagnostic = match object.containers.first() {
        Some(container) => diagnostic.container(container),
        None => diagnostic,
    };
    diagnostic.object(ObjectId::middleware(name))
}

/// What `reference` comes down to: itself, or for a chain its parts in order.
///
/// # Errors
///
/// What is wrong and what would work, if it or a part of it cannot be used.
pub(super) fn flatten(
    reference: &str,
    guesses: &Guesses,
    out: &Compiled,
) -> Result<Vec<String>, (String, String)> {
    let mut flat = Vec::new();
    descend(reference, &mut Vec::new(), &mut flat, guesses, out)?;
    Ok(flat)
}

fn descend(
    reference: &str,
    path: &mut Vec<String>,
    flat: &mut Vec<String>,
    guesses: &Guesses,
    out: &Compiled,
) -> Result<(), (String, String)> {
    let Some(object) = out.middlewares.get(reference) else {
        return Err(missing(reference, guesses, out));
    };
    if object.outcome == Outcome::Rejected {
        return Err((
            format!("middleware {reference} is rejected"),
            format!("mend middleware {reference}, its own diagnostic says how"),
        ));
    }
    if path.iter().any(|name| name == reference) {
        path.push(reference.to_owned());
        return Err((
            format!(
                "middleware {reference} contains itself: {}",
                path.join(" -> ")
            ),
            "take one of them out of its chain".to_owned(),
        ));
    }
    let Some(Middleware::Chain(chain)) = &object.value else {
        flat.push(reference.to_owned());
        return Ok(());
    };
    path.push(reference.to_owned());
    for part in &chain.middlewares {
        let part = name::qualify(part, &object.provider);
        descend(&part, path, flat, guesses, out)?;
    }
    path.pop();
    Ok(())
}

fn missing(reference: &str, guesses: &Guesses, out: &Compiled) -> (String, String) {
    let name = name::local(reference);
    let suggestion = match guesses.nearest(reference, out.middlewares.keys()) {
        Some(near) => format!("did you mean {near}?"),
        None if reference.ends_with("@file") => guesses.unread(reference).unwrap_or_else(|| {
            format!(
                "declare http.middlewares.{name} in a file of --providers.file, or take it out of \
                 the list"
            )
        }),
        None => format!(
            "declare it with labels traefik.http.middlewares.{name}.…, or take it out of the list"
        ),
    };
    (format!("middleware {reference} does not exist"), suggestion)
}
