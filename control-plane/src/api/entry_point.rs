//! `/api/entrypoints`: the static configuration of the entry points.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::list::Query;
use super::{Shared, decode, respond};
use crate::config::EntryPointOptions;

/// `GET /api/entrypoints`.
pub(super) async fn list(State(shared): State<Shared>, uri: Uri) -> Response {
    let all: Vec<_> = shared
        .api
        .entry_points
        .iter()
        .map(|(name, options)| view(name, options))
        .collect();
    match Query::parse(&uri).page(all) {
        Ok((page, next)) => respond::page(&page, next),
        Err(error) => respond::error(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// `GET /api/entrypoints/{name}`.
pub(super) async fn one(State(shared): State<Shared>, uri: Uri) -> Response {
    let Some(name) = decode::last_segment(uri.path()) else {
        return respond::error(
            StatusCode::BAD_REQUEST,
            "unable to decode the entry point's name",
        );
    };
    match shared.api.entry_points.get(&name) {
        Some(options) => respond::json(&view(&name, options)),
        None => respond::error(
            StatusCode::NOT_FOUND,
            &format!("entry point not found: {name}"),
        ),
    }
}

fn view(name: &str, options: &EntryPointOptions) -> Value {
    let mut forwarded = Map::new();
    if options.forwarded_headers.insecure {
        forwarded.insert("insecure".to_owned(), true.into());
    }
    if !options.forwarded_headers.trusted_ips.is_empty() {
        let trusted = options.forwarded_headers.trusted_ips.clone();
        forwarded.insert("trustedIPs".to_owned(), trusted.into());
    }
    let mut view = json!({
        "name": name,
        "address": options.address,
        "forwardedHeaders": forwarded,
        "http": {},
    });
    if options.as_default
        && let Some(fields) = view.as_object_mut()
    {
        fields.insert("asDefault".to_owned(), true.into());
    }
    view
}
