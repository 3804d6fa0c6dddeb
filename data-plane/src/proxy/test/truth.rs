//! Explanations are true: whatever the configuration and the request, a real request
//! meets what its explanation said.
//!
//! The access log of the real proxy is the witness. Requests go one after the other,
//! so that even the server can be foretold.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::super::explain::explain;
use super::*;
use crate::routing::fixture::{
    and, client_ip, header, host_regexp, method, middleware, not, or, path, path_prefix,
    path_regexp, query, router_resource, service,
};

const ENTRY_POINTS: [&str; 2] = ["truth-alt", "truth-web"];
/// Of a configuration: no explanation may have it.
const SECRET: &str = "s3cret";

/// A configuration: for each router its rule, priority, entry points, middlewares,
/// service and loop guard.
type Routers = Vec<(proto::Matcher, i64, Vec<usize>, Vec<usize>, usize, bool)>;

/// Method, target, host, header lines, entry point.
type Asked = (
    &'static str,
    String,
    &'static str,
    Vec<(&'static str, &'static str)>,
    usize,
);

fn rules() -> impl Strategy<Value = proto::Matcher> {
    let hosts = ["a.test", "b.test", "*.a.test", "x.a.test", "*"];
    let leaf = prop_oneof![
        6 => prop::sample::select(hosts.to_vec()).prop_map(host),
        2 => prop::sample::select(vec!["/", "/a", "/a/b", "/c d"]).prop_map(path),
        4 => prop::sample::select(vec!["/", "/a", "/a/", "/b", ""]).prop_map(path_prefix),
        1 => prop::sample::select(vec!["^a", "test$", "^$|z"]).prop_map(host_regexp),
        1 => prop::sample::select(vec!["b", "^/a/?$"]).prop_map(path_regexp),
        1 => prop::sample::select(vec!["GET", "POST"]).prop_map(method),
        1 => prop::sample::select(vec![("x-a", "1"), ("x-forwarded-proto", "https"),
                ("authorization", SECRET), ("x-forwarded-for", "6.6.6.6"), ("te", "gzip")])
            .prop_map(|(name, value)| header(name, value)),
        1 => prop::sample::select(vec![("q", "1"), ("token", SECRET)])
            .prop_map(|(name, value)| query(name, value)),
        1 => prop::sample::select(vec!["127.0.0.0/8", "10.0.0.0/8"]).prop_map(client_ip),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 0..3).prop_map(and),
            2 => prop::collection::vec(inner.clone(), 0..3).prop_map(or),
            1 => inner.prop_map(not),
        ]
    })
}

fn routers() -> impl Strategy<Value = Routers> {
    let some = |count: usize| prop::collection::vec(0..count, 0..3);
    let entry_points = prop::sample::select(vec![vec![0], vec![1], vec![1], vec![0, 1]]);
    let one = (
        rules(),
        1_i64..4,
        entry_points,
        some(middlewares().len()),
        0..6_usize,
        any::<bool>(),
    );
    prop::collection::vec(one, 0..8)
}

fn requests() -> impl Strategy<Value = Vec<Asked>> {
    let methods = prop::sample::select(vec![
        "GET", "GET", "GET", "GET", "GET", "POST", "POST", "PURGE", "OPTIONS", "TRACE",
    ]);
    let targets = prop::sample::select(vec![
        "/",
        "/",
        "/a",
        "/a",
        "/a/b",
        "/a/b?q=1",
        "/b/../a",
        "/a/./b",
        "//a",
        "/c%20d",
        "/a%2fb",
        "/%",
        "/a?token=s3cret",
        "/%61",
        "/a;b",
        "/a#b",
        "/a..b",
        "/a/../..",
        "/b?x;q=1",
        "*",
        "http://b.test/a",
        "/z",
    ])
    .prop_map(str::to_owned);
    let hosts = prop::sample::select(vec![
        "a.test",
        "a.test",
        "b.test",
        "x.a.test",
        "A.Test:8080",
        "b.test.",
        "c.test",
        "a_b.test",
        "a b",
        "[::1]:80",
        "",
    ]);
    let lines = prop::sample::select(vec![
        ("X-A", "1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("Authorization", "s3cret"),
        ("Connection", "x-a"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("TE", "trailers"),
        ("Expect", "miracles"),
        ("X_A", "1"),
        ("X-Traefik-Router", "r1@test"),
        ("Host", "b.test"),
    ]);
    let lines = prop::collection::vec(lines, 0..3);
    prop::collection::vec((methods, targets, hosts, lines, 0..2_usize), 1..12)
}

fn middlewares() -> Vec<proto::middleware::Kind> {
    use proto::middleware::Kind;
    let regex = |regex: &str, replacement: &str| {
        Kind::ReplacePathRegex(proto::ReplacePathRegex {
            regex: regex.to_owned(),
            replacement: replacement.to_owned(),
        })
    };
    let redirect = |scheme: &str, port: &str| {
        Kind::RedirectScheme(proto::RedirectScheme {
            scheme: scheme.to_owned(),
            port: port.to_owned(),
            permanent: true,
        })
    };
    let headers = |name: &str, value: &str| {
        let map = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Kind::Headers(proto::Headers {
            custom_request_headers: map.clone(),
            custom_response_headers: map,
        })
    };
    vec![
        Kind::StripPrefix(proto::StripPrefix {
            prefixes: vec!["/a".to_owned()],
        }),
        Kind::AddPrefix(proto::AddPrefix {
            prefix: "/a".to_owned(),
        }),
        Kind::ReplacePath(proto::ReplacePath {
            path: "/r".to_owned(),
        }),
        regex("^/a(.*)", "/b$1"),
        regex("b", "/../b"),
        redirect("https", ""),
        redirect("http", "8080"),
        redirect("http", ""),
        headers("Host", "inner.test"),
        headers("Authorization", SECRET),
        headers("X-Forwarded-Proto", "https"),
        headers("X-A", "2"),
    ]
}

/// Three servers that answer and one address where none does.
struct Origins {
    alive: Vec<Origin>,
    dead: String,
}

impl Origins {
    /// By number: none, one, two unequal, none that lives, a mixture, three.
    fn services(&self) -> Vec<proto::Resource> {
        let alive: Vec<_> = self
            .alive
            .iter()
            .map(|origin| origin.address.to_string())
            .collect();
        let of = |number: usize, servers: &[(&str, u32)]| {
            let mut resource = service(&format!("s{number}@test"), &[]);
            if let Some(proto::resource::Spec::Service(service)) = &mut resource.spec {
                service.dial_timeout_ms = 1000;
                service.pass_host_header = number != 1;
                if servers.is_empty() {
                    service.unavailable_reason = "all are stopped".to_owned();
                }
                let server = |(address, weight): &(&str, u32)| proto::Server {
                    id: format!("{number}-{address}"),
                    scheme: proto::Scheme::Http.into(),
                    address: (*address).to_owned(),
                    weight: *weight,
                    container: format!("c-{address}"),
                };
                service.servers = servers.iter().map(server).collect();
            }
            resource
        };
        let (a, b, c) = (&*alive[0], &*alive[1], &*alive[2]);
        vec![
            of(0, &[]),
            of(1, &[(a, 1)]),
            of(2, &[(a, 3), (b, 1)]),
            of(3, &[(&self.dead, 1)]),
            of(4, &[(&self.dead, 1), (b, 1), (c, 2)]),
            of(5, &[(a, 1), (b, 1), (c, 1)]),
        ]
    }
}

fn configuration(origins: &Origins, routers: &Routers) -> Vec<proto::Resource> {
    let entry_point = |(number, name): (usize, &&str)| proto::Resource {
        id: Some(proto::ResourceId {
            kind: proto::ResourceKind::EntryPoint.into(),
            name: (*name).to_owned(),
        }),
        origin: None,
        spec: Some(proto::resource::Spec::EntryPoint(proto::EntryPoint {
            address: ":0".to_owned(),
            forwarded_headers: Some(proto::ForwardedHeaders {
                insecure: number == 0,
                trusted_ips: Vec::new(),
            }),
        })),
    };
    let kinds = (0..).zip(middlewares());
    let kinds = kinds.map(|(number, kind)| middleware(&format!("m{number}@test"), kind));
    let routers = (0..).zip(routers).map(|(number, router)| {
        let (rule, priority, entry_points, middlewares, service, guarded) = router;
        let name = format!("r{number}@test");
        router_resource(
            &name,
            proto::Router {
                rule: if has_secret(rule) {
                    format!("`{SECRET}`")
                } else {
                    name.clone()
                },
                matcher: Some(rule.clone()),
                priority: *priority,
                entry_points: entry_points
                    .iter()
                    .map(|at| ENTRY_POINTS[*at].to_owned())
                    .collect(),
                middlewares: middlewares.iter().map(|at| format!("m{at}@test")).collect(),
                service: format!("s{service}@test"),
                loop_guard: if *guarded {
                    name.clone()
                } else {
                    String::new()
                },
            },
        )
    });
    ENTRY_POINTS
        .iter()
        .enumerate()
        .map(entry_point)
        .chain(kinds)
        .chain(origins.services())
        .chain(routers)
        .collect()
}

fn has_secret(rule: &proto::Matcher) -> bool {
    format!("{rule:?}").contains(SECRET)
}

/// A line of the access log.
#[derive(Debug, Default)]
struct Line(BTreeMap<&'static str, String>);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

/// Takes the access log of this test's entry points.
struct Witness(Mutex<mpsc::Sender<Line>>);

impl<S: tracing::Subscriber> Layer<S> for Witness {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "access" {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        if ENTRY_POINTS.contains(&line.of("entryPointName")) {
            let _ = self.0.lock().unwrap().send(line);
        }
    }
}

impl Line {
    fn of(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }
}

/// A real proxy and its access log.
struct Stage {
    running: Running,
    log: mpsc::Receiver<Line>,
    origins: Origins,
    _status: watch::Sender<DiscoveryStatus>,
}

impl Stage {
    fn set() -> Self {
        let (lines, log) = mpsc::channel();
        let subscriber = tracing_subscriber::registry().with(Witness(Mutex::new(lines)));
        tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
        let (status, watched) = watch::channel(DiscoveryStatus::starting());
        let config = Config {
            bind_address: Some([127, 0, 0, 1].into()),
            workers: 2,
            access_log: true,
            ..Config::default()
        };
        Self {
            running: assemble(&config, watched).unwrap(),
            log,
            origins: Origins {
                alive: ["a", "b", "c"].map(Origin::named).into(),
                dead: closed_address().to_string(),
            },
            _status: status,
        }
    }

    /// What is told about a request, and the request itself.
    fn tell(&self, asked: &Asked) -> (proto::Explanation, String, SocketAddr) {
        let (method, target, host, lines, entry_point) = asked;
        let bound = ENTRY_POINTS.map(|name| {
            let address = self.running.address(name).expect("it listens");
            (name.to_owned(), address.to_string())
        });
        let address: SocketAddr = bound[*entry_point].1.parse().unwrap();
        let request = proto::RequestHead {
            method: (*method).to_owned(),
            host: (*host).to_owned(),
            port: address.port().into(),
            target: target.clone(),
            headers: lines
                .iter()
                .map(|(name, value)| proto::KeyValue {
                    key: (*name).to_owned(),
                    value: (*value).to_owned(),
                })
                .collect(),
            ..proto::RequestHead::default()
        };
        let table = self.running.process.table.load();
        let server = crate::config::host_name_header();
        let told = explain(&table, &bound.into(), &server, &request);
        let mut raw = format!("{method} {target} HTTP/1.1\r\n");
        let host = (!host.is_empty()).then_some(("Host", *host));
        for (name, value) in host.iter().chain(lines) {
            raw.push_str(&format!("{name}: {value}\r\n"));
        }
        raw.push_str("\r\n");
        (told, raw, address)
    }

    /// Sends the request and compares.
    fn check(&self, asked: &Asked) -> Result<String, TestCaseError> {
        let (told, raw, address) = self.tell(asked);
        // What the asker wrote is no secret to the asker.
        let asker_knows = raw.contains(SECRET);
        prop_assert!(
            asker_knows || !format!("{told:?}").contains(SECRET),
            "{told:?}"
        );
        let mut wire = Wire::connect(address);
        wire.send(&raw);
        let status = u32::from(wire.read_message().expect("an answer").status());
        drop(wire);
        let seen = self
            .log
            .recv_timeout(Duration::from_secs(10))
            .expect("a line of the log");
        let what = format!("{raw}told {told:#?}\nseen {status} {seen:?}");
        prop_assert_eq!(&told.entry_point, seen.of("entryPointName"), "{}", what);
        prop_assert_eq!(&told.router, seen.of("RouterName"), "{}", what);
        prop_assert_eq!(&told.service, seen.of("ServiceName"), "{}", what);
        let last = told.tried.iter().find(|tried| tried.matched);
        prop_assert_eq!(
            last.map_or("", |tried| &tried.router),
            &told.router,
            "{}",
            what
        );
        if told.servers.is_empty() {
            prop_assert_eq!(told.status, status, "{}", what);
            prop_assert_eq!(&told.reason, seen.of("reason"), "{}", what);
            prop_assert_eq!("", seen.of("ServiceAddr"), "{}", what);
            return Ok(told.reason);
        }
        prop_assert_eq!((told.status, told.reason.as_str()), (0, ""), "{}", what);
        let urls: Vec<_> = told.servers.iter().map(|server| &*server.url).collect();
        let dead = format!("http://{}", self.origins.dead);
        if urls == [&dead] {
            prop_assert_eq!(
                (status, seen.of("reason")),
                (502, "connect_refused"),
                "{}",
                what
            );
            return Ok("dead".to_owned());
        }
        let answered = format!("http://{}", seen.of("ServiceAddr"));
        prop_assert_eq!((status, seen.of("reason")), (200, ""), "{}", what);
        prop_assert!(urls.contains(&&*answered), "{}", what);
        let rotating = told.servers.iter().find(|server| {
            server.state() == proto::CandidateState::InRotation && server.url != dead
        });
        let foretold = rotating.map(|server| &*server.url);
        // A dead server that has its turn is found dead, and the turn goes on.
        let first = told.servers.first().map(|server| &*server.url);
        if first != Some(&dead) {
            prop_assert_eq!(foretold, Some(&*answered), "{}", what);
        }
        Ok("server".to_owned())
    }
}

#[test]
fn an_explanation_tells_what_happens() {
    let stage = Stage::set();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 600,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let counts = Mutex::new(BTreeMap::<String, usize>::new());
    let outcome = runner.run(&(routers(), requests()), |(routers, requests)| {
        put_in_force(&stage.running, configuration(&stage.origins, &routers));
        for request in &requests {
            let kind = stage.check(request)?;
            *counts.lock().unwrap().entry(kind).or_default() += 1;
        }
        Ok(())
    });
    let counts = counts.into_inner().unwrap();
    println!("explained and sent: {counts:?}");
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let kinds = [
        "",
        "bad_request",
        "dead",
        "expectation_failed",
        "loop_detected",
        "method_not_allowed",
        "no_route",
        "no_server",
        "redirect",
        "server",
        "unclean_path",
    ];
    for kind in kinds {
        assert!(
            counts.contains_key(kind),
            "{kind} never happened: {counts:?}"
        );
    }
}
