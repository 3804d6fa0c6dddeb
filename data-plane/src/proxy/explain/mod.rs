//! What a request would meet, told step by step and not sent.
//!
//! Walks the request path's own steps ([`super::arrival`], the route table, the
//! service) on a request that somebody describes. Stops where a server would be
//! asked: what that one would say nobody knows. Takes no turn in the rotation.
//!
//! Secrets of the configuration do not leave the proxy this way.

mod effect;
mod request;
mod service;

use std::collections::BTreeMap;
use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use self::effect::{tell_way_in, tell_way_out, text};
use self::request::{entry_point, hop, parts_of};
use self::service::tell_service;
use super::arrival;
use super::error::ProxyError;
use super::head::Head;
use crate::routing::{EntryPoint, Failure, Route, RouteTable, Stage};

/// Routers named in one answer. Those that failed at once are left out first.
const MAX_TRIED: usize = 200;

/// Reason code where no entry point takes the connection. No request can have it.
const NO_ENTRY_POINT: &str = "no_entry_point";

/// What a proxy knows of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'a> {
    /// The addresses it listens on, by entry point.
    pub(crate) bound: &'a BTreeMap<String, String>,
    /// Its host name.
    pub(crate) server: &'a HeaderValue,
    /// It is being stopped.
    pub(crate) draining: bool,
}

/// What `table` does with `request`.
pub(crate) async fn explain(
    table: &RouteTable,
    own: Own<'_>,
    request: &wire::RequestHead,
) -> wire::Explanation {
    let mut told = wire::Explanation {
        version: table.version().to_owned(),
        entry_points: table
            .entry_points()
            .map(|entry_point| listening(entry_point, own.bound))
            .collect(),
        ..wire::Explanation::default()
    };
    let entry_point = match entry_point(&told.entry_points, request) {
        Ok(name) => name,
        Err(why) => {
            NO_ENTRY_POINT.clone_into(&mut told.reason);
            told.detail = why;
            return told;
        }
    };
    told.entry_point.clone_from(&entry_point);
    if let Err(error) = walk(table, &entry_point, own, request, &mut told).await {
        tell_error(&error, &mut told);
    }
    told
}

/// From the gate to the server.
async fn walk(
    table: &RouteTable,
    entry_point: &str,
    own: Own<'_>,
    request: &wire::RequestHead,
    told: &mut wire::Explanation,
) -> Result<(), ProxyError> {
    let (peer, hop) = hop(request, own.server)?;
    let (parts, has_body) = parts_of(request)?;
    let fragment = request.target.contains('#');
    let at = table.entry_point(entry_point).ok_or(ProxyError::NoRoute)?;
    let arrival = arrival::admit(parts, fragment, has_body, peer, hop.secure, at.intake())?;
    let Some(mut arrival) = arrival else {
        told.status = StatusCode::OK.as_u16().into();
        "the request is about the proxy itself, which answers".clone_into(&mut told.detail);
        return Ok(());
    };
    arrival.enter(at, &hop);
    let head = &mut arrival.head;
    told.host.clone_from(&head.host);
    told.path = head.routing_path().into_owned();
    tell_tried(table.trace(entry_point, head), entry_point, told);
    let Some(route) = table.find(entry_point, head) else {
        told.elsewhere = elsewhere(table, entry_point, head);
        return Err(ProxyError::NoRoute);
    };
    told.router.clone_from(&route.name);
    told.service.clone_from(&route.service.name);
    arrival::guard_loop(route, head)?;
    tell_stage(Stage::of(route), head, own.draining, told).await;
    Ok(())
}

/// Through the middlewares of a stage to its service, and back.
async fn tell_stage(
    stage: Stage<'_>,
    head: &mut Head,
    draining: bool,
    told: &mut wire::Explanation,
) {
    let first = told.middlewares.len();
    let passage = tell_way_in(stage.middlewares, head, told).await;
    if let Some(answer) = &passage.answer {
        told.status = answer.status.as_u16().into();
        answer.reason.clone_into(&mut told.reason);
        told.location = text(answer.headers.get(LOCATION));
    } else if let Err(error) = tell_service(stage, head, draining, told).await {
        tell_error(&error, told);
    }
    tell_way_out(stage.middlewares, first, passage, told);
}

fn tell_error(error: &ProxyError, told: &mut wire::Explanation) {
    told.status = error.status().as_u16().into();
    error.reason().as_str().clone_into(&mut told.reason);
    told.detail = error.to_string();
}

fn listening(
    entry_point: &EntryPoint,
    bound: &BTreeMap<String, String>,
) -> wire::ListeningEntryPoint {
    let address = bound.get(entry_point.name());
    wire::ListeningEntryPoint {
        name: entry_point.name().to_owned(),
        address: address
            .map_or(entry_point.address(), String::as_str)
            .to_owned(),
        bound: address.is_some(),
    }
}

fn tell_tried(
    tried: Vec<(&Arc<Route>, Option<Failure>)>,
    entry_point: &str,
    told: &mut wire::Explanation,
) {
    let mut rows: Vec<_> = tried
        .into_iter()
        .map(|(route, failure)| tried_router(route, entry_point, failure))
        .collect();
    let over = rows.len().saturating_sub(MAX_TRIED);
    told.tried_omitted = u32::try_from(over).unwrap_or(u32::MAX);
    // A rule that failed at the host is the least of the news.
    let mut left = over;
    rows.retain(|row| {
        let drop = left > 0 && row.failed.starts_with("Host");
        left -= usize::from(drop);
        !drop
    });
    // The last one is the one that matched, if any did.
    rows.drain(..left.min(rows.len()));
    told.tried = rows;
}

fn tried_router(route: &Route, entry_point: &str, failure: Option<Failure>) -> wire::TriedRouter {
    let matched = failure.is_none();
    let (failed, found) = failure
        .map(|failure| (failure.part, failure.found))
        .unwrap_or_default();
    wire::TriedRouter {
        router: route.name.clone(),
        rule: route.rule_shown(),
        priority: route.priority,
        entry_point: entry_point.to_owned(),
        matched,
        failed,
        found,
    }
}

/// Where else the request would have found a router.
fn elsewhere(table: &RouteTable, entry_point: &str, head: &Head) -> Vec<wire::TriedRouter> {
    table
        .entry_points()
        .map(|other| other.name())
        .filter(|other| *other != entry_point)
        .filter_map(|other| Some(tried_router(table.find(other, head)?, other, None)))
        .collect()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::discovery::Mirror;
    use crate::routing::fixture::{
        entry_point, host, path, router, router_resource, service, snapshot,
    };

    fn table(resources: impl IntoIterator<Item = wire::Resource>) -> RouteTable {
        let mut mirror = Mirror::default();
        mirror.apply(snapshot("1", resources));
        crate::routing::build(&mirror, &RouteTable::empty()).0
    }

    fn told(table: &RouteTable, bound: &[(&str, &str)], port: u32) -> wire::Explanation {
        let bound = bound
            .iter()
            .map(|(name, address)| ((*name).to_owned(), (*address).to_owned()));
        let request = wire::RequestHead {
            host: "a.test".to_owned(),
            port,
            ..wire::RequestHead::default()
        };
        let own = Own {
            bound: &bound.collect(),
            server: &HeaderValue::from_static("h"),
            draining: false,
        };
        explain(table, own, &request)
            .now_or_never()
            .expect("nothing here waits")
    }

    #[test]
    fn the_entry_point_is_the_one_that_is_bound_to_the_port() {
        let table = table(["one", "two"].map(entry_point));
        let both = [("one", "127.0.0.1:80"), ("two", "[::1]:81")];
        assert_eq!(told(&table, &both, 81).entry_point, "two");
        for (bound, port, expected) in [
            (
                &both[..],
                82,
                "no entry point listens on port 82; there are one (127.0.0.1:80), two ([::1]:81)",
            ),
            (
                &[("one", "127.0.0.1:80"), ("two", "127.0.0.2:80")],
                80,
                "the entry points `one` and `two` both listen on port 80: name one of them",
            ),
            (
                &[("two", "127.0.0.1:81")],
                80,
                "entry point `one` is to listen on :80, but this proxy cannot",
            ),
        ] {
            let told = told(&table, bound, port);
            assert_eq!(
                (told.entry_point.as_str(), told.detail.as_str()),
                ("", expected)
            );
            assert_eq!((told.status, told.reason.as_str()), (0, NO_ENTRY_POINT));
        }
    }

    #[test]
    fn of_very_many_routers_those_that_came_nearer_are_told() {
        let routers = |count: usize| {
            (0..count).map(|number| {
                let name = format!("r{number:03}@docker");
                let rule = match number {
                    5 => path("/x"),
                    _ => host(&format!("h{number}.test")),
                };
                router_resource(&name, router(&name, rule, "s@docker"))
            })
        };
        let with = |count| {
            let rest = [entry_point("web"), service("s@docker", &["a"])];
            told(
                &table(routers(count).chain(rest)),
                &[("web", "127.0.0.1:80")],
                80,
            )
        };
        let few = with(MAX_TRIED);
        assert_eq!((few.tried.len(), few.tried_omitted), (MAX_TRIED, 0));
        let many = with(MAX_TRIED + 50);
        assert_eq!((many.tried.len(), many.tried_omitted), (MAX_TRIED, 50));
        assert!(many.tried.iter().any(|tried| tried.router == "r005@docker"));
    }
}
