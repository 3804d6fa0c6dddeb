use fairway_proto::discovery::v1::{self as wire, RejectionKind, ResourceKind};

use super::super::fixture::*;
use super::*;
use crate::balance::{Asking, End, Regard};
use crate::proxy::head::tests::head;

/// A proxy's mirror and table, as updates come in.
#[derive(Default)]
pub(super) struct Proxy {
    mirror: Mirror,
    pub(super) table: RouteTable,
    rejections: Vec<Rejection>,
}

impl Proxy {
    pub(super) fn apply(&mut self, update: wire::Update) {
        self.mirror.apply(update);
        (self.table, self.rejections) = build(&self.mirror, &self.table);
    }

    pub(super) fn with(resources: impl IntoIterator<Item = wire::Resource>) -> Self {
        let mut proxy = Self::default();
        proxy.apply(snapshot("1", resources));
        proxy
    }

    pub(super) fn send(&mut self, upserts: impl IntoIterator<Item = wire::Resource>) {
        self.apply(delta("2", upserts, []));
    }

    pub(super) fn remove(&mut self, kind: ResourceKind, name: &str) {
        self.apply(delta("3", [], [id(kind, name)]));
    }

    /// Name of the router that takes `GET target` for a host.
    fn found(&self, host: &str, target: &str) -> Option<&str> {
        self.table
            .find("web", &head(host, target))
            .map(|route| route.name.as_str())
    }

    pub(super) fn route(&self) -> Arc<Route> {
        Arc::clone(self.table.routes("web").next().expect("a route"))
    }

    pub(super) fn rejected(&self) -> Vec<(RejectionKind, &str, &str)> {
        let rejections = self.rejections.iter();
        rejections
            .map(|rejection| {
                let name = rejection.id.as_ref().map_or("", |id| id.name.as_str());
                (rejection.kind(), name, rejection.reason.as_str())
            })
            .collect()
    }
}

/// The server that the next request gets, by its id.
pub(super) fn pick(route: &Route) -> String {
    let headers = http::HeaderMap::new();
    let asking = Asking {
        client: [127, 0, 0, 1].into(),
        headers: &headers,
    };
    let descent = route.service.descend(asking, Regard::Take).unwrap();
    let End::Servers(mut turn) = descent.end else {
        panic!("middlewares on the way");
    };
    turn.pick(&[]).unwrap().id.clone()
}

fn web() -> wire::Resource {
    router_resource(
        "web@docker",
        router("web@docker", host("a.test"), "s@docker"),
    )
}

fn web_with(middleware: &str) -> wire::Resource {
    let router = router("web@docker", host("a.test"), "s@docker");
    let middlewares = vec![middleware.to_owned()];
    router_resource(
        "web@docker",
        wire::Router {
            middlewares,
            ..router
        },
    )
}

fn web_with_rule(rule: wire::Matcher) -> wire::Resource {
    router_resource("web@docker", router("web@docker", rule, "s@docker"))
}

const REGEXP_REASON: &str = "`regex`: the regular expression `(` does not compile: unclosed group";

#[test]
fn the_empty_table_has_no_routes() {
    let table = RouteTable::empty();
    assert_eq!(table.version(), "");
    assert_eq!(table.entry_points().count(), 0);
    assert!(table.find("web", &head("a.test", "/")).is_none());
}

#[test]
fn a_router_serves_its_entry_points_and_no_others() {
    let proxy = Proxy::with([
        entry_point("web"),
        entry_point("other"),
        web(),
        service("s@docker", &["a"]),
    ]);
    assert_eq!(proxy.table.version(), "1");
    assert_eq!(proxy.rejected(), []);
    assert_eq!(proxy.found("a.test", "/"), Some("web@docker"));
    assert_eq!(proxy.found("b.test", "/"), None);
    assert!(proxy.table.find("other", &head("a.test", "/")).is_none());
    assert!(proxy.table.find("none", &head("a.test", "/")).is_none());
    let names: Vec<_> = proxy
        .table
        .entry_points()
        .map(|entry_point| entry_point.name())
        .collect();
    assert_eq!(names, ["other", "web"]);
    assert_eq!(proxy.table.servers().count(), 1);
}

#[test]
fn the_highest_priority_wins_and_then_the_name() {
    let with = |name: &str, rule, priority| {
        router_resource(
            name,
            wire::Router {
                priority,
                ..router(name, rule, "s@docker")
            },
        )
    };
    let proxy = Proxy::with([
        entry_point("web"),
        service("s@docker", &["a"]),
        with("d", host("a.test"), 5),
        with("c", host("a.test"), 5),
        with("b", path_prefix("/x"), 7),
        with("a", and([]), -1),
        with("e", and([host("a.test"), path("/x/y")]), i64::MAX),
    ]);
    for (host, target, expected) in [
        ("a.test", "/", "c"),
        ("a.test", "/x", "b"),
        ("a.test", "/x/y", "e"),
        ("b.test", "/x/y", "b"),
        ("b.test", "/", "a"),
    ] {
        assert_eq!(proxy.found(host, target), Some(expected), "{host}{target}");
    }
}

#[test]
fn a_resource_that_cannot_be_built_keeps_its_last_good_form() {
    let mut proxy = Proxy::with([entry_point("web"), web(), service("s@docker", &["a"])]);
    proxy.send([web_with_rule(path_regexp("("))]);
    let reason = "the regular expression `(` does not compile: unclosed group";
    let expected = [(RejectionKind::Invalid, "web@docker", reason)];
    assert_eq!(proxy.rejected(), expected);
    assert_eq!(proxy.found("a.test", "/"), Some("web@docker"));

    proxy.send([service("s@docker", &["b"])]);
    assert_eq!(
        proxy.rejected(),
        expected,
        "it is named as long as it lasts"
    );
    let server = pick(&proxy.route());
    assert_eq!(server, "b", "the last good form follows the service");

    proxy.send([web_with_rule(host("b.test"))]);
    assert_eq!(proxy.rejected(), []);
    assert_eq!(
        (proxy.found("a.test", "/"), proxy.found("b.test", "/")),
        (None, Some("web@docker"))
    );
}

#[test]
fn one_bad_router_does_not_harm_others() {
    let bad = router_resource("bad", router("bad", path_regexp("("), "s@docker"));
    let proxy = Proxy::with([entry_point("web"), web(), bad, service("s@docker", &["a"])]);
    assert_eq!(proxy.rejections.len(), 1);
    assert_eq!(proxy.found("a.test", "/"), Some("web@docker"));
}

#[test]
fn a_router_is_not_served_without_its_middleware_until_that_is_fixed() {
    let mut proxy = Proxy::with([
        entry_point("web"),
        web_with("m@docker"),
        service("s@docker", &["a"]),
        strip_prefix_regex("m@docker", "("),
    ]);
    assert_eq!(
        proxy.rejected(),
        [
            (
                RejectionKind::Dependency,
                "web@docker",
                "the middleware `m@docker` is rejected"
            ),
            (RejectionKind::Invalid, "m@docker", REGEXP_REASON),
        ]
    );
    assert_eq!(proxy.found("a.test", "/"), None);

    proxy.remove(ResourceKind::Middleware, "m@docker");
    let reason = "the middleware `m@docker` does not exist";
    assert_eq!(
        proxy.rejected(),
        [(RejectionKind::Dependency, "web@docker", reason)]
    );
    assert_eq!(proxy.found("a.test", "/"), None);

    proxy.send([strip_prefix_regex("m@docker", "/x")]);
    assert_eq!(proxy.rejected(), []);
    assert_eq!(proxy.found("a.test", "/"), Some("web@docker"));
}

#[test]
fn a_route_in_service_keeps_its_middleware_when_that_breaks_or_goes() {
    let mut proxy = Proxy::with([
        entry_point("web"),
        web_with("m@docker"),
        service("s@docker", &["a"]),
        strip_prefix_regex("m@docker", "/x"),
    ]);
    let before = proxy.route();
    proxy.send([strip_prefix_regex("m@docker", "(")]);
    assert_eq!(proxy.rejections.len(), 2, "{:?}", proxy.rejections);
    assert!(Arc::ptr_eq(&before, &proxy.route()));

    proxy.remove(ResourceKind::Middleware, "m@docker");
    assert_eq!(proxy.rejections.len(), 1);
    assert!(Arc::ptr_eq(&before, &proxy.route()));

    let other = router_resource(
        "new",
        wire::Router {
            middlewares: vec!["m@docker".to_owned()],
            ..router("new", host("b.test"), "s@docker")
        },
    );
    proxy.send([other, strip_prefix_regex("m@docker", "(")]);
    assert_eq!(
        proxy.found("b.test", "/"),
        None,
        "a last good form is not for new routers"
    );
}

#[test]
fn a_router_without_its_service_or_entry_point_is_rejected() {
    let proxy = Proxy::with([entry_point("web"), web()]);
    let reason = "the service `s@docker` does not exist";
    assert_eq!(
        proxy.rejected(),
        [(RejectionKind::Dependency, "web@docker", reason)]
    );
    let proxy = Proxy::with([web(), service("s@docker", &["a"])]);
    let reason = "the entry point `web` does not exist";
    assert_eq!(
        proxy.rejected(),
        [(RejectionKind::Dependency, "web@docker", reason)]
    );
}

#[test]
fn a_router_does_without_one_of_its_entry_points() {
    let entry_points = vec!["gone".to_owned(), "web".to_owned(), "web".to_owned()];
    let router = router("web@docker", host("a.test"), "s@docker");
    let router = router_resource(
        "web@docker",
        wire::Router {
            entry_points,
            ..router
        },
    );
    let proxy = Proxy::with([entry_point("web"), router, service("s@docker", &["a"])]);
    assert_eq!(proxy.rejected(), []);
    assert_eq!(proxy.found("a.test", "/"), Some("web@docker"));
    assert_eq!(proxy.table.routes("web").count(), 1);
}

#[test]
fn a_removed_router_is_gone_at_once() {
    let mut proxy = Proxy::with([entry_point("web"), web(), service("s@docker", &["a"])]);
    proxy.remove(ResourceKind::Router, "web@docker");
    assert_eq!(proxy.found("a.test", "/"), None);
    assert_eq!(proxy.rejected(), []);
}

#[test]
fn what_a_newer_control_plane_sends_is_unsupported_and_nothing_else_suffers() {
    let mut newer = service("new@docker", &["a"]);
    newer.spec = None;
    let mut unknown_kind = service("x", &[]);
    unknown_kind.id = Some(wire::ResourceId {
        kind: 77,
        name: "x".to_owned(),
    });
    let mut mismatch = service("s2@docker", &[]);
    mismatch.id = Some(id(ResourceKind::Middleware, "s2@docker"));
    let proxy = Proxy::with([
        entry_point("web"),
        web(),
        service("s@docker", &["a"]),
        newer,
        unknown_kind,
        mismatch,
    ]);
    assert_eq!(
        proxy.rejected(),
        [
            (
                RejectionKind::Invalid,
                "s2@docker",
                "the resource is not of the kind that its id says"
            ),
            (
                RejectionKind::Unsupported,
                "new@docker",
                "this proxy does not know this kind of resource"
            ),
            (
                RejectionKind::Unsupported,
                "x",
                "this proxy does not know this kind of resource"
            ),
        ]
    );
    assert_eq!(proxy.found("a.test", "/"), Some("web@docker"));
}

#[test]
fn what_did_not_change_is_the_same_object() {
    let resources = || {
        let origin = router_resource("o", router("o", host("o.test"), "s@docker"));
        [
            entry_point("web"),
            web(),
            origin,
            service("s@docker", &["a", "b"]),
        ]
    };
    let mut proxy = Proxy::with(resources());
    let (route, entry_point) = (
        proxy.route(),
        proxy.table.entry_point("web").map(Arc::clone),
    );
    assert_eq!(pick(&route), "a");

    proxy.apply(snapshot(
        "2",
        resources().map(|mut resource| {
            resource.origin = Some(wire::Origin {
                provider: "docker".to_owned(),
                containers: vec![],
            });
            resource
        }),
    ));
    assert!(Arc::ptr_eq(&route, &proxy.route()));
    assert!(Arc::ptr_eq(
        &entry_point.unwrap(),
        proxy.table.entry_point("web").unwrap()
    ));
    assert_eq!(pick(&proxy.route()), "b");
}

#[test]
fn a_changed_service_costs_no_new_rules_and_keeps_its_servers() {
    let mut proxy = Proxy::with([entry_point("web"), web(), service("s@docker", &["a", "b"])]);
    let route = proxy.route();
    assert_eq!(pick(&route), "a");
    proxy.send([service("s@docker", &["a", "b", "c"])]);
    let changed = proxy.route();
    assert!(Arc::ptr_eq(&route.matcher, &changed.matcher));
    assert!(!Arc::ptr_eq(&route.service, &changed.service));
    let servers = |route: &Route| {
        let balancers = route.service.balancers();
        let servers = balancers.flat_map(|it| it.servers().iter().map(Arc::clone));
        Vec::from_iter(servers)
    };
    for (before, after) in servers(&route).iter().zip(&servers(&changed)) {
        assert!(Arc::ptr_eq(before, after));
    }
    assert_eq!(pick(&changed), "b");
    assert_eq!(proxy.table.servers().count(), 3);
}

#[test]
fn two_services_share_a_server_that_they_both_have() {
    let proxy = Proxy::with([service("s1", &["a", "b"]), service("s2", &["b"])]);
    assert_eq!(proxy.table.servers().count(), 2);
}
