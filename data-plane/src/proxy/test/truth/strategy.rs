//! Random configurations and requests: few names, so that they meet.

use std::net::Ipv4Addr;

use fairway_proto::discovery::v1 as proto;
use proptest::prelude::*;

use super::SECRET;
use crate::routing::fixture::{
    and, client_ip, header, host, host_regexp, method, not, or, path, path_prefix, path_regexp,
    query,
};

/// The routers of a configuration: rule, priority, entry points, middlewares, service
/// and loop guard.
pub(super) type Routers = Vec<(proto::Matcher, i64, Vec<usize>, Vec<usize>, usize, bool)>;

/// Stands for the cookies that the client was given.
pub(super) const GIVEN: &str = "{given}";

/// Method, target, host, header lines, entry point, client.
pub(super) type Asked = (
    &'static str,
    String,
    &'static str,
    Vec<(&'static str, &'static str)>,
    usize,
    Ipv4Addr,
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

pub(super) fn routers() -> impl Strategy<Value = Routers> {
    let entry_points = prop::sample::select(vec![vec![0], vec![1], vec![1], vec![0, 1]]);
    let one = (
        rules(),
        1_i64..4,
        entry_points,
        prop::collection::vec(0..99_usize, 0..5),
        0..999_usize,
        any::<bool>(),
    );
    prop::collection::vec(one, 0..8)
}

pub(super) fn requests() -> impl Strategy<Value = Vec<Asked>> {
    let methods = prop::sample::select(vec![
        "GET", "GET", "GET", "GET", "GET", "POST", "POST", "PURGE", "OPTIONS", "OPTIONS", "TRACE",
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
        "/a%3fb",
        "/old/x?y=1",
        "/a%23",
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
        ("X-Forwarded-Tls-Client-Cert", "forged"),
        ("Access-Control-Request-Headers", "x-grpc-web"),
        ("Host", "b.test"),
        ("X-Forwarded-For", "6.6.6.6, 10.1.1.1"),
        ("X-Forwarded-Host", "b.test"),
    ]);
    let line = lines.prop_map(|line| vec![line]);
    let lines = prop_oneof![
        6 => line,
        2 => credentials(),
        3 => cross_origin(),
        2 => codings(),
        3 => cookies(),
    ];
    let lines = prop::collection::vec(lines, 0..3).prop_map(|lines| lines.concat());
    let wild = (methods, targets, hosts, lines, 0..2_usize, clients());
    prop::collection::vec(prop_oneof![wild, tame()], 1..12)
}

/// Requests that pass the gate, so that middlewares get to see enough of them.
fn tame() -> impl Strategy<Value = Asked> {
    let methods = prop::sample::select(vec!["GET", "POST", "OPTIONS"]);
    let targets = prop::sample::select(vec!["/", "/a", "/a/b?q=1", "/a%3fb", "/old/x?y=1"]);
    let hosts = prop::sample::select(vec!["a.test", "b.test", "x.a.test"]);
    let lines = prop_oneof![
        1 => Just(Vec::new()),
        1 => credentials(),
        1 => cross_origin(),
        1 => codings(),
        2 => cookies(),
    ];
    let targets = targets.prop_map(str::to_owned);
    (methods, targets, hosts, lines, 0..2_usize, clients())
}

fn clients() -> impl Strategy<Value = Ipv4Addr> {
    let clients = [1, 1, 1, 2].map(|last| Ipv4Addr::new(127, 0, 0, last));
    prop::sample::select(clients.to_vec())
}

type Lines = Vec<(&'static str, &'static str)>;

/// Right and wrong ones, and what is none.
fn credentials() -> impl Strategy<Value = Lines> {
    let right = ["YWRhOlUqVQ==", "Ym9iOnNlY3JldA==", "Y2FybDp0ZXN0"];
    let [ada, bob, carl] = right.map(|encoded| format!("Basic {encoded}").leak() as &str);
    let lines = vec![
        ada,
        ada,
        bob,
        carl,
        "Basic YWRhOndyb25n",
        "Basic Ym9iOndyb25n",
        "Basic bm9ib2R5OnNlY3JldA==",
        "Basic !",
        "Bearer x",
        "Digest username=\"ada\", realm=\"r\", nonce=\"0\", uri=\"/a\", qop=auth, nc=1, cnonce=\"c\", response=\"0\"",
    ];
    prop::sample::select(lines).prop_map(|value| vec![("Authorization", value)])
}

/// What answers may be compressed with.
fn codings() -> impl Strategy<Value = Lines> {
    let wishes = prop::sample::select(vec![
        "gzip",
        "br, gzip;q=0.5",
        "zstd;q=0, *",
        "identity",
        "gzip;q=0",
    ]);
    wishes.prop_map(|wish| vec![("Accept-Encoding", wish)])
}

/// Of a client that keeps to a server or a service, those it was given among them.
fn cookies() -> impl Strategy<Value = Lines> {
    let lines = prop::sample::select(vec![
        GIVEN,
        GIVEN,
        GIVEN,
        "_server=k-a",
        "x=1; _server=k-b; _way=k-s2",
        "_server=k-dead",
        "_way=k-s5",
        "_way=s4@test",
        "_server=nobody; _way=k-s0",
    ]);
    lines.prop_map(|line| vec![("Cookie", line)])
}

fn cross_origin() -> impl Strategy<Value = Lines> {
    let origins = prop::sample::select(vec![
        "https://o.test",
        "https://x.p.test",
        "https://evil.test",
        "null",
        "",
    ]);
    (origins, any::<bool>()).prop_map(|(origin, preflight)| {
        let asked = [
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", "x-1, x-2"),
        ];
        let asked = asked.into_iter().filter(|_| preflight);
        [("Origin", origin)].into_iter().chain(asked).collect()
    })
}
