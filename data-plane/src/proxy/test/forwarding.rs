//! What reaches the server, and what comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

#[test]
fn a_request_is_forwarded_and_its_answer_comes_back() {
    let origin = Origin::named("hello");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let answer = proxy.get("/a/b?x=1;y=2");
    assert_eq!((answer.status(), answer.body.as_str()), (200, "hello"));
    assert!(answer.header("connection").is_none());
    let request = origin.request();
    assert_eq!(request.line(), "GET /a/b?x=1&y=2 HTTP/1.1");
    assert_eq!(request.header("host"), Some("a.test"));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("x-forwarded-host"), Some("a.test"));
    assert_eq!(request.header("x-forwarded-port"), Some("80"));
    assert!(request.header("x-forwarded-server").is_some());
    assert!(request.header("user-agent").is_none());
    assert!(request.header("content-length").is_none());
}

#[test]
fn k_requests_in_a_row_reach_k_servers_over_one_connection_and_over_several() {
    let origins = [Origin::named("a"), Origin::named("b"), Origin::named("c")];
    let proxy = Proxy::start(Site::of(&origins.each_ref()));
    let mut wire = proxy.connect();
    for _ in 0..4 {
        let reached: BTreeSet<String> = (0..3)
            .map(|_| {
                wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
                wire.read_message().unwrap().body
            })
            .collect();
        assert_eq!(reached.len(), 3);
        let reached: BTreeSet<String> = (0..3).map(|_| proxy.get("/").body).collect();
        assert_eq!(reached.len(), 3);
    }
}

#[test]
fn connections_to_servers_are_used_again() {
    let (tell, told) = seen();
    let origin = Origin::scripted(move |number, mut wire| {
        while wire.read_message().is_some() {
            tell.send(number).unwrap();
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let config = Config {
        workers: 1,
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::of(&[&origin]));
    for _ in 0..5 {
        assert_eq!(proxy.get("/").body, "ok");
    }
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [1; 5]);
}

#[test]
fn the_servers_own_address_is_the_host_where_the_clients_is_not_passed() {
    let origin = Origin::named("x");
    let proxy = Proxy::start(Site {
        pass_host_header: false,
        ..Site::of(&[&origin])
    });
    proxy.get("/");
    let request = origin.request();
    assert_eq!(
        request.header("host"),
        Some(origin.address.to_string().as_str())
    );
    assert_eq!(request.header("x-forwarded-host"), Some("a.test"));
}

#[test]
fn hop_by_hop_headers_end_at_the_proxy_in_both_directions() {
    let origin = Origin::answering(|_| {
        "HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Authenticate: x\r\nUpgrade: h2c\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n"
            .to_owned()
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let answer = proxy.ask(
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, X-Hop, X-Forwarded-For, Host\r\n\
         X-Hop: 1\r\nKeep-Alive: timeout=9\r\nProxy-Connection: keep-alive\r\nTE: gzip, trailers\r\n\
         Trailer: X\r\nProxy-Authorization: Basic eA==\r\nX-End: 1\r\nX_End: 2\r\n\r\n",
    );
    let request = origin.request();
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "proxy-connection",
        "trailer",
        "proxy-authorization",
        "x_end",
    ] {
        assert!(request.header(name).is_none(), "{name} in {}", request.head);
    }
    assert_eq!(request.header("te"), Some("trailers"));
    assert_eq!(request.header("x-end"), Some("1"));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("host"), Some("a.test"));
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "proxy-authenticate",
        "upgrade",
    ] {
        assert!(answer.header(name).is_none(), "{name} in {}", answer.head);
    }
    assert_eq!(answer.header("x-end"), Some("1"));
}

#[test]
fn forwarded_headers_are_believed_from_trusted_peers_only() {
    let origin = Origin::named("x");
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 6.6.6.6\r\n\
                   X-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /p\r\n\r\n";
    let proxy = Proxy::start(Site::of(&[&origin]));
    proxy.ask(request);
    let seen = origin.request();
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.header("x-forwarded-prefix"), None);

    let trusted = vec!["127.0.0.0/8".to_owned()];
    let proxy = Proxy::start(Site {
        trusted,
        ..Site::of(&[&origin])
    });
    proxy.ask(request);
    let seen = origin.request();
    assert_eq!(seen.header("x-forwarded-for"), Some("6.6.6.6, 127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.header("x-forwarded-prefix"), Some("/p"));
}

#[test]
fn the_answer_to_head_has_the_length_and_no_body() {
    let origin = Origin::answering(|request| {
        assert!(request.line().starts_with("HEAD "));
        "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n".to_owned()
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    for _ in 0..2 {
        wire.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let head = wire.read_head().unwrap();
        assert!(head.contains("content-length: 1234"), "{head}");
    }
    assert!(wire.is_silent(Duration::from_millis(50)));
}

#[test]
fn bodies_of_known_length_pass_in_both_directions() {
    let origin = Origin::answering(|request| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
            request.body.len(),
            request.body
        )
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let body = "x".repeat(300_000);
    let answer = proxy.ask(&format!(
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(answer.body, body);
    assert_eq!(origin.request().header("content-length"), Some("300000"));
}

#[test]
fn chunked_bodies_pass_in_both_directions_even_with_get() {
    for method in ["POST", "GET"] {
        let origin = Origin::answering(|request| {
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                request.body.len(),
                request.body
            )
        });
        let proxy = Proxy::start(Site::of(&[&origin]));
        let answer = proxy.ask(&format!(
            "{method} / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
             5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        ));
        assert_eq!(
            (answer.body.as_str(), answer.complete),
            ("hello world", true),
            "{method}"
        );
        let request = origin.request();
        assert_eq!(request.header("transfer-encoding"), Some("chunked"));
        assert!(request.header("content-length").is_none());
    }
}

#[test]
fn bytes_pass_as_they_come_in_both_directions() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head().unwrap();
        assert_eq!(wire.read_exact(4).as_deref(), Some("ping"));
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npong\r\n");
        assert_eq!(wire.read_exact(4).as_deref(), Some("more"));
        wire.send("4\r\ndone\r\n0\r\n\r\n");
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\nping");
    assert!(wire.read_head().unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(wire.read_exact(9).as_deref(), Some("4\r\npong\r\n"));
    wire.send("more");
    assert_eq!(
        wire.read_exact(14).as_deref(),
        Some("4\r\ndone\r\n0\r\n\r\n")
    );
}

#[test]
fn trailers_of_responses_pass_and_trailers_of_requests_do_not() {
    let origin = Origin::answering(|_| {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n"
            .to_owned()
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let answer = proxy.ask(
        "POST / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nTrailer: X-Forwarded-For\r\n\
         Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n",
    );
    assert_eq!(answer.trailers.to_ascii_lowercase(), "x-sum: 42\r\n");
    let request = origin.request();
    assert_eq!(
        (request.body.as_str(), request.trailers.as_str()),
        ("hi", "")
    );
}

#[test]
fn a_client_that_expects_continue_gets_it_from_the_server() {
    let origin = Origin::scripted(|_, mut wire| {
        let head = wire.read_head().unwrap();
        assert!(head.contains("expect: 100-continue"), "{head}");
        assert!(wire.is_silent(Duration::from_millis(50)));
        wire.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(wire.read_exact(5).as_deref(), Some("hello"));
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send(
        "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
    assert_eq!(
        wire.read_head().as_deref(),
        Some("HTTP/1.1 100 Continue\r\n\r\n")
    );
    wire.send("hello");
    assert_eq!(wire.read_message().unwrap().body, "ok");
}

#[test]
fn a_server_that_refuses_before_the_body_is_heard_without_continue() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head().unwrap();
        wire.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
        wire.is_closed();
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send(
        "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
    let answer = wire.read_message().unwrap();
    assert_eq!((answer.status(), answer.body.as_str()), (401, "no"));
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn a_client_of_http_1_0_is_served_and_closed() {
    let origin = Origin::answering(|_| {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned()
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let answer = proxy.ask("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert_eq!((answer.status(), answer.body.as_str()), (200, "ok"));
    assert_eq!(origin.request().line(), "GET / HTTP/1.1");
}

#[test]
fn a_response_that_ends_with_its_connection_passes() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head().unwrap();
        wire.send("HTTP/1.0 200 OK\r\n\r\nold");
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let answer = proxy.get("/");
    assert_eq!((answer.body.as_str(), answer.complete), ("old", true));
}

#[test]
fn a_server_with_prior_knowledge_is_spoken_http_2_to() {
    let address = http2_origin();
    let mut site = Site::at(vec![address]);
    site.servers[0].scheme = proto::Scheme::H2c.into();
    let config = Config {
        workers: 1,
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, site);
    for _ in 0..3 {
        let answer = proxy.ask(
            "POST /x?y HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nhi\r\n0\r\n\r\n",
        );
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.body, "HTTP/2.0 POST http://a.test/x?y hi");
    }
}

#[test]
fn trailers_of_requests_reach_a_server_that_knows_them_from_headers() {
    let mut site = Site::at(vec![http2_origin()]);
    site.servers[0].scheme = proto::Scheme::H2c.into();
    let proxy = Proxy::start(site);
    let answer = proxy.ask(
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nhi\r\n0\r\nX-Sum: 7\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n\
         Authorization: x\r\n\r\n",
    );
    assert_eq!(answer.body, "HTTP/2.0 POST http://a.test/ hi x-sum");
}

/// Answers with what it was asked, over HTTP/2 only.
pub(super) fn http2_origin() -> std::net::SocketAddr {
    use http_body_util::{BodyExt, Full};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let echo = |request: http::Request<hyper::body::Incoming>| async move {
        let (parts, body) = request.into_parts();
        assert!(!parts.headers.contains_key("host"));
        let body = body.collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let trailers: Vec<_> = trailers.keys().map(|name| format!(" {name}")).collect();
        let body = body.to_bytes();
        let said = format!(
            "{:?} {} {} {}{}",
            parts.version,
            parts.method,
            parts.uri,
            String::from_utf8_lossy(&body),
            trailers.concat()
        );
        Ok::<_, hyper::Error>(http::Response::new(Full::new(bytes::Bytes::from(said))))
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), hyper::service::service_fn(echo)),
                );
            }
        });
    });
    address
}
