//! The HTTP API on entry point `traefik`: Traefik's read-only JSON and `/ping`.
//!
//! Reads what [`crate::reconcile`] published; changes nothing.

pub(crate) mod rawdata;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::watch;

use crate::compile::Compiled;

/// What the API shows.
#[derive(Clone, Debug)]
pub struct Api {
    /// The latest compilation; `None` before the first.
    pub compiled: watch::Receiver<Option<Arc<Compiled>>>,
    /// Serve `/api/*`.
    pub api: bool,
    /// Serve `/ping`.
    pub ping: bool,
    /// Turns true when the process was asked to end: `/ping` says so at once.
    pub terminating: watch::Receiver<bool>,
}

impl Api {
    /// The routes that are switched on.
    pub fn router(self) -> Router {
        let mut router = Router::new();
        if self.ping {
            router = router.route("/ping", get(ping));
        }
        if self.api {
            router = router
                .route("/api/rawdata", get(rawdata))
                .route("/api/version", get(version));
        }
        router.fallback(not_found).with_state(self)
    }
}

async fn ping(State(api): State<Api>) -> Response {
    if *api.terminating.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response();
    }
    "OK".into_response()
}

async fn rawdata(State(api): State<Api>) -> Response {
    let compiled = api.compiled.borrow().clone();
    match compiled {
        Some(compiled) => Json(rawdata::view(&compiled)).into_response(),
        None => {
            let message = "no configuration yet: a provider has not answered so far";
            error(StatusCode::SERVICE_UNAVAILABLE, message)
        }
    }
}

async fn version() -> Response {
    Json(json!({ "Version": env!("CARGO_PKG_VERSION"), "Codename": "fairway" })).into_response()
}

async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "404 page not found")
}

/// JSON text sent as plain text, which is what clients of Traefik's API know.
fn error(status: StatusCode, message: &str) -> Response {
    let mut response = (status, json!({ "message": message }).to_string()).into_response();
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
