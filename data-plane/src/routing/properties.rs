//! Index and scan agree, whatever the rules and the requests.

use fairway_proto::discovery::v1 as wire;
use proptest::prelude::*;

use super::fixture::*;
use super::{RouteTable, build};
use crate::discovery::Mirror;
use crate::proxy::head::tests::head;

/// Few names, so that rules and requests meet.
fn hosts() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a.test", "b.test", "x.a.test", "y.a.test", "*.a.test", "*.test", "*", "*.", "test",
        "a.test.", "A.Test", "",
    ])
}

fn paths() -> impl Strategy<Value = String> {
    "/(a|ab|b)?(/|-)?(a|b|%20)?(/a)?"
}

fn rules() -> impl Strategy<Value = wire::Matcher> {
    let leaf = prop_oneof![
        6 => hosts().prop_map(host),
        3 => paths().prop_map(|text| path(&text)),
        5 => paths().prop_map(|text| path_prefix(&text)),
        1 => Just(path_prefix("")),
        1 => prop::sample::select(vec!["a", "^x", "^$|b"]).prop_map(host_regexp),
        1 => prop::sample::select(vec!["b", "^/a/?$"]).prop_map(path_regexp),
        1 => prop::sample::select(vec!["GET", "POST"]).prop_map(method),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 0..4).prop_map(and),
            3 => prop::collection::vec(inner.clone(), 0..4).prop_map(or),
            1 => inner.prop_map(not),
        ]
    })
}

fn table(rules: Vec<(wire::Matcher, i64)>) -> RouteTable {
    table_after(rules, &RouteTable::empty())
}

/// A table that takes over what it can from another.
fn table_after(rules: Vec<(wire::Matcher, i64)>, previous: &RouteTable) -> RouteTable {
    let routers = rules
        .into_iter()
        .enumerate()
        .map(|(number, (rule, priority))| {
            let name = format!("r{number:03}");
            router_resource(
                &name,
                wire::Router {
                    priority,
                    ..router(&name, rule, "s")
                },
            )
        });
    let mut mirror = Mirror::default();
    mirror.apply(snapshot(
        "1",
        routers.chain([entry_point("web"), service("s", &["a"])]),
    ));
    let (table, rejections) = build(&mirror, previous);
    assert!(rejections.is_empty(), "{rejections:?}");
    table
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_index_finds_what_a_plain_scan_finds(
        rules in prop::collection::vec((rules(), -2_i64..3), 0..40),
        requests in prop::collection::vec((hosts(), paths()), 1..40),
    ) {
        let table = table(rules);
        let listing = table.listing("web").unwrap();
        for (host, path) in requests {
            let head = head(host, &path);
            let found = listing.find(&head).map(|route| &route.name);
            let scanned = listing.scan(&head).map(|route| &route.name);
            prop_assert_eq!(found, scanned, "{} {}", host, path);
            let traced = listing.trace(&head);
            let told = traced.iter().find(|(_, failure)| failure.is_none());
            prop_assert_eq!(told.map(|(route, _)| &route.name), found, "{} {}", host, path);
        }
    }

    #[test]
    fn a_table_that_came_out_of_another_finds_what_a_new_one_finds(
        before in prop::collection::vec((rules(), -2_i64..3), 0..20),
        after in prop::collection::vec((rules(), -2_i64..3), 0..20),
        kept in 0_usize..20,
        requests in prop::collection::vec((hosts(), paths()), 1..20),
    ) {
        // The first ones stay as they are, under their names.
        let kept = kept.min(before.len());
        let rules: Vec<_> = before.iter().take(kept).cloned().chain(after).collect();
        let (new, changed) = (table(rules.clone()), table_after(rules, &table(before)));
        for (host, path) in requests {
            let head = head(host, &path);
            let find = |table: &RouteTable| table.find("web", &head).map(|route| route.name.clone());
            prop_assert_eq!(find(&changed), find(&new), "{} {}", host, path);
        }
    }
}

/// Counts how many rules are evaluated, which does not depend on the machine.
#[test]
fn a_request_asks_few_rules_however_many_there_are() {
    let mut rules: Vec<_> = (0..5000)
        .map(|n| {
            (
                and([host("big.test"), path_prefix(&format!("/app{n:04}/"))]),
                30,
            )
        })
        .chain((0..5000).map(|n| (host(&format!("h{n}.test")), 20)))
        .collect();
    rules.push((host_regexp("^reg"), 10));
    let table = table(rules);
    let listing = table.listing("web").unwrap();
    for (host, target, most) in [
        ("big.test", "/app4321/x", 1),
        ("big.test", "/none", 1),
        ("h4999.test", "/", 1),
        ("none.test", "/", 1),
        ("reg.test", "/", 1),
    ] {
        let asked = listing.asked(&head(host, target));
        assert!(asked <= most, "{host}{target}: {asked}");
    }
}
