//! The declarations of all containers as one configuration.
//!
//! Containers that declare the same object share it. Where they disagree, the
//! first one's word is in force until that container is gone, and a warning names
//! both; servers are collected from all of them.

use std::collections::BTreeMap;

use super::Container;
use super::declare::{Declaration, Offer};
use crate::model::{Declared, Diagnostic, DynamicConfig, LoadBalancer, ObjectId, Server, Service};

/// Reasons shown for a service without servers.
const MOST_REASONS: usize = 3;

/// Merges declarations, those with the say first.
pub(super) fn merge(
    declarations: Vec<Declaration<'_>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> DynamicConfig {
    let mut routers = Group::default();
    let mut services = Group::default();
    let mut middlewares = Group::default();
    let mut rejected = Group::default();
    for declaration in declarations {
        let container = declaration.container;
        for (name, router) in declaration.routers {
            routers.add(name, container, router);
        }
        for (name, offer) in declaration.services {
            services.add(name, container, offer);
        }
        for (name, middleware) in declaration.middlewares {
            middlewares.add(name.clone(), container, middleware.clone());
        }
        for (id, reason) in declaration.rejected {
            rejected.add(id, container, reason);
        }
    }
    let mut config = DynamicConfig {
        routers: routers.settle(ObjectId::router, PartialEq::eq, diagnostics),
        services: services.services(diagnostics),
        middlewares: middlewares.settle(ObjectId::middleware, PartialEq::eq, diagnostics),
        // Two reasons are no disagreement: each was told where it arose.
        rejected: rejected.settle(|id| id, |_, _| true, diagnostics),
        ..DynamicConfig::default()
    };
    config
        .rejected
        .retain(|id, _| !is_declared(&config.routers, &config.services, &config.middlewares, id));
    config
}

fn is_declared<R, S, M>(
    routers: &BTreeMap<String, R>,
    services: &BTreeMap<String, S>,
    middlewares: &BTreeMap<String, M>,
    id: &ObjectId,
) -> bool {
    use crate::model::ObjectKind::{Middleware, Router, ServersTransport, Service};
    match id.kind {
        Router => routers.contains_key(&id.name),
        Service => services.contains_key(&id.name),
        Middleware => middlewares.contains_key(&id.name),
        // Labels declare none.
        ServersTransport => false,
    }
}

/// Who declares what, by name; those with the say first.
struct Group<'a, K, T>(BTreeMap<K, Vec<(&'a Container, T)>>);

impl<K, T> Default for Group<'_, K, T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'a, K: Ord + Clone, T: Clone> Group<'a, K, T> {
    fn add(&mut self, key: K, container: &'a Container, value: T) {
        self.0.entry(key).or_default().push((container, value));
    }

    /// Takes each first definition, and tells of running containers that differ.
    fn settle(
        self,
        id: impl Fn(K) -> ObjectId,
        agree: impl Fn(&T, &T) -> bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> BTreeMap<K, Declared<T>> {
        let settle = |(key, all): (K, Vec<(&'a Container, T)>)| {
            let (first, value) = all.first().cloned()?;
            let differing = all
                .iter()
                .find(|(it, other)| it.is_running() && !agree(&value, other));
            if let Some((other, _)) = differing {
                diagnostics.push(disagreement(id(key.clone()), first, other));
            }
            let mut containers: Vec<_> = all.iter().map(|(it, _)| it.name.clone()).collect();
            containers.sort();
            containers.dedup();
            Some((key, Declared { value, containers }))
        };
        self.0.into_iter().filter_map(settle).collect()
    }
}

impl<'a> Group<'a, String, Offer> {
    fn services(self, diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<String, Declared<Service>> {
        let mut collected: BTreeMap<String, _> = self
            .0
            .iter()
            .map(|(name, all)| (name.clone(), servers(all)))
            .collect();
        let agree = |a: &Offer, b: &Offer| a.load_balancer == b.load_balancer;
        let settled = self.settle(ObjectId::service, agree, diagnostics);
        let service = |(name, first): (String, Declared<Offer>)| {
            let (servers, unavailable) = collected.remove(&name).unwrap_or_default();
            let value = Service::LoadBalancer(LoadBalancer {
                servers,
                unavailable,
                ..first.value.load_balancer
            });
            let containers = first.containers;
            (name, Declared { value, containers })
        };
        settled.into_iter().map(service).collect()
    }
}

/// The servers in order of their containers' starts, or why there is none.
fn servers(all: &[(&Container, Offer)]) -> (Vec<Server>, Option<String>) {
    let mut servers: Vec<Server> = Vec::new();
    let mut reasons: Vec<&str> = Vec::new();
    for (_, offer) in all {
        match &offer.server {
            Ok(server) => {
                // One address is one server, and the container that started last has it.
                servers.retain(|it| {
                    (&it.address, &it.base_path) != (&server.address, &server.base_path)
                });
                servers.push(server.clone());
            }
            Err(reason) if !reasons.contains(&reason.as_str()) => reasons.push(reason),
            Err(_) => {}
        }
    }
    if !servers.is_empty() {
        return (servers, None);
    }
    let left_out = reasons.len().saturating_sub(MOST_REASONS);
    reasons.truncate(MOST_REASONS);
    let mut text = reasons.join("; ");
    if left_out > 0 {
        text.push_str(&format!("; and {left_out} more"));
    }
    (servers, Some(text))
}

fn disagreement(id: ObjectId, first: &Container, other: &Container) -> Diagnostic {
    let label = differing_label(&id, first, other);
    let told = Diagnostic::warning(
        format!(
            "containers {} and {} define {id} differently; the definition of {} is in force \
             until it is gone, since it started first",
            first.name, other.name, first.name
        ),
        "give both containers the same labels for it, or the objects different names",
    )
    .container(&other.name)
    .object(id);
    match label {
        Some(label) => told.label(label),
        None => told,
    }
}

/// The first label of the object that one of them has and the other has not, or
/// has with another value; none where the difference is in what was generated.
fn differing_label(id: &ObjectId, first: &Container, other: &Container) -> Option<String> {
    let prefix = format!("traefik.http.{}s.{}.", id.kind, id.name).to_lowercase();
    let of_object = |container: &Container| -> BTreeMap<String, (String, String)> {
        container
            .labels
            .iter()
            .map(|(key, value)| (key.to_lowercase(), (key.clone(), value.clone())))
            .filter(|(key, _)| key.starts_with(&prefix) && !key.contains(".loadbalancer.server."))
            .collect()
    };
    let (first, other) = (of_object(first), of_object(other));
    let differs = |(key, (_, value)): &(&String, &(String, String)), than: &BTreeMap<_, _>| {
        than.get(*key)
            .is_none_or(|(_, theirs): &(String, String)| theirs != value)
    };
    let mut labels = other.iter().filter(|label| differs(label, &first));
    let mut missing = first.iter().filter(|label| differs(label, &other));
    labels
        .next()
        .or_else(|| missing.next())
        .map(|(_, (key, _))| key.clone())
}
