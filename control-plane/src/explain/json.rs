//! An explanation as JSON, in the words of the API: lower camel case, absent is null.

use fairway_proto::discovery::v1::{Candidate, CandidateState, Explanation, TriedRouter};
use fairway_proto::inspection::v1::{Diagnostic, ExplainResponse, ProxyExplanation, Severity};
use serde_json::{Value, json};

/// One object for one proxy; for all of them a list and what they differ in.
pub(crate) fn value(all: bool, response: &ExplainResponse) -> Value {
    let diagnostics: Vec<_> = response.diagnostics.iter().map(diagnostic).collect();
    let mut proxies = response.proxies.iter().map(proxy);
    let mut value = if all {
        json!({
            "proxies": Vec::from_iter(proxies),
            "differences": response.differences,
        })
    } else {
        proxies.next().unwrap_or_else(|| json!({}))
    };
    if let Some(object) = value.as_object_mut() {
        object.insert("diagnostics".to_owned(), Value::Array(diagnostics));
    }
    value
}

fn proxy(of: &ProxyExplanation) -> Value {
    let node = of.node.as_ref().map_or("", |node| node.id.as_str());
    match &of.explanation {
        Some(told) => explanation(node, told),
        None => json!({ "node": node, "error": of.error }),
    }
}

fn explanation(node: &str, told: &Explanation) -> Value {
    let listening = |of: &fairway_proto::discovery::v1::ListeningEntryPoint| json!({ "name": of.name, "address": of.address, "bound": of.bound });
    let way = |of: &fairway_proto::discovery::v1::ServiceStep| json!({ "name": of.name, "kind": of.kind, "next": of.next, "effect": of.effect });
    let step = |of: &fairway_proto::discovery::v1::MiddlewareStep| json!({ "name": of.name, "effects": of.effects, "answers": of.answers });
    json!({
        "node": node,
        "version": told.version,
        "entrypoint": some(&told.entry_point),
        "entrypoints": Vec::from_iter(told.entry_points.iter().map(listening)),
        "host": told.host,
        "path": told.path,
        "tried": Vec::from_iter(told.tried.iter().map(tried)),
        "triedOmitted": told.tried_omitted,
        "elsewhere": Vec::from_iter(told.elsewhere.iter().map(tried)),
        "router": some(&told.router),
        "middlewares": Vec::from_iter(told.middlewares.iter().map(step)),
        "service": some(&told.service),
        "services": Vec::from_iter(told.services.iter().map(way)),
        "servers": Vec::from_iter(told.servers.iter().map(server)),
        "target": some(&told.target),
        "status": if told.status == 0 { Value::Null } else { told.status.into() },
        "reason": told.reason,
        "detail": told.detail,
        "location": some(&told.location),
    })
}

fn tried(of: &TriedRouter) -> Value {
    json!({
        "router": of.router,
        "rule": of.rule,
        "priority": of.priority,
        "entrypoint": of.entry_point,
        "matched": of.matched,
        "failed": some(&of.failed),
        "found": some(&of.found),
    })
}

fn server(of: &Candidate) -> Value {
    let state = match of.state() {
        CandidateState::InRotation => "inRotation",
        CandidateState::Ejected => "ejected",
        CandidateState::Probe => "probe",
        CandidateState::Down => "down",
        CandidateState::Untested => "untested",
        CandidateState::Failing => "failing",
        CandidateState::Unspecified => "unknown",
    };
    json!({
        "url": of.url,
        "container": of.container,
        "state": state,
        "ejectedMs": of.ejected_ms,
        "reason": some(&of.reason),
    })
}

fn diagnostic(of: &Diagnostic) -> Value {
    let object = of.object.as_ref().map(|object| object.name.as_str());
    json!({
        "severity": if of.severity() == Severity::Error { "error" } else { "warning" },
        "container": some(&of.container),
        "label": some(&of.label),
        "object": object,
        "message": of.message,
        "suggestion": some(&of.suggestion),
    })
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
