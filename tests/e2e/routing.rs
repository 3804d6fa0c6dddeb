//! Who answers what: hosts, paths, middlewares, rotation, weights, headers.

use std::collections::BTreeSet;

use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::raw_client::RawClient;
use fairway_tests::world::{World, routed};

fn flats(number: usize) -> ContainerSpec {
    let rule = "Host(`demo.res.ch`) && PathPrefix(`/api/flats/`)";
    routed(&format!("apache_dynamic-{number}"), "flats", rule)
        .compose("demo", "apache_dynamic")
        .label("traefik.http.middlewares.to-root.replacepath.path", "/")
        .label("traefik.http.routers.flats.middlewares", "to-root")
}

fn home(number: usize) -> ContainerSpec {
    routed(
        &format!("apache_static-{number}"),
        "static",
        "Host(`demo.res.ch`)",
    )
    .compose("demo", "apache_static")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_is_routed_by_host_and_path_and_its_path_is_replaced() {
    let world = World::start().await;
    for number in 1..=2 {
        world.run(home(number)).await;
        world.run(flats(number)).await;
    }
    let statics = ["apache_static-1", "apache_static-2"];
    let dynamics = ["apache_dynamic-1", "apache_dynamic-2"];
    world.wait_rotation("demo.res.ch", "/", &statics).await;
    world
        .wait_rotation("demo.res.ch", "/api/flats/", &dynamics)
        .await;

    let seen = world
        .get("demo.res.ch", "/api/flats/12?rooms=3")
        .await
        .seen();
    assert!(seen.name.starts_with("apache_dynamic"));
    assert_eq!(seen.target, "/?rooms=3");
    assert_eq!(seen.header("x-replaced-path"), Some("/api/flats/12"));

    let seen = world.get("DEMO.res.ch:8080", "/a%20b?c").await.seen();
    assert!(seen.name.starts_with("apache_static"));
    assert_eq!(seen.target, "/a%20b?c");

    for (host, path) in [("other.res.ch", "/"), ("res.ch", "/api/flats/")] {
        let reply = world.get(host, path).await;
        assert_eq!(
            (reply.status(), reply.text().trim()),
            (404, "404 page not found")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k_requests_in_a_row_reach_k_containers() {
    let world = World::start().await;
    for count in 1..=5 {
        world.run_replica(count).await;
        let names: Vec<String> = (1..=count).map(|number| format!("web-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        world.wait_rotation("web.test", "/", &names).await;
        world.settle().await;
        // New connections …
        for _ in 0..3 {
            let turn = world.rotation("web.test", "/", count).await;
            assert_eq!(
                turn.iter().collect::<BTreeSet<_>>().len(),
                count,
                "{turn:?}"
            );
        }
        // … and one kept.
        let mut client = RawClient::connect(world.http()).await.unwrap();
        let mut turn = BTreeSet::new();
        for _ in 0..count {
            turn.insert(client.get("web.test", "/").await.unwrap().seen().name);
        }
        assert_eq!(turn.len(), count, "{turn:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_are_shares_of_the_requests() {
    let world = World::start().await;
    for (number, weight) in [(1, "3"), (2, "1")] {
        let spec = routed(&format!("web-{number}"), "web", "Host(`web.test`)")
            .compose("test", "web")
            .label(
                "traefik.http.services.web.loadbalancer.server.weight",
                weight,
            );
        world.run(spec).await;
    }
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    world.settle().await;
    let turns = world.rotation("web.test", "/", 40).await;
    assert_eq!(
        turns.iter().filter(|name| *name == "web-1").count(),
        30,
        "{turns:?}"
    );
    // Interleaved: never the heavy one four times in a row.
    assert!(
        turns
            .windows(4)
            .all(|four| four.iter().any(|name| name == "web-2")),
        "{turns:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longer_rule_wins_unless_a_priority_says_otherwise() {
    let world = World::start().await;
    world.run(routed("short", "short", "Host(`a.test`)")).await;
    world
        .run(routed("long", "long", "Host(`a.test`) && PathPrefix(`/x`)"))
        .await;
    world.wait_rotation("a.test", "/", &["short"]).await;
    world.wait_rotation("a.test", "/x", &["long"]).await;
    let first = routed("first", "first", "PathPrefix(`/x`)")
        .label("traefik.http.routers.first.priority", "1000");
    world.run(first).await;
    world.wait_rotation("a.test", "/x", &["first"]).await;
    world.wait_rotation("a.test", "/", &["short"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_matcher_decides() {
    let cases = [
        (
            "host-regexp",
            "HostRegexp(`^a[0-9]+\\.m\\.test$`)",
            "GET / HTTP/1.1\r\nHost: a1.m.test",
        ),
        (
            "path",
            "Host(`m.test`) && Path(`/exact`)",
            "GET /exact HTTP/1.1\r\nHost: m.test",
        ),
        (
            "regexp",
            "Host(`m.test`) && PathRegexp(`^/n/[0-9]+$`)",
            "GET /n/7 HTTP/1.1\r\nHost: m.test",
        ),
        (
            "method",
            "Host(`m.test`) && Method(`OPTIONS`)",
            "OPTIONS /z HTTP/1.1\r\nHost: m.test",
        ),
        (
            "header",
            "Header(`X-A`, `b`)",
            "GET / HTTP/1.1\r\nHost: n.test\r\nX-A: b",
        ),
        (
            "header-regexp",
            "HeaderRegexp(`X-B`, `^c+$`)",
            "GET / HTTP/1.1\r\nHost: n.test\r\nX-B: cc",
        ),
        (
            "query",
            "Query(`q`, `1`)",
            "GET /?q=1 HTTP/1.1\r\nHost: n.test",
        ),
        (
            "query-regexp",
            "QueryRegexp(`r`, `^[a-f]$`)",
            "GET /?r=c HTTP/1.1\r\nHost: n.test",
        ),
        (
            "client",
            "Host(`ip.test`) && ClientIP(`127.0.0.0/8`)",
            "GET / HTTP/1.1\r\nHost: ip.test",
        ),
        (
            "not",
            "Host(`o.test`) && !PathPrefix(`/no`)",
            "GET /yes HTTP/1.1\r\nHost: o.test",
        ),
        (
            "or",
            "Host(`p.test`) || Host(`q.test`)",
            "GET / HTTP/1.1\r\nHost: q.test",
        ),
    ];
    let world = World::start().await;
    for (name, rule, _) in cases {
        world.run(routed(name, name, rule)).await;
    }
    world.wait_rotation("q.test", "/", &["or"]).await;
    world.settle().await;
    let mut client = RawClient::connect(world.http()).await.unwrap();
    for (name, rule, head) in cases {
        let reply = client.exchange(format!("{head}\r\n\r\n")).await.unwrap();
        assert_eq!(reply.status(), 200, "{rule}: {head}");
        assert_eq!(reply.seen().name, name, "{rule}: {head}");
    }
    assert_eq!(world.get("o.test", "/no").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn middlewares_change_what_the_backend_sees_and_answer_themselves() {
    let world = World::start().await;
    let add = |spec: ContainerSpec, name: &str, option: &str, value: &str| {
        spec.label(&format!("traefik.http.middlewares.{name}.{option}"), value)
    };
    let mut spec = routed("app", "app", "Host(`app.test`)");
    spec = add(spec, "strip", "stripprefix.prefixes", "/v1");
    spec = add(spec, "add", "addprefix.prefix", "/inner");
    spec = add(spec, "head", "headers.customrequestheaders.X-From", "edge");
    spec = add(spec, "head", "headers.customresponseheaders.X-To", "client");
    spec = add(spec, "all", "chain.middlewares", "strip,add,head");
    world
        .run(spec.label("traefik.http.routers.app.middlewares", "all"))
        .await;
    let spec = routed("secure", "secure", "Host(`secure.test`)");
    let spec = add(spec, "https", "redirectscheme.scheme", "https");
    world
        .run(spec.label("traefik.http.routers.secure.middlewares", "https"))
        .await;

    world.wait_rotation("app.test", "/v1/x", &["app"]).await;
    let reply = world.get("app.test", "/v1/x?y").await;
    let seen = reply.seen();
    assert_eq!(seen.target, "/inner/x?y");
    assert_eq!(seen.header("x-forwarded-prefix"), Some("/v1"));
    assert_eq!(seen.header("x-from"), Some("edge"));
    assert_eq!(reply.head.header("x-to"), Some("client"));

    world.wait_rotation("secure.test", "/", &["302"]).await;
    let reply = world.get("secure.test", "/a?b=c").await;
    assert_eq!(
        reply.head.header("location"),
        Some("https://secure.test/a?b=c")
    );
    assert_eq!(world.requests("secure"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_learns_who_asked_and_not_what_a_client_made_up() {
    let world = World::start().await;
    world.run_site(1).await;
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: web.test\r\nX-Forwarded-For: 6.6.6.6\r\n\
                   X-Real-Ip: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nConnection: x-secret\r\n\
                   X-Secret: 1\r\nKeep-Alive: 1\r\n\r\n";
    let seen = client.exchange(request).await.unwrap().seen();
    let peer = client.local_address().unwrap().ip().to_string();
    assert_eq!(seen.header("x-forwarded-for"), Some(peer.as_str()));
    assert_eq!(seen.header("x-real-ip"), Some(peer.as_str()));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.header("x-forwarded-host"), Some("web.test"));
    assert_eq!(seen.header("host"), Some("web.test"));
    assert_eq!(seen.header("x-secret"), None, "named by Connection");
    assert_eq!(seen.header("keep-alive"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_without_labels_is_routed_by_its_name() {
    let world = World::start().await;
    world.run(ContainerSpec::new("my_app")).await;
    world.wait_rotation("my-app", "/", &["my_app"]).await;
    world
        .run(ContainerSpec::new("hidden").label("traefik.enable", "false"))
        .await;
    world.run(ContainerSpec::new("last")).await;
    world.wait_rotation("last", "/", &["last"]).await;
    assert_eq!(world.get("hidden", "/").await.status(), 404);
}
