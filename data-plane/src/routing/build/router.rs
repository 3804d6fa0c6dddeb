//! Routers: the only resources that refer to others.

use std::sync::Arc;

use fairway_proto::discovery::v1::{Rejection, Resource, ResourceKind, Router, resource::Spec};
use http::HeaderValue;

use super::super::error::BuildError;
use super::super::matcher::{Matcher, MatcherError};
use super::super::route::Route;
use super::super::switches::Switches;
use super::{Part, Parts, PartsOf, rejection};
use crate::balance::Service;
use crate::discovery::Mirror;
use crate::middleware::Middleware;
use crate::stats::Subject;

pub(super) struct Routers<'b> {
    pub(super) mirror: &'b Mirror,
    /// Of the previous table.
    pub(super) known: &'b PartsOf<Route>,
}

impl Routers<'_> {
    pub(super) fn build(&self, parts: &Parts, rejections: &mut Vec<Rejection>) -> PartsOf<Route> {
        let kind = ResourceKind::Router;
        let mut routes = PartsOf::new();
        for (name, resource) in self.mirror.of_kind(kind) {
            let known = self.known.get(name);
            let part = match self.as_sent(name, resource, parts) {
                Ok(route) => Some(Part::current(resource, keep_or_replace(known, route))),
                Err(error) => {
                    rejections.push(rejection(kind, name, &error));
                    known.map(|known| last_good(known, parts))
                }
            };
            routes.extend(part.map(|part| (name.to_owned(), part)));
        }
        routes
    }

    /// With everything it asks for, or not at all.
    fn as_sent(&self, name: &str, resource: &Resource, parts: &Parts) -> Result<Route, BuildError> {
        let router = match &resource.spec {
            Some(Spec::Router(router)) => router,
            Some(_) => return Err(BuildError::Mismatch),
            None => return Err(BuildError::Kind),
        };
        // The rule first: of two faults the author's own is the one to report.
        let matcher = matcher(router, self.known.get(name))?;
        let loop_guard = loop_guard(router)?;
        self.check_entry_points(router, parts)?;
        let mut had = had(self.known.get(name));
        let middlewares = router.middlewares.iter().map(|name| {
            let middleware = self.current(&parts.middlewares, ResourceKind::Middleware, name)?;
            middleware.for_router(&mut had, |service| {
                self.current(&parts.services, ResourceKind::Service, service)
            })
        });
        let middlewares = middlewares.collect::<Result<_, BuildError>>()?;
        Ok(Route {
            subject: subject(name, &router.service, self.known.get(name)),
            name: name.to_owned(),
            rule: router.rule.clone(),
            priority: router.priority,
            middlewares,
            service: self.current(&parts.services, ResourceKind::Service, &router.service)?,
            loop_guard,
            switches: Switches::build(router.observability.as_ref()),
            matcher,
        })
    }

    /// A router may do without one of its entry points, but not without all.
    fn check_entry_points(&self, router: &Router, parts: &Parts) -> Result<(), BuildError> {
        let mut names = router.entry_points.iter();
        if names.any(|name| parts.entry_points.contains_key(name)) {
            return Ok(());
        }
        for name in &router.entry_points {
            self.current(&parts.entry_points, ResourceKind::EntryPoint, name)?;
        }
        Ok(())
    }

    /// What a router refers to, if it is in service as sent.
    fn current<T>(
        &self,
        parts: &PartsOf<T>,
        kind: ResourceKind,
        name: &str,
    ) -> Result<Arc<T>, BuildError> {
        if let Some(part) = parts.get(name).filter(|part| part.current) {
            return Ok(Arc::clone(&part.built));
        }
        let name = name.to_owned();
        let word = match kind {
            ResourceKind::EntryPoint => "entry point",
            ResourceKind::Middleware => "middleware",
            ResourceKind::Service => "service",
            ResourceKind::Router
            | ResourceKind::ServersTransport
            | ResourceKind::AccessLog
            | ResourceKind::Tracing
            | ResourceKind::Unspecified => "resource",
        };
        Err(match self.mirror.contains(kind, &name) {
            true => BuildError::Rejected { kind: word, name },
            false => BuildError::Missing { kind: word, name },
        })
    }
}

/// The names in the router's message; none if it is no router.
pub(super) fn entry_points(resource: &Resource) -> impl Iterator<Item = &str> {
    let router = match &resource.spec {
        Some(Spec::Router(router)) => Some(router),
        _ => None,
    };
    router
        .into_iter()
        .flat_map(|router| router.entry_points.iter().map(String::as_str))
}

/// As it was last good, with the forms of its parts that are in service now. Where
/// there is none any more, with the form it had.
fn last_good(known: &Part<Route>, parts: &Parts) -> Part<Route> {
    let route = &known.built;
    let mut own = had(Some(known));
    let middlewares = route.middlewares.iter().map(|had: &Arc<Middleware>| {
        let part = parts.middlewares.get(had.name());
        let find = |service: &str| {
            let part = parts.services.get(service);
            part.map(|part| Arc::clone(&part.built)).ok_or(())
        };
        let own = part.and_then(|part| part.built.for_router(&mut own, find).ok());
        own.unwrap_or_else(|| Arc::clone(had))
    });
    let had: &Arc<Service> = &route.service;
    let service = parts
        .services
        .get(&had.name)
        .map_or(had, |part| &part.built);
    let route = Route {
        name: route.name.clone(),
        rule: route.rule.clone(),
        priority: route.priority,
        middlewares: middlewares.collect(),
        service: Arc::clone(service),
        subject: Arc::clone(&route.subject),
        loop_guard: route.loop_guard.clone(),
        switches: route.switches,
        matcher: Arc::clone(&route.matcher),
    };
    Part {
        built: keep_or_replace(Some(known), route),
        ..known.last_good()
    }
}

/// The middlewares that a router had, with what they have counted.
fn had(known: Option<&Part<Route>>) -> Vec<Arc<Middleware>> {
    known.map_or_else(Vec::new, |known| known.built.middlewares.to_vec())
}

fn matcher(router: &Router, known: Option<&Part<Route>>) -> Result<Arc<Matcher>, BuildError> {
    let rule = router.matcher.as_ref().ok_or(MatcherError::Unknown)?;
    let same = known.filter(|known| match &known.source.spec {
        Some(Spec::Router(known)) => known.matcher.as_ref() == Some(rule),
        _ => false,
    });
    match same {
        Some(known) => Ok(Arc::clone(&known.built.matcher)),
        None => Ok(Arc::new(Matcher::compile(rule)?)),
    }
}

/// Whom requests are counted for: another one when the service is.
fn subject(name: &str, service: &str, known: Option<&Part<Route>>) -> Arc<Subject> {
    let known = known.map(|known| &known.built.subject);
    let same = known.filter(|known| known.part == service);
    same.map_or_else(|| Subject::router(name, service), Arc::clone)
}

fn loop_guard(router: &Router) -> Result<Option<HeaderValue>, BuildError> {
    if router.loop_guard.is_empty() {
        return Ok(None);
    }
    let value = HeaderValue::from_str(&router.loop_guard);
    value
        .map(Some)
        .map_err(|_| BuildError::LoopGuard(router.loop_guard.clone()))
}

fn keep_or_replace(known: Option<&Part<Route>>, route: Route) -> Arc<Route> {
    let same = known.filter(|known| is_same(&known.built, &route));
    same.map_or_else(|| Arc::new(route), |known| Arc::clone(&known.built))
}

pub(super) fn is_same(a: &Route, b: &Route) -> bool {
    let same_middlewares = || {
        a.middlewares
            .iter()
            .zip(&b.middlewares)
            .all(|(a, b)| Arc::ptr_eq(a, b))
    };
    Arc::ptr_eq(&a.matcher, &b.matcher)
        && Arc::ptr_eq(&a.service, &b.service)
        && a.middlewares.len() == b.middlewares.len()
        && same_middlewares()
        && a.rule == b.rule
        && a.priority == b.priority
        && a.loop_guard == b.loop_guard
        && a.switches == b.switches
}
