//! The HTTP API on entry point `traefik`: Traefik's read-only JSON, `/ping`, `/metrics`, and
//! what the [`crate::dashboard`] needs beside it.
//!
//! Reads what [`crate::reconcile`] published and what [`crate::discovery`] knows
//! of the proxies; changes nothing. Field names, filters, pages and errors are
//! Traefik's, so that what was written for its API reads this one; what Traefik
//! does not have (`diagnostics`, `containers`, the proxies of a server, `/api/stats`)
//! stands beside it. Secrets in options are redacted.

mod catalog;
mod changes;
mod decode;
mod detail;
mod diagnostics;
mod entry_point;
mod events;
mod explain;
mod internal;
mod list;
mod map;
mod object;
mod overview;
mod proxies;
pub(crate) mod rawdata;
mod respond;
mod stats;
mod time;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::sync::watch;

use crate::compile::Compiled;
use crate::config::{EntryPointOptions, InternalServices};
use crate::dashboard;
use crate::discovery::{Nodes, SnapshotReceiver};
use crate::history::HistoryReceiver;
use crate::reconcile::ProviderReceiver;
use crate::stats::{Page, Stats};
use catalog::Catalog;
use events::Streams;
use internal::Internal;

/// What the API shows.
#[derive(Clone, Debug)]
pub struct Api {
    /// The latest compilation; `None` before the first.
    pub compiled: watch::Receiver<Option<Arc<Compiled>>>,
    /// What proxies are sent.
    pub latest: SnapshotReceiver,
    /// The proxies.
    pub nodes: Nodes,
    /// What providers declare, by provider.
    pub declared: BTreeMap<String, ProviderReceiver>,
    /// The last changes.
    pub history: HistoryReceiver,
    /// What they have counted.
    pub stats: Stats,
    /// Entry points of the static configuration.
    pub entry_points: BTreeMap<String, EntryPointOptions>,
    /// Names of the providers as Traefik writes them: `Docker`.
    pub providers: Vec<&'static str>,
    /// Those of the process's own services that are on.
    pub internal_services: InternalServices,
    /// Serve `/api/*` on the API's entry point.
    pub api: bool,
    /// Serve the dashboard wherever the API is served.
    pub dashboard: bool,
    /// What the dashboard is called besides its name.
    pub dashboard_name: String,
    /// Serve `/ping` there.
    pub ping: bool,
    /// Serve `/metrics` there.
    pub metrics: Option<Page>,
    /// Requests are logged.
    pub access_log: bool,
    /// Requests are traced.
    pub tracing: bool,
    /// When the process started.
    pub started: SystemTime,
    /// Turns true when the process was asked to end: `/ping` says so at once.
    pub terminating: watch::Receiver<bool>,
}

/// What a handler reads from.
#[derive(Clone, Debug)]
struct Shared {
    api: Arc<Api>,
    internal: Arc<Internal>,
    streams: Streams,
}

impl Api {
    /// What the API's entry point serves: the routes that are switched on.
    pub fn router(self) -> Router {
        let (api, ping) = (self.api, self.ping);
        let metrics = self.metrics.clone();
        let router = self.routes(api, ping);
        match metrics {
            Some(page) => router.route("/metrics", get(async move || self::metrics(&page))),
            None => router,
        }
    }

    /// What proxies get for `api@internal`.
    pub fn internal_router(self) -> Router {
        self.routes(true, false)
    }

    fn routes(self, api: bool, ping: bool) -> Router {
        let mut router = Router::new();
        if ping {
            router = router.route("/ping", get(self::ping));
        }
        if api {
            router = router
                .route("/api/rawdata", get(rawdata::answer))
                .route("/api/overview", get(overview::answer))
                .route("/api/version", get(version))
                .route("/api/entrypoints", get(entry_point::list))
                .route("/api/entrypoints/{name}", get(entry_point::one))
                .route("/api/map", get(map::answer))
                .route("/api/proxies", get(proxies::answer))
                .route("/api/diagnostics", get(diagnostics::answer))
                .route("/api/changes", get(changes::answer))
                .route("/api/events", get(events::answer))
                .route("/api/explain", post(explain::answer))
                .merge(detail::routes())
                .merge(object::routes())
                .merge(stats::routes());
        }
        if api && self.dashboard {
            router = router.merge(dashboard::routes());
        }
        let open = internal::Open {
            api: self.api,
            ping: self.ping,
            metrics: self.metrics.is_some(),
        };
        let internal = Internal::new(self.internal_services, open);
        let shared = Shared {
            api: Arc::new(self),
            internal: Arc::new(internal),
            streams: Streams::default(),
        };
        router.fallback(not_found).with_state(shared)
    }
}

impl Shared {
    /// Answers with what `view` makes of the objects there are now.
    fn with_catalog(&self, view: impl FnOnce(&Catalog<'_>) -> Response) -> Response {
        let Some(compiled) = self.api.compiled.borrow().clone() else {
            let message = "no configuration yet: a provider has not answered so far";
            return respond::error(StatusCode::SERVICE_UNAVAILABLE, message);
        };
        let latest = self.api.latest.borrow().clone();
        let nodes = self.api.nodes.list();
        view(&Catalog::new(
            &compiled,
            &self.internal,
            latest.as_deref(),
            &nodes,
        ))
    }
}

async fn ping(State(shared): State<Shared>) -> Response {
    if *shared.api.terminating.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response();
    }
    "OK".into_response()
}

/// The page that Prometheus asks for.
pub(crate) fn metrics(page: &Page) -> Response {
    let kind = [(header::CONTENT_TYPE, fairway_metrics::CONTENT_TYPE)];
    (kind, page.write()).into_response()
}

async fn version(State(shared): State<Shared>) -> Response {
    let mut version = json!({
        "Version": env!("CARGO_PKG_VERSION"),
        "Codename": "fairway",
        "startDate": time::rfc3339(shared.api.started),
    });
    if let Some(fields) = version.as_object_mut()
        && !shared.api.dashboard_name.is_empty()
    {
        let name = shared.api.dashboard_name.as_str();
        fields.insert("dashboardName".to_owned(), name.into());
    }
    respond::json(&version)
}

async fn not_found() -> Response {
    respond::error(StatusCode::NOT_FOUND, "404 page not found")
}
