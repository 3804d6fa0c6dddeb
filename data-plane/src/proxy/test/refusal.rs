//! What never reaches a server.

use super::*;

#[test]
fn requests_an_edge_must_refuse_are_refused_and_the_connection_is_closed() {
    let origin = Origin::named("x");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let cases = [
        ("no host", "GET / HTTP/1.1\r\n\r\n", 400),
        (
            "two hosts",
            "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n",
            400,
        ),
        ("bad host", "GET / HTTP/1.1\r\nHost: a.test/x\r\n\r\n", 400),
        (
            "user in host",
            "GET / HTTP/1.1\r\nHost: u@a.test\r\n\r\n",
            400,
        ),
        (
            "CONNECT",
            "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n",
            501,
        ),
        ("TRACE", "TRACE / HTTP/1.1\r\nHost: a.test\r\n\r\n", 405),
        (
            "fragment",
            "GET /public#/../admin HTTP/1.1\r\nHost: a.test\r\n\r\n",
            400,
        ),
        ("asterisk", "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n", 400),
        (
            "authority",
            "GET a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n",
            400,
        ),
        (
            "user in target",
            "GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
            400,
        ),
        (
            "broken escape",
            "GET /a%zz HTTP/1.1\r\nHost: a.test\r\n\r\n",
            400,
        ),
        (
            "short escape",
            "GET /a%2 HTTP/1.1\r\nHost: a.test\r\n\r\n",
            400,
        ),
        (
            "encoded slash",
            "GET /a%2fb HTTP/1.1\r\nHost: a.test\r\n\r\n",
            400,
        ),
        (
            "encoded null",
            "GET /a%00 HTTP/1.1\r\nHost: a.test\r\n\r\n",
            400,
        ),
        (
            "coding twice",
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "two codings",
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: identity\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "expectation",
            "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx",
            417,
        ),
    ];
    for (what, request, status) in cases {
        let mut wire = proxy.connect();
        wire.send(request);
        let answer = wire.read_message().unwrap();
        assert_eq!(answer.status(), status, "{what}");
        assert_eq!(answer.header("connection"), Some("close"), "{what}");
        assert!(wire.is_closed(), "{what}");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn a_fragment_is_seen_in_later_requests_and_in_split_lines() {
    let origin = Origin::named("x");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send("GET /a HTTP/1.1\r\nHost: a.test\r\nX-Hash: #\r\n\r\n");
    assert_eq!(wire.read_message().unwrap().status(), 200);
    wire.send("GET /b");
    wire.is_silent(std::time::Duration::from_millis(30));
    wire.send("#c HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(wire.read_message().unwrap().status(), 400);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn an_absolute_target_decides_the_host() {
    let origin = Origin::named("x");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let answer = proxy.ask("GET http://A.test/x?y HTTP/1.1\r\nHost: b.test\r\n\r\n");
    assert_eq!(answer.status(), 200);
    let request = origin.request();
    assert_eq!(request.line(), "GET /x?y HTTP/1.1");
    assert_eq!(request.header("host"), Some("A.test"));
    assert_eq!(request.header("x-forwarded-host"), Some("A.test"));
    assert_eq!(
        proxy
            .ask("GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n")
            .status(),
        404
    );
}

#[test]
fn content_length_beside_chunked_is_not_forwarded_and_the_connection_is_closed() {
    let origin = Origin::named("x");
    let proxy = Proxy::start(Site::of(&[&origin]));
    for lines in [
        "Content-Length: 50\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 50",
    ] {
        let mut wire = proxy.connect();
        wire.send(format!(
            "POST / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n\r\n0\r\n\r\n\
             GET /SMUGGLED HTTP/1.1\r\nHost: a.test\r\n\r\n"
        ));
        assert!(matches!(wire.read_message().unwrap().status(), 200 | 400));
        assert!(wire.is_closed());
        for request in origin.requests() {
            assert!(request.header("content-length").is_none());
            assert!(!request.line().contains("SMUGGLED"));
        }
    }
}

#[test]
fn a_body_with_broken_chunks_is_refused_and_never_complete() {
    let origin = Origin::answering(|request| {
        assert!(!request.complete, "{request:?}");
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    for body in [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-1\r\nx",
        "5\r\nhelloXX0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
    ] {
        let mut wire = proxy.connect();
        wire.send(format!(
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
        ));
        let answer = wire.read_message().unwrap();
        assert_eq!(
            (answer.status(), answer.header("connection")),
            (400, Some("close")),
            "{body}"
        );
        assert!(wire.is_closed(), "{body}");
    }
}

#[test]
fn a_request_no_rule_matches_is_404() {
    let origin = Origin::named("x");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    for _ in 0..2 {
        wire.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
        let answer = wire.read_message().unwrap();
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (404, "404 page not found\n")
        );
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn options_about_the_proxy_itself_are_answered_by_it() {
    let proxy = Proxy::start(Site::at(Vec::new()));
    assert_eq!(
        proxy
            .ask("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n")
            .status(),
        200
    );
}

#[test]
fn a_request_that_comes_back_to_its_router_is_refused() {
    let origin = Origin::named("x");
    let site = Site {
        loop_guard: "r@test".to_owned(),
        ..Site::of(&[&origin])
    };
    let proxy = Proxy::start(site);
    assert_eq!(proxy.get("/").status(), 200);
    assert_eq!(origin.request().header("x-traefik-router"), Some("r@test"));
    let answer = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nX-Traefik-Router: r@test\r\n\r\n");
    assert_eq!((answer.status(), answer.body.as_str()), (400, ""));
    assert!(origin.requests().is_empty());
}

#[test]
fn a_panic_costs_one_request() {
    let origin = Origin::named("x");
    let config = Config {
        workers: 1,
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::of(&[&origin]));
    let mut bystander = proxy.connect();
    bystander.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(bystander.read_message().unwrap().status(), 200);
    let answer = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nX-Test-Panic: 1\r\n\r\n");
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (500, "Internal Server Error\n")
    );
    bystander.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(bystander.read_message().unwrap().status(), 200);
    assert_eq!(proxy.get("/").status(), 200);
}
