//! `/api/map`: routers with all that they lead to, for pictures of the whole way.
//!
//! Searched, filtered, sorted and cut into pages as `/api/http/routers` is; the services
//! and middlewares are those that the routers of the page reach.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use super::list::Query;
use super::view::{MiddlewareView, RouterView, ServiceView};
use super::{Catalog, Shared, respond};
use crate::compile;

/// Routers and what they lead to.
#[derive(Debug, Serialize)]
pub(super) struct Map<'a> {
    routers: Vec<RouterView<'a>>,
    services: BTreeMap<&'a str, ServiceView<'a>>,
    middlewares: BTreeMap<&'a str, MiddlewareView<'a>>,
}

/// `GET /api/map`.
pub(super) async fn answer(State(shared): State<Shared>, uri: Uri) -> Response {
    shared.with_catalog(|catalog| {
        let query = Query::parse(&uri);
        let selected = query.select(catalog.routers());
        let total = selected.len();
        match query.page(selected) {
            Ok((routers, next)) => respond::page(&Map::of(routers, catalog), next, total),
            Err(error) => respond::error(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    })
}

impl<'a> Map<'a> {
    /// What these routers lead to.
    pub(super) fn of(routers: Vec<RouterView<'a>>, catalog: &Catalog<'a>) -> Self {
        let mut services: BTreeSet<String> = BTreeSet::new();
        let mut middlewares: BTreeSet<&str> = BTreeSet::new();
        for router in &routers {
            middlewares.extend(router.middlewares.iter().map(String::as_str));
            if !services.contains(router.service) {
                services.extend(compile::reached(router.service, catalog.compiled));
            }
        }
        let services = services.iter().filter_map(|name| {
            let name = catalog.name_of_service(name)?;
            Some((name, catalog.service(name)?))
        });
        let middlewares = middlewares
            .into_iter()
            .filter_map(|name| Some((name, catalog.middleware(name)?)));
        Self {
            services: services.collect(),
            middlewares: middlewares.collect(),
            routers,
        }
    }

    /// Also what this service leads to.
    pub(super) fn with_service(mut self, name: &'a str, catalog: &Catalog<'a>) -> Self {
        for reached in compile::reached(name, catalog.compiled) {
            if let Some(name) = catalog.name_of_service(&reached) {
                let view = catalog.service(name);
                self.services.extend(view.map(|view| (name, view)));
            }
        }
        self
    }

    /// Also this middleware.
    pub(super) fn with_middleware(mut self, name: &'a str, catalog: &Catalog<'a>) -> Self {
        let view = catalog.middleware(name);
        self.middlewares.extend(view.map(|view| (name, view)));
        self
    }
}
