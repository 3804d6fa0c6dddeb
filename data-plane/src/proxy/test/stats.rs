//! What is counted of requests, as `/metrics` would show it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fairway_metrics::{Scope, Totals};
use fairway_proto::discovery::v1::resource::Spec;

use super::*;

/// How long numbers may take.
const SOON: Duration = Duration::from_secs(30);

/// Scope, name, part, code, method and protocol.
type Key = (Scope, String, String, u16, &'static str, &'static str);

fn counted(proxy: &Proxy) -> BTreeMap<Key, Totals> {
    let collector = &proxy.running.process.collector;
    let runtime = proxy.running.runtime.as_ref().expect("it runs");
    runtime.handle().block_on(collector.collect());
    let ledger = collector.ledger();
    let series = ledger.series().map(|(it, entry)| {
        let names = (it.scope, it.name.clone(), it.part.clone());
        let key = (names.0, names.1, names.2, it.code, it.method, it.protocol);
        (key, entry.totals.clone())
    });
    series.collect()
}

/// Waits until this many requests have ended at the entry point, and says what was
/// counted then.
fn when_counted(proxy: &Proxy, requests: u64) -> BTreeMap<Key, Totals> {
    let begun = Instant::now();
    loop {
        let all = counted(proxy);
        let entry_point = all.iter().filter(|(key, _)| key.0 == Scope::EntryPoint);
        let sum: u64 = entry_point.map(|(_, totals)| totals.requests).sum();
        if sum >= requests {
            assert_eq!(sum, requests, "{all:?}");
            return all;
        }
        assert!(begun.elapsed() < SOON, "{sum} of {requests}: {all:?}");
        let runtime = proxy.running.runtime.as_ref().expect("it runs");
        let pause = async { tokio::time::sleep(Duration::from_millis(5)).await };
        runtime.handle().block_on(pause);
    }
}

fn key(scope: Scope, name: &str, part: &str, code: u16, method: &'static str) -> Key {
    let http = if method.is_empty() { "" } else { "http" };
    (scope, name.to_owned(), part.to_owned(), code, method, http)
}

#[test]
fn a_request_is_counted_at_its_entry_point_router_service_and_server() {
    let origin = Origin::named("hello");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let server = format!("id-{}", origin.address);
    assert_eq!(proxy.get("/").body, "hello");
    proxy.ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody");
    proxy.ask("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
    let all = when_counted(&proxy, 3);
    for (key, requests, request_bytes, response_bytes) in [
        (key(Scope::EntryPoint, "web", "", 200, "GET"), 1, 0, 5),
        (key(Scope::EntryPoint, "web", "", 200, "POST"), 1, 4, 5),
        (key(Scope::EntryPoint, "web", "", 404, "GET"), 1, 0, 19),
        (key(Scope::Router, "r@test", "s@test", 200, "POST"), 1, 4, 5),
        (key(Scope::Service, "s@test", "", 200, "GET"), 1, 0, 5),
        (key(Scope::Service, "s@test", "", 200, "POST"), 1, 4, 5),
        (key(Scope::Server, "s@test", &server, 200, ""), 2, 4, 10),
    ] {
        let totals = all
            .get(&key)
            .unwrap_or_else(|| panic!("no {key:?} in {all:?}"));
        assert_eq!(totals.requests, requests, "{key:?}");
        assert_eq!(totals.request_bytes, request_bytes, "{key:?}");
        assert_eq!(totals.response_bytes, response_bytes, "{key:?}");
        assert_eq!(totals.buckets.iter().sum::<u64>(), requests, "{key:?}");
        assert!(totals.nanos > 0, "{key:?}");
    }
    assert_eq!(all.len(), 8, "{all:?}");
    let ledger = proxy.running.process.collector.ledger();
    assert_eq!(*ledger.answers(), [("no_route", 1)].into());
    assert!(ledger.retries().is_empty());
}

#[test]
fn what_no_server_answered_is_counted_for_the_service_alone() {
    let proxy = Proxy::start(Site::at(vec![closed_address()]));
    assert!(proxy.get("/").head.starts_with("HTTP/1.1 502"));
    let all = when_counted(&proxy, 1);
    let service = key(Scope::Service, "s@test", "", 502, "GET");
    assert_eq!(all[&service].requests, 1);
    assert!(all.keys().all(|key| key.0 != Scope::Server), "{all:?}");
    let ledger = proxy.running.process.collector.ledger();
    assert_eq!(*ledger.answers(), [("connect_refused", 1)].into());
    assert_eq!(*ledger.retries(), [("s@test".to_owned(), 2)].into());
}

#[test]
fn a_websocket_is_counted_when_it_ends() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head().unwrap();
        wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        );
        wire.read_exact(2);
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send(
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    wire.read_head().expect("it switches");
    assert!(counted(&proxy).is_empty());
    let open = || {
        let collector = &proxy.running.process.collector;
        collector.ledger().open_connections().get("web").copied()
    };
    assert_eq!(open(), Some(1));
    wire.send("ab");
    assert!(wire.is_closed());
    drop(wire);
    let all = when_counted(&proxy, 1);
    for key in all.keys() {
        let expected = if key.0 == Scope::Server {
            ""
        } else {
            "websocket"
        };
        assert_eq!((key.3, key.5), (101, expected));
    }
    assert_eq!(all.len(), 4);
}

#[test]
fn a_router_may_say_that_its_requests_are_not_counted() {
    let origin = Origin::named("hello");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut quiet = resources(Site::of(&[&origin]));
    let says = |metrics| {
        Some(proto::Observability {
            metrics,
            ..Default::default()
        })
    };
    for resource in &mut quiet {
        if let Some(Spec::Router(router)) = &mut resource.spec {
            router.observability = says(Some(false));
        }
    }
    put_in_force(&proxy.running, quiet.clone());
    assert_eq!(proxy.get("/").body, "hello");
    for resource in &mut quiet {
        match &mut resource.spec {
            Some(Spec::EntryPoint(entry_point)) => entry_point.observability = says(Some(false)),
            Some(Spec::Router(router)) => router.observability = says(Some(true)),
            _ => {}
        }
    }
    put_in_force(&proxy.running, quiet);
    proxy.ask("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
    assert_eq!(proxy.get("/").body, "hello");
    let all = when_counted(&proxy, 1);
    assert_eq!(
        all[&key(Scope::Router, "r@test", "s@test", 200, "GET")].requests,
        1
    );
    assert_eq!(all.len(), 4, "{all:?}");
}
