//! Services that consist of others: declared in a file, made of containers' services.

use std::collections::BTreeMap;
use std::time::Duration;

use fairway_tests::backend::Mode;
use fairway_tests::raw_client::{RawClient, Reply};
use fairway_tests::wait::{stays, wait_for, wait_until};
use fairway_tests::world::{World, routed};
use sha2::{Digest as _, Sha256};

use super::Folder;

/// A world with containers of these names, each at `NAME.test`, and a file with a router
/// of `all.test` to the service `all` that is declared so.
async fn world(names: &[&str], all: &str) -> (World, Folder) {
    let folder = Folder::with("");
    let world = folder.world().await;
    for name in names {
        let host = format!("{name}.test");
        world
            .run(routed(name, name, &format!("Host(`{host}`)")))
            .await;
        world.wait_rotation(&host, "/", &[name]).await;
    }
    let routes = "http:\n  routers:\n    all: {rule: Host(`all.test`), service: all}\n    \
                  ready: {rule: Host(`ready.test`), service: noop@internal}\n  services:\n";
    folder.replace("routes.yml", &format!("{routes}    all: {all}\n"));
    // Without a request to the service: turns and copies are counted.
    wait_for("the file's routers", || async {
        (world.get("ready.test", "/").await.status() == 418).then_some(())
    })
    .await;
    (world, folder)
}

async fn counts(world: &World, requests: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in world.rotation("all.test", "/", requests).await {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn shares(shares: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let named = shares
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count));
    named.collect()
}

async fn send(world: &World, method: &str, headers: &str, body: &str) -> Reply {
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let length = body.len();
    let head = format!(
        "{method} /x HTTP/1.1\r\nHost: all.test\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    client.exchange(head + body).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weighted_services_have_their_shares_and_do_without_those_that_have_no_server() {
    let all = "{weighted: {services: [{name: a@docker, weight: 3}, {name: b@docker}, \
               {name: c@docker, weight: 0}]}}";
    let (world, _folder) = world(&["a", "b", "c"], all).await;
    assert_eq!(counts(&world, 40).await, shares(&[("a", 30), ("b", 10)]));
    world.stop_container("a", Duration::ZERO).await;
    world.wait_rotation("all.test", "/", &["b"]).await;
    world.start_container("a").await;
    world.wait_rotation("all.test", "/", &["a", "b"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_keep_to_the_part_whose_name_their_cookie_has() {
    let all = "{weighted: {sticky: {cookie: {name: lane, httpOnly: true}}, \
               services: [{name: a@docker}, {name: b@docker}]}}";
    let (world, _folder) = world(&["a", "b"], all).await;
    for name in ["a", "b"] {
        let digest = Sha256::digest(format!("{name}@docker"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let cookie = format!("Cookie: lane={}\r\n", &hex[..16]);
        for _ in 0..3 {
            let reply = send(&world, "GET", &cookie, "").await;
            assert_eq!(reply.seen().name, name);
            assert_eq!(reply.head.header("set-cookie"), None);
        }
        let reply = wait_for("a turn of it", || async {
            let reply = send(&world, "GET", "", "").await;
            (reply.seen().name == name).then_some(reply)
        });
        let line = format!("lane={}; Path=/; HttpOnly", &hex[..16]);
        assert_eq!(reply.await.head.header("set-cookie"), Some(line.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_has_its_part_by_its_address() {
    let all = "{highestRandomWeight: {services: [{name: a@docker}, {name: b@docker}]}}";
    let (world, _folder) = world(&["a", "b"], all).await;
    let mut homes = BTreeMap::new();
    for round in 0..2 {
        for number in 1..=30 {
            let peer: std::net::IpAddr = [127, 0, 78, number].into();
            let mut client = RawClient::connect_from(peer, world.http()).await.unwrap();
            let home = client.get("all.test", "/").await.unwrap().seen().name;
            let known = homes.entry(peer).or_insert_with(|| home.clone());
            assert_eq!(*known, home, "{peer} in round {round}");
        }
    }
    assert!(homes.values().any(|home| home == "a"));
    assert!(homes.values().any(|home| home == "b"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrors_get_their_percentage_of_the_requests_and_nobody_waits_for_them() {
    let all = "{mirroring: {service: main@docker, maxBodySize: 10, mirrors: \
               [{name: every@docker, percent: 100}, {name: half@docker, percent: 50}]}}";
    let (world, _folder) = world(&["main", "every", "half"], all).await;
    let before = [world.requests("every"), world.requests("half")];
    let got = |more: [usize; 2]| {
        world.requests("every") == before[0] + more[0]
            && world.requests("half") == before[1] + more[1]
    };
    let (due, mut sent) = (|of: usize| [of, of / 2], 10);
    for _ in 0..sent {
        assert_eq!(
            send(&world, "POST", "", "0123456789").await.seen().name,
            "main"
        );
    }
    wait_until("copies of all and of half of them", || got(due(sent))).await;
    // Neither one that hangs nor one that fails is noticed.
    world.mode("every", Mode::Slow(Duration::from_secs(60)));
    world.mode("half", Mode::Status(500));
    for _ in 0..4 {
        assert_eq!(send(&world, "GET", "", "").await.seen().name, "main");
    }
    sent += 4;
    wait_until("more copies", || got(due(sent))).await;
    // Of longer bodies there are none.
    for _ in 0..4 {
        let seen = send(&world, "POST", "", "0123456789A").await.seen();
        assert_eq!((seen.name.as_str(), seen.body_bytes), ("main", 11));
    }
    for _ in 0..2 {
        send(&world, "GET", "", "").await;
    }
    let every = before[0] + sent + 2;
    wait_until("copies of what is short only", || {
        world.requests("every") == every
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_answers_while_the_main_service_has_no_server_or_fails() {
    let all = "{failover: {service: main@docker, fallback: spare@docker, \
               errors: {status: ['500-503'], maxRequestBodyBytes: 10}}}";
    let (world, _folder) = world(&["main", "spare"], all).await;
    assert_eq!(
        send(&world, "POST", "", "0123456789").await.seen().name,
        "main"
    );
    world.mode("main", Mode::Status(502));
    let seen = send(&world, "POST", "X-A: b\r\n", "0123456789")
        .await
        .seen();
    assert_eq!(
        (
            seen.name.as_str(),
            seen.method.as_str(),
            seen.target.as_str()
        ),
        ("spare", "POST", "/x")
    );
    assert_eq!((seen.body_bytes, seen.header("x-a")), (10, Some("b")));
    let reply = send(&world, "POST", "", "0123456789A").await;
    assert_eq!(
        (reply.status(), reply.text().trim()),
        (413, "Request body too large")
    );
    world.mode("main", Mode::Status(504));
    assert_eq!(
        send(&world, "GET", "", "").await.status(),
        504,
        "not one of them"
    );

    world.mode("main", Mode::Normal);
    // A process that does not listen is enough.
    world.end_process("main").await;
    assert_eq!(send(&world, "GET", "", "").await.seen().name, "spare");
    world.stop_container("main", Duration::ZERO).await;
    world.wait_rotation("all.test", "/", &["spare"]).await;
    world.start_container("main").await;
    world.wait_rotation("all.test", "/", &["main"]).await;
    world.stop_container("main", Duration::ZERO).await;
    world.stop_container("spare", Duration::ZERO).await;
    world.wait_rotation("all.test", "/", &["503"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_a_service_that_does_not_exist_answers_with_the_reason() {
    let all = "{weighted: {services: [{name: a@docker}, {name: nobody@docker}]}}";
    let (world, folder) = world(&["a"], all).await;
    assert_eq!(world.get("all.test", "/").await.status(), 503);
    let told = world
        .wait_diagnostic("the lost part", |it| it.message.contains("nobody@docker"))
        .await;
    assert!(told.container.ends_with("routes.yml"), "{told:?}");
    let mended = std::fs::read_to_string(folder.path("routes.yml")).unwrap();
    folder.replace("routes.yml", &mended.replace(", {name: nobody@docker}", ""));
    world.wait_rotation("all.test", "/", &["a"]).await;
}

/// Options of middlewares for a file with the service `all`.
const MIDDLEWARES: &str = "  middlewares:\n    \
    mark: {headers: {customRequestHeaders: {X-Part: a}, customResponseHeaders: {X-Out: a}}}\n    \
    strip: {stripPrefix: {prefixes: [/x]}}\n    \
    shut: {ipAllowList: {sourceRange: [10.0.0.0/8]}}\n    \
    few: {rateLimit: {average: 1, period: 1h, burst: 2}}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_is_reached_through_its_own_middlewares_only() {
    let (world, folder) = world(
        &["a", "b", "c"],
        "{weighted: {services: [{name: b@docker}]}}",
    )
    .await;
    let servers = |name: &str| {
        let address = world.engine().address(name, None).unwrap();
        let port = world.backend_port();
        format!("loadBalancer: {{servers: [{{url: 'http://{address}:{port}'}}]}}")
    };
    let services = format!(
        "    marked: {{middlewares: [mark, strip], {}}}\n    shut: {{middlewares: [shut], {}}}\n    \
         few: {{middlewares: [few], {}}}\n",
        servers("a"),
        servers("a"),
        servers("b"),
    );
    let write = |all: &str| {
        let text = format!(
            "http:\n  routers:\n    all: {{rule: Host(`all.test`), service: all}}\n    \
             direct: {{rule: Host(`direct.test`), service: marked}}\n  services:\n    \
             all: {all}\n{services}{MIDDLEWARES}"
        );
        folder.replace("routes.yml", &text);
    };

    write("{weighted: {services: [{name: marked}, {name: c@docker}]}}");
    world.wait_rotation("all.test", "/", &["a", "c"]).await;
    for _ in 0..4 {
        let mut client = RawClient::connect(world.http()).await.unwrap();
        let own = client.local_address().unwrap().ip().to_string();
        let reply = client.get("all.test", "/x/y?z").await.unwrap();
        let seen = reply.seen();
        let (part, out, target) = match seen.name.as_str() {
            "a" => (Some("a"), Some("a"), "/y?z"),
            _ => (None, None, "/x/y?z"),
        };
        assert_eq!(
            (seen.header("x-part"), seen.target.as_str()),
            (part, target)
        );
        assert_eq!(reply.head.header("x-out"), out);
        // However many ways it went through.
        assert_eq!(seen.header("x-forwarded-for"), Some(own.as_str()));
    }
    let direct = world.get("direct.test", "/x/y").await.seen();
    assert_eq!(
        (direct.header("x-part"), direct.target.as_str()),
        (Some("a"), "/y")
    );

    // Who is not let in gets that answer, and the fallback none of it.
    write("{failover: {service: shut, fallback: c@docker, errors: {status: ['500-599']}}}");
    world.wait_rotation("all.test", "/", &["403"]).await;
    world.end_process("a").await;
    write("{failover: {service: marked, fallback: c@docker}}");
    world.wait_rotation("all.test", "/", &["c"]).await;
    world.begin_process("a").await;
    world.wait_rotation("all.test", "/", &["a"]).await;

    // What was counted for the part stays while others change.
    write("{weighted: {services: [{name: few}]}}");
    world.wait_rotation("all.test", "/", &["429"]).await;
    world.run(routed("d", "d", "Host(`d.test`)")).await;
    world.wait_rotation("d.test", "/", &["d"]).await;
    assert_eq!(world.get("all.test", "/").await.status(), 429);

    write("{weighted: {services: [{name: c@docker}]}, middlewares: [mark]}");
    let reply = wait_for("the middlewares of the whole", || async {
        let reply = world.get("all.test", "/").await;
        (reply.status() == 200).then_some(reply)
    });
    assert_eq!(reply.await.seen().header("x-part"), Some("a"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrors_get_their_copies_through_their_own_middlewares() {
    let (world, folder) = world(
        &["main", "spy"],
        "{weighted: {services: [{name: main@docker}]}}",
    )
    .await;
    let address = world.engine().address("spy", None).unwrap();
    let spy = format!("http://{address}:{}", world.backend_port());
    for (middlewares, expected) in [("strip", Some("/y")), ("shut", None)] {
        let all = "{mirroring: {service: main@docker, mirrors: [{name: spy, percent: 100}]}}";
        let text = format!(
            "http:\n  routers:\n    all: {{rule: Host(`all.test`), service: all}}\n    \
             ready: {{rule: Host(`{middlewares}.test`), service: noop@internal}}\n  services:\n    \
             all: {all}\n    spy: {{middlewares: [{middlewares}], loadBalancer: {{servers: \
             [{{url: '{spy}'}}]}}}}\n{MIDDLEWARES}"
        );
        folder.replace("routes.yml", &text);
        let ready = format!("{middlewares}.test");
        wait_for("the new file", || async {
            (world.get(&ready, "/").await.status() == 418).then_some(())
        })
        .await;
        let before = world.requests("spy");
        let mut client = RawClient::connect(world.http()).await.unwrap();
        let request = "POST /x/y HTTP/1.1\r\nHost: all.test\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(client.exchange(request).await.unwrap().seen().name, "main");
        match expected {
            Some(target) => {
                let seen = wait_for("a copy", || async {
                    world.last("spy").filter(|seen| seen.method == "POST")
                })
                .await;
                assert_eq!((seen.target.as_str(), seen.body_bytes), (target, 3));
                let own = client.local_address().unwrap().ip().to_string();
                assert_eq!(seen.header("x-forwarded-for"), Some(own.as_str()));
            }
            None => {
                let none = || world.requests("spy") == before;
                stays("no copy", Duration::from_millis(200), none).await;
            }
        }
    }
}
