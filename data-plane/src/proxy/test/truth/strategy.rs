//! Random configurations and requests: few names, so that they meet.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1 as proto;
use proptest::prelude::*;

use super::SECRET;
use crate::routing::fixture::{
    and, client_ip, header, host, host_regexp, method, not, or, path, path_prefix, path_regexp,
    query,
};

/// A configuration: for each router its rule, priority, entry points, middlewares,
/// service and loop guard.
pub(super) type Routers = Vec<(proto::Matcher, i64, Vec<usize>, Vec<usize>, usize, bool)>;

/// Method, target, host, header lines, entry point.
pub(super) type Asked = (
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

pub(super) fn routers() -> impl Strategy<Value = Routers> {
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

pub(super) fn requests() -> impl Strategy<Value = Vec<Asked>> {
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

pub(super) fn middlewares() -> Vec<proto::middleware::Kind> {
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
            ..proto::Headers::default()
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
