//! Options of entry points, from the flag to the bytes on the wire.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fairway_tests::backend::Mode;
use fairway_tests::loopback::free_port;
use fairway_tests::raw_client::{RawClient, Reply};
use fairway_tests::world::{Setting, World, routed};

/// One request to the entry point `http`; header lines end in `\r\n`.
async fn ask(world: &World, host: &str, line: &str, headers: &str) -> Reply {
    ask_at(world.http(), host, line, headers).await
}

async fn ask_at(address: SocketAddr, host: &str, line: &str, headers: &str) -> Reply {
    let mut client = RawClient::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
    client.exchange(request).await.unwrap()
}

/// A world whose entry point `http` has these options, with one container.
async fn with(options: &[&str]) -> World {
    let setting = options.iter().fold(Setting::new(), |setting, option| {
        setting.flag(&format!("--entrypoints.http.{option}"))
    });
    let world = setting.start().await;
    world.run(routed("web", "web", "Host(`web.test`)")).await;
    world.wait_rotation("web.test", "/", &["web"]).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn middlewares_of_an_entry_point_come_before_those_of_its_routers() {
    let other = free_port();
    let world = Setting::new()
        .flag("--entrypoints.http.http.middlewares=outer@docker,all")
        .flag(&format!("--entrypoints.other.address=:{other}"))
        .start()
        .await;
    let middlewares = ContainerWith::new("auth", "Host(`auth.test`)")
        .label("middlewares.outer.addprefix.prefix", "/outer")
        .label("middlewares.all.chain.middlewares", "last")
        .label("middlewares.last.addprefix.prefix", "/last");
    world.run(middlewares.0).await;
    let web = ContainerWith::new("web", "PathPrefix(`/a`)")
        .label("middlewares.inner.addprefix.prefix", "/inner")
        .label("routers.web.middlewares", "inner");
    world.run(web.0).await;
    let seen = fairway_tests::wait::wait_for("the web container", || async {
        let reply = ask(&world, "any", "GET /a", "").await;
        (reply.status() == 200).then(|| reply.seen())
    })
    .await;
    assert_eq!(seen.target, "/inner/last/outer/a");
    let elsewhere = SocketAddr::new(world.http().ip(), other);
    let reply = ask_at(elsewhere, "any", "GET /a", "").await;
    assert_eq!(reply.seen().target, "/inner/a", "another entry point");
    let told = |it: &fairway_proto::inspection::v1::Diagnostic| {
        it.message
            .contains("middleware all of entry point http is taken for all@docker")
    };
    world.wait_diagnostic("the provider is guessed", told).await;

    // Without one of them nothing is served there, and somebody is told.
    world.engine().remove("auth");
    fairway_tests::wait::wait_for("no route", || async {
        (ask(&world, "any", "GET /a", "").await.status() == 404).then_some(())
    })
    .await;
    assert_eq!(
        ask_at(elsewhere, "any", "GET /a", "").await.status(),
        200,
        "the other entry point goes on"
    );
    let told = |it: &fairway_proto::inspection::v1::Diagnostic| {
        it.message
            .contains("entry point http takes no routers: middleware outer@docker does not exist")
    };
    world
        .wait_diagnostic("the entry point is closed", told)
        .await;
}

/// A container with labels below `traefik.http`.
struct ContainerWith(fairway_tests::fake_docker::ContainerSpec);

impl ContainerWith {
    fn new(name: &str, rule: &str) -> Self {
        Self(routed(name, name, rule))
    }

    fn label(self, key: &str, value: &str) -> Self {
        Self(self.0.label(&format!("traefik.http.{key}"), value))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_point_sends_everybody_to_another_one() {
    let (secure, early) = (free_port(), free_port());
    let redirections = "http.redirections.entrypoint";
    let world = Setting::new()
        .flag(&format!("--entrypoints.secure.address=:{secure}"))
        .flag(&format!("--entrypoints.http.{redirections}.to=Secure"))
        .flag(&format!("--entrypoints.early.address=:{early}"))
        .flag(&format!("--entrypoints.early.{redirections}.to=:443"))
        .flag("--entrypoints.early.forwardedheaders.insecure=true")
        .flag(&format!(
            "--entrypoints.early.{redirections}.permanent=false"
        ))
        .flag(&format!("--entrypoints.early.{redirections}.priority=5"))
        .start()
        .await;
    world.run(routed("web", "web", "Host(`web.test`)")).await;
    let at = |port| SocketAddr::new(world.http().ip(), port);
    fairway_tests::wait::wait_for("the web container", || async {
        let reply = ask_at(at(secure), "web.test", "GET /", "").await;
        (reply.status() == 200).then_some(())
    })
    .await;
    let to_secure = format!("https://web.test:{secure}/a?b=c");
    #[rustfmt::skip]
    let rows = [
        (world.http(), "web.test", "GET /a?b=c", 301, to_secure.as_str()),
        (world.http(), "web.test:80", "POST /a?b=c", 308, &to_secure),
        (at(early), "nobody.test", "GET /x", 302, "https://nobody.test/x"),
    ];
    for (address, host, line, status, location) in rows {
        let reply = ask_at(address, host, line, "").await;
        assert_eq!(reply.status(), status, "{line}");
        assert_eq!(reply.head.header("location"), Some(location), "{line}");
    }
    let reply = ask_at(at(early), "web.test", "GET /", "").await;
    assert_eq!(
        reply.status(),
        200,
        "a router of higher priority comes first"
    );
    // Who has come where he is sent to is not sent there again.
    let reply = ask_at(
        at(early),
        "nobody.test",
        "GET /x",
        "X-Forwarded-Proto: https\r\n",
    )
    .await;
    assert_eq!(reply.status(), 418);
    let shadowed = |it: &fairway_proto::inspection::v1::Diagnostic| it.message.contains("never");
    assert!(!world.diagnostics().await.iter().any(shadowed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_path_and_a_query_may_have_is_the_entry_points_choice() {
    let strict = with(&[]).await;
    let open = with(&[
        "http.encodedcharacters.allowencodedslash=true",
        "http.encodedcharacters.allowencodedbackslash=true",
        "http.encodedcharacters.allowencodedhash=false",
        "http.sanitizepath=false",
        "http.encodequerysemicolons=true",
    ])
    .await;
    #[rustfmt::skip]
    let rows = [
        ("/a%2fb", Err(400), Ok("/a%2Fb")),
        ("/a%5Cb", Err(400), Ok("/a%5Cb")),
        ("/a%00b", Err(400), Err(400)),
        ("/a%23b", Ok("/a%23b"), Err(400)),
        ("/a//b/../c", Ok("/a/c"), Ok("/a//b/../c")),
        ("/%61/./b", Ok("/a/b"), Ok("/a/./b")),
        ("/?a=1;b=2", Ok("/?a=1&b=2"), Ok("/?a=1%3Bb=2")),
    ];
    for (path, in_strict, in_open) in rows {
        for (world, expected) in [(&strict, in_strict), (&open, in_open)] {
            let reply = ask(world, "web.test", &format!("GET {path}"), "").await;
            let got = match reply.status() {
                200 => Ok(reply.seen().target),
                status => Err(status),
            };
            assert_eq!(got.as_deref(), expected.as_ref().copied(), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_with_underscores_are_dropped_kept_or_refused() {
    let lines = "X_Mine: 1\r\nX_Forwarded_For: 6.6.6.6\r\nX.Forwarded.Proto: https\r\n";
    for (strategy, status, kept) in [
        (None, 200, false),
        (Some("delete"), 200, false),
        (Some("keep"), 200, true),
        (Some("reject"), 400, false),
    ] {
        let option = strategy.map(|it| format!("http.underscoreheadersstrategy={it}"));
        let options: Vec<&str> = option.iter().map(String::as_str).collect();
        let world = with(&options).await;
        let reply = ask(&world, "web.test", "GET /", lines).await;
        assert_eq!(reply.status(), status, "{strategy:?}");
        if status == 200 {
            let seen = reply.seen();
            assert_eq!(seen.header("x_mine").is_some(), kept, "{strategy:?}");
            assert_eq!(seen.header("x_forwarded_for"), None, "{strategy:?}");
            assert_eq!(seen.header("x.forwarded.proto"), None, "{strategy:?}");
        }
        let reply = ask(&world, "web.test", "GET /", "X-Mine: 1\r\n").await;
        assert_eq!(reply.status(), 200, "{strategy:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forwarded_headers_are_written_as_the_entry_point_says() {
    let world = with(&[
        "forwardedheaders.insecure=true",
        "forwardedheaders.notappendxforwardedfor=true",
        "forwardedheaders.addxforwardedschemeheaders=true",
        "forwardedheaders.connection=X-Seen",
    ])
    .await;
    let lines = "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\
                 Connection: X-Seen, X-Gone\r\nX-Seen: 1\r\nX-Gone: 1\r\n";
    let seen = ask(&world, "web.test", "GET /", lines).await.seen();
    assert_eq!(seen.header("x-forwarded-for"), Some("10.0.0.1"));
    assert_eq!(seen.header("x-forwarded-scheme"), Some("https"));
    assert_eq!(seen.header("x-scheme"), Some("https"));
    assert_eq!((seen.header("x-seen"), seen.header("x-gone")), (None, None));
    assert_eq!(seen.header("connection"), None);
    let rule = "Host(`seen.test`) && Header(`X-Seen`, `1`)";
    world.run(routed("seen", "seen", rule)).await;
    fairway_tests::wait::wait_for("a rule that sees the header", || async {
        let reply = ask(&world, "seen.test", "GET /", lines).await;
        (reply.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_may_be_as_long_as_the_entry_point_says() {
    let line = |bytes: usize| format!("X-Long: {}\r\n", "a".repeat(bytes));
    for (option, fits, does_not) in [
        ("http.maxheaderbytes=8192", 7_000, 40_000),
        ("http.maxheaderbytes=131072", 100_000, 400_000),
        ("forwardedheaders.insecure=true", 50_000, 200_000),
    ] {
        let world = with(&[option]).await;
        let reply = ask(&world, "web.test", "GET /", &line(fits)).await;
        assert_ne!(reply.status(), 431, "{option}");
        let reply = ask(&world, "web.test", "GET /", &line(does_not)).await;
        assert_eq!(reply.status(), 431, "{option}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_carries_as_many_requests_as_the_entry_point_says() {
    let world = with(&["transport.keepalivemaxrequests=2"]).await;
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let first = client.get("web.test", "/").await.unwrap();
    assert_eq!(first.head.header("connection"), None);
    let second = client.get("web.test", "/").await.unwrap();
    assert_eq!(second.head.header("connection"), Some("close"));
    assert_eq!(client.read_to_end().await.unwrap(), b"");

    let world = with(&["transport.keepalivemaxtime=1s"]).await;
    let mut client = RawClient::connect(world.http()).await.unwrap();
    loop {
        let reply = client.get("web.test", "/").await.unwrap();
        assert_eq!(reply.status(), 200);
        if reply.head.header("connection") == Some("close") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_takes_longer_than_the_entry_point_allows_is_cut() {
    let world = with(&["transport.respondingtimeouts.readtimeout=2s"]).await;
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 100000000\r\n\r\n";
    client.send(head).await.unwrap();
    // Quick enough for every other limit.
    let piece = vec![b'a'; 64 * 1024];
    let mut cut = false;
    for _ in 0..100 {
        cut = client.send(&piece).await.is_err();
        if cut {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(cut, "still sending after ten seconds");
    assert_eq!(world.get("web.test", "/").await.status(), 200);

    let world = with(&["transport.respondingtimeouts.idletimeout=1s"]).await;
    let mut client = RawClient::connect(world.http()).await.unwrap();
    client.get("web.test", "/").await.unwrap();
    assert_eq!(client.read_to_end().await.unwrap(), b"", "idle too long");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_takes_longer_than_the_entry_point_allows_is_cut() {
    let world = with(&["transport.respondingtimeouts.writetimeout=1s"]).await;
    world.mode("web", Mode::Slow(Duration::from_secs(30)));
    let mut client = RawClient::connect(world.http()).await.unwrap();
    client
        .send("GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
        .await
        .unwrap();
    let answered = client.read_head().await;
    assert!(answered.is_err(), "{answered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_stops_waits_as_long_as_the_entry_point_says() {
    let mut world = with(&[
        "transport.lifecycle.requestacceptgracetimeout=0",
        "transport.lifecycle.gracetimeout=1s",
    ])
    .await;
    world.mode("web", Mode::Slow(Duration::from_secs(60)));
    let mut client = RawClient::connect(world.http()).await.unwrap();
    client
        .send("GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
        .await
        .unwrap();
    fairway_tests::wait::wait_for("the request", || async {
        (world.requests("web") > 1).then_some(())
    })
    .await;
    let started = Instant::now();
    world.stop_last_proxy().await;
    // Told nothing, it would wait for twenty-five seconds.
    assert!(started.elapsed() < Duration::from_secs(15));
    assert!(client.read_head().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn middlewares_of_a_service_come_after_those_of_every_router() {
    let world = World::start().await;
    let web = ContainerWith::new("web", "PathPrefix(`/a`)")
        .label("middlewares.inner.addprefix.prefix", "/inner")
        .label("middlewares.own.addprefix.prefix", "/own")
        .label("routers.web.middlewares", "own")
        .label("services.web.loadbalancer.passhostheader", "true")
        .label("services.web.middlewares", "inner");
    world.run(web.0).await;
    let seen = fairway_tests::wait::wait_for("the web container", || async {
        let reply = ask(&world, "any", "GET /a", "").await;
        (reply.status() == 200).then(|| reply.seen())
    })
    .await;
    assert_eq!(seen.target, "/inner/own/a");
}
