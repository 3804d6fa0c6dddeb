//! `/api/detail/{routers,services,middlewares}/{name}`: one object with all that belongs
//! to it: its rule in parts, where each setting comes from, what it leads to or who uses
//! it, and what was found about it.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::map::Map;
use super::view::{DiagnosticView, RouterView, rule};
use super::{Catalog, Shared, decode, respond};
use crate::compile::Finding;
use crate::model::{ObjectKind, ProviderState, Setting};
use crate::rule::parse_as;

/// Settings of one object that are shown.
const MAX_SETTINGS: usize = 500;
/// Routers that use one object, and diagnostics of one object, that are shown.
const MAX_SHOWN: usize = 100;

/// The routes of all three.
pub(super) fn routes() -> Router<Shared> {
    let of = |kind: ObjectKind| {
        move |State(shared): State<Shared>, uri: Uri| async move { one(&shared, kind, &uri) }
    };
    Router::new()
        .route("/api/detail/routers/{name}", get(of(ObjectKind::Router)))
        .route("/api/detail/services/{name}", get(of(ObjectKind::Service)))
        .route(
            "/api/detail/middlewares/{name}",
            get(of(ObjectKind::Middleware)),
        )
}

fn one(shared: &Shared, kind: ObjectKind, uri: &Uri) -> Response {
    let Some(name) = decode::last_segment(uri.path()) else {
        let message = format!("unable to decode the {kind}'s name");
        return respond::error(StatusCode::BAD_REQUEST, &message);
    };
    shared.with_catalog(|catalog| {
        let detail = match kind {
            ObjectKind::Router => router(catalog, &name),
            ObjectKind::Service => service(catalog, &name),
            ObjectKind::Middleware => middleware(catalog, &name),
            // Shown with the services that name it.
            ObjectKind::ServersTransport => None,
        };
        let Some(mut detail) = detail else {
            return respond::error(StatusCode::NOT_FOUND, &format!("{kind} not found: {name}"));
        };
        if let Some(fields) = detail.as_object_mut() {
            let (local, provider) = name.rsplit_once('@').unwrap_or((&name, ""));
            let declared = shared.api.declared.get(provider);
            let state = declared.and_then(|it| it.borrow().clone());
            let state = state.as_deref();
            fields.insert("settings".to_owned(), settings(state, kind, local));
            fields.insert("diagnostics".to_owned(), diagnostics(catalog, kind, &name));
            if kind == ObjectKind::Router {
                fields.insert("given".to_owned(), given(state, local));
            }
        }
        respond::json(&detail)
    })
}

fn router(catalog: &Catalog<'_>, name: &str) -> Option<Value> {
    let (name, object) = catalog.router(name)?;
    let rule = object.value.as_ref().map(|router| {
        let parsed = parse_as(router.rule_syntax, &router.rule);
        match parsed {
            Ok(matcher) => rule::tree(&matcher),
            Err(error) => json!({ "error": error.to_string() }),
        }
    });
    let map = Map::of(vec![RouterView::new(name, object)], catalog);
    Some(json!({ "map": map, "rule": rule }))
}

fn service(catalog: &Catalog<'_>, name: &str) -> Option<Value> {
    let name = catalog.name_of_service(name)?;
    let used_by = catalog.users_of_service(name).take(MAX_SHOWN);
    let map = Map::of(used_by.collect(), catalog).with_service(name, catalog);
    Some(json!({ "name": name, "map": map }))
}

fn middleware(catalog: &Catalog<'_>, name: &str) -> Option<Value> {
    let (name, object) = catalog.compiled.middlewares.get_key_value(name)?;
    let used_by = catalog.routers_named(&object.used_by).take(MAX_SHOWN);
    let map = Map::of(used_by.collect(), catalog).with_middleware(name, catalog);
    Some(json!({ "name": name, "map": map }))
}

/// What its author set, and what was filled in.
fn given(state: Option<&ProviderState>, name: &str) -> Value {
    let Some(declared) = state.and_then(|state| state.config.routers.get(name)) else {
        return Value::Null;
    };
    let router = &declared.value;
    json!({
        "rule": !router.rule_generated,
        "entryPoints": !router.entry_points.is_empty(),
        "priority": router.priority != 0,
    })
}

fn settings(state: Option<&ProviderState>, kind: ObjectKind, name: &str) -> Value {
    let all = state.into_iter().flat_map(|state| &state.settings);
    let view =
        |it: &Setting| json!({ "container": it.container, "label": it.label, "value": it.value });
    all.flat_map(|of_container| of_container.iter())
        .filter(|setting| setting.concerns(kind, name))
        .take(MAX_SETTINGS)
        .map(view)
        .collect()
}

fn diagnostics(catalog: &Catalog<'_>, kind: ObjectKind, name: &str) -> Value {
    let concerns = |it: &&Finding| {
        let object = it.diagnostic.object.as_ref();
        object.is_some_and(|object| object.kind == kind && object.name == name)
    };
    let found = catalog.compiled.diagnostics.iter().filter(concerns);
    let views: Vec<_> = found.take(MAX_SHOWN).map(DiagnosticView::new).collect();
    json!(views)
}
