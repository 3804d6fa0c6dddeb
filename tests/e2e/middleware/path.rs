//! Middlewares that change the path or send the client elsewhere for its scheme.

use fairway_tests::world::{Setting, World};

use super::{Options, ask, serve};

/// What becomes of a target: the one that the server sees, or a status.
enum Becomes {
    Target(&'static str),
    Status(u16),
}

use Becomes::{Status, Target};

/// Sends these targets and looks at what becomes of them; `header` with the value that
/// the server must see if it sees the request.
async fn check(world: &World, name: &str, header: &str, cases: &[(&str, Becomes, Option<&str>)]) {
    for (target, becomes, value) in cases {
        let before = world.requests(name);
        let reply = ask(world, name, &format!("GET {target}"), "").await;
        match becomes {
            Target(expected) => {
                let seen = reply.seen();
                assert_eq!(seen.target, *expected, "{name}: {target}");
                let values: Vec<_> = seen.headers.iter().filter(|(it, _)| it == header).collect();
                let joined: Vec<_> = values.iter().map(|(_, value)| value.as_str()).collect();
                let joined = joined.join("+");
                assert_eq!(joined, value.unwrap_or_default(), "{name}: {target}");
            }
            Status(expected) => {
                assert_eq!(reply.status(), *expected, "{name}: {target}");
                assert_eq!(world.requests(name), before, "{name}: {target}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_is_added_to_the_path_as_it_was_written() {
    let world = World::start().await;
    serve(&world, "slash", &[("addprefix.prefix", "/in")]).await;
    serve(&world, "bare", &[("addprefix.prefix", "in")]).await;
    for name in ["slash", "bare"] {
        let cases = [
            ("/", Target("/in/"), None),
            ("/a%20b/?c=d", Target("/in/a%20b/?c=d"), None),
        ];
        check(&world, name, "x-forwarded-prefix", &cases).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_prefix_that_fits_is_taken_off_and_told() {
    let world = World::start().await;
    let prefixes = ("stripprefix.prefixes", "/api/v2 , /api,/stat,/sp ce");
    serve(&world, "strip", &[prefixes]).await;
    let cases = [
        ("/api/x?y", Target("/x?y"), Some("/api")),
        ("/api/v2/x/", Target("/x/"), Some("/api/v2")),
        ("/api", Target("/"), Some("/api")),
        // No matter where a segment ends.
        ("/status", Target("/us"), Some("/stat")),
        ("/sp%20ce/a%20b", Target("/a%20b"), Some("/sp ce")),
        ("/other/api", Target("/other/api"), None),
        // What is left must not mean something else to who reads it again.
        ("/api../admin", Status(400), None),
        ("/api./x", Status(400), None),
    ];
    check(&world, "strip", "x-forwarded-prefix", &cases).await;

    // In a row they all tell.
    let twice: Options = &[("chain.middlewares", "m-strip,m-second")];
    serve(&world, "second", &[("stripprefix.prefixes", "/x")]).await;
    serve(&world, "twice", twice).await;
    let cases = [("/api/x/y", Target("/y"), Some("/api+/x"))];
    check(&world, "twice", "x-forwarded-prefix", &cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_expression_finds_at_the_start_is_taken_off_and_told() {
    let world = World::start().await;
    let regex = ("stripprefixregex.regex", "/v[0-9]+/, ^/x*/");
    serve(&world, "strip", &[regex]).await;
    let cases = [
        ("/v12/a", Target("/a"), Some("/v12/")),
        ("/xxx/a?b", Target("/a?b"), Some("/xxx/")),
        // Only where it starts, and only if it is anything.
        ("/a/v1/b", Target("/a/v1/b"), None),
        ("/v1/", Target("/"), Some("/v1/")),
    ];
    check(&world, "strip", "x-forwarded-prefix", &cases).await;
    serve(&world, "dots", &[("stripprefixregex.regex", "/api")]).await;
    check(
        &world,
        "dots",
        "x-forwarded-prefix",
        &[("/api../x", Status(400), None)],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_is_replaced_and_the_old_one_told_as_it_was_written() {
    let world = World::start().await;
    serve(&world, "whole", &[("replacepath.path", "/new%20one")]).await;
    let cases = [
        ("/", Target("/new%20one"), Some("/")),
        ("/a%20b?c=d", Target("/new%20one?c=d"), Some("/a%20b")),
    ];
    check(&world, "whole", "x-replaced-path", &cases).await;

    let regex = ("replacepathregex.regex", " ^/old/(?P<rest>[^/]*)/(.*) ");
    let replacement = ("replacepathregex.replacement", " /new/$2/${rest} ");
    serve(&world, "parts", &[regex, replacement]).await;
    let cases = [
        (
            "/old/a%20b/c?d",
            Target("/new/c/a%20b?d"),
            Some("/old/a%20b/c"),
        ),
        ("/older", Target("/older"), None),
    ];
    check(&world, "parts", "x-replaced-path", &cases).await;

    let every = [
        ("replacepathregex.regex", "o"),
        ("replacepathregex.replacement", "0"),
    ];
    serve(&world, "every", &every).await;
    let cases = [("/foo/o", Target("/f00/0"), Some("/foo/o"))];
    check(&world, "every", "x-replaced-path", &cases).await;
    let up = [
        ("replacepathregex.regex", "^/up/(.*)"),
        ("replacepathregex.replacement", "/a/../$1"),
    ];
    serve(&world, "up", &up).await;
    check(
        &world,
        "up",
        "x-replaced-path",
        &[("/up/b", Status(400), None)],
    )
    .await;
    let broken = [
        ("replacepathregex.regex", "^/b"),
        ("replacepathregex.replacement", "/%zz"),
    ];
    serve(&world, "broken", &broken).await;
    let cases = [("/b", Status(500), None)];
    check(&world, "broken", "x-replaced-path", &cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_is_sent_to_another_scheme_unless_it_is_there() {
    let trusting = "--entrypoints.http.forwardedheaders.insecure=true";
    let world = Setting::new().flag(trusting).start().await;
    let https = ("redirectscheme.scheme", "https");
    serve(&world, "plain", &[https]).await;
    serve(&world, "port", &[https, ("redirectscheme.port", "8443")]).await;
    serve(&world, "own", &[https, ("redirectscheme.port", "443")]).await;
    serve(
        &world,
        "ever",
        &[https, ("redirectscheme.permanent", "true")],
    )
    .await;
    let back = [
        ("redirectscheme.scheme", "http"),
        ("redirectscheme.port", "80"),
    ];
    serve(&world, "back", &back).await;

    let seen_as = |scheme: &str| format!("X-Forwarded-Proto: {scheme}\r\n");
    #[rustfmt::skip]
    let cases = [
        ("plain", "GET /a?b=c", String::new(), 302, "https://plain.test/a?b=c"),
        ("plain", "HEAD /", String::new(), 307, "https://plain.test/"),
        ("plain", "POST /", String::new(), 307, "https://plain.test/"),
        ("plain", "GET /", seen_as("http"), 302, "https://plain.test/"),
        ("plain", "GET /", seen_as("ws"), 302, "https://plain.test/"),
        ("plain", "GET /", seen_as("strange"), 302, "https://plain.test/"),
        ("plain", "GET /", seen_as("https"), 200, ""),
        ("plain", "GET /", seen_as("wss"), 200, ""),
        ("port", "GET /", String::new(), 302, "https://port.test:8443/"),
        ("own", "GET /", String::new(), 302, "https://own.test/"),
        ("ever", "GET /", String::new(), 301, "https://ever.test/"),
        ("ever", "PUT /", String::new(), 308, "https://ever.test/"),
        ("back", "GET /", String::new(), 200, ""),
        ("back", "GET /", seen_as("https"), 302, "http://back.test/"),
    ];
    for (name, line, headers, status, location) in cases {
        let reply = ask(&world, name, line, &headers).await;
        assert_eq!(reply.status(), status, "{name}: {line} {headers}");
        let found = reply.head.header("location").unwrap_or_default();
        assert_eq!(found, location, "{name}: {line} {headers}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_port_of_a_host_is_dropped_and_an_ipv6_address_kept_whole() {
    let world = World::start().await;
    let to = ("redirectscheme.scheme", "https");
    let spec = super::behind("six", &[to]).label(
        "traefik.http.routers.six.rule",
        "Host(`::1`) || Host(`six.test`)",
    );
    world.run(spec).await;
    world.wait_rotation("open.six.test", "/", &["six"]).await;
    for (host, location) in [
        ("six.test:8080", "https://six.test/a"),
        ("[::1]:8080", "https://[::1]/a"),
        ("[::1]", "https://[::1]/a"),
    ] {
        let reply = world.get(host, "/a").await;
        assert_eq!(reply.head.header("location"), Some(location), "{host}");
    }
}
