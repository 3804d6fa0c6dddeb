//! `rateLimit`, from the label to the bytes on the wire, with one proxy and several.

use std::time::{Duration, Instant};

use clap::Parser as _;
use fairway_control::explain::{ExplainOptions, explain};
use fairway_tests::raw_client::RawClient;
use fairway_tests::world::{Setting, World};

use super::{ask, behind, serve};

const HOUR: (&str, &str) = ("ratelimit.period", "1h");
const ONE: (&str, &str) = ("ratelimit.average", "1");
const TRUSTING: &str = "--entrypoints.http.forwardedheaders.insecure=true";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_has_used_up_its_burst_is_told_when_to_come_again() {
    let world = World::start().await;
    let burst = ("ratelimit.burst", "3");
    let average = ("ratelimit.average", "60");
    serve(&world, "burst", &[average, HOUR, burst]).await;
    // One that is not set is one, and so is one that makes no sense.
    serve(&world, "single", &[ONE, HOUR]).await;
    serve(&world, "zero", &[ONE, HOUR, ("ratelimit.burst", "0")]).await;
    serve(&world, "any", &[("ratelimit.average", "0"), HOUR]).await;

    for (name, passing) in [("burst", 3), ("single", 1), ("zero", 1)] {
        for _ in 0..passing {
            assert_eq!(ask(&world, name, "GET /", "").await.status(), 200, "{name}");
        }
        let before = world.requests(name);
        let reply = ask(&world, name, "GET /", "").await;
        let text = (reply.status(), reply.text());
        assert_eq!(text, (429, "Too Many Requests".to_owned()), "{name}");
        assert_eq!(reply.head.header("content-type"), None);
        let period = if name == "burst" { 60 } else { 3600 };
        let seconds: u64 = reply.head.header("retry-after").unwrap().parse().unwrap();
        assert!(
            (period - 20..=period).contains(&seconds),
            "{name}: {seconds}"
        );
        let exact = reply.head.header("x-retry-in").unwrap();
        assert!(exact.ends_with('s') && exact.contains('.'), "{exact}");
        assert_eq!(world.requests(name), before, "it was passed on");
    }
    for _ in 0..20 {
        assert_eq!(ask(&world, "any", "GET /", "").await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_a_little_too_early_is_held_back() {
    let world = World::start().await;
    // A token each 400 ms, and patience for 200 ms of it.
    let average = ("ratelimit.average", "5");
    serve(&world, "slow", &[average, ("ratelimit.period", "2s")]).await;
    assert_eq!(ask(&world, "slow", "GET /", "").await.status(), 200);
    tokio::time::sleep(Duration::from_millis(250)).await;
    let began = Instant::now();
    let mut statuses = Vec::new();
    while began.elapsed() < Duration::from_secs(4) {
        statuses.push(ask(&world, "slow", "GET /", "").await.status());
    }
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert!((7..=12).contains(&passed), "{passed} of {}", statuses.len());
    assert_eq!(statuses[0], 200, "held back and not refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_are_told_apart_as_the_criterion_says() {
    let world = Setting::new().flag(TRUSTING).start().await;
    let of = |option: &str| format!("ratelimit.sourcecriterion.{option}");
    let depth = of("ipstrategy.depth");
    let subnet = of("ipstrategy.ipv6subnet");
    let excluded = of("ipstrategy.excludedips");
    let header = of("requestheadername");
    let host = of("requesthost");
    #[rustfmt::skip]
    let cases: [(&str, Vec<(&str, &str)>); 6] = [
        ("peer", vec![]),
        ("depth", vec![(&depth, "1")]),
        ("subnet", vec![(&depth, "1"), (&subnet, "64")]),
        ("pool", vec![(&excluded, "10.0.0.9")]),
        ("header", vec![(&header, "X-Key")]),
        ("host", vec![(&host, "true")]),
    ];
    for (name, more) in &cases {
        let mut options = vec![ONE, HOUR];
        options.extend(more);
        serve(&world, name, &options).await;
    }
    let from = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    #[rustfmt::skip]
    let asked = [
        ("peer", from("10.0.0.1"), 200),
        ("peer", from("10.0.0.2"), 429),
        ("depth", from("10.0.0.1"), 200),
        ("depth", from("10.0.0.2"), 200),
        ("depth", from("10.0.0.3, 10.0.0.1"), 429),
        // Who has no address is one source.
        ("depth", String::new(), 200),
        ("depth", from("unknown"), 429),
        ("subnet", from("2001:db8::1"), 200),
        ("subnet", from("2001:db8::2"), 429),
        ("subnet", from("2001:db8:0:1::1"), 200),
        ("pool", from("10.0.0.1, 10.0.0.9"), 200),
        ("pool", from("10.0.0.1"), 429),
        ("pool", from("10.0.0.2, 10.0.0.9"), 200),
        ("header", "X-Key: a\r\n".to_owned(), 200),
        ("header", "X-Key: a\r\nX-Key: c\r\n".to_owned(), 429),
        ("header", "X-Key: b\r\n".to_owned(), 200),
        ("header", String::new(), 200),
        ("header", String::new(), 429),
        ("host", from("10.0.0.1"), 200),
        ("host", from("10.0.0.2"), 429),
    ];
    for (name, headers, status) in asked {
        let reply = ask(&world, name, "GET /", &headers).await;
        assert_eq!(reply.status(), status, "{name} {headers}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_counted_outlives_changes_elsewhere_and_routers_count_for_themselves() {
    let world = World::start().await;
    let spec = behind("kept", &[ONE, HOUR])
        .label("traefik.http.routers.second.rule", "Host(`second.test`)")
        .label("traefik.http.routers.second.middlewares", "m-kept");
    world.run(spec).await;
    world.wait_rotation("open.kept.test", "/", &["kept"]).await;
    assert_eq!(ask(&world, "kept", "GET /", "").await.status(), 200);
    assert_eq!(ask(&world, "kept", "GET /", "").await.status(), 429);
    assert_eq!(ask(&world, "second", "GET /", "").await.status(), 200);
    assert_eq!(ask(&world, "second", "GET /", "").await.status(), 429);

    // Another server of the very service, another router, a container that goes.
    let version = world.version_of(0);
    world.run_site(2).await;
    world.run(behind("other", &[ONE, HOUR])).await;
    world
        .wait_rotation("open.other.test", "/", &["other"])
        .await;
    world.kill_container("other").await;
    world.settle().await;
    assert_ne!(world.version_of(0), version);
    assert_eq!(ask(&world, "kept", "GET /", "").await.status(), 429);
    assert_eq!(ask(&world, "second", "GET /", "").await.status(), 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explanations_tell_whether_there_is_room_and_use_up_none() {
    let world = World::start().await;
    serve(&world, "told", &[("ratelimit.average", "2"), HOUR]).await;
    let explained = || explained(&world, "told");
    for _ in 0..3 {
        let text = explained().await;
        assert!(text.contains("there is room for this one"), "{text}");
    }
    assert_eq!(ask(&world, "told", "GET /", "").await.status(), 200);
    let text = explained().await;
    assert!(
        text.contains("429") && text.contains("rate_limited"),
        "{text}"
    );
    assert_eq!(ask(&world, "told", "GET /", "").await.status(), 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explanations_say_that_the_budget_is_shared() {
    let world = Setting::new().proxies(2).start().await;
    let average = ("ratelimit.average", "100");
    serve(&world, "rate", &[average, ("ratelimit.burst", "10")]).await;
    serve(&world, "amount", &[("inflightreq.amount", "10")]).await;
    world.settle().await;
    for (name, part) in [
        ("rate", "50.000 requests a second and 5.0 at once"),
        ("amount", "5 requests at once"),
    ] {
        let text = explained(&world, name).await;
        let told = format!("{part} on this proxy, one of 2 that share the budget");
        assert!(text.contains(&told), "{text}");
    }
}

async fn explained(world: &World, name: &str) -> String {
    let server = format!("--server=http://{}", world.grpc_address());
    let url = format!("http://{name}.test:{}/", world.http().port());
    let words = ["explain", "--client=127.0.0.1", &server, &url];
    let answer = explain(&ExplainOptions::try_parse_from(words).unwrap()).await;
    answer.unwrap()
}

/// Asks each proxy in turn for this long, each of them as often as it can; how many
/// requests passed.
async fn passed(world: &World, time: Duration) -> usize {
    let mut clients = Vec::new();
    for proxy in 0..world.proxies() {
        clients.push(RawClient::connect(world.http_of(proxy)).await.unwrap());
    }
    let mut passed = 0;
    let began = Instant::now();
    while began.elapsed() < time {
        for client in &mut clients {
            let reply = client.get("shared.test", "/").await.unwrap();
            passed += usize::from(reply.status() == 200);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    passed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_together_let_through_what_one_would() {
    const TIME: Duration = Duration::from_secs(5);
    let mut world = World::start().await;
    let average = ("ratelimit.average", "20");
    serve(&world, "shared", &[average, ("ratelimit.burst", "4")]).await;
    let mut figures = Vec::new();
    let expected = 20 * 5;
    for proxies in [1, 2, 4] {
        while world.proxies() < proxies {
            world.add_proxy().await;
        }
        // What was in the buckets of those that have just come.
        passed(&world, Duration::from_millis(700)).await;
        let passed = passed(&world, TIME).await;
        figures.push((proxies, passed));
        let most = expected * 6 / 5;
        assert!((expected * 4 / 5..=most).contains(&passed), "{figures:?}");
    }
    let text = world.list_proxies().await.len();
    assert_eq!(text, 4);
    while world.proxies() > 2 {
        world.stop_last_proxy().await;
    }
    // More than before only after a while, in which the others could come back.
    tokio::time::sleep(Duration::from_secs(16)).await;
    passed(&world, Duration::from_millis(700)).await;
    let left = passed(&world, TIME).await;
    figures.push((2, left));
    assert!(
        (expected * 4 / 5..=expected * 6 / 5).contains(&left),
        "{figures:?}"
    );
    println!("requests that passed in 5 s of 20 a second, by proxies: {figures:?}");
}
