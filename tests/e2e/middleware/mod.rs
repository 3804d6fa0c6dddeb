//! Middlewares, option by option, from the label to the bytes on the wire.

mod around;
mod basic_auth;
mod compress;
mod digest_auth;
mod forward_auth;
mod forward_auth_tls;
mod grpc_web;
mod headers;
mod in_flight_req;
mod rate_limit;

use std::net::SocketAddr;

use fairway_tests::backend::recorder::{Recorder, Script};
use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::raw_client::{RawClient, Reply};
use fairway_tests::world::{Setting, World, routed};

/// Options of a middleware with their values.
type Options<'a> = &'a [(&'a str, &'a str)];

/// A container of this name: at `<name>.test` behind one middleware with these
/// options, at `open.<name>.test` without.
fn behind(name: &str, options: Options<'_>) -> ContainerSpec {
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
async fn serve(world: &World, name: &str, options: Options<'_>) {
    world.run(behind(name, options)).await;
    world
        .wait_rotation(&format!("open.{name}.test"), "/", &[name])
        .await;
}

/// One request to `<name>.test`; header lines end in `\r\n`.
async fn ask(world: &World, name: &str, line: &str, headers: &str) -> Reply {
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
