//! Middlewares, option by option, from the label to the bytes on the wire.

use std::net::SocketAddr;

use fairway_tests::backend::recorder::{Recorder, Script};
use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::raw_client::{RawClient, Reply};
use fairway_tests::world::{Setting, World, routed};

/// Options of a middleware with their values.
pub(crate) type Options<'a> = &'a [(&'a str, &'a str)];

/// A container of this name: at `<name>.test` behind one middleware with these
/// options, at `open.<name>.test` without.
pub(crate) fn behind(name: &str, options: Options<'_>) -> ContainerSpec {
    let mut spec = routed(name, name, &format!("Host(`{name}.test`)"))
        .label(
            &format!("traefik.http.routers.open-{name}.rule"),
            &format!("Host(`open.{name}.test`)"),
        )
        .label(
            &format!("traefik.http.routers.{name}.middlewares"),
            &format!("m-{name}"),
        );
    for (option, value) in options {
        spec = spec.label(
            &format!("traefik.http.middlewares.m-{name}.{option}"),
            value,
        );
    }
    spec
}

/// Runs it and waits until it is served.
pub(crate) async fn serve(world: &World, name: &str, options: Options<'_>) {
    world.run(behind(name, options)).await;
    world
        .wait_rotation(&format!("open.{name}.test"), "/", &[name])
        .await;
}

/// One request to `<name>.test`; header lines end in `\r\n`.
pub(crate) async fn ask(world: &World, name: &str, line: &str, headers: &str) -> Reply {
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nHost: {name}.test\r\n{headers}\r\n");
    client.exchange(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirect_regex_sends_the_client_to_the_url_it_makes() {
    let world = World::start().await;
    let regex = ("redirectregex.regex", "^http://([a-z]+)\\.test/old/(.*)");
    let replacement = ("redirectregex.replacement", "https://${1}.example/$2");
    serve(&world, "temp", &[regex, replacement]).await;
    let permanent = ("redirectregex.permanent", "true");
    serve(&world, "perm", &[regex, replacement, permanent]).await;

    for (name, line, status) in [
        ("temp", "GET /old/a?b=c", 302),
        ("temp", "HEAD /old/a?b=c", 307),
        ("temp", "POST /old/a?b=c", 307),
        ("perm", "GET /old/a?b=c", 301),
        ("perm", "PUT /old/a?b=c", 308),
    ] {
        let reply = ask(&world, name, line, "").await;
        assert_eq!(reply.status(), status, "{line}");
        let location = format!("https://{name}.example/a?b=c");
        assert_eq!(reply.head.header("location"), Some(location.as_str()));
    }
    let reply = ask(&world, "temp", "GET /old/", "X-Forwarded-Proto: https\r\n").await;
    assert_eq!(reply.text(), "Found");
    assert_eq!(
        ask(&world, "temp", "GET /new", "").await.seen().target,
        "/new"
    );
}

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
async fn only_the_addresses_of_an_allow_list_pass() {
    let trusting = "--entrypoints.http.forwardedheaders.insecure=true";
    let world = Setting::new().flag(trusting).start().await;
    let range = |kind: &str, ranges: &'static str| (format!("{kind}.sourcerange"), ranges);
    #[rustfmt::skip]
    let cases: [(&str, &str, &str, Options); 8] = [
        ("peer", "ipallowlist", "127.0.0.0/8,::1", &[]),
        ("other", "ipallowlist", "10.0.0.0/8", &[]),
        ("status", "ipallowlist", "10.0.0.0/8", &[("ipallowlist.rejectstatuscode", "404")]),
        ("depth", "ipallowlist", "10.0.0.2", &[("ipallowlist.ipstrategy.depth", "2")]),
        ("pool", "ipallowlist", "10.0.0.1", &[("ipallowlist.ipstrategy.excludedips", "10.0.0.2,10.0.0.3")]),
        ("subnet", "ipallowlist", "2001:db8::", &[("ipallowlist.ipstrategy.depth", "1"), ("ipallowlist.ipstrategy.ipv6subnet", "64")]),
        ("switch", "ipallowlist", "127.0.0.0/8", &[("ipallowlist.ipstrategy", "true")]),
        ("white", "ipwhitelist", "10.0.0.2", &[("ipwhitelist.ipstrategy.depth", "2")]),
    ];
    for (name, kind, ranges, more) in cases {
        let (key, ranges) = range(kind, ranges);
        let mut options = vec![(key.as_str(), ranges)];
        options.extend(more);
        serve(&world, name, &options).await;
    }
    let list = "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3\r\n";
    for (name, headers, status) in [
        ("peer", "", 200),
        ("peer", list, 200),
        ("other", "", 403),
        ("other", list, 403),
        ("status", "", 404),
        ("depth", list, 200),
        ("depth", "X-Forwarded-For: 10.0.0.2\r\n", 403),
        (
            "depth",
            "X-Forwarded-For: 10.0.0.2\r\nX-Forwarded-For: 10.0.0.9\r\n",
            200,
        ),
        ("depth", "", 403),
        ("pool", list, 200),
        (
            "pool",
            "X-Forwarded-For: 10.0.0.1, 10.0.0.9, 10.0.0.3\r\n",
            403,
        ),
        ("pool", "X-Forwarded-For: 10.0.0.3\r\n", 403),
        ("subnet", "X-Forwarded-For: 2001:db8::aaaa:1\r\n", 200),
        ("subnet", "X-Forwarded-For: 2001:db8:0:1::1\r\n", 403),
        ("switch", list, 200),
        ("white", list, 200),
        ("white", "", 403),
    ] {
        let reply = ask(&world, name, "GET /", headers).await;
        assert_eq!(reply.status(), status, "{name}: {headers}");
    }
    assert_eq!(ask(&world, "other", "GET /", "").await.text(), "Forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_is_not_trusted_can_say_where_he_is() {
    let world = World::start().await;
    let range = ("ipallowlist.sourcerange", "10.0.0.0/8");
    let depth = ("ipallowlist.ipstrategy.depth", "1");
    serve(&world, "lied", &[range, depth]).await;
    let reply = ask(&world, "lied", "GET /", "X-Forwarded-For: 10.0.0.1\r\n").await;
    assert_eq!(reply.status(), 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn escapes_are_refused_unless_they_are_allowed() {
    let world = World::start().await;
    let option = |name: &str| format!("encodedcharacters.allowencoded{name}");
    let cases = [
        ("semicolon", "/a%3by", "/a%3By"),
        ("percent", "/a%25y", "/a%25y"),
        ("questionmark", "/a%3Fy", "/a%3Fy"),
        ("hash", "/a%23y", "/a%23y"),
    ];
    // One that allows the escape, and one that allows another.
    for (name, _, _) in cases {
        serve(&world, name, &[(&option(name), "true")]).await;
    }
    serve(&world, "slash", &[(&option("slash"), "true")]).await;
    for (name, path, target) in cases {
        let line = format!("GET {path}");
        let reply = ask(&world, name, &line, "").await;
        assert_eq!(reply.status(), 200, "{name}");
        assert_eq!(reply.seen().target, target);
        for other in ["slash", if name == "hash" { "percent" } else { "hash" }] {
            let reply = ask(&world, other, &line, "").await;
            assert_eq!(
                (reply.status(), reply.body.len()),
                (400, 0),
                "{other} {path}"
            );
        }
    }
    let reply = ask(&world, "slash", "GET /a%2Fb", "").await;
    assert_eq!(reply.status(), 400, "the entry point has the last word");
    let warned = |told: &fairway_proto::inspection::v1::Diagnostic| {
        told.container == "slash" && told.message.contains("%2F")
    };
    world.wait_diagnostic("a warning about %2F", warned).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_media_type_is_found_out_where_the_server_does_not_say() {
    let world = World::start().await;
    let on = ("contenttype", "true");
    #[rustfmt::skip]
    let cases = [
        ("html", on, "Content-Length: 14\r\n\r\n<html ></html>", Some("text/html; charset=utf-8")),
        ("chunks", on, "Transfer-Encoding: chunked\r\n\r\n4\r\n%PDF\r\n4\r\n-1.7\r\n0\r\n\r\n", None),
        ("told", on, "Content-Type: a/b\r\nContent-Length: 6\r\n\r\n<html>", Some("a/b")),
        ("coded", on, "Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\n<html>", None),
        ("empty", on, "Content-Length: 0\r\n\r\n", None),
        ("off", ("contenttype.autodetect", "false"), "Content-Length: 6\r\n\r\n<html>", None),
    ];
    let mut recorders = Vec::new();
    for (name, option, answer, expected) in cases {
        let spec = behind(name, &[option]);
        world.engine().run(spec.port(world.backend_port()));
        let ip = world.engine().address(name, None).expect("an address");
        let script = Script {
            answers: vec![format!("HTTP/1.1 200 OK\r\n{answer}").into_bytes()],
            close: false,
        };
        let address = SocketAddr::new(ip.into(), world.backend_port());
        recorders.push(Recorder::start(address, script).await);
        let reply = fairway_tests::wait::wait_for(name, || async {
            let reply = ask(&world, name, "GET /", "").await;
            (reply.status() == 200).then_some(reply)
        })
        .await;
        let found = reply.head.header("content-type");
        if name == "chunks" {
            // By the first bytes that came, however many they were.
            assert!(found == Some("application/pdf") || found == Some("text/plain; charset=utf-8"));
            assert_eq!(reply.text(), "%PDF-1.7");
            continue;
        }
        assert_eq!(found, expected, "{name}");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        assert_eq!(reply.text(), body, "{name}");
        // The server says what the body would be; there is none.
        if name == "html" {
            let head = ask(&world, name, "HEAD /", "").await;
            assert_eq!(head.head.header("content-type"), None);
        }
    }
}

/// `ada`, whose password is `U*U`.
const ADA: &str = "ada:$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
/// `bob`, whose password is `secret`.
const BOB: &str = "bob:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/";
/// `cy`, whose password is `secret`, too.
const CY: &str = "cy:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

/// `Authorization` of `ada:U*U`, `bob:secret`, `cy:secret`, `ada:secret`.
const LOGIN_ADA: &str = "Authorization: Basic YWRhOlUqVQ==\r\n";
const LOGIN_BOB: &str = "Authorization: Basic Ym9iOnNlY3JldA==\r\n";
const LOGIN_CY: &str = "Authorization: Basic Y3k6c2VjcmV0\r\n";
const WRONG_ADA: &str = "Authorization: Basic YWRhOnNlY3JldA==\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_users_with_their_password_pass() {
    let world = World::start().await;
    let users = [ADA, BOB, CY].join(",");
    serve(&world, "plain", &[("basicauth.users", &users)]).await;
    serve(
        &world,
        "told",
        &[
            ("basicauth.users", &users),
            ("basicauth.realm", "Back office"),
            ("basicauth.removeheader", "true"),
            ("basicauth.headerfield", "X-WebAuth-User"),
        ],
    )
    .await;
    // The first time by the hash, then from memory.
    for _ in 0..2 {
        for (login, name) in [(LOGIN_ADA, "ada"), (LOGIN_BOB, "bob"), (LOGIN_CY, "cy")] {
            let seen = ask(&world, "plain", "GET /", login).await.seen();
            let sent = login.trim_end().split_once(": ").map(|(_, value)| value);
            assert_eq!(seen.header("authorization"), sent);
            let lie = format!("{login}X-WebAuth-User: root\r\n");
            let seen = ask(&world, "told", "GET /", &lie).await.seen();
            assert_eq!(seen.header("authorization"), None);
            assert_eq!(seen.header("x-webauth-user"), Some(name));
        }
        for (name, realm) in [("plain", "traefik"), ("told", "Back office")] {
            let before = world.requests(name);
            for login in [WRONG_ADA, "", "Authorization: Bearer x\r\n"] {
                let reply = ask(&world, name, "GET /", login).await;
                assert_eq!(reply.status(), 401, "{login}");
                let challenge = format!("Basic realm=\"{realm}\"");
                assert_eq!(
                    reply.head.header("www-authenticate"),
                    Some(challenge.as_str())
                );
                assert_eq!(reply.head.header("content-type"), Some("text/plain"));
                assert_eq!(reply.text(), "401 Unauthorized\n");
            }
            assert_eq!(world.requests(name), before);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_come_from_a_file_too_and_nobody_is_shown_a_hash() {
    let world = World::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    // Bob is in both: the label counts.
    let lines = format!("# people\n\n{ADA}\nbob:{{SHA}}AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    std::fs::write(file.path(), lines).unwrap();
    let path = file.path().to_str().unwrap();
    let options = [("basicauth.usersfile", path), ("basicauth.users", BOB)];
    serve(&world, "filed", &options).await;
    for login in [LOGIN_ADA, LOGIN_BOB] {
        assert_eq!(ask(&world, "filed", "GET /", login).await.status(), 200);
    }
    assert_eq!(ask(&world, "filed", "GET /", LOGIN_CY).await.status(), 401);

    serve(&world, "gone", &[("basicauth.usersfile", "/no/such/users")]).await;
    assert_eq!(ask(&world, "gone", "GET /", LOGIN_ADA).await.status(), 404);
    let told = world
        .wait_diagnostic("a file that is not there", |it| {
            it.message.contains("/no/such/users")
        })
        .await;
    assert_eq!(told.container, "gone");

    let config = format!("{:?}", world.config().await);
    let mut client = RawClient::connect(world.api_address()).await.unwrap();
    let api = client
        .get("localhost", "/api/rawdata")
        .await
        .unwrap()
        .text();
    assert!(api.contains("bob:<redacted>"), "{api}");
    for shown in [config, api] {
        assert!(shown.contains("bob"), "{shown}");
        assert!(
            !shown.contains("apr1") && !shown.contains("CCCC"),
            "{shown}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_hashes_do_not_hold_up_the_traffic_of_others() {
    let world = World::start().await;
    world.run_site(1).await;
    // About a second of work for each password.
    let slow = "ada:$2y$14$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    serve(&world, "slow", &[("basicauth.users", slow)]).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = RawClient::connect(world.http()).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: slow.test\r\n{WRONG_ADA}\r\n");
        client.send(request).await.unwrap();
        clients.push(client);
    }
    // New connections reach every worker; none of them is busy with a hash.
    let started = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(world.get("web.test", "/").await.status(), 200);
    }
    let took = started.elapsed();
    // The same credentials are checked once: eight answers for the price of one.
    for client in &mut clients {
        assert_eq!(client.read_reply("GET").await.unwrap().status(), 401);
    }
    let all = started.elapsed();
    assert!(took * 2 < all, "{took:?} of {all:?}");
}
