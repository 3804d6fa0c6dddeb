//! `/api/stats`: rates and latencies. Not Traefik's; `docs/metrics.md` has the fields.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use fairway_metrics::Scope;

use super::{Shared, decode, respond};

/// Kinds of object that have statistics: as in the path, and one of them in words.
const KINDS: [(&str, &str, Scope); 3] = [
    ("entrypoints", "entry point", Scope::EntryPoint),
    ("routers", "router", Scope::Router),
    ("services", "service", Scope::Service),
];

/// The routes of all of them.
pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new().route("/api/stats", get(overview));
    for (path, word, scope) in KINDS {
        let all = move |State(shared): State<Shared>| async move {
            let rates: BTreeMap<_, _> = shared.api.stats.rates(scope).into_iter().collect();
            respond::json(&rates)
        };
        let one = move |State(shared): State<Shared>, uri: Uri| async move {
            self::one(&shared, &uri, scope, word)
        };
        router = router
            .route(&format!("/api/stats/{path}"), get(all))
            .route(&format!("/api/stats/{path}/{{name}}"), get(one));
    }
    router
}

async fn overview(State(shared): State<Shared>) -> Response {
    respond::json(&shared.api.stats.overview())
}

fn one(shared: &Shared, uri: &Uri, scope: Scope, word: &str) -> Response {
    let Some(name) = decode::last_segment(uri.path()) else {
        let message = format!("unable to decode the {word}'s name");
        return respond::error(StatusCode::BAD_REQUEST, &message);
    };
    // `null`: no requests were counted, which is not an error.
    respond::json(&shared.api.stats.object(scope, &name))
}
