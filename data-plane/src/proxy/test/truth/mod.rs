//! Explanations are true: whatever the configuration and the request, a real request
//! meets what its explanation said.
//!
//! The access log of the real proxy is the witness. Requests go one after the other,
//! so that even the server can be foretold.

mod effect;
mod middleware;
mod strategy;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use self::effect::{Lines, compare_answer, compare_request, lines, said};
use self::middleware::{AUTH_HOSTS, HASHES, middlewares};
use self::strategy::{Asked, Routers, requests, routers};
use super::super::explain::{Own, explain};
use super::*;
use crate::balance::Verdict;
use crate::routing::fixture::{middleware as middleware_resource, router_resource, service};

const ENTRY_POINTS: [&str; 2] = ["truth-alt", "truth-web"];
/// Of a configuration: no explanation may have it.
const SECRET: &str = "s3cret";

/// Three servers that answer and one address where none does; one that lets every
/// request pass and one that lets none.
struct Origins {
    alive: Vec<Origin>,
    dead: String,
    yes: Origin,
    no: Origin,
    /// Where the access log goes.
    log: PathBuf,
}

impl Origins {
    /// With the address of the server that it asks.
    fn located(&self, kind: &proto::middleware::Kind) -> proto::middleware::Kind {
        let mut kind = kind.clone();
        if let proto::middleware::Kind::ForwardAuth(auth) = &mut kind {
            let [yes, no, _] = AUTH_HOSTS;
            auth.address = match &*auth.host {
                host if host == yes => self.yes.address.to_string(),
                host if host == no => self.no.address.to_string(),
                _ => self.dead.clone(),
            };
        }
        kind
    }

    /// Each line at once.
    fn access_log(&self) -> proto::Resource {
        access_log_resource(proto::AccessLog {
            format: proto::AccessLogFormat::Json.into(),
            file_path: self.log.display().to_string(),
            buffering_size: 1,
            ..Default::default()
        })
    }

    /// By number: none, one, two unequal, none that lives, a mixture, three; Fairway's
    /// own; all found down, one of three found down.
    fn services(&self) -> Vec<proto::Resource> {
        let alive: Vec<_> = self
            .alive
            .iter()
            .map(|origin| origin.address.to_string())
            .collect();
        let of = |number: usize, servers: &[(&str, u32)]| {
            let mut resource = service(&format!("s{number}@test"), &[]);
            if let Some(proto::resource::Spec::Service(service)) = &mut resource.spec {
                service.dial_timeout_ms = 1000;
                service.pass_host_header = number != 1;
                if servers.is_empty() {
                    service.unavailable_reason = "all are stopped".to_owned();
                }
                let server = |(address, weight): &(&str, u32)| proto::Server {
                    id: format!("{number}-{address}"),
                    scheme: proto::Scheme::Http.into(),
                    address: (*address).to_owned(),
                    weight: *weight,
                    container: format!("c-{address}"),
                    ..Default::default()
                };
                service.servers = servers.iter().map(server).collect();
            }
            resource
        };
        let (a, b, c) = (&*alive[0], &*alive[1], &*alive[2]);
        vec![
            of(0, &[]),
            of(1, &[(a, 1)]),
            of(2, &[(a, 3), (b, 1)]),
            of(3, &[(&self.dead, 1)]),
            of(4, &[(&self.dead, 1), (b, 1), (c, 2)]),
            of(5, &[(a, 1), (b, 1), (c, 1)]),
            internal(of(6, &[]), proto::Internal::Ping),
            internal(of(7, &[]), proto::Internal::Noop),
            // Of a control plane that is away.
            internal(of(8, &[]), proto::Internal::Api),
            checked(of(9, &[(&self.dead, 1), (&self.dead, 2)])),
            checked(of(10, &[(&self.dead, 1), (b, 1), (c, 1)])),
        ]
    }
}

/// The same with a health check, which is made once.
fn checked(mut resource: proto::Resource) -> proto::Resource {
    if let Some(proto::resource::Spec::Service(service)) = &mut resource.spec {
        service.health_check = Some(proto::HealthCheck {
            mode: proto::HealthCheckMode::Http.into(),
            path: "/".to_owned(),
            method: "GET".to_owned(),
            interval_ms: 3_600_000,
            unhealthy_interval_ms: 3_600_000,
            timeout_ms: 10_000,
            ..proto::HealthCheck::default()
        });
    }
    resource
}

fn internal(mut resource: proto::Resource, internal: proto::Internal) -> proto::Resource {
    if let Some(proto::resource::Spec::Service(service)) = &mut resource.spec {
        service.internal = internal.into();
    }
    resource
}

/// What every server says.
const SAID: [(&str, &str); 3] = [("vary", "Accept"), ("x-origin", "1"), ("x-a", "1")];

fn origin(name: &'static str) -> Origin {
    let said = SAID.map(|(name, value)| format!("{name}: {value}\r\n"));
    let said = said.concat();
    Origin::answering(move |_| format!("HTTP/1.1 200 OK\r\n{said}Content-Length: 1\r\n\r\n{name}"))
}

fn answering(status: &'static str) -> Origin {
    Origin::answering(move |_| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"))
}

fn configuration(
    origins: &Origins,
    kinds: &[proto::middleware::Kind],
    routers: &Routers,
) -> Vec<proto::Resource> {
    let entry_point = |(number, name): (usize, &&str)| proto::Resource {
        id: Some(proto::ResourceId {
            kind: proto::ResourceKind::EntryPoint.into(),
            name: (*name).to_owned(),
        }),
        origin: None,
        spec: Some(proto::resource::Spec::EntryPoint(proto::EntryPoint {
            address: ":0".to_owned(),
            forwarded_headers: Some(proto::ForwardedHeaders {
                insecure: number == 0,
                connection: vec!["x-a".to_owned()],
                not_append_x_forwarded_for: number == 1,
                add_x_forwarded_scheme_headers: number == 1,
                ..Default::default()
            }),
            // One has a middleware and takes nearly everything, the other is as usual.
            middlewares: (number == 0)
                .then(|| "m0@test".to_owned())
                .into_iter()
                .collect(),
            encoded_characters: (number == 0).then(|| proto::EncodedCharacters {
                allow_slash: true,
                allow_semicolon: true,
                allow_percent: true,
                allow_question_mark: true,
                ..proto::EncodedCharacters::default()
            }),
            keep_path_segments: number == 0,
            encode_query_semicolons: number == 0,
            underscore_headers: if number == 0 {
                proto::UnderscoreHeaders::Keep.into()
            } else {
                proto::UnderscoreHeaders::Reject.into()
            },
            ..Default::default()
        })),
    };
    let name = |at: usize| format!("m{at}@test");
    let middlewares = kinds.iter().enumerate();
    let middlewares =
        middlewares.map(|(at, kind)| middleware_resource(&name(at), origins.located(kind)));
    let routers = (0..).zip(routers).map(|(number, router)| {
        let (rule, priority, entry_points, chain, service, guarded) = router;
        let own = format!("r{number}@test");
        router_resource(
            &own,
            proto::Router {
                rule: if has_secret(rule) {
                    format!("`{SECRET}`")
                } else {
                    own.clone()
                },
                matcher: Some(rule.clone()),
                priority: *priority,
                entry_points: entry_points
                    .iter()
                    .map(|at| ENTRY_POINTS[*at].to_owned())
                    .collect(),
                middlewares: chain.iter().map(|at| name(at.index(kinds.len()))).collect(),
                service: format!("s{service}@test"),
                loop_guard: if *guarded { own.clone() } else { String::new() },
                ..Default::default()
            },
        )
    });
    ENTRY_POINTS
        .iter()
        .enumerate()
        .map(entry_point)
        .chain(middlewares)
        .chain(origins.services())
        .chain(routers)
        .chain([origins.access_log()])
        .collect()
}

fn has_secret(rule: &proto::Matcher) -> bool {
    format!("{rule:?}").contains(SECRET)
}

/// A line of the access log.
#[derive(Debug)]
struct Line(serde_json::Value);

impl Line {
    fn of(&self, field: &str) -> &str {
        self.0.get(field).and_then(|it| it.as_str()).unwrap_or("")
    }
}

/// A pipe that the access log is written to, and the lines that come out of it.
fn pipe(folder: &Path) -> (PathBuf, mpsc::Receiver<Line>) {
    let path = folder.join("access.log");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    // Open for both: it does not end when the log is opened anew.
    let mut both = std::fs::File::options();
    let end = both.read(true).write(true).open(&path).unwrap();
    let (lines, log) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(end).lines() {
            let line = serde_json::from_str(&line.unwrap()).unwrap();
            if lines.send(Line(line)).is_err() {
                return;
            }
        }
    });
    (path, log)
}

/// A real proxy and its access log.
struct Stage {
    running: Running,
    log: mpsc::Receiver<Line>,
    origins: Origins,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
    _status: watch::Sender<DiscoveryStatus>,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = pipe(folder.path());
        let (status, watched) = watch::channel(DiscoveryStatus::starting());
        let dead = closed_address().to_string();
        let config = Config {
            control_planes: vec![format!("http://{dead}")],
            bind_address: Some([127, 0, 0, 1].into()),
            workers: 2,
            ..Config::default()
        };
        Self {
            running: assemble(&config, watched).unwrap(),
            log,
            origins: Origins {
                alive: ["a", "b", "c"].map(origin).into(),
                yes: answering("204 No Content"),
                no: answering("403 Forbidden"),
                dead,
                log: path,
            },
            _folder: folder,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            _status: status,
        }
    }

    /// Waits until every server that is checked has been. The services of all
    /// configurations are the same, and so what is known of them.
    fn check_servers(&self) {
        put_in_force(&self.running, self.origins.services());
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while !self.has_checked_every_server() {
            assert!(std::time::Instant::now() < deadline, "servers are checked");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    fn has_checked_every_server(&self) -> bool {
        let table = self.running.process.table.load();
        let mut checked = table
            .servers()
            .filter(|server| server.health.check().is_some());
        checked.all(|server| server.health.verdict() != Verdict::Untested)
    }

    /// What is told about a request, and the request itself.
    fn tell(&self, asked: &Asked) -> (proto::Explanation, String, SocketAddr) {
        let (method, target, host, lines, entry_point, client) = asked;
        let bound = ENTRY_POINTS.map(|name| {
            let address = self.running.address(name).expect("it listens");
            (name.to_owned(), address.to_string())
        });
        let address: SocketAddr = bound[*entry_point].1.parse().unwrap();
        let request = proto::RequestHead {
            method: (*method).to_owned(),
            host: (*host).to_owned(),
            port: address.port().into(),
            target: target.clone(),
            headers: lines
                .iter()
                .map(|(name, value)| proto::KeyValue {
                    key: (*name).to_owned(),
                    value: (*value).to_owned(),
                })
                .collect(),
            client: client.to_string(),
            ..proto::RequestHead::default()
        };
        let table = self.running.process.table.load();
        let server = crate::config::host_name_header();
        let bound = bound.into();
        let own = Own {
            bound: &bound,
            server: &server,
            draining: false,
        };
        let explained = explain(&table, own, &request);
        let told = self.runtime.block_on(explained);
        let mut raw = format!("{method} {target} HTTP/1.1\r\n");
        let host = (!host.is_empty()).then_some(("Host", *host));
        for (name, value) in host.iter().chain(lines) {
            raw.push_str(&format!("{name}: {value}\r\n"));
        }
        raw.push_str("\r\n");
        (told, raw, address)
    }

    /// Sends the request and compares.
    fn check(&self, asked: &Asked) -> Result<String, TestCaseError> {
        let (told, raw, address) = self.tell(asked);
        // What the asker wrote is no secret to the asker.
        let asker_knows = raw.contains(SECRET);
        prop_assert!(
            asker_knows || !format!("{told:?}").contains(SECRET),
            "{told:?}"
        );
        let shown = format!("{told:?}");
        let known = HASHES.iter().find(|(_, hash)| shown.contains(hash));
        prop_assert!(known.is_none(), "{shown}");
        let (again, ..) = self.tell(asked);
        prop_assert_eq!(lasting(&again), lasting(&told), "asked twice:\n{}", raw);
        // Those of a case that failed.
        for origin in &self.origins.alive {
            origin.requests();
        }
        let mut wire = Wire::connect_from(asked.5, address);
        wire.send(&raw);
        let answer = wire.read_message().expect("an answer");
        let status = u32::from(answer.status());
        drop(wire);
        let seen = self
            .log
            .recv_timeout(Duration::from_secs(10))
            .expect("a line of the log");
        let what = format!("{raw}told {told:#?}\nseen {status} {seen:?}");
        prop_assert_eq!(&told.entry_point, seen.of("entryPointName"), "{}", what);
        prop_assert_eq!(&told.router, seen.of("RouterName"), "{}", what);
        prop_assert_eq!(&told.service, seen.of("ServiceName"), "{}", what);
        let last = told.tried.iter().find(|tried| tried.matched);
        prop_assert_eq!(
            last.map_or("", |tried| &tried.router),
            &told.router,
            "{}",
            what
        );
        if let Some(denied) = denied(&told) {
            let pages = |effect: &String| effect.contains(" get their page from ");
            let mut effects = told.middlewares.iter().flat_map(|step| &step.effects);
            // A page instead of the answer: told as such, and not what becomes of it.
            if effects.any(pages) {
                prop_assert_eq!(seen.of("reason"), denied.1, "{}", what);
            } else {
                prop_assert_eq!((status, seen.of("reason")), denied, "{}", what);
                prop_assert_eq!("", seen.of("ServiceAddr"), "{}", what);
            }
            return Ok(denied.1.to_owned());
        }
        if told.target.is_empty() {
            prop_assert_eq!(told.status, status, "{}", what);
            prop_assert_eq!(&told.reason, seen.of("reason"), "{}", what);
            prop_assert_eq!("", seen.of("ServiceAddr"), "{}", what);
            let location = lines(&answer).remove("location").unwrap_or_default();
            prop_assert_eq!(&told.location, &location, "{}", what);
            let answers = told.middlewares.iter().any(|step| step.answers);
            let base = if answers { Lines::new() } else { own(&answer) };
            about(&what, compare_answer(&told, base, &answer))?;
            return Ok(told.reason);
        }
        prop_assert_eq!((told.status, told.reason.as_str()), (0, ""), "{}", what);
        prop_assert_eq!(&told.location, "", "{}", what);
        let urls: Vec<_> = told.servers.iter().map(|server| &*server.url).collect();
        let [dead, away] =
            ["http", "h2c"].map(|scheme| format!("{scheme}://{}", self.origins.dead));
        if urls == [&dead] || urls == [&away] {
            let reason = seen.of("reason");
            if may_follow_a_retry(&told, reason) {
                // The first try was as told, and has changed what the second one met.
                let (now, ..) = self.tell(asked);
                let opened = reason == "circuit_open";
                prop_assert!(
                    !opened || now.servers.is_empty(),
                    "{}\nnow {:#?}",
                    what,
                    now
                );
                return Ok("dead".to_owned());
            }
            prop_assert_eq!(
                (status, seen.of("reason")),
                (502, "connect_refused"),
                "{}",
                what
            );
            about(&what, compare_answer(&told, own(&answer), &answer))?;
            return Ok("dead".to_owned());
        }
        let answered = format!("http://{}", seen.of("ServiceAddr"));
        prop_assert_eq!((status, seen.of("reason")), (200, ""), "{}", what);
        prop_assert!(urls.contains(&&*answered), "{}", what);
        about(&what, compare_answer(&told, said(), &answer))?;
        let mut alive = self.origins.alive.iter();
        let origin = alive.find(|origin| origin.address.to_string() == seen.of("ServiceAddr"));
        let request = origin.expect("one of them").request();
        about(
            &format!("{what}\n{request:?}"),
            compare_request(&told, &request),
        )?;
        let rotating = told.servers.iter().find(|server| {
            server.state() == proto::CandidateState::InRotation && server.url != dead
        });
        let foretold = rotating.map(|server| &*server.url);
        // A dead server that has its turn is found dead, and the turn goes on.
        let first = told.servers.first().map(|server| &*server.url);
        if first != Some(&dead) {
            prop_assert_eq!(foretold, Some(&*answered), "{}", what);
        }
        let compressed = lines(&answer).contains_key("content-encoding");
        let kind = if compressed { "compressed" } else { "server" };
        Ok(kind.to_owned())
    }
}

/// Status and reason of a request that a server that is asked does not let pass: the
/// first one that does not agree, for explanations go on as if all did.
fn denied(told: &proto::Explanation) -> Option<(u32, &'static str)> {
    let [_, no, dead] = AUTH_HOSTS.map(|host| format!("asks http://{host}/may;"));
    let mut effects = told.middlewares.iter().flat_map(|step| &step.effects);
    effects.find_map(|effect| {
        if effect.starts_with(&no) {
            return Some((403, "auth_denied"));
        }
        effect
            .starts_with(&dead)
            .then_some((500, "auth_unreachable"))
    })
}

/// What has this reason was told to let the request pass, inside of what was told to
/// try again.
fn may_follow_a_retry(told: &proto::Explanation, reason: &str) -> bool {
    let passes = match reason {
        "circuit_open" => "is closed; opens if ",
        "rate_limited" => ": there is room for this one",
        _ => return false,
    };
    let says = |step: &proto::MiddlewareStep, what| step.effects.iter().any(|it| it.contains(what));
    let mut steps = told.middlewares.iter();
    steps.any(|step| says(step, "tries up to ") && says(step, "if no server can be reached"))
        && steps.any(|step| says(step, passes))
}

/// What a proxy says of itself in its answer, which is not told.
fn own(answer: &wire::Message) -> Lines {
    let mut own = lines(answer);
    own.retain(|name, _| {
        [
            "allow",
            "content-type",
            "x-content-type-options",
            "retry-after",
        ]
        .contains(&&**name)
    });
    own
}

/// Without what the time alone changes.
fn lasting(told: &proto::Explanation) -> proto::Explanation {
    let mut lasting = told.clone();
    for server in &mut lasting.servers {
        server.ejected_ms = 0;
        server.state = 0;
    }
    let effects = lasting.middlewares.iter_mut();
    for effect in effects.flat_map(|step| &mut step.effects) {
        if effect.contains("x-retry-in") {
            effect.clear();
        }
    }
    lasting
}

fn about(what: &str, compared: Result<(), TestCaseError>) -> Result<(), TestCaseError> {
    compared.map_err(|error| TestCaseError::fail(format!("{error}\n{what}")))
}

/// Rounds of cases at the most.
const MOST_ROUNDS: usize = 8;

/// What must have happened at least once.
const KINDS: [&str; 23] = [
    "",
    "auth_denied",
    "auth_unreachable",
    "bad_host",
    "bad_redirect",
    "bad_request",
    "compressed",
    "dead",
    "encoded_character",
    "expectation_failed",
    "ip_refused",
    "loop_detected",
    "method_not_allowed",
    "no_route",
    "no_server",
    "noop",
    "ping",
    "preflight",
    "rate_limited",
    "redirect",
    "server",
    "unauthorized",
    "unclean_path",
];

#[test]
fn an_explanation_tells_what_happens() {
    let stage = Stage::set();
    stage.check_servers();
    let config = ProptestConfig {
        cases: 600,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let counts = Mutex::new(BTreeMap::<String, usize>::new());
    let cases = (middlewares(), routers(), requests());
    // Chance decides what happens: rounds go on until everything has.
    for _ in 0..MOST_ROUNDS {
        // A runner that has run its cases has none left.
        let outcome = TestRunner::new(config.clone()).run(&cases, |(kinds, routers, requests)| {
            let resources = configuration(&stage.origins, &kinds, &routers);
            put_in_force(&stage.running, resources);
            for request in &requests {
                let kind = stage.check(request)?;
                *counts.lock().unwrap().entry(kind).or_default() += 1;
            }
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        let counts = counts.lock().unwrap();
        if KINDS.iter().all(|kind| counts.contains_key(*kind)) {
            break;
        }
    }
    let counts = counts.into_inner().unwrap();
    println!("explained and sent: {counts:?}");
    for kind in KINDS {
        assert!(
            counts.contains_key(kind),
            "{kind} never happened: {counts:?}"
        );
    }
}
