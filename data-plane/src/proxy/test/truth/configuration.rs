//! Random entry points, routers, middlewares and services as resources.

use fairway_proto::discovery::v1 as proto;

use super::composition::{self, Composite};
use super::origin::Origins;
use super::strategy::Routers;
use super::{ENTRY_POINTS, SECRET};
use crate::routing::fixture::{middleware as middleware_resource, router_resource};

pub(super) fn configuration(
    origins: &Origins,
    kinds: &[proto::middleware::Kind],
    composites: &[Composite],
    routers: &Routers,
) -> Vec<proto::Resource> {
    let name = |at: usize| format!("m{at}@test");
    let middlewares = kinds.iter().enumerate();
    let middlewares =
        middlewares.map(|(at, kind)| middleware_resource(&name(at), origins.located(kind)));
    let services = composition::count(composites);
    let routers = (0..).zip(routers).map(|(number, router)| {
        let (rule, priority, entry_points, chain, service, guarded) = router;
        let own = format!("r{number}@test");
        router_resource(
            &own,
            proto::Router {
                rule: if has_secret(rule) {
                    format!("`{SECRET}`")
                } else {
                    own.clone()
                },
                matcher: Some(rule.clone()),
                priority: *priority,
                entry_points: entry_points
                    .iter()
                    .map(|at| ENTRY_POINTS[*at].to_owned())
                    .collect(),
                middlewares: chain.iter().map(|at| name(at % kinds.len())).collect(),
                service: format!("s{}@test", service % services),
                loop_guard: if *guarded { own.clone() } else { String::new() },
                ..Default::default()
            },
        )
    });
    (0..ENTRY_POINTS.len())
        .map(|number| entry_point(number, kinds.first().map(|_| name(0))))
        .chain(middlewares)
        .chain(origins.services())
        .chain(composition::resources(composites))
        .chain(routers)
        .collect()
}

/// One has a middleware and takes nearly everything, the other is as usual.
fn entry_point(number: usize, middleware: Option<String>) -> proto::Resource {
    let is_first = number == 0;
    let spec = proto::EntryPoint {
        address: ":0".to_owned(),
        forwarded_headers: Some(proto::ForwardedHeaders {
            insecure: is_first,
            connection: vec!["x-a".to_owned()],
            not_append_x_forwarded_for: !is_first,
            add_x_forwarded_scheme_headers: !is_first,
            ..Default::default()
        }),
        middlewares: middleware.into_iter().filter(|_| is_first).collect(),
        encoded_characters: is_first.then(|| proto::EncodedCharacters {
            allow_slash: true,
            allow_semicolon: true,
            allow_percent: true,
            allow_question_mark: true,
            ..proto::EncodedCharacters::default()
        }),
        keep_path_segments: is_first,
        encode_query_semicolons: is_first,
        underscore_headers: if is_first {
            proto::UnderscoreHeaders::Keep.into()
        } else {
            proto::UnderscoreHeaders::Reject.into()
        },
        ..Default::default()
    };
    proto::Resource {
        id: Some(proto::ResourceId {
            kind: proto::ResourceKind::EntryPoint.into(),
            name: ENTRY_POINTS[number].to_owned(),
        }),
        origin: None,
        spec: Some(proto::resource::Spec::EntryPoint(spec)),
    }
}

fn has_secret(rule: &proto::Matcher) -> bool {
    format!("{rule:?}").contains(SECRET)
}
