//! Middlewares with the rest of the way inside of them, through a running proxy.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proto::middleware::Kind;
use proto::resource::Spec;

use super::*;
use crate::routing::fixture::{middleware, service};

/// The router of `site` behind these middlewares, the first outermost; `more` is beside
/// it.
fn behind(site: Site, kinds: Vec<Kind>, more: Vec<proto::Resource>) -> Proxy {
    let at = Site::at(Vec::new());
    let proxy = Proxy::start(at);
    put_in_force(&proxy.running, with(site, kinds, more));
    Proxy {
        address: proxy.running.address("web").unwrap(),
        ..proxy
    }
}

fn with(site: Site, kinds: Vec<Kind>, more: Vec<proto::Resource>) -> Vec<proto::Resource> {
    let mut all = resources(site);
    let name = |at: usize| format!("m{at}@test");
    for resource in &mut all {
        if let Some(Spec::Router(router)) = &mut resource.spec {
            router.middlewares = (0..kinds.len()).map(name).collect();
        }
    }
    let kinds = kinds.into_iter().enumerate();
    all.extend(kinds.map(|(at, kind)| middleware(&name(at), kind)));
    all.extend(more);
    all
}

/// Lets time pass.
fn pass(time: Duration) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::sleep(time).await });
}

/// Another service.
fn beside(name: &str, address: SocketAddr) -> proto::Resource {
    let mut resource = service(name, &["x"]);
    if let Some(Spec::Service(service)) = &mut resource.spec {
        service.pass_host_header = true;
        service.servers[0].address = address.to_string();
    }
    resource
}

fn range(first: u32, last: u32) -> proto::StatusRange {
    proto::StatusRange { first, last }
}

fn errors(query: &str) -> proto::Errors {
    proto::Errors {
        status: vec![range(404, 404), range(500, 599)],
        service: "pages@test".to_owned(),
        query: query.to_owned(),
        ..proto::Errors::default()
    }
}

fn answer_with(status: u16) -> impl Fn(&wire::Message) -> String + Send + Sync + 'static {
    move |_| format!("HTTP/1.1 {status} X\r\nX-Own: 1\r\nContent-Length: 3\r\n\r\nown")
}

fn pages() -> Origin {
    Origin::answering(|request| {
        let said = format!("page {}", request.line());
        let length = said.len();
        format!("HTTP/1.1 200 OK\r\nX-Page: 1\r\nContent-Length: {length}\r\n\r\n{said}")
    })
}

#[test]
fn an_error_gets_its_page_from_a_service_and_keeps_its_status() {
    let pages = pages();
    let all = "/{status}.html?o={originalStatus}&u={url}";
    let url = "http%3A%2F%2Fa.test%2Fx%3Fa%3Db";
    for (status, rewrite, expected) in [(503, None, 503), (404, Some(410), 410), (500, None, 500)] {
        let origin = Origin::answering(answer_with(status));
        let rewrites = rewrite.map(|to| proto::StatusRewrite {
            from: Some(range(400, 499)),
            to,
        });
        let errors = proto::Errors {
            status_rewrites: rewrites.into_iter().collect(),
            ..errors(all)
        };
        let pages_service = vec![beside("pages@test", pages.address)];
        let proxy = behind(
            Site::of(&[&origin]),
            vec![Kind::Errors(errors)],
            pages_service,
        );
        let answer = proxy.ask(
            "POST /x?a=b HTTP/1.1\r\nHost: a.test\r\nCookie: c=1\r\nContent-Length: 2\r\n\r\nhi",
        );
        assert_eq!(answer.status(), expected);
        let target = format!("/{expected}.html?o={status}&u={url}");
        assert_eq!(answer.body, format!("page GET {target} HTTP/1.1"));
        assert_eq!(
            (answer.header("x-page"), answer.header("x-own")),
            (Some("1"), None)
        );
        let asked = pages.request();
        assert_eq!(
            (asked.header("cookie"), asked.body.as_str()),
            (Some("c=1"), "")
        );
        assert_eq!(asked.header("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(origin.request().body, "hi");
    }
}

#[test]
fn other_answers_pass_an_error_page_as_they_are() {
    let pages = pages();
    for status in [200, 301, 403] {
        let origin = Origin::answering(answer_with(status));
        let kinds = vec![Kind::Errors(errors("/"))];
        let more = vec![beside("pages@test", pages.address)];
        let answer = behind(Site::of(&[&origin]), kinds, more).get("/");
        assert_eq!((answer.status(), answer.body.as_str()), (status, "own"));
    }
    assert!(pages.requests().is_empty());
}

#[test]
fn what_the_proxy_and_middlewares_inside_refuse_gets_a_page_too() {
    let pages = pages();
    let more = || vec![beside("pages@test", pages.address)];
    let refusing = Kind::IpAllowList(proto::IpAllowList {
        source_range: vec!["10.0.0.0/8".to_owned()],
        ip_strategy: None,
        reject_status_code: 404,
    });
    let page = || Kind::Errors(errors("/p"));
    let origin = Origin::named("a");
    for (site, kinds, status, has_page) in [
        (Site::at(vec![]), vec![page()], 503, true),
        (Site::at(vec![closed_address()]), vec![page()], 502, true),
        (
            Site::of(&[&origin]),
            vec![page(), refusing.clone()],
            404,
            true,
        ),
        (Site::of(&[&origin]), vec![refusing, page()], 404, false),
    ] {
        let answer = behind(site, kinds, more()).get("/");
        assert_eq!(answer.status(), status);
        assert_eq!(
            answer.body.starts_with("page GET /p "),
            has_page,
            "{answer:?}"
        );
    }
}

#[test]
fn an_error_page_that_cannot_be_had_leaves_the_status() {
    let origin = Origin::answering(answer_with(500));
    let torn = Origin::scripted(|_, mut wire| {
        wire.read_head();
    });
    for (address, body) in [
        (closed_address(), "Bad Gateway"),
        (torn.address, "Bad Gateway"),
    ] {
        let kinds = vec![Kind::Errors(errors("/"))];
        let proxy = behind(
            Site::of(&[&origin]),
            kinds,
            vec![beside("pages@test", address)],
        );
        let answer = proxy.get("/");
        assert_eq!((answer.status(), answer.body.as_str()), (500, body));
    }
}

#[test]
fn only_the_headers_named_reach_the_error_pages() {
    let pages = pages();
    let origin = Origin::answering(answer_with(500));
    let errors = proto::Errors {
        request_headers: Some(proto::HeaderNames {
            names: vec!["X-A".to_owned()],
        }),
        ..errors("/")
    };
    let more = vec![beside("pages@test", pages.address)];
    let proxy = behind(Site::of(&[&origin]), vec![Kind::Errors(errors)], more);
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nAuthorization: s\r\n\r\n";
    assert_eq!(proxy.ask(request).status(), 500);
    let asked = pages.request();
    assert_eq!(asked.header("host"), Some("a.test"));
    assert_eq!(
        (asked.header("x-a"), asked.header("authorization")),
        (Some("1"), None)
    );
}

#[test]
fn a_router_whose_error_pages_have_no_service_is_rejected() {
    let mut mirror = Mirror::default();
    mirror.apply(proto::Update {
        mode: proto::UpdateMode::Snapshot.into(),
        upserts: with(Site::at(vec![]), vec![Kind::Errors(errors("/"))], vec![]),
        ..proto::Update::default()
    });
    let (_, rejections) = routing::build(&mirror, &routing::RouteTable::empty());
    let [rejection] = rejections.as_slice() else {
        panic!("{rejections:?}");
    };
    assert_eq!(rejection.id.as_ref().unwrap().name, "r@test");
    assert_eq!(rejection.reason, "the service `pages@test` does not exist");
}

fn buffering(max_request: u64, max_response: u64) -> proto::Buffering {
    proto::Buffering {
        max_request_body_bytes: max_request,
        max_response_body_bytes: max_response,
        retry: None,
    }
}

#[test]
fn a_request_goes_on_whole_or_not_at_all() {
    let origin = Origin::named("a");
    let kinds = vec![Kind::Buffering(buffering(5, 0))];
    let proxy = behind(Site::of(&[&origin]), kinds, vec![]);
    let chunked = |body: &str| {
        let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    };
    let sized = |length: usize| {
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n");
        format!("{head}{}", "x".repeat(length))
    };
    for request in [chunked("hello"), sized(5)] {
        assert_eq!(proxy.ask(&request).status(), 200);
        let seen = origin.request();
        assert_eq!(seen.header("content-length"), Some("5"), "{seen:?}");
        assert_eq!(seen.header("transfer-encoding"), None);
        assert_eq!(seen.body.len(), 5);
    }
    for request in [chunked("hello!"), sized(6)] {
        let answer = proxy.ask(&request);
        let text = (answer.status(), answer.body.as_str());
        assert_eq!(text, (413, "Request Entity Too Large"));
    }
    assert!(origin.requests().is_empty());
    assert_eq!(proxy.get("/").status(), 200);
    // Leave to send is given by whoever reads.
    let mut wire = proxy.connect();
    wire.send(
        "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    );
    assert!(wire.read_head().unwrap().starts_with("HTTP/1.1 100"));
    wire.send("hi");
    assert_eq!(wire.read_message().unwrap().status(), 200);
    let seen = origin.requests().pop().unwrap();
    assert_eq!((seen.header("expect"), seen.body.as_str()), (None, "hi"));
}

#[test]
fn a_server_is_asked_only_when_the_whole_request_is_there() {
    let origin = Origin::named("a");
    let kinds = vec![Kind::Buffering(buffering(0, 0))];
    let proxy = behind(Site::of(&[&origin]), kinds, vec![]);
    let mut wire = proxy.connect();
    wire.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nab");
    assert!(wire.is_silent(Duration::from_millis(150)));
    assert!(origin.requests().is_empty());
    wire.send("cd");
    assert_eq!(wire.read_message().unwrap().status(), 200);
    assert_eq!(origin.request().body, "abcd");
}

#[test]
fn an_answer_comes_whole_or_not_at_all() {
    let chunked = Origin::answering(|_| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
    });
    for (limit, status, body) in [
        (0, 200, "abcdef"),
        (6, 200, "abcdef"),
        (5, 500, "Internal Server Error"),
    ] {
        let kinds = vec![Kind::Buffering(buffering(0, limit))];
        let answer = behind(Site::of(&[&chunked]), kinds, vec![]).get("/");
        assert_eq!((answer.status(), answer.body.as_str()), (status, body));
        let length = body.len().to_string();
        assert_eq!(answer.header("content-length"), Some(length.as_str()));
    }
    // One that breaks off never begins.
    let torn = Origin::scripted(|_, mut wire| {
        wire.read_head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    });
    let kinds = vec![Kind::Buffering(buffering(0, 0))];
    let answer = behind(Site::of(&[&torn]), kinds, vec![]).get("/");
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (502, "Bad Gateway")
    );
}

/// Fails so many times and then does not.
fn failing(times: usize, status: u16) -> Origin {
    let count = AtomicUsize::new(0);
    Origin::answering(move |request| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let status = if number < times { status } else { 200 };
        let length = request.body.len();
        format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{}",
            request.body
        )
    })
}

fn post(body: &str) -> String {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn a_request_that_is_whole_is_sent_again_as_its_expression_says() {
    use proto::expression::Expression as Node;
    use proto::operand::Operand;
    let compare = |left, relation: proto::Relation, right| {
        let operand = |operand| {
            Some(proto::Operand {
                operand: Some(operand),
            })
        };
        proto::Expression {
            expression: Some(Node::Comparison(proto::Comparison {
                left: operand(left),
                relation: relation.into(),
                right: operand(right),
            })),
        }
    };
    let all = |expressions| proto::Expression {
        expression: Some(Node::And(proto::ExpressionList { expressions })),
    };
    let attempts = |most| {
        compare(
            Operand::Attempts(true),
            proto::Relation::LessOrEqual,
            Operand::Number(most),
        )
    };
    let code = |code| {
        compare(
            Operand::ResponseCode(true),
            proto::Relation::Equal,
            Operand::Number(code),
        )
    };
    let by_post = compare(
        Operand::RequestMethod(true),
        proto::Relation::Equal,
        Operand::Text("POST".to_owned()),
    );
    let network = proto::Expression {
        expression: Some(Node::NetworkError(true)),
    };
    for (fails, status, expression, expected, tries) in [
        (2, 503, all(vec![attempts(2.0), code(503.0)]), 200, 3),
        (9, 503, all(vec![attempts(2.0), code(503.0)]), 503, 3),
        (2, 503, code(500.0), 503, 1),
        (1, 502, all(vec![network.clone(), by_post]), 200, 2),
        (1, 500, network, 500, 1),
        // However long it would go on.
        (99, 503, code(503.0), 503, 10),
    ] {
        let origin = failing(fails, status);
        let buffering = proto::Buffering {
            retry: Some(expression),
            ..buffering(0, 0)
        };
        let proxy = behind(
            Site::of(&[&origin]),
            vec![Kind::Buffering(buffering)],
            vec![],
        );
        let answer = proxy.ask(&post("hello"));
        assert_eq!((answer.status(), answer.body.as_str()), (expected, "hello"));
        let requests = origin.requests();
        assert_eq!(requests.len(), tries);
        assert!(requests.iter().all(|request| request.body == "hello"));
    }
}

fn retry(attempts: u32, status: &[u32]) -> proto::Retry {
    proto::Retry {
        attempts,
        status: status.iter().map(|code| range(*code, *code)).collect(),
        max_request_body_bytes: 8,
        ..proto::Retry::default()
    }
}

#[test]
fn a_status_is_tried_again_where_the_request_may_be_repeated() {
    let put = |body: &str| post(body).replacen("POST", "PUT", 1);
    let any = |retry: proto::Retry| proto::Retry {
        non_idempotent_method: true,
        ..retry
    };
    let long = "much too long";
    for (fails, retry, request, status, tries) in [
        (2, retry(3, &[503]), put("hello"), 200, 3),
        (2, retry(2, &[503]), put("hello"), 503, 2),
        (2, retry(3, &[500]), put("hello"), 503, 1),
        (2, retry(3, &[503]), post("hello"), 503, 1),
        (2, any(retry(3, &[503])), post("hello"), 200, 3),
        (2, retry(1, &[503]), put("hello"), 503, 1),
        // More than is kept.
        (2, retry(3, &[503]), put(long), 503, 1),
    ] {
        let origin = failing(fails, 503);
        let proxy = behind(Site::of(&[&origin]), vec![Kind::Retry(retry)], vec![]);
        let answer = proxy.ask(&request);
        let body = request.split("\r\n\r\n").nth(1).unwrap();
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (status, body),
            "{request}"
        );
        let requests = origin.requests();
        assert_eq!(requests.len(), tries, "{request}");
        assert!(requests.iter().all(|request| request.body == body));
    }
}

#[test]
fn a_server_that_comes_up_meanwhile_gets_the_request_with_its_body() {
    for disabled in [false, true] {
        // Bound, and refusing connections until it listens.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let retry = proto::Retry {
            initial_interval_ns: 200_000_000,
            disable_on_network_error: disabled,
            ..retry(30, if disabled { &[599] } else { &[] })
        };
        let proxy = behind(Site::at(vec![address]), vec![Kind::Retry(retry)], vec![]);
        let late = std::thread::spawn(move || {
            pass(Duration::from_millis(300));
            socket.listen(8).unwrap();
            let listener = std::net::TcpListener::from(socket);
            let mut wire = listener
                .accept()
                .map(|(stream, _)| Wire::new(stream))
                .unwrap();
            let request = wire.read_message().unwrap();
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
            request.body
        });
        // Longer than what is kept: it is not read before there is a server.
        let answer = proxy.ask(&post("more than eight bytes"));
        if disabled {
            assert_eq!(answer.status(), 502);
            // Let the other thread go.
            let mut wire = loop {
                match std::net::TcpStream::connect(address) {
                    Ok(stream) => break Wire::new(stream),
                    Err(_) => pass(Duration::from_millis(10)),
                }
            };
            wire.send(post("x"));
            late.join().unwrap();
            continue;
        }
        assert_eq!((answer.status(), answer.body.as_str()), (200, "up"));
        assert_eq!(late.join().unwrap(), "more than eight bytes");
    }
}

#[test]
fn no_try_begins_after_the_time_is_over() {
    let retry = proto::Retry {
        initial_interval_ns: 100_000_000,
        timeout_ns: 350_000_000,
        ..retry(1000, &[])
    };
    let proxy = behind(
        Site::at(vec![closed_address()]),
        vec![Kind::Retry(retry)],
        vec![],
    );
    let began = Instant::now();
    assert_eq!(proxy.get("/").status(), 502);
    let took = began.elapsed();
    let expected = Duration::from_millis(350)..Duration::from_secs(5);
    assert!(expected.contains(&took), "{took:?}");
}

#[test]
fn a_request_that_reached_its_server_is_not_sent_twice() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let origin = Origin::scripted(move |_, mut wire| {
        if wire.read_message().is_some() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let kinds = vec![Kind::Retry(retry(5, &[]))];
    let proxy = behind(Site::of(&[&origin]), kinds, vec![]);
    assert_eq!(proxy.ask(&post("once")).status(), 502);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn limits_inside_and_outside_of_a_retry_count_until_the_answer_has_ended() {
    for (outside, inside) in [(2, 1), (1, 2)] {
        let (go_on, told) = mpsc::channel::<()>();
        let told = Mutex::new(told);
        let origin = Origin::scripted(move |_, mut wire| {
            while wire.read_message().is_some() {
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
                let _ = told.lock().unwrap().recv();
                wire.send("lf");
            }
        });
        let most = |amount| {
            Kind::InFlightReq(proto::InFlightReq {
                amount,
                source_criterion: Some(proto::SourceCriterion {
                    source: Some(proto::source_criterion::Source::RequestHost(true)),
                }),
            })
        };
        let kinds = vec![most(outside), Kind::Retry(retry(2, &[])), most(inside)];
        let proxy = behind(Site::of(&[&origin]), kinds, vec![]);
        let mut first = proxy.connect();
        first.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        first.read_head().expect("the head of an answer");
        assert_eq!(first.read_exact(2).as_deref(), Some("ha"));
        assert_eq!(proxy.get("/").status(), 429, "{outside} {inside}");
        drop(go_on);
        assert_eq!(first.read_exact(2).as_deref(), Some("lf"));
        assert_eq!(proxy.get("/").status(), 200, "{outside} {inside}");
    }
}

fn breaker(relation: proto::Relation, than: f64, of: proto::operand::Operand) -> Kind {
    let operand = |operand| {
        Some(proto::Operand {
            operand: Some(operand),
        })
    };
    let comparison = proto::Comparison {
        left: operand(of),
        relation: relation.into(),
        right: operand(proto::operand::Operand::Number(than)),
    };
    Kind::CircuitBreaker(proto::CircuitBreaker {
        expression: Some(proto::Expression {
            expression: Some(proto::expression::Expression::Comparison(comparison)),
        }),
        text: "as told".to_owned(),
        check_period_ns: 1_000_000,
        fallback_ns: 400_000_000,
        recovery_ns: 200_000_000,
        response_code: 504,
    })
}

#[test]
fn a_breaker_keeps_requests_from_a_service_that_fails() {
    use proto::operand::Operand;
    let errors = Operand::ResponseCodeRatio(proto::CodeRatio {
        first: 500,
        before: 600,
        of_first: 0,
        of_before: 600,
    });
    let slow = Origin::answering(|_| {
        pass(Duration::from_millis(30));
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let gateway = Origin::answering(answer_with(502));
    let broken = Origin::answering(answer_with(500));
    for (origin, of, than) in [
        (&gateway, Operand::NetworkErrorRatio(true), 0.5),
        (&broken, errors, 0.5),
        (&slow, Operand::LatencyAtQuantile(50.0), 20.0),
        (&slow, Operand::Requests(true), 2.0),
    ] {
        let kinds = vec![breaker(proto::Relation::Greater, than, of)];
        let proxy = behind(Site::of(&[origin]), kinds, vec![]);
        let opened = (0..200).find(|_| {
            pass(Duration::from_millis(2));
            let answer = proxy.get("/");
            answer.status() == 504 && answer.body == "Gateway Timeout"
        });
        assert!(opened.is_some_and(|number| number > 0), "{than} {opened:?}");
        origin.requests();
        for _ in 0..5 {
            assert_eq!(proxy.get("/").status(), 504);
        }
        assert!(origin.requests().is_empty(), "it is left alone");
    }
}

#[test]
fn a_breaker_lets_a_service_that_has_recovered_have_its_requests_again() {
    let origin = failing(20, 502);
    let of = proto::operand::Operand::NetworkErrorRatio(true);
    let kinds = vec![breaker(proto::Relation::Greater, 0.9, of)];
    let proxy = behind(Site::of(&[&origin]), kinds.clone(), vec![]);
    let mut seen = Vec::new();
    let began = Instant::now();
    while seen.last() != Some(&200) || seen.len() < 5 {
        assert!(began.elapsed() < Duration::from_secs(60), "{seen:?}");
        seen.push(proxy.get("/").status());
        pass(Duration::from_millis(2));
    }
    assert!(seen.contains(&504), "{seen:?}");
    let second = Instant::now();
    loop {
        let all: Vec<_> = (0..20).map(|_| proxy.get("/").status()).collect();
        if all == [200; 20] {
            break;
        }
        assert!(second.elapsed() < Duration::from_secs(60), "{all:?}");
    }
}

#[test]
fn a_breaker_that_is_open_stays_so_when_something_else_changes() {
    let origin = Origin::answering(answer_with(502));
    let of = proto::operand::Operand::NetworkErrorRatio(true);
    let Kind::CircuitBreaker(breaker) = breaker(proto::Relation::Greater, 0.5, of) else {
        panic!("no breaker");
    };
    let kinds = vec![Kind::CircuitBreaker(proto::CircuitBreaker {
        fallback_ns: 3_600_000_000_000,
        ..breaker
    })];
    let proxy = behind(Site::of(&[&origin]), kinds.clone(), vec![]);
    while proxy.get("/").status() != 504 {
        pass(Duration::from_millis(2));
    }
    // Another server of the same service, and one service more.
    let other = Origin::named("other");
    let more = vec![beside("pages@test", other.address)];
    let site = Site::of(&[&other]);
    put_in_force(&proxy.running, with(site, kinds.clone(), more));
    assert_eq!(proxy.get("/").status(), 504);
    // Another definition.
    let mut changed = kinds;
    if let Kind::CircuitBreaker(breaker) = &mut changed[0] {
        breaker.check_period_ns = 7;
    }
    put_in_force(&proxy.running, with(Site::of(&[&other]), changed, vec![]));
    assert_eq!(proxy.get("/").status(), 200);
}
