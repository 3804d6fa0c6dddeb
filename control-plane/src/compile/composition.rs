//! Services that consist of others: their references resolved, and those rejected that
//! cannot be served.
//!
//! A rejected one is kept as a service without a server, so that its routers answer 503
//! with the reason. One that consists of a rejected one lives: the others do its work.

use std::collections::{BTreeMap, BTreeSet};

use super::name::{self, Guesses};
use super::{Compiled, Input, Object, Outcome, internal};
use crate::config::InternalServices;
use crate::model::{Diagnostic, LoadBalancer, ObjectId, Service};

/// Services within services. Proxies take no more.
const MAX_LEVELS: usize = 16;

/// What is wrong and what would work.
pub(super) type Complaint = (String, String);

/// Rejects what cannot be served and marks what is degraded by its parts.
pub(super) fn check(input: Input<'_>, out: &mut Compiled) {
    let on = input.internal_services;
    let mut parts = parts(out);
    let guesses = Guesses::of(input);
    let mut complaints = Vec::new();
    for (name, references) in &parts {
        let missing = references
            .iter()
            .find_map(|reference| find(reference, on, &guesses, out));
        let complaint = missing.or_else(|| circle(name, &parts));
        complaints.extend(complaint.map(|complaint| (name.clone(), complaint)));
    }
    reject(complaints, &mut parts, out);
    let deep = parts.keys().filter_map(|name| {
        let complaint = depth(name, &parts)?;
        Some((name.clone(), complaint))
    });
    reject(deep.collect(), &mut parts, out);
    for name in parts.keys() {
        degrade(name, out);
    }
}

/// References of the services that have some, qualified.
fn parts(out: &Compiled) -> BTreeMap<String, Vec<String>> {
    let composite = |(name, object): (&String, &Object<Service>)| {
        let references = object.value.as_ref()?.references();
        let qualified = references
            .into_iter()
            .map(|reference| name::qualify(reference, &object.provider));
        let qualified: Vec<_> = qualified.collect();
        (!qualified.is_empty()).then(|| (name.clone(), qualified))
    };
    out.services.iter().filter_map(composite).collect()
}

/// Takes note of an internal service; what is wrong where there is no such service.
fn find(
    reference: &str,
    on: InternalServices,
    guesses: &Guesses,
    out: &mut Compiled,
) -> Option<Complaint> {
    if out.services.contains_key(reference) {
        return None;
    }
    if internal::local(reference).is_some() {
        let complaint = internal::complaint(reference, on);
        if complaint.is_none() {
            out.services
                .insert(reference.to_owned(), internal::object());
        }
        return complaint;
    }
    let suggestion = match guesses.nearest(reference, out.services.keys()) {
        Some(near) => format!("did you mean {near}?"),
        None => guesses.unread(reference).unwrap_or_else(|| {
            "name a service that is declared, with its provider: name@docker".to_owned()
        }),
    };
    Some((format!("service {reference} does not exist"), suggestion))
}

/// The way from a service back to itself, if there is one.
fn circle(name: &str, parts: &BTreeMap<String, Vec<String>>) -> Option<Complaint> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![name];
    while let Some(service) = open.pop() {
        for next in parts.get(service).into_iter().flatten() {
            if next == name {
                let way = way_to(service, name, &came_from);
                return Some((
                    format!("service {name} contains itself: {way} -> {name}"),
                    "take one of them out of the other".to_owned(),
                ));
            }
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, service);
                open.push(next);
            }
        }
    }
    None
}

fn way_to(service: &str, from: &str, came_from: &BTreeMap<&str, &str>) -> String {
    let mut way = vec![service];
    let mut at = service;
    while let Some(before) = came_from.get(at).filter(|_| at != from) {
        way.push(before);
        at = before;
    }
    way.reverse();
    way.join(" -> ")
}

fn depth(name: &str, parts: &BTreeMap<String, Vec<String>>) -> Option<Complaint> {
    let mut level: BTreeSet<&str> = BTreeSet::from([name]);
    for _ in 0..MAX_LEVELS {
        let next = level.iter().filter_map(|service| parts.get(*service));
        level = next.flatten().map(String::as_str).collect();
        if level.is_empty() {
            return None;
        }
    }
    Some((
        format!("service {name} has more than {MAX_LEVELS} levels of services in it"),
        "name the services at the bottom directly".to_owned(),
    ))
}

/// Leaves nothing of them but the reason.
fn reject(
    complaints: Vec<(String, Complaint)>,
    parts: &mut BTreeMap<String, Vec<String>>,
    out: &mut Compiled,
) {
    for (name, complaint) in complaints {
        parts.remove(&name);
        reject_one(&name, None, complaint, out);
    }
}

/// Leaves nothing of a service but the reason, which `option` is to blame for.
pub(super) fn reject_one(
    name: &str,
    option: Option<String>,
    (message, suggestion): Complaint,
    out: &mut Compiled,
) {
    let Some(object) = out.services.get_mut(name) else {
        return;
    };
    object.value = Some(LoadBalancer::without_server(message.clone()).into());
    object.outcome = Outcome::Rejected;
    let mut diagnostic = Diagnostic::error(message, suggestion).object(ObjectId::service(name));
    diagnostic.label = option;
    let diagnostic = match object.containers.first() {
        Some(container) => diagnostic.container(container),
        None => diagnostic,
    };
    let provider = object.provider.clone();
    out.report(&provider, diagnostic);
}

/// One that has parts which are not served as written is not either.
fn degrade(name: &str, out: &mut Compiled) {
    let reached = reached(name, out);
    let concerned = reached.into_iter().filter_map(|part| {
        let part_object = out.services.get(&part)?;
        let is_other = part != name && part_object.outcome != Outcome::Routed;
        let why = part_object.value.as_ref().and_then(Service::unavailable);
        is_other.then(|| match why {
            Some(why) => format!("service {part}: {why}"),
            None => format!("service {part} is not served as written"),
        })
    });
    let errors: Vec<_> = concerned.collect();
    if let Some(object) = out.services.get_mut(name)
        && object.outcome == Outcome::Routed
        && !errors.is_empty()
    {
        object.outcome = Outcome::Degraded;
        object.errors.extend(errors);
    }
}

/// The service, and those that it consists of at any level.
pub(crate) fn reached(name: &str, out: &Compiled) -> BTreeSet<String> {
    let mut reached = BTreeSet::from([name.to_owned()]);
    let mut open = vec![name.to_owned()];
    while let Some(service) = open.pop() {
        let Some(object) = out.services.get(&service) else {
            continue;
        };
        let references = object.value.iter().flat_map(Service::references);
        for reference in references {
            let next = name::qualify(reference, &object.provider);
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}
