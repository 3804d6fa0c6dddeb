//! Header rules on maps of lines.

use super::*;

fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn entered(lines: &[(&'static str, &'static str)], trusted: bool) -> HeaderMap {
    let mut headers = map(lines);
    let upgrade = requested_upgrade(&Method::GET, Version::HTTP_11, &headers, false);
    let host = headers.get(HOST).cloned();
    enter(
        &mut headers,
        &hop(),
        trusted,
        &Intake::default(),
        host.as_ref(),
        upgrade.as_ref(),
    );
    leave(&mut headers, &hop(), false);
    headers
}

fn hop() -> Hop {
    Hop {
        peer: HeaderValue::from_static("192.0.2.7"),
        server: HeaderValue::from_static("edge"),
        secure: false,
    }
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .map(|v| v.to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn forwarded_headers_of_strangers_are_replaced() {
    let headers = entered(
        &[
            ("host", "a.test:8080"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "7.7.7.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded-port", "1"),
            ("x-forwarded-prefix", "/evil"),
            ("x-forwarded-uri", "/"),
            ("x-forwarded-method", "GET"),
            ("x-forwarded-server", "evil"),
            ("x-forwarded-tls-client-cert", "x"),
            ("x-real-ip", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
        ],
        false,
    );
    let expected = [
        ("x-forwarded-for", "192.0.2.7"),
        ("x-real-ip", "192.0.2.7"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "a.test:8080"),
        ("x-forwarded-port", "8080"),
        ("x-forwarded-server", "edge"),
    ];
    for (name, value) in expected {
        assert_eq!(lines(&headers, name), [value], "{name}");
    }
    for name in ["prefix", "uri", "method", "tls-client-cert"] {
        assert!(
            !headers.contains_key(format!("x-forwarded-{name}")),
            "{name}"
        );
    }
}

#[test]
fn what_other_edges_say_is_believed_of_trusted_peers_alone() {
    let claims = [
        ("host", "a.test"),
        ("forwarded", "for=6.6.6.6"),
        ("cf-connecting-ip", "6.6.6.6"),
        ("true-client-ip", "6.6.6.6"),
        ("x-original-url", "/admin"),
        ("x-rewrite-url", "/admin"),
        ("x-scheme", "https"),
        ("x-forwarded-scheme", "https"),
        ("x-envoy-internal", "true"),
    ];
    let (strange, trusted) = (entered(&claims, false), entered(&claims, true));
    for (name, value) in claims.into_iter().skip(1) {
        assert!(!strange.contains_key(name), "{name}");
        assert_eq!(lines(&trusted, name), [value]);
    }
    for trusted in [true, false] {
        let headers = entered(&[("host", "a.test"), ("proxy", "http://evil")], trusted);
        assert!(!headers.contains_key("proxy"));
    }
}

#[test]
fn forwarded_headers_of_trusted_peers_stay_and_are_completed() {
    let headers = entered(
        &[
            ("host", "a.test"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "7.7.7.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-server", "outer"),
            ("x-real-ip", "6.6.6.6"),
        ],
        true,
    );
    let expected = [
        ("x-forwarded-for", "6.6.6.6, 7.7.7.7, 192.0.2.7"),
        ("x-real-ip", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-host", "a.test"),
        ("x-forwarded-server", "edge"),
    ];
    for (name, value) in expected {
        assert_eq!(lines(&headers, name), [value], "{name}");
    }
}

#[test]
fn connection_cannot_name_away_what_the_proxy_vouches_for() {
    let headers = entered(
        &[
            ("host", "a.test"),
            (
                "connection",
                "close, X-Forwarded-For, X-Real-Ip, Host, X-Secret",
            ),
            (
                "connection",
                "Content-Length, X-Forwarded-Proto, X-Traefik-Router",
            ),
            ("content-length", "5"),
            ("x-secret", "1"),
            ("x-traefik-router", "r@docker"),
        ],
        false,
    );
    for name in [
        "x-forwarded-for",
        "x-real-ip",
        "host",
        "content-length",
        "x-forwarded-proto",
        "x-traefik-router",
    ] {
        assert!(headers.contains_key(name), "{name}");
    }
    assert!(!headers.contains_key("x-secret"));
    assert!(!headers.contains_key("connection"));
}

#[test]
fn hop_by_hop_headers_end_here_but_te_trailers_stays() {
    let headers = entered(
        &[
            ("host", "a.test"),
            ("connection", "keep-alive, TE"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eA=="),
            ("proxy-authenticate", "x"),
            ("te", "gzip, trailers;q=0.5"),
            ("trailer", "X"),
            ("upgrade", "websocket"),
            ("transfer-encoding", "chunked"),
        ],
        false,
    );
    assert_eq!(lines(&headers, "te"), ["trailers"]);
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "proxy-authenticate",
        "trailer",
        "upgrade",
        "transfer-encoding",
    ] {
        assert!(!headers.contains_key(name), "{name}");
    }
}

#[test]
fn a_websocket_handshake_keeps_its_upgrade_and_is_ws() {
    let headers = entered(
        &[
            ("host", "a.test"),
            ("connection", "keep-alive"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
        ],
        false,
    );
    assert_eq!(lines(&headers, "connection"), ["Upgrade"]);
    assert_eq!(lines(&headers, "upgrade"), ["websocket"]);
    assert_eq!(lines(&headers, "x-forwarded-proto"), ["ws"]);
}

#[test]
fn switches_that_may_not_be_are_no_switches() {
    let asks = |protocol| map(&[("connection", "upgrade"), ("upgrade", protocol)]);
    let get = Method::GET;
    for (protocol, allowed) in [
        ("websocket", true),
        ("WebSocket", true),
        ("tcp", false),
        ("h2c", false),
        ("h2c, websocket", false),
        ("HTTP/2.0", false),
        ("TLS/1.0", false),
    ] {
        let got = requested_upgrade(&get, Version::HTTP_11, &asks(protocol), false);
        assert_eq!(got.is_some(), allowed, "{protocol}");
    }
    let websocket = asks("websocket");
    assert!(requested_upgrade(&get, Version::HTTP_10, &websocket, false).is_none());
    assert!(requested_upgrade(&get, Version::HTTP_11, &websocket, true).is_none());
    assert!(requested_upgrade(&Method::POST, Version::HTTP_11, &websocket, false).is_none());
    let unasked = map(&[("upgrade", "websocket")]);
    assert!(requested_upgrade(&get, Version::HTTP_11, &unasked, false).is_none());
}

#[test]
fn the_servers_hop_ends_here_too() {
    let mut headers = map(&[
        ("connection", "X-Secret, keep-alive"),
        ("x-secret", "1"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("content-length", "5"),
        ("trailer", "X-Sum"),
        ("upgrade", "h2c"),
        ("x-kept", "1"),
    ]);
    strip_response(&mut headers, false);
    let names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(headers.contains_key("trailer") && headers.contains_key("x-kept"));
}

#[test]
fn the_port_comes_from_the_host_or_the_protocol() {
    for (host, secure, port) in [
        ("a.test:81", false, "81"),
        ("a.test", false, "80"),
        ("a.test", true, "443"),
        ("[::1]", false, "80"),
        ("[::1]:82", false, "82"),
    ] {
        let host = HeaderValue::from_static(host);
        assert_eq!(forwarded_port(Some(&host), secure), port);
    }
}

#[test]
fn middlewares_may_see_what_connection_names_and_the_server_does_not() {
    let intake = Intake {
        connection: Box::new([HeaderName::from_static("x-seen")]),
        scheme_headers: true,
        ..Intake::default()
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("connection", "keep-alive, X-Seen, X-Gone"),
        ("x-seen", "1"),
        ("x-gone", "1"),
        ("x-scheme", "https"),
        ("x-forwarded-scheme", "https"),
    ] {
        headers.append(name, HeaderValue::from_static(value));
    }
    enter(&mut headers, &hop(), false, &intake, None, None);
    assert!(headers.contains_key("x-seen") && !headers.contains_key("x-gone"));
    assert_eq!(headers["connection"], "x-seen");
    assert_eq!(headers["x-scheme"], "http");
    assert_eq!(headers["x-forwarded-scheme"], "http");
    leave(&mut headers, &hop(), true);
    assert!(!headers.contains_key("x-seen") && !headers.contains_key("connection"));
    assert!(!headers.contains_key("x-forwarded-for"));
}
