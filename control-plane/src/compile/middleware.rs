//! Middlewares: encoding, and what a router's list comes down to.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1::ResourceKind;
use fairway_proto::discovery::v1::resource::Spec;

use super::{Compiled, Object, Outcome, encode, name};
use crate::middleware::BasicAuth;
use crate::model::{Diagnostic, DynamicConfig, Middleware, ObjectId, ObjectKind};

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

/// Paths of the files that middlewares need read before a compilation.
pub fn users_files(config: &DynamicConfig) -> impl Iterator<Item = &str> {
    config
        .middlewares
        .values()
        .filter_map(|declared| match &declared.value {
            Middleware::BasicAuth(auth) => Some(auth.users_file.as_str()),
            _ => None,
        })
        .filter(|path| !path.is_empty())
}

/// Encodes every middleware that is not a chain: chains do not travel. One whose
/// file cannot be used is rejected.
pub(super) fn compile(files: &BTreeMap<String, Result<String, String>>, out: &mut Compiled) {
    let mut findings = Vec::new();
    for (name, object) in &mut out.middlewares {
        let message = match &object.value {
            Some(Middleware::BasicAuth(auth)) if !auth.users_file.is_empty() => {
                match with_users_file(auth, files) {
                    Ok(auth) => Middleware::BasicAuth(auth).encode(),
                    Err(error) => {
                        object.outcome = Outcome::Rejected;
                        let diagnostic = unusable_file(name, &auth.users_file, &error, object);
                        findings.push((object.provider.clone(), diagnostic));
                        None
                    }
                }
            }
            value => value.as_ref().and_then(Middleware::encode),
        };
        let Some(message) = message else { continue };
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

fn with_users_file(
    auth: &BasicAuth,
    files: &BTreeMap<String, Result<String, String>>,
) -> Result<BasicAuth, String> {
    match files.get(&auth.users_file) {
        Some(Ok(text)) => auth.with_file(text),
        Some(Err(error)) => Err(error.clone()),
        None => Err("it was not read".to_owned()),
    }
}

fn unusable_file(name: &str, path: &str, error: &str, object: &Object<Middleware>) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        format!("the usersFile {path} cannot be used: {error}"),
        "name a file that the control plane can read, with a line name:hash for each user",
    );
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
pub(super) fn flatten(reference: &str, out: &Compiled) -> Result<Vec<String>, (String, String)> {
    let mut flat = Vec::new();
    descend(reference, &mut Vec::new(), &mut flat, out)?;
    Ok(flat)
}

fn descend(
    reference: &str,
    path: &mut Vec<String>,
    flat: &mut Vec<String>,
    out: &Compiled,
) -> Result<(), (String, String)> {
    let Some(object) = out.middlewares.get(reference) else {
        return Err(missing(reference, out));
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
        descend(&name::qualify(part, &object.provider), path, flat, out)?;
    }
    path.pop();
    Ok(())
}

fn missing(reference: &str, out: &Compiled) -> (String, String) {
    let suggestion = match name::nearest(reference, out.middlewares.keys()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!(
            "declare it with labels traefik.http.middlewares.{}.…, or take it out of the list",
            name::local(reference)
        ),
    };
    (format!("middleware {reference} does not exist"), suggestion)
}
