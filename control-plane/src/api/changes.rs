//! `/api/changes`: the last versions of the configuration.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use super::list::Query;
use super::{Shared, respond, time};
use crate::history::{Acknowledgement, Change, Record};
use crate::model::Occurrence;

/// `GET /api/changes`.
///
/// `limit`: so many of them.
pub(super) async fn answer(State(shared): State<Shared>, uri: Uri) -> Response {
    let limit = match Query::parse(&uri).number("limit", usize::MAX) {
        Ok(limit) => limit,
        Err(error) => return respond::error(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let history = shared.api.history.borrow().clone();
    let records: Vec<_> = history.records().take(limit).map(record).collect();
    respond::json(&records)
}

fn record(of: &Record) -> Value {
    let [added, changed, removed] = of.counts;
    let occurrence = |it: &Occurrence| json!({ "at": time::unix_ms(it.at), "subject": it.subject, "action": it.action });
    let acknowledgement = |it: &Acknowledgement| {
        json!({
            "node": it.node,
            "instance": it.instance,
            "at": time::unix_ms(it.at),
            "rejections": it.rejections,
        })
    };
    json!({
        "version": of.version,
        "sequence": of.sequence,
        "at": time::unix_ms(of.at),
        "isFirst": of.is_first,
        "added": added,
        "changed": changed,
        "removed": removed,
        "changes": Vec::from_iter(of.changes.iter().map(change)),
        "occurrences": Vec::from_iter(of.occurrences.iter().map(occurrence)),
        "acknowledgements": Vec::from_iter(of.acknowledgements.iter().map(acknowledgement)),
    })
}

fn change(of: &Change) -> Value {
    json!({
        "kind": of.kind,
        "name": of.name,
        "action": of.action.word(),
        "provider": of.provider,
        "containers": of.containers,
        "details": of.details,
    })
}
