//! Which server of a container's service gets a request: cookies, strategies, URLs;
//! from the label to the container that answers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use fairway_tests::backend::Mode;
use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::raw_client::{self, RawClient, Reply};
use fairway_tests::wait::{wait_for, wait_until};
use fairway_tests::world::{Setting, World, routed};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

const BALANCER: &str = "traefik.http.services.web.loadbalancer";

/// A container of the service `web` at `web.test` with these options of its balancer.
fn replica(number: usize, options: &[(&str, &str)]) -> ContainerSpec {
    let name = format!("web-{number}");
    let spec = routed(&name, "web", "Host(`web.test`)").compose("test", "web");
    options.iter().fold(spec, |spec, (key, value)| {
        spec.label(&format!("{BALANCER}.{key}"), value)
    })
}

/// Two of them, served by every proxy.
async fn two(world: &World, options: &[(&str, &str)]) {
    for number in [1, 2] {
        world.run(replica(number, options)).await;
    }
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    world.settle().await;
}

/// Asks a proxy with this `Cookie`.
async fn ask(world: &World, proxy: usize, cookie: &str) -> Reply {
    let mut client = RawClient::connect(world.http_of(proxy)).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: web.test\r\nCookie: {cookie}\r\n\r\n");
    client.exchange(request).await.unwrap()
}

fn set_cookie(reply: &Reply) -> Option<&str> {
    reply.head.header("set-cookie")
}

fn hex(digest: &[u8], digits: usize) -> String {
    let mut all: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    all.truncate(digits);
    all
}

/// URL of a container's server.
fn url(world: &World, container: &str) -> String {
    let address = world.engine().address(container, None).unwrap();
    format!("http://{address}:{}", world.backend_port())
}

/// Of this server, as Traefik makes it.
fn value(world: &World, container: &str) -> String {
    hex(&Sha256::digest(url(world, container)), 16)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_are_traefiks_and_mean_the_same_to_every_proxy() {
    let world = Setting::new().proxies(2).start().await;
    two(&world, &[("sticky.cookie", "true")]).await;
    let name = format!("_{}", hex(&Sha1::digest("_TRAEFIK_BACKEND_web@docker"), 5));
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let reply = ask(&world, 0, "other=1").await;
        let container = reply.seen().name;
        let value = value(&world, &container);
        let line = format!("{name}={value}; Path=/");
        assert_eq!(set_cookie(&reply), Some(line.as_str()));
        for proxy in [0, 1, 1, 0] {
            let reply = ask(&world, proxy, &format!("a=b; {name}={value}; c=d")).await;
            assert_eq!(
                (reply.seen().name, set_cookie(&reply)),
                (container.clone(), None)
            );
        }
        seen.insert(container);
    }
    assert_eq!(seen.len(), 2, "newcomers come in turn");

    // The value that Traefik gave out before: understood, and replaced.
    let old = format!("{name}={}", url(&world, "web-2"));
    for proxy in [0, 1] {
        let reply = ask(&world, proxy, &old).await;
        let line = format!("{name}={}; Path=/", value(&world, "web-2"));
        assert_eq!(
            (reply.seen().name.as_str(), set_cookie(&reply)),
            ("web-2", Some(line.as_str()))
        );
    }
    // One that names nobody is as none.
    let reply = ask(&world, 0, &format!("{name}=0123456789abcdef")).await;
    assert!(set_cookie(&reply).is_some());

    // A server that leaves hands its clients on.
    let gone = format!("{name}={}", value(&world, "web-1"));
    world.stop_container("web-1", Duration::ZERO).await;
    let reply = ask(&world, 1, &gone).await;
    let line = format!("{name}={}; Path=/", value(&world, "web-2"));
    assert_eq!(
        (reply.seen().name.as_str(), set_cookie(&reply)),
        ("web-2", Some(line.as_str()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_is_written_with_all_that_its_options_say() {
    let world = World::start().await;
    let options = [
        ("sticky.cookie.name", "my lane"),
        ("sticky.cookie.secure", "true"),
        ("sticky.cookie.httponly", "true"),
        ("sticky.cookie.samesite", "Strict"),
        ("sticky.cookie.maxage", "3600"),
        ("sticky.cookie.path", "/shop"),
        ("sticky.cookie.domain", "web.test"),
    ];
    world.run(replica(1, &options)).await;
    world.wait_rotation("web.test", "/", &["web-1"]).await;
    let reply = ask(&world, 0, "").await;
    let value = value(&world, "web-1");
    let line = set_cookie(&reply).unwrap();
    let mut parts = line.split("; ");
    assert_eq!(parts.next(), Some(format!("my_lane={value}").as_str()));
    let attributes: BTreeSet<&str> = parts.collect();
    let expected = [
        "Path=/shop",
        "Domain=web.test",
        "Max-Age=3600",
        "HttpOnly",
        "Secure",
        "SameSite=Strict",
    ];
    assert_eq!(attributes, BTreeSet::from(expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_the_one_with_fewer_requests_in_flight_gets_the_next() {
    let world = World::start().await;
    two(&world, &[("strategy", "p2c")]).await;
    let before = world.requests("web-1");
    world.mode("web-1", Mode::Slow(Duration::from_secs(60)));
    // One of the first ones gets stuck there.
    let address = world.http();
    let mut stuck = Vec::new();
    while world.requests("web-1") == before {
        let answered = world.requests("web-2");
        stuck.push(tokio::spawn(async move {
            raw_client::get(address, "web.test", "/").await
        }));
        wait_until("somebody gets it", || {
            world.requests("web-1") > before || world.requests("web-2") > answered
        })
        .await;
    }
    let turns = world.rotation("web.test", "/", 20).await;
    assert!(turns.iter().all(|name| name == "web-2"), "{turns:?}");
    for request in stuck {
        request.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_answers_late_gets_less_of_the_requests() {
    let world = World::start().await;
    let options = [("strategy", "leasttime")];
    world.run(replica(1, &options)).await;
    world.mode("web-1", Mode::Slow(Duration::from_secs(1)));
    world.wait_rotation("web.test", "/", &["web-1"]).await;
    // A server that nothing is known of comes first.
    world.run(replica(2, &options)).await;
    wait_for("the new one", || async {
        let reply = world.get("web.test", "/").await;
        (reply.seen().name == "web-2").then_some(())
    })
    .await;
    let turns = world.rotation("web.test", "/", 20).await;
    let fast = turns.iter().filter(|name| *name == "web-2").count();
    assert!(fast >= 15, "{turns:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_address_decides_and_only_those_of_a_server_that_leaves_move() {
    let world = Setting::new().proxies(2).start().await;
    let options = [("strategy", "hrw"), ("server.weight", "1")];
    for number in 1..=3 {
        world.run(replica(number, &options)).await;
    }
    world.settle().await;
    let all = ["web-1", "web-2", "web-3"];
    let whole = wait_for("all three, and the same at both proxies", || async {
        let [one, other] = [homes(&world, 0).await, homes(&world, 1).await];
        let is_home = |name: &&str| one.values().any(|home| home == name);
        (one == other && all.iter().all(is_home)).then_some(one)
    })
    .await;
    world.stop_container("web-3", Duration::ZERO).await;
    let left = wait_for("nobody at the third", || async {
        let homes = homes(&world, 1).await;
        let is_gone = |home: &String| home == "web-1" || home == "web-2";
        homes.values().all(is_gone).then_some(homes)
    });
    for (client, home) in left.await {
        let before = whole[&client].as_str();
        match before {
            "web-3" => assert_ne!(home, "web-3"),
            before => assert_eq!(home, before, "{client}"),
        }
    }
}

/// Who answers clients of forty addresses.
async fn homes(world: &World, proxy: usize) -> BTreeMap<IpAddr, String> {
    let mut homes = BTreeMap::new();
    for number in 1..=40 {
        let client = IpAddr::V4(Ipv4Addr::new(127, 0, 77, number));
        let mut from = RawClient::connect_from(client, world.http_of(proxy))
            .await
            .unwrap();
        let reply = from.get("web.test", "/").await.unwrap();
        let home = match reply.status() {
            200 => reply.seen().name,
            other => other.to_string(),
        };
        homes.insert(client, home);
    }
    homes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_takes_the_place_of_the_container_with_or_without_its_path() {
    let world = World::start().await;
    world.run(routed("real", "real", "Host(`real.test`)")).await;
    let elsewhere = format!("{}/base/", url(&world, "real"));
    for (name, keep) in [("kept", "true"), ("left", "false")] {
        let label = |option: &str| format!("traefik.http.services.{name}.loadbalancer.{option}");
        let spec = routed(name, name, &format!("Host(`{name}.test`)"))
            .label(&label("server.url"), &elsewhere)
            .label(&label("server.preservepath"), keep)
            .label(&label("passhostheader"), keep);
        world.run(spec).await;
        world
            .wait_rotation(&format!("{name}.test"), "/", &["real"])
            .await;
    }
    let kept = world.get("kept.test", "/a%20b?c=d").await.seen();
    assert_eq!(kept.target, "/base/a%20b?c=d");
    assert_eq!(kept.header("host"), Some("kept.test"));
    let left = world.get("left.test", "/a%20b?c=d").await.seen();
    assert_eq!(left.target, "/a%20b?c=d");
    let authority = url(&world, "real").replace("http://", "");
    assert_eq!(left.header("host"), Some(authority.as_str()));
    assert_eq!(world.requests("kept") + world.requests("left"), 0);
}
