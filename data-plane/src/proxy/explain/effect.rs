//! What each middleware does to a request, found by looking at what it made of it.
//!
//! Knows no kind of middleware, so that a new one is told about without a line here.

use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::super::arrival::{self, Passage};
use super::super::head::Head;
use crate::middleware::{Answer, ForwardAuth, Middleware, Recall};
use crate::routing::{Route, is_secret};

/// Runs the middlewares on `head` and says what each did.
pub(super) async fn tell_middlewares(
    route: &Route,
    head: &mut Head,
    told: &mut wire::Explanation,
) -> Option<Answer> {
    let mut passage = Passage::default();
    while let Some(auth) = inward(route, &mut passage, head, told).await {
        let effect = format!("asks {auth}; what follows is so if that server agrees");
        told.middlewares.push(wire::MiddlewareStep {
            name: auth.service().name.clone(),
            effects: vec![effect],
            answers: false,
        });
        passage.go_on(Recall::Cookies(Vec::new()));
    }
    if let Some(answer) = &passage.answer
        && let Some(last) = told.middlewares.last()
    {
        told.detail = format!("the middleware {} {}", last.name, answered(answer));
    }
    passage.answer
}

/// Goes on through the middlewares, up to one that asks another server.
async fn inward(
    route: &Route,
    passage: &mut Passage,
    head: &mut Head,
    told: &mut wire::Explanation,
) -> Option<Arc<ForwardAuth>> {
    let mut before = head.clone();
    let watch = |middleware: &Middleware, after: &Head, answer: Option<&Answer>| {
        let mut effects = changes(&before, after);
        effects.extend(response_changes(middleware));
        if let Some(answer) = answer {
            effects.push(answered(answer));
        }
        if effects.is_empty() {
            effects.push("changes nothing in this request".to_owned());
        }
        told.middlewares.push(wire::MiddlewareStep {
            name: middleware.name().to_owned(),
            effects,
            answers: answer.is_some(),
        });
        before.clone_from(after);
    };
    arrival::inward(route, passage, head, watch).await
}

fn answered(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    match answer.headers.get(LOCATION) {
        Some(location) => format!("answers {status}: go to {}", text(Some(location))),
        None => format!("answers {status} ({})", answer.reason),
    }
}

fn changes(before: &Head, after: &Head) -> Vec<String> {
    let mut effects = Vec::new();
    let target = |head: &Head| {
        let target = head.target().map(|target| target.to_string());
        target.unwrap_or_else(|_| head.path.clone())
    };
    if before.path != after.path || before.query != after.query {
        effects.push(format!(
            "target {} becomes {}",
            target(before),
            target(after)
        ));
    }
    if let Some(host) = after.host_header.as_ref()
        && before.host_header.as_ref() != Some(host)
    {
        effects.push(format!("sends the server the Host {}", text(Some(host))));
    }
    if after.omit_forwarded_for && !before.omit_forwarded_for {
        effects.push("sends no X-Forwarded-For".to_owned());
    }
    effects.extend(header_changes("request", &before.headers, &after.headers));
    effects
}

/// What it adds to an answer. What it takes away depends on the answer.
fn response_changes(middleware: &Middleware) -> Vec<String> {
    let (mut parts, ()) = Response::new(()).into_parts();
    middleware.on_response(None, &mut parts);
    header_changes("response", &HeaderMap::new(), &parts.headers)
}

fn header_changes(of: &str, before: &HeaderMap, after: &HeaderMap) -> Vec<String> {
    let same = |name: &HeaderName| before.get_all(name).iter().eq(after.get_all(name));
    let set = after.keys().filter(|name| !same(name)).map(|name| {
        let values = Vec::from_iter(after.get_all(name).iter().map(|value| text(Some(value))));
        let value = match is_secret(name.as_str()) {
            true => "…".to_owned(),
            false => values.join(", "),
        };
        format!("sets the {of} header {name}: {value}")
    });
    let removed = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .map(|name| format!("removes the {of} header {name}"));
    set.chain(removed).collect()
}

/// Of a header, for people.
pub(super) fn text(value: Option<&HeaderValue>) -> String {
    let bytes = value.map_or(&[][..], HeaderValue::as_bytes);
    String::from_utf8_lossy(bytes).into_owned()
}
