//! Rules and resources, short, for tests.

use fairway_proto::discovery::v1 as wire;
use wire::matcher::Matcher as Leaf;
use wire::resource::Spec;
use wire::{ResourceKind, UpdateMode};

use super::matcher::Matcher;

fn rule(leaf: Leaf) -> wire::Matcher {
    wire::Matcher {
        matcher: Some(leaf),
    }
}

fn list(matchers: impl IntoIterator<Item = wire::Matcher>) -> wire::MatcherList {
    wire::MatcherList {
        matchers: matchers.into_iter().collect(),
    }
}

fn pair(key: &str, value: &str) -> wire::KeyValue {
    wire::KeyValue {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

pub(crate) fn and(matchers: impl IntoIterator<Item = wire::Matcher>) -> wire::Matcher {
    rule(Leaf::And(list(matchers)))
}

pub(crate) fn or(matchers: impl IntoIterator<Item = wire::Matcher>) -> wire::Matcher {
    rule(Leaf::Or(list(matchers)))
}

pub(crate) fn not(matcher: wire::Matcher) -> wire::Matcher {
    rule(Leaf::Not(Box::new(matcher)))
}

pub(crate) fn host(host: &str) -> wire::Matcher {
    rule(Leaf::Host(host.to_owned()))
}

pub(crate) fn host_regexp(pattern: &str) -> wire::Matcher {
    rule(Leaf::HostRegexp(pattern.to_owned()))
}

pub(crate) fn path(path: &str) -> wire::Matcher {
    rule(Leaf::Path(path.to_owned()))
}

pub(crate) fn path_prefix(prefix: &str) -> wire::Matcher {
    rule(Leaf::PathPrefix(prefix.to_owned()))
}

pub(crate) fn path_regexp(pattern: &str) -> wire::Matcher {
    rule(Leaf::PathRegexp(pattern.to_owned()))
}

pub(crate) fn method(method: &str) -> wire::Matcher {
    rule(Leaf::Method(method.to_owned()))
}

pub(crate) fn header(name: &str, value: &str) -> wire::Matcher {
    rule(Leaf::Header(pair(name, value)))
}

pub(crate) fn header_regexp(name: &str, pattern: &str) -> wire::Matcher {
    rule(Leaf::HeaderRegexp(pair(name, pattern)))
}

pub(crate) fn query(name: &str, value: &str) -> wire::Matcher {
    rule(Leaf::Query(pair(name, value)))
}

pub(crate) fn query_regexp(name: &str, pattern: &str) -> wire::Matcher {
    rule(Leaf::QueryRegexp(pair(name, pattern)))
}

pub(crate) fn client_ip(network: &str) -> wire::Matcher {
    rule(Leaf::ClientIp(network.to_owned()))
}

pub(crate) fn compiled(matcher: wire::Matcher) -> Matcher {
    Matcher::compile(&matcher).expect("a rule for tests")
}

fn resource(kind: ResourceKind, name: &str, spec: Spec) -> wire::Resource {
    wire::Resource {
        id: Some(id(kind, name)),
        origin: None,
        spec: Some(spec),
    }
}

pub(crate) fn id(kind: ResourceKind, name: &str) -> wire::ResourceId {
    wire::ResourceId {
        kind: kind.into(),
        name: name.to_owned(),
    }
}

pub(crate) fn entry_point(name: &str) -> wire::Resource {
    let spec = wire::EntryPoint {
        address: ":80".to_owned(),
        ..Default::default()
    };
    resource(ResourceKind::EntryPoint, name, Spec::EntryPoint(spec))
}

/// On the entry point `web`.
pub(crate) fn router(name: &str, rule: wire::Matcher, service: &str) -> wire::Router {
    wire::Router {
        rule: format!("rule of {name}"),
        matcher: Some(rule),
        priority: 10,
        entry_points: vec!["web".to_owned()],
        middlewares: vec![],
        service: service.to_owned(),
        ..Default::default()
    }
}

pub(crate) fn router_resource(name: &str, router: wire::Router) -> wire::Resource {
    resource(ResourceKind::Router, name, Spec::Router(router))
}

/// With one server for each endpoint id.
pub(crate) fn service(name: &str, servers: &[&str]) -> wire::Resource {
    let servers = servers.iter().map(|id| wire::Server {
        id: (*id).to_owned(),
        scheme: wire::Scheme::Http.into(),
        address: "10.0.0.1:80".to_owned(),
        weight: 1,
        container: (*id).to_owned(),
        ..Default::default()
    });
    let spec = wire::Service {
        servers: servers.collect(),
        ..Default::default()
    };
    resource(ResourceKind::Service, name, Spec::Service(spec))
}

/// A service of others by their weights.
pub(crate) fn weighted(name: &str, services: &[(&str, u32)]) -> wire::Resource {
    let services = services
        .iter()
        .map(|(service, weight)| wire::WeightedService {
            service: (*service).to_owned(),
            weight: *weight,
            name: (*service).to_owned(),
            cookie: format!("cookie-{service}"),
        });
    let parts = wire::service::Parts::Weighted(wire::WeightedServices {
        services: services.collect(),
    });
    composite(name, parts)
}

/// A service of others.
pub(crate) fn composite(name: &str, parts: wire::service::Parts) -> wire::Resource {
    let spec = wire::Service {
        parts: Some(parts),
        ..Default::default()
    };
    resource(ResourceKind::Service, name, Spec::Service(spec))
}

pub(crate) fn middleware(name: &str, kind: wire::middleware::Kind) -> wire::Resource {
    let spec = wire::Middleware { kind: Some(kind) };
    resource(ResourceKind::Middleware, name, Spec::Middleware(spec))
}

/// Cannot be built if the expression is broken: `(`.
pub(crate) fn strip_prefix_regex(name: &str, pattern: &str) -> wire::Resource {
    let spec = wire::StripPrefixRegex {
        regex: vec![pattern.to_owned()],
    };
    middleware(name, wire::middleware::Kind::StripPrefixRegex(spec))
}

pub(crate) fn snapshot(
    version: &str,
    resources: impl IntoIterator<Item = wire::Resource>,
) -> wire::Update {
    update(UpdateMode::Snapshot, version, resources, [])
}

pub(crate) fn delta(
    version: &str,
    upserts: impl IntoIterator<Item = wire::Resource>,
    removals: impl IntoIterator<Item = wire::ResourceId>,
) -> wire::Update {
    update(UpdateMode::Delta, version, upserts, removals)
}

fn update(
    mode: UpdateMode,
    version: &str,
    upserts: impl IntoIterator<Item = wire::Resource>,
    removals: impl IntoIterator<Item = wire::ResourceId>,
) -> wire::Update {
    wire::Update {
        nonce: 1,
        version: version.to_owned(),
        mode: mode.into(),
        upserts: upserts.into_iter().collect(),
        removals: removals.into_iter().collect(),
    }
}
