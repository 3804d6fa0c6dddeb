//! `headers`: CORS, security, hosts. What it sets and deletes is tested with routing.

use fairway_tests::world::World;

use super::{ask, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cors_preflights_are_answered_and_answers_say_who_may_read_them() {
    let world = World::start().await;
    serve(
        &world,
        "cors",
        &[
            ("headers.accesscontrolalloworiginlist", "https://a.test"),
            (
                "headers.accesscontrolalloworiginlistregex",
                r"^https://.*\.b\.test$",
            ),
            ("headers.accesscontrolallowheaders", "X-A,X-B"),
            ("headers.accesscontrolallowmethods", "GET,PUT"),
            ("headers.accesscontrolexposeheaders", "X-C"),
            ("headers.accesscontrolmaxage", "60"),
            ("headers.addvaryheader", "true"),
        ],
    )
    .await;
    serve(
        &world,
        "cookies",
        &[
            ("headers.accesscontrolalloworiginlist", "*"),
            ("headers.accesscontrolallowcredentials", "true"),
            ("headers.accesscontrolexposeheaders", "*"),
        ],
    )
    .await;

    let preflight =
        |origin: &str| format!("Origin: {origin}\r\nAccess-Control-Request-Method: PUT\r\n");
    let before = world.requests("cors");
    for (origin, allowed) in [
        ("https://a.test", Some("https://a.test")),
        ("https://x.b.test", Some("https://x.b.test")),
        ("https://evil.test", None),
    ] {
        let reply = ask(&world, "cors", "OPTIONS /", &preflight(origin)).await;
        let header = |name: &str| reply.head.header(name);
        assert_eq!((reply.status(), reply.body.len()), (200, 0));
        assert_eq!(header("access-control-allow-origin"), allowed);
        assert_eq!(header("access-control-allow-headers"), Some("X-A,X-B"));
        assert_eq!(header("access-control-allow-methods"), Some("GET,PUT"));
        assert_eq!(header("access-control-max-age"), Some("60"));
        assert_eq!(header("content-length"), Some("0"));
    }
    assert_eq!(world.requests("cors"), before, "a preflight was passed on");

    let reply = ask(&world, "cors", "GET /", "Origin: https://a.test\r\n").await;
    let header = |name: &str| reply.head.header(name);
    assert_eq!(reply.seen().name, "cors");
    assert_eq!(
        header("access-control-allow-origin"),
        Some("https://a.test")
    );
    assert_eq!(header("access-control-expose-headers"), Some("X-C"));
    assert_eq!(header("vary"), Some("Origin"));
    // Without the method that is asked for it is a request like any other.
    let reply = ask(&world, "cors", "OPTIONS /", "Origin: https://a.test\r\n").await;
    assert_eq!(reply.seen().method, "OPTIONS");

    let reply = ask(&world, "cookies", "GET /", "Origin: https://x.test\r\n").await;
    let header = |name: &str| reply.head.header(name);
    assert_eq!(
        header("access-control-allow-origin"),
        Some("https://x.test")
    );
    assert_eq!(header("access-control-allow-credentials"), Some("true"));
    assert_eq!(header("access-control-expose-headers"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_are_told_about_security() {
    let world = World::start().await;
    serve(
        &world,
        "safe",
        &[
            ("headers.framedeny", "true"),
            ("headers.contenttypenosniff", "true"),
            ("headers.browserxssfilter", "true"),
            ("headers.contentsecuritypolicy", "script-src $NONCE"),
            (
                "headers.contentsecuritypolicyreportonly",
                "default-src 'self'",
            ),
            ("headers.referrerpolicy", "no-referrer"),
            ("headers.permissionspolicy", "camera=()"),
            ("headers.publickey", "pin-sha256=x"),
            ("headers.stsseconds", "60"),
            ("headers.stsincludesubdomains", "true"),
            ("headers.stspreload", "true"),
            ("headers.sslproxyheaders.X-Tls", "on"),
            ("headers.customresponseheaders.Referrer-Policy", "origin"),
        ],
    )
    .await;
    serve(
        &world,
        "forced",
        &[
            ("headers.stsseconds", "60"),
            ("headers.forcestsheader", "true"),
            ("headers.customframeoptionsvalue", "SAMEORIGIN"),
            ("headers.custombrowserxssvalue", "0"),
        ],
    )
    .await;

    let reply = ask(&world, "safe", "GET /", "").await;
    #[rustfmt::skip]
    let expected = [
        ("x-frame-options", Some("DENY")),
        ("x-content-type-options", Some("nosniff")),
        ("x-xss-protection", Some("1; mode=block")),
        ("content-security-policy-report-only", Some("default-src 'self'")),
        // What is written out for the answer is the last word.
        ("referrer-policy", Some("origin")),
        ("permissions-policy", Some("camera=()")),
        ("strict-transport-security", None),
        ("public-key-pins", None),
    ];
    for (name, value) in expected {
        assert_eq!(reply.head.header(name), value, "{name}");
    }
    let policy = reply.head.header("content-security-policy").unwrap();
    assert!(policy.starts_with("script-src 'nonce-"), "{policy}");
    let reply = ask(&world, "safe", "GET /", "X-Tls: on\r\n").await;
    assert_eq!(
        reply.head.header("strict-transport-security"),
        Some("max-age=60; includeSubDomains; preload")
    );
    assert_eq!(reply.head.header("public-key-pins"), Some("pin-sha256=x"));

    let reply = ask(&world, "forced", "GET /", "").await;
    for (name, value) in [
        ("strict-transport-security", "max-age=60"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-xss-protection", "0"),
    ] {
        assert_eq!(reply.head.header(name), Some(value), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_allowed_hosts_are_served() {
    let world = World::start().await;
    let allowed = ("headers.allowedhosts", "good.test");
    let proxied = ("headers.hostsproxyheaders", "X-Host");
    let answered = ("headers.customresponseheaders.X-By", "edge");
    serve(&world, "bad", &[allowed, proxied, answered]).await;
    let development = ("headers.isdevelopment", "true");
    serve(&world, "dev", &[allowed, development]).await;

    let reply = ask(&world, "bad", "GET /", "").await;
    assert_eq!((reply.status(), reply.text().trim()), (500, "Bad Host"));
    assert_eq!(reply.head.header("x-by"), Some("edge"));
    let reply = ask(&world, "bad", "GET /", "X-Host: GOOD.test\r\n").await;
    assert_eq!(reply.seen().name, "bad");
    assert_eq!(ask(&world, "dev", "GET /", "").await.seen().name, "dev");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_are_set_replaced_and_deleted_on_both_ways() {
    let world = World::start().await;
    let options = [
        ("headers.customrequestheaders.x-set", "one"),
        ("headers.customrequestheaders.X-Gone", ""),
        ("headers.customrequestheaders.Host", "inner.test"),
        ("headers.customresponseheaders.x-told", "yes"),
        ("headers.customresponseheaders.X-Container", ""),
        ("headers.customresponseheaders.X-Nonce", "ours"),
    ];
    serve(&world, "custom", &options).await;
    let headers = "X-Set: theirs\r\nX-Set: again\r\nX-Gone: 1\r\nX-Kept: 1\r\nX-Nonce: theirs\r\n";
    let reply = ask(&world, "custom", "GET /", headers).await;
    let seen = reply.seen();
    let all = |name: &str| {
        let values = seen.headers.iter().filter(|(it, _)| it == name);
        Vec::from_iter(values.map(|(_, value)| value.as_str()))
    };
    assert_eq!(all("x-set"), ["one"]);
    assert_eq!(all("x-gone"), Vec::<&str>::new());
    assert_eq!(all("x-kept"), ["1"]);
    assert_eq!(all("host"), ["inner.test"]);
    assert_eq!(all("x-forwarded-host"), ["custom.test"]);
    for (name, expected) in [
        ("x-told", Some("yes")),
        ("x-container", None),
        ("x-nonce", Some("ours")),
    ] {
        assert_eq!(reply.head.header(name), expected, "{name}");
    }
    let silent = ("headers.customrequestheaders.X-Forwarded-For", "");
    serve(&world, "silent", &[silent]).await;
    let seen = ask(&world, "silent", "GET /", "").await.seen();
    assert_eq!(seen.header("x-forwarded-for"), None);
    assert_eq!(seen.header("x-real-ip"), Some("127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_origin_is_answered_with_a_star_and_no_age_is_an_age_of_nothing() {
    let world = World::start().await;
    let options = [
        ("headers.accesscontrolalloworiginlist", "*"),
        ("headers.accesscontrolallowheaders", "*"),
        ("headers.accesscontrolallowmethods", "*"),
        ("headers.accesscontrolmaxage", "0"),
    ];
    serve(&world, "star", &options).await;
    let both = [
        &options[..],
        &[("headers.accesscontrolallowcredentials", "true")],
    ]
    .concat();
    serve(&world, "cookies", &both).await;
    let asked = "Origin: https://a.test\r\nAccess-Control-Request-Method: PUT\r\n\
                 Access-Control-Request-Headers: X-A,X-B\r\n";
    for (name, origin, headers, method, credentials) in [
        ("star", "*", "*", "*", None),
        ("cookies", "https://a.test", "X-A,X-B", "PUT", Some("true")),
    ] {
        let reply = ask(&world, name, "OPTIONS /", asked).await;
        let header = |name: &str| reply.head.header(name);
        assert_eq!(
            header("access-control-allow-origin"),
            Some(origin),
            "{name}"
        );
        assert_eq!(
            header("access-control-allow-headers"),
            Some(headers),
            "{name}"
        );
        assert_eq!(
            header("access-control-allow-methods"),
            Some(method),
            "{name}"
        );
        assert_eq!(
            header("access-control-allow-credentials"),
            credentials,
            "{name}"
        );
        assert_eq!(header("access-control-max-age"), Some("0"), "{name}");
    }
    let reply = ask(&world, "star", "GET /", "").await;
    assert_eq!(reply.seen().name, "star", "without an origin");
}
