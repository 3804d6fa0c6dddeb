//! Health checks, as the requests of clients see them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::super::explain::{Own, explain};
use super::*;

/// An origin whose health its test decides.
struct Patient {
    origin: Origin,
    /// Status of `/health`.
    health: Arc<AtomicU16>,
    /// Status of everything else.
    status: Arc<AtomicU16>,
    checks: Arc<Mutex<Vec<String>>>,
}

impl Patient {
    fn named(name: &'static str) -> Self {
        let health = Arc::new(AtomicU16::new(200));
        let status = Arc::new(AtomicU16::new(200));
        let checks = Arc::new(Mutex::new(Vec::new()));
        let (told, answers, noted) = (
            Arc::clone(&health),
            Arc::clone(&status),
            Arc::clone(&checks),
        );
        let origin = Origin::answering(move |request| {
            let check = request.line().contains("/health");
            let status = if check { &told } else { &answers };
            if check {
                noted.lock().unwrap().push(request.head.clone());
            }
            let status = status.load(Ordering::SeqCst);
            let length = name.len();
            format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{name}")
        });
        Self {
            origin,
            health,
            status,
            checks,
        }
    }

    fn health(&self, status: u16) {
        self.health.store(status, Ordering::SeqCst);
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn checks(&self) -> Vec<String> {
        self.checks.lock().unwrap().clone()
    }
}

fn check() -> proto::HealthCheck {
    proto::HealthCheck {
        mode: proto::HealthCheckMode::Http.into(),
        path: "/health".to_owned(),
        method: "GET".to_owned(),
        interval_ms: 20,
        unhealthy_interval_ms: 20,
        timeout_ms: 5_000,
        follow_redirects: true,
        ..Default::default()
    }
}

/// Asked once and not again while the test runs.
fn check_once() -> proto::HealthCheck {
    proto::HealthCheck {
        interval_ms: 3_600_000,
        unhealthy_interval_ms: 3_600_000,
        ..check()
    }
}

fn passive(max_failed_attempts: u32) -> proto::PassiveHealthCheck {
    proto::PassiveHealthCheck {
        failure_window_ms: 60_000,
        max_failed_attempts,
    }
}

fn site(patients: &[&Patient], check: proto::HealthCheck) -> Site {
    let origins: Vec<_> = patients.iter().map(|patient| &patient.origin).collect();
    Site {
        health_check: Some(check),
        ..Site::of(&origins)
    }
}

/// Polls: what a task of the proxy finds out has no other way to be waited for.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Who answers a few requests in a row, with the status where it is not 200.
fn reached(proxy: &Proxy) -> BTreeSet<String> {
    let answers = (0..6).map(|_| proxy.get("/"));
    answers
        .map(|answer| match answer.status() {
            200 => answer.body,
            status => status.to_string(),
        })
        .collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What an explanation says of the servers, by container, and of the outcome.
fn told(proxy: &Proxy) -> (Vec<(proto::CandidateState, String)>, u32, String) {
    let table = proxy.running.process.table.load();
    let bound = BTreeMap::from([("web".to_owned(), proxy.address.to_string())]);
    let request = proto::RequestHead {
        host: "a.test".to_owned(),
        port: proxy.address.port().into(),
        ..Default::default()
    };
    let name = http::HeaderValue::from_static("h");
    let own = Own {
        bound: &bound,
        server: &name,
        draining: false,
    };
    let told = explain(&table, own, &request)
        .now_or_never()
        .expect("nothing here waits");
    let servers = told.servers.into_iter();
    let mut servers: Vec<_> = servers
        .map(|server| (server.container.clone(), server.state(), server.reason))
        .collect();
    servers.sort_by(|a, b| a.0.cmp(&b.0));
    let servers = servers.into_iter().map(|(_, state, why)| (state, why));
    (servers.collect(), told.status, told.detail)
}

#[test]
fn a_server_that_is_not_well_leaves_the_rotation_and_comes_back() {
    let (a, b) = (Patient::named("a"), Patient::named("b"));
    b.health(503);
    let proxy = Proxy::start(site(&[&a, &b], check()));
    until("b out", || reached(&proxy) == names(&["a"]));
    b.health(204);
    until("b back", || reached(&proxy) == names(&["a", "b"]));
    a.health(404);
    until("a out", || reached(&proxy) == names(&["b"]));
}

#[test]
fn when_every_server_is_down_the_answer_is_503_and_says_why() {
    let (a, b) = (Patient::named("a"), Patient::named("b"));
    a.health(500);
    b.health(429);
    let proxy = Proxy::start(site(&[&a, &b], check()));
    until("both out", || reached(&proxy) == names(&["503"]));
    let answer = proxy.get("/");
    assert_eq!(answer.body, "no available server\n");
    assert!(answer.header("retry-after").is_some());
    let (servers, status, detail) = told(&proxy);
    let states: BTreeSet<_> = servers.iter().map(|(_, why)| why.as_str()).collect();
    assert_eq!(states, BTreeSet::from(["answered 429", "answered 500"]));
    assert!(
        servers
            .iter()
            .all(|(state, _)| *state == proto::CandidateState::Down)
    );
    assert_eq!(status, 503);
    assert!(
        detail.starts_with("no server: every server is down: container-"),
        "{detail}"
    );
    b.health(200);
    until("b back", || reached(&proxy) == names(&["b"]));
}

#[test]
fn a_check_asks_what_its_definition_says() {
    let (a, elsewhere) = (Patient::named("a"), Patient::named("elsewhere"));
    elsewhere.health(418);
    a.answer(200);
    let definition = proto::HealthCheck {
        path: "/health?full=1".to_owned(),
        method: "POST".to_owned(),
        hostname: "check.test".to_owned(),
        port: elsewhere.origin.address.port().into(),
        scheme: proto::Scheme::Http.into(),
        status: 418,
        headers: BTreeMap::from([("X-Probe".to_owned(), "yes".to_owned())]),
        ..check()
    };
    let proxy = Proxy::start(site(&[&a], definition));
    until("a check", || !elsewhere.checks().is_empty());
    let head = elsewhere.checks().remove(0);
    assert!(
        head.starts_with("POST /health?full=1 HTTP/1.1\r\n"),
        "{head}"
    );
    for line in ["host: check.test\r\n", "x-probe: yes\r\n"] {
        assert!(head.to_ascii_lowercase().contains(line), "{head}");
    }
    assert_eq!(reached(&proxy), names(&["a"]));
    assert!(a.checks().is_empty());
    elsewhere.health(200);
    until("down", || reached(&proxy) == names(&["503"]));
}

#[test]
fn redirects_are_followed_if_the_definition_says_so() {
    let follows = |follow_redirects: bool, target: &'static str| {
        let origin = Origin::answering(move |request| {
            let path = request.line().split(' ').nth(1).unwrap().to_owned();
            match path.as_str() {
                "/health" => {
                    format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n")
                }
                "/ok" | "/" => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na".to_owned(),
                _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            }
        });
        let definition = proto::HealthCheck {
            follow_redirects,
            ..check_once()
        };
        let proxy = Proxy::start(Site {
            health_check: Some(definition),
            ..Site::of(&[&origin])
        });
        until("a verdict", || {
            told(&proxy).0[0].0 != proto::CandidateState::Untested && !origin.requests().is_empty()
        });
        // The verdict comes a moment after the origin has been asked.
        let lost = follow_redirects && target != "ok";
        let expected = if lost { "503" } else { "a" };
        until("the verdict", || reached(&proxy) == names(&[expected]));
        told(&proxy).0[0].1.clone()
    };
    assert_eq!(follows(true, "ok"), "");
    assert_eq!(follows(true, "/lost"), "answered 404");
    assert_eq!(follows(true, "/health"), "redirects more than 10 times");
    assert_eq!(follows(false, "/lost"), "");
}

#[test]
fn a_server_that_does_not_answer_in_time_or_at_all_is_down() {
    let silent = Origin::scripted(|_, mut wire| {
        let head = wire.read_head().unwrap_or_default();
        if head.starts_with("GET /health") {
            wire.is_closed();
        } else {
            let _ = wire.try_send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsilent");
        }
    });
    let well = Patient::named("a");
    let definition = proto::HealthCheck {
        timeout_ms: 50,
        ..check()
    };
    let proxy = Proxy::start(Site {
        health_check: Some(definition),
        ..Site::at(vec![silent.address, well.origin.address, closed_address()])
    });
    until("two are down", || {
        let mut reasons: Vec<_> = told(&proxy).0.into_iter().map(|(_, why)| why).collect();
        reasons.sort();
        reasons == ["", "connection refused", "no answer within 50ms"]
    });
    assert_eq!(reached(&proxy), names(&["a"]));
}

#[test]
fn what_is_known_of_servers_outlives_every_change_that_leaves_the_check_alone() {
    let (a, b) = (Patient::named("a"), Patient::named("b"));
    b.health(500);
    let proxy = Proxy::start(site(&[&a, &b], check_once()));
    until("b out", || reached(&proxy) == names(&["a"]));
    let c = Patient::named("c");
    let changed = Site {
        pass_host_header: false,
        ..site(&[&c, &b, &a], check_once())
    };
    apply(&proxy.running, changed);
    assert!(!reached(&proxy).contains("b"));
    until("c in", || reached(&proxy) == names(&["a", "c"]));
    assert_eq!((a.checks().len(), b.checks().len()), (1, 1), "asked once");
    // Another definition is another check.
    let other = proto::HealthCheck {
        status: 500,
        ..check_once()
    };
    apply(&proxy.running, site(&[&a, &b], other));
    until("b alone", || reached(&proxy) == names(&["b"]));
}

#[test]
fn a_new_server_gets_no_requests_before_its_check_has_passed() {
    let a = Patient::named("a");
    let proxy = Proxy::start(site(&[&a], check()));
    // Alone it serves at once.
    assert_eq!(reached(&proxy), names(&["a"]));
    until("a is known", || !a.checks().is_empty());
    let ready = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicBool::new(false));
    let (is_ready, was_asked) = (Arc::clone(&ready), Arc::clone(&asked));
    let b = Origin::answering(move |request| {
        if request.line().contains("/health") {
            was_asked.store(true, Ordering::SeqCst);
            until("ready", || is_ready.load(Ordering::SeqCst));
        }
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb".to_owned()
    });
    let both = Site {
        health_check: Some(check()),
        ..Site::of(&[&a.origin, &b])
    };
    apply(&proxy.running, both);
    until("b is asked", || asked.load(Ordering::SeqCst));
    assert_eq!(reached(&proxy), names(&["a"]));
    let (servers, ..) = told(&proxy);
    assert!(
        servers
            .iter()
            .any(|(state, _)| *state == proto::CandidateState::Untested)
    );
    ready.store(true, Ordering::SeqCst);
    until("b in", || reached(&proxy) == names(&["a", "b"]));
}

#[test]
fn a_server_that_answers_with_errors_is_left_alone_and_others_serve() {
    let patients = ["a", "b", "c", "d"].map(Patient::named);
    let all = patients.each_ref();
    let proxy = Proxy::start(Site {
        passive_health_check: Some(passive(2)),
        health_check: None,
        ..site(&all, check())
    });
    patients[1].answer(500);
    until("b out", || reached(&proxy) == names(&["a", "c", "d"]));
    let (servers, status, _) = told(&proxy);
    let left = servers
        .iter()
        .filter(|(state, _)| *state == proto::CandidateState::Failing);
    assert_eq!((left.count(), status), (1, 0));
    // Not more than half of them, however many fail: those that failed first.
    patients[2].answer(502);
    until("c out, too", || reached(&proxy) == names(&["a", "d"]));
    patients[3].answer(500);
    for _ in 0..20 {
        proxy.get("/");
    }
    assert_eq!(reached(&proxy), names(&["a", "500"]));
}

#[test]
fn the_last_server_is_never_left_alone() {
    let a = Patient::named("a");
    let alone = Site {
        passive_health_check: Some(passive(1)),
        health_check: None,
        ..site(&[&a], check())
    };
    let proxy = Proxy::start(alone);
    a.answer(500);
    assert_eq!(reached(&proxy), names(&["500"]));
    a.answer(200);
    assert_eq!(reached(&proxy), names(&["a"]));
}

#[test]
fn a_server_that_gives_no_answer_counts_as_failing() {
    let a = Patient::named("a");
    let broken = Origin::scripted(|_, mut wire| {
        wire.read_message();
    });
    let servers = [a.origin.address, broken.address];
    let proxy = Proxy::start(Site {
        passive_health_check: Some(passive(1)),
        ..Site::at(servers.to_vec())
    });
    let post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx";
    let statuses: Vec<_> = (0..6).map(|_| proxy.ask(post).status()).collect();
    assert_eq!(statuses.iter().filter(|it| **it == 502).count(), 1);
}

#[test]
fn beside_a_health_check_only_that_brings_a_failing_server_back() {
    let (a, b) = (Patient::named("a"), Patient::named("b"));
    let definition = Site {
        passive_health_check: Some(proto::PassiveHealthCheck {
            failure_window_ms: 1_000,
            max_failed_attempts: 1,
        }),
        ..site(&[&a, &b], check_once())
    };
    let proxy = Proxy::start(definition);
    until("both known", || {
        !a.checks().is_empty() && !b.checks().is_empty() && reached(&proxy).len() == 2
    });
    b.answer(500);
    until("b out", || reached(&proxy) == names(&["a"]));
    b.answer(200);
    let (servers, ..) = told(&proxy);
    let failing = servers
        .iter()
        .find(|(state, _)| *state == proto::CandidateState::Failing);
    let why = "answered with errors, and its health check has not passed since";
    assert_eq!(failing.map(|(_, why)| why.as_str()), Some(why));
}
