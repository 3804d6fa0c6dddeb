//! `/api/{http,tcp,udp}/{routers,services,middlewares}[/{name}]`.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::list::{Listed, Query};
use super::{Shared, decode, respond};

/// Lists of what is not served: there, and empty.
const EMPTY: &[(&str, &str)] = &[
    ("tcp/routers", "router"),
    ("tcp/services", "service"),
    ("tcp/middlewares", "middleware"),
    ("udp/routers", "router"),
    ("udp/services", "service"),
    ("certificates", "certificate"),
];

/// The routes of all of them.
pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new()
        .route("/api/http/routers", get(routers))
        .route("/api/http/routers/{name}", get(router))
        .route("/api/http/services", get(services))
        .route("/api/http/services/{name}", get(service))
        .route("/api/http/middlewares", get(middlewares))
        .route("/api/http/middlewares/{name}", get(middleware));
    for (path, kind) in EMPTY {
        let nothing = |uri: Uri| async move { list::<()>(Vec::new(), &uri) };
        let nobody = move |uri: Uri| async move { one::<()>(Vec::new(), &uri, kind) };
        router = router
            .route(&format!("/api/{path}"), get(nothing))
            .route(&format!("/api/{path}/{{name}}"), get(nobody));
    }
    router
}

async fn routers(State(shared): State<Shared>, uri: Uri) -> Response {
    shared.with_catalog(|catalog| list(catalog.routers(), &uri))
}

async fn router(State(shared): State<Shared>, uri: Uri) -> Response {
    shared.with_catalog(|catalog| one(catalog.routers(), &uri, "router"))
}

async fn services(State(shared): State<Shared>, uri: Uri) -> Response {
    shared.with_catalog(|catalog| list(catalog.services(), &uri))
}

async fn service(State(shared): State<Shared>, uri: Uri) -> Response {
    shared.with_catalog(|catalog| one(catalog.services(), &uri, "service"))
}

async fn middlewares(State(shared): State<Shared>, uri: Uri) -> Response {
    shared.with_catalog(|catalog| list(catalog.middlewares(), &uri))
}

async fn middleware(State(shared): State<Shared>, uri: Uri) -> Response {
    shared.with_catalog(|catalog| one(catalog.middlewares(), &uri, "middleware"))
}

pub(super) fn list<T: Listed + Serialize>(all: Vec<T>, uri: &Uri) -> Response {
    let query = Query::parse(uri);
    let selected = query.select(all);
    let total = selected.len();
    match query.page(selected) {
        Ok((page, next)) => respond::page(&page, next, total),
        Err(error) => respond::error(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn one<T: Listed + Serialize>(all: Vec<T>, uri: &Uri, kind: &str) -> Response {
    let Some(name) = decode::last_segment(uri.path()) else {
        let message = format!("unable to decode the {kind}'s name");
        return respond::error(StatusCode::BAD_REQUEST, &message);
    };
    match all.iter().find(|it| it.name() == name) {
        Some(found) => respond::json(found),
        None => respond::error(StatusCode::NOT_FOUND, &format!("{kind} not found: {name}")),
    }
}
