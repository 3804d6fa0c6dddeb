//! Services that consist of others, sticky cookies and strategies, through a running
//! proxy.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proto::service::Parts;

use super::*;
use crate::routing::fixture::composite;

/// A proxy whose router leads to `s@test`, one of these.
struct Stage(Proxy);

impl Stage {
    fn set(services: &[(&str, proto::Service)]) -> Self {
        let proxy = Proxy::start(Site::at(Vec::new()));
        let stage = Self(proxy);
        stage.change(services);
        stage
    }

    fn change(&self, services: &[(&str, proto::Service)]) {
        let mut all = resources(Site::at(Vec::new()));
        all.retain(|resource| !matches!(resource.spec, Some(proto::resource::Spec::Service(_))));
        for (name, service) in services {
            let mut resource = composite(name, Parts::Failover(proto::Failover::default()));
            resource.spec = Some(proto::resource::Spec::Service(service.clone()));
            all.push(resource);
        }
        put_in_force(&self.0.running, all);
    }

    /// The names that answer so many requests, and how often.
    fn spread(&self, count: usize) -> BTreeMap<String, usize> {
        let mut spread = BTreeMap::new();
        for _ in 0..count {
            *spread.entry(self.0.get("/").body).or_default() += 1;
        }
        spread
    }

    fn with_cookie(&self, cookie: &str) -> wire::Message {
        let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\nCookie: {cookie}\r\n\r\n");
        self.0.ask(&head)
    }
}

fn server(address: SocketAddr) -> proto::Server {
    proto::Server {
        id: format!("id-{address}"),
        scheme: proto::Scheme::Http.into(),
        address: address.to_string(),
        weight: 1,
        cookie: format!("value-{}", address.port()),
        ..Default::default()
    }
}

fn servers(addresses: &[SocketAddr]) -> proto::Service {
    proto::Service {
        servers: addresses.iter().map(|address| server(*address)).collect(),
        pass_host_header: true,
        dial_timeout_ms: 1000,
        ..Default::default()
    }
}

fn of(parts: Parts) -> proto::Service {
    proto::Service {
        parts: Some(parts),
        ..Default::default()
    }
}

fn shares(services: &[(&str, u32)]) -> proto::WeightedServices {
    let services = services
        .iter()
        .map(|(service, weight)| proto::WeightedService {
            service: (*service).to_owned(),
            weight: *weight,
            name: (*service).to_owned(),
            cookie: format!("value-{service}"),
        });
    proto::WeightedServices {
        services: services.collect(),
    }
}

fn failover(statuses: &[(u32, u32)], max_request_body_bytes: Option<u64>) -> proto::Service {
    let range = |(first, last): &(u32, u32)| proto::StatusRange {
        first: *first,
        last: *last,
    };
    of(Parts::Failover(proto::Failover {
        service: "main".to_owned(),
        fallback: "fallback".to_owned(),
        statuses: statuses.iter().map(range).collect(),
        max_request_body_bytes,
    }))
}

fn mirroring(percent: u32, body: bool, max_body_size: Option<u64>) -> proto::Service {
    of(Parts::Mirroring(proto::Mirroring {
        service: "main".to_owned(),
        mirrors: vec![proto::Mirror {
            service: "mirror".to_owned(),
            percent,
        }],
        mirror_body: body,
        max_body_size,
    }))
}

fn cookie() -> Option<proto::StickyCookie> {
    Some(proto::StickyCookie {
        name: "_lb".to_owned(),
        path: "/".to_owned(),
        http_only: true,
        ..Default::default()
    })
}

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let pairs = pairs
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count));
    pairs.collect()
}

/// Waits until the origin has seen so many requests.
fn seen_by(origin: &Origin, count: usize) -> Vec<wire::Message> {
    let mut seen = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(10);
    while seen.len() < count && Instant::now() < deadline {
        seen.extend(origin.requests());
        std::thread::yield_now();
    }
    assert_eq!(seen.len(), count);
    seen
}

#[test]
fn weighted_services_get_their_shares() {
    let (a, b, c) = (Origin::named("a"), Origin::named("b"), Origin::named("c"));
    let stage = Stage::set(&[
        (
            "s@test",
            of(Parts::Weighted(shares(&[("x", 3), ("y", 1), ("z", 0)]))),
        ),
        ("x", servers(&[a.address])),
        ("y", servers(&[b.address])),
        ("z", servers(&[c.address])),
    ]);
    assert_eq!(stage.spread(8), counts(&[("a", 6), ("b", 2)]));
}

#[test]
fn a_weighted_service_without_a_usable_server_is_passed_over() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let top = || of(Parts::Weighted(shares(&[("gone", 5), ("x", 2), ("y", 1)])));
    let gone = proto::Service {
        unavailable_reason: "all are stopped".to_owned(),
        ..Default::default()
    };
    let stage = Stage::set(&[
        ("s@test", top()),
        ("gone", gone.clone()),
        ("x", servers(&[a.address])),
        ("y", servers(&[b.address])),
    ]);
    let spread = stage.spread(240);
    let share = spread.get("a").copied().unwrap_or_default();
    assert_eq!(spread.values().sum::<usize>(), 240, "{spread:?}");
    assert!((150..=170).contains(&share), "{spread:?}");
    // None is left.
    stage.change(&[
        ("s@test", top()),
        ("gone", gone.clone()),
        ("x", gone.clone()),
        ("y", gone),
    ]);
    let answer = stage.0.get("/");
    assert_eq!(
        (answer.status(), &*answer.body),
        (503, "no available server\n")
    );
}

#[test]
fn a_server_that_does_not_accept_connections_takes_its_weighted_service_out() {
    let b = Origin::named("b");
    let stage = Stage::set(&[
        ("s@test", of(Parts::Weighted(shares(&[("x", 1), ("y", 1)])))),
        ("x", servers(&[closed_address()])),
        ("y", servers(&[b.address])),
    ]);
    assert_eq!(stage.0.get("/").status(), 502, "nobody knew");
    assert_eq!(stage.spread(6), counts(&[("b", 6)]));
}

#[test]
fn the_highest_random_weight_keeps_a_client_at_its_service_and_spreads_clients() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let services = |top| {
        [
            ("s@test", top),
            ("x", servers(&[a.address])),
            ("y", servers(&[b.address])),
        ]
    };
    let by_service = of(Parts::HighestRandomWeight(shares(&[("x", 3), ("y", 1)])));
    let mut by_server = servers(&[a.address, b.address]);
    by_server.strategy = proto::Strategy::Hrw.into();
    by_server.servers[0].weight = 3;
    // Addresses are another ones in each run: what they make of the shares is not.
    by_server.servers[0].url = "http://10.0.0.1:80".to_owned();
    by_server.servers[1].url = "http://10.0.0.2:80".to_owned();
    for top in [by_service, by_server] {
        let stage = Stage::set(&services(top));
        let mut spread = BTreeMap::<String, usize>::new();
        for client in 1..=100 {
            let ask = || {
                let mut wire = Wire::connect_from([127, 0, 0, client].into(), stage.0.address);
                wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
                wire.read_message().expect("an answer").body
            };
            let first = ask();
            assert_eq!(ask(), first, "client {client}");
            *spread.entry(first).or_default() += 1;
        }
        let share = spread.get("a").copied().unwrap_or_default();
        assert!((60..=90).contains(&share), "{spread:?}");
    }
}

#[test]
fn p2c_prefers_the_server_with_fewer_requests_under_way() {
    let (started, starts) = seen();
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let slow = Origin::answering(move |_| {
        started.send(()).unwrap();
        let _ = released
            .lock()
            .unwrap()
            .recv_timeout(Duration::from_secs(10));
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow".to_owned()
    });
    let quick = Origin::named("quick");
    let mut both = servers(&[slow.address, quick.address]);
    both.strategy = proto::Strategy::P2c.into();
    let stage = Stage::set(&[("s@test", both)]);
    // Until one is at the slow server, which answers nobody.
    let mut waiting = stage.0.connect();
    for _ in 0..200 {
        waiting = stage.0.connect();
        waiting.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        if waiting.is_silent(Duration::from_millis(50)) && starts.try_recv().is_ok() {
            break;
        }
    }
    assert_eq!(stage.spread(30), counts(&[("quick", 30)]));
    release.send(()).unwrap();
    assert_eq!(waiting.read_message().expect("an answer").body, "slow");
    for _ in 0..1000 {
        release.send(()).unwrap();
    }
    let spread = stage.spread(60);
    assert!(spread.values().all(|count| *count >= 10), "{spread:?}");
}

#[test]
fn leasttime_prefers_the_server_that_answers_sooner() {
    let slow = Origin::scripted(|_, mut wire| {
        while wire.read_head().is_some() {
            wire.is_silent(Duration::from_millis(30));
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
        }
    });
    let quick = Origin::named("quick");
    let mut both = servers(&[slow.address, quick.address]);
    both.strategy = proto::Strategy::Leasttime.into();
    let stage = Stage::set(&[("s@test", both.clone())]);
    // Each once, to know them.
    assert_eq!(stage.spread(20), counts(&[("quick", 19), ("slow", 1)]));
    // What is known outlives a change.
    both.dial_timeout_ms = 900;
    stage.change(&[("s@test", both)]);
    assert_eq!(stage.spread(10), counts(&[("quick", 10)]));
}

#[test]
fn a_sticky_cookie_keeps_a_client_at_its_server_on_every_proxy() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let sticky = || proto::Service {
        sticky: cookie(),
        ..servers(&[a.address, b.address])
    };
    let stages = [(); 2].map(|()| Stage::set(&[("s@test", sticky())]));
    let first = stages[0].0.get("/");
    let expected = format!("_lb=value-{}; Path=/; HttpOnly", a.address.port());
    assert_eq!(
        (&*first.body, first.header("set-cookie")),
        ("a", Some(&*expected))
    );
    for (origin, name) in [(&a, "a"), (&b, "b"), (&a, "a")] {
        let cookie = format!("x=1; _lb=value-{}", origin.address.port());
        for stage in &stages {
            let answer = stage.with_cookie(&cookie);
            assert_eq!((&*answer.body, answer.header("set-cookie")), (name, None));
        }
    }
    // A value of before leads there and is replaced.
    let former = format!("_lb=http://{}", b.address);
    let answer = stages[0].with_cookie(&former);
    let expected = format!("_lb=value-{}; Path=/; HttpOnly", b.address.port());
    assert_eq!(
        (&*answer.body, answer.header("set-cookie")),
        ("b", Some(&*expected))
    );
    // One that nobody knows is as good as none.
    let answer = stages[0].with_cookie("_lb=value-1");
    assert!(answer.header("set-cookie").is_some());
}

#[test]
fn a_client_of_a_server_that_is_gone_or_dead_gets_another_and_a_new_cookie() {
    let a = Origin::named("a");
    let dead = closed_address();
    let cookie_of = |address: SocketAddr| format!("_lb=value-{}", address.port());
    let stage = Stage::set(&[(
        "s@test",
        proto::Service {
            sticky: cookie(),
            ..servers(&[dead, a.address])
        },
    )]);
    let expected = format!("{}; Path=/; HttpOnly", cookie_of(a.address));
    for _ in 0..3 {
        let answer = stage.with_cookie(&cookie_of(dead));
        assert_eq!((answer.status(), &*answer.body), (200, "a"));
        assert_eq!(answer.header("set-cookie"), Some(&*expected));
    }
    stage.change(&[(
        "s@test",
        proto::Service {
            sticky: cookie(),
            ..servers(&[a.address])
        },
    )]);
    let answer = stage.with_cookie(&cookie_of(dead));
    assert_eq!(
        (&*answer.body, answer.header("set-cookie")),
        ("a", Some(&*expected))
    );
}

#[test]
fn a_cookie_at_each_level_keeps_a_client_at_its_service_and_its_server() {
    let origins = ["a", "b", "c"].map(Origin::named);
    let [a, b, c] = &origins;
    let mut top = of(Parts::Weighted(shares(&[("x", 1), ("y", 1)])));
    top.sticky = Some(proto::StickyCookie {
        name: "_top".to_owned(),
        ..Default::default()
    });
    let x = proto::Service {
        sticky: cookie(),
        ..servers(&[a.address, b.address])
    };
    let stage = Stage::set(&[("s@test", top), ("x", x), ("y", servers(&[c.address]))]);
    let cookies = format!("_top=value-x; _lb=value-{}", b.address.port());
    for _ in 0..5 {
        let answer = stage.with_cookie(&cookies);
        assert_eq!((&*answer.body, answer.header("set-cookie")), ("b", None));
    }
    assert_eq!(stage.with_cookie("_top=value-y").body, "c");
    let answer = stage.with_cookie("_top=other");
    assert!(answer.head.contains("_top=value-"), "{}", answer.head);
}

#[test]
fn a_mirror_gets_its_percentage_with_the_body_and_never_delays_or_fails_a_request() {
    let main = Origin::named("main");
    let mirror = Origin::answering(|_| {
        "HTTP/1.1 500 No\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let stage = Stage::set(&[
        ("s@test", mirroring(50, true, Some(5))),
        ("main", servers(&[main.address])),
        ("mirror", servers(&[mirror.address])),
    ]);
    let ask = |framing: &str| {
        let head = format!("POST /p?q HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\n{framing}");
        let answer = stage.0.ask(&head);
        assert_eq!((answer.status(), &*answer.body), (200, "main"));
        assert_eq!(answer.header("set-cookie"), None);
    };
    let chunks = "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    let long = "Content-Length: 6\r\n\r\nhello!";
    let long_chunks = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
    // Every other one is copied, and those that are too long are not.
    for framing in [
        "Content-Length: 5\r\n\r\nhello",
        chunks,
        chunks,
        chunks,
        long,
        chunks,
        long_chunks,
        chunks,
        "Content-Length: 0\r\n\r\n",
    ] {
        ask(framing);
    }
    let copies = seen_by(&mirror, 3);
    let mut bodies: Vec<_> = copies.iter().map(|copy| copy.body.as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["", "hello", "hello"]);
    for copy in copies {
        assert_eq!(copy.line(), "POST /p?q HTTP/1.1");
        assert_eq!(
            (copy.header("x-a"), copy.header("host")),
            (Some("1"), Some("a.test"))
        );
        assert_eq!(copy.header("x-forwarded-for"), Some("127.0.0.1"));
    }
    assert_eq!(main.requests().len(), 9);
}

#[test]
fn a_mirror_without_bodies_gets_heads_and_one_that_hangs_holds_nobody_up() {
    let main = Origin::named("main");
    let mirror = Origin::scripted(|_, mut wire| {
        wire.read_head();
        wire.is_closed();
    });
    let stage = Stage::set(&[
        ("s@test", mirroring(100, false, None)),
        ("main", servers(&[main.address])),
        ("mirror", servers(&[mirror.address])),
    ]);
    for _ in 0..10 {
        let answer = stage
            .0
            .ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(answer.body, "main");
    }
    let headless = Origin::named("mirror");
    stage.change(&[
        ("s@test", mirroring(100, false, None)),
        ("main", servers(&[main.address])),
        ("mirror", servers(&[headless.address])),
    ]);
    stage
        .0
        .ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello");
    let copy = &seen_by(&headless, 1)[0];
    assert_eq!(
        (copy.body.as_str(), copy.header("content-length")),
        ("", None)
    );
}

#[test]
fn the_fallback_stands_in_while_the_main_service_has_no_usable_server() {
    let (main, fallback) = (Origin::named("main"), Origin::named("fallback"));
    let services = |main: proto::Service| {
        [
            ("s@test", failover(&[], None)),
            ("main", main),
            ("fallback", servers(&[fallback.address])),
        ]
    };
    let stage = Stage::set(&services(servers(&[main.address])));
    assert_eq!(stage.spread(3), counts(&[("main", 3)]));
    stage.change(&services(servers(&[])));
    assert_eq!(stage.spread(3), counts(&[("fallback", 3)]));
    // The request that finds out is answered, too.
    stage.change(&services(servers(&[closed_address()])));
    assert_eq!(stage.spread(3), counts(&[("fallback", 3)]));
    stage.change(&services(servers(&[main.address])));
    assert_eq!(stage.spread(3), counts(&[("main", 3)]));
}

#[test]
fn the_fallback_answers_in_place_of_listed_statuses_with_the_same_request() {
    let main = Origin::answering(|request| {
        let status = request.line().split(['/', ' ']).nth(2).unwrap_or_default();
        format!("HTTP/1.1 {status} X\r\nContent-Length: 4\r\n\r\nmain")
    });
    let fallback = Origin::named("fallback");
    let stage = Stage::set(&[
        ("s@test", failover(&[(500, 502), (404, 404)], Some(5))),
        ("main", servers(&[main.address])),
        ("fallback", servers(&[fallback.address])),
    ]);
    let chunks = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for (path, framing, body) in [
        ("/200", "Content-Length: 5\r\n\r\nhello", "main"),
        ("/500", "Content-Length: 5\r\n\r\nhello", "fallback"),
        ("/404", chunks, "fallback"),
        ("/503", chunks, "main"),
    ] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a.test\r\n{framing}");
        assert_eq!(stage.0.ask(&head).body, body, "{path}");
    }
    let kept = fallback.requests();
    let kept: Vec<_> = kept.iter().map(|it| (it.line(), &*it.body)).collect();
    let expected = [
        ("POST /500 HTTP/1.1", "hello"),
        ("POST /404 HTTP/1.1", "hello"),
    ];
    assert_eq!(kept, expected);
    for framing in [
        "Content-Length: 6\r\n\r\nhello!",
        "Transfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n0\r\n\r\n",
    ] {
        let head = format!("POST /200 HTTP/1.1\r\nHost: a.test\r\n{framing}");
        let answer = stage.0.ask(&head);
        let expected = (413, "Request body too large\n");
        assert_eq!((answer.status(), &*answer.body), expected);
    }
}

#[test]
fn a_base_path_stands_before_the_path_of_every_request() {
    let origin = Origin::named("a");
    let mut based = servers(&[origin.address]);
    based.servers[0].base_path = "/base".to_owned();
    let stage = Stage::set(&[("s@test", based)]);
    for (target, expected) in [
        ("/", "GET /base/ HTTP/1.1"),
        ("/a/b?q=1", "GET /base/a/b?q=1 HTTP/1.1"),
    ] {
        stage.0.get(target);
        assert_eq!(origin.request().line(), expected);
    }
}
