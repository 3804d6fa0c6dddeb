//! Routes behind the middlewares of their entry point.
//!
//! An entry point takes no routes while one of its middlewares has never been built:
//! none is served without it.

use std::collections::HashMap;
use std::sync::Arc;

use fairway_proto::discovery::v1::{Rejection, ResourceKind};

use super::super::entry_point::EntryPoint;
use super::super::error::BuildError;
use super::super::listing::Listing;
use super::super::route::Route;
use super::router::is_same;
use super::{Parts, rejection};
use crate::discovery::Mirror;
use crate::middleware::Middleware;

/// These routes as they are at this entry point.
pub(super) fn routes(
    entry_point: &EntryPoint,
    routes: Vec<Arc<Route>>,
    mirror: &Mirror,
    parts: &Parts,
    previous: Option<&Listing>,
    rejections: &mut Vec<Rejection>,
) -> Vec<Arc<Route>> {
    let names = entry_point.middlewares();
    if names.is_empty() {
        return routes;
    }
    let mut before: Vec<Arc<Middleware>> = Vec::with_capacity(names.len());
    for name in names {
        let part = parts.middlewares.get(name);
        if !part.is_some_and(|part| part.current) {
            let (kind, name) = ("middleware", name.clone());
            let error = match mirror.contains(ResourceKind::Middleware, &name) {
                true => BuildError::Rejected { kind, name },
                false => BuildError::Missing { kind, name },
            };
            let kind = ResourceKind::EntryPoint;
            rejections.push(rejection(kind, entry_point.name(), &error));
        }
        let Some(part) = part else {
            return Vec::new();
        };
        before.push(Arc::clone(&part.built));
    }
    let find = |service: &str| {
        let part = parts.services.get(service).filter(|part| part.current);
        part.map(|part| Arc::clone(&part.built)).ok_or_else(|| {
            let (kind, name) = ("service", service.to_owned());
            match mirror.contains(ResourceKind::Service, &name) {
                true => BuildError::Rejected { kind, name },
                false => BuildError::Missing { kind, name },
            }
        })
    };
    let known = previous.into_iter().flat_map(Listing::routes);
    let known: HashMap<&str, &Arc<Route>> = known.map(|it| (it.name.as_str(), it)).collect();
    let behind = |route: Arc<Route>| -> Result<Arc<Route>, BuildError> {
        // What was counted for this router here goes on.
        let is_own =
            |it: &&Arc<Middleware>| route.middlewares.iter().any(|own| Arc::ptr_eq(own, it));
        let had = known.get(route.name.as_str());
        let had = had.into_iter().flat_map(|route| &route.middlewares);
        let mut had: Vec<_> = had.filter(|it| !is_own(it)).cloned().collect();
        let before = before.iter().map(|it| it.for_router(&mut had, find));
        let own = route.middlewares.iter().cloned().map(Ok);
        let route = Route {
            middlewares: before.chain(own).collect::<Result<_, _>>()?,
            ..(*route).clone()
        };
        let same = known
            .get(route.name.as_str())
            .filter(|it| is_same(it, &route));
        Ok(same.map_or_else(|| Arc::new(route), |it| Arc::clone(it)))
    };
    let behind: Result<Vec<_>, _> = routes.into_iter().map(behind).collect();
    behind.unwrap_or_else(|error| {
        let kind = ResourceKind::EntryPoint;
        rejections.push(rejection(kind, entry_point.name(), &error));
        Vec::new()
    })
}
