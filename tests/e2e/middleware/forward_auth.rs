//! `forwardAuth`, from the label to the bytes on the wire.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser as _;
use fairway_control::explain::{ExplainOptions, explain};
use fairway_tests::backend::recorder::{Recorder, Script};
use fairway_tests::loopback::free_address;
use fairway_tests::raw_client::RawClient;
use fairway_tests::world::{Setting, World};

use super::{Options, ask, serve};

const YES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that is asked and always says this.
async fn authority(answer: &str) -> Recorder {
    let script = Script {
        answers: vec![answer.as_bytes().to_vec()],
        close: false,
    };
    Recorder::start(free_address(), script).await
}

/// Everything it was asked.
fn questions(authority: &Recorder) -> String {
    let received = authority.received().concat();
    String::from_utf8(received).unwrap().to_ascii_lowercase()
}

async fn serve_asking(world: &World, name: &str, authority: SocketAddr, options: Options<'_>) {
    let address = format!("http://{authority}/a/verify?x=1");
    let mut all = vec![("forwardauth.address", address.as_str())];
    all.extend(options);
    serve(world, name, &all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yes_lets_the_request_pass_with_what_it_says() {
    let world = World::start().await;
    let asked = authority(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-User: ann\r\nX-Role-A: 1\r\nX-Other: theirs\r\n\
         Set-Cookie: sid=1; Path=/\r\nSet-Cookie: other=1\r\n\r\nok",
    )
    .await;
    serve_asking(
        &world,
        "yes",
        asked.address(),
        &[
            ("forwardauth.authresponseheaders", "X-User, X-Gone"),
            ("forwardauth.authresponseheadersregex", "^X-Role-"),
            ("forwardauth.addauthcookiestoresponse", "sid"),
            ("forwardauth.headerfield", "X-User"),
        ],
    )
    .await;
    let lies =
        "X-User: root\r\nX-Gone: 1\r\nX-Role-B: root\r\nX-Other: mine\r\nContent-Length: 3\r\n";
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let request = format!("POST /b?c=d HTTP/1.1\r\nHost: yes.test:81\r\n{lies}\r\nabc");
    let reply = client.exchange(request).await.unwrap();
    let seen = reply.seen();
    assert_eq!((seen.method.as_str(), seen.body_bytes), ("POST", 3));
    for (name, value) in [
        ("x-user", Some("ann")),
        ("x-gone", None),
        ("x-role-a", Some("1")),
        ("x-role-b", None),
        ("x-other", Some("mine")),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
    assert_eq!(reply.head.header("set-cookie"), Some("sid=1; Path=/"));

    let question = questions(&asked);
    assert!(
        question.starts_with("get /a/verify?x=1 http/1.1\r\n"),
        "{question}"
    );
    for line in [
        format!("host: {}", asked.address()),
        "x-forwarded-method: post".to_owned(),
        "x-forwarded-proto: http".to_owned(),
        "x-forwarded-host: yes.test:81".to_owned(),
        "x-forwarded-uri: /b?c=d".to_owned(),
        "x-forwarded-for: 127.0.0.1".to_owned(),
        "x-other: mine".to_owned(),
    ] {
        assert!(
            question.contains(&format!("\r\n{line}\r\n")),
            "{line}: {question}"
        );
    }
    assert!(!question.contains("content-length: 3"), "{question}");
    assert!(!question.contains("abc"), "{question}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_is_what_the_client_gets() {
    let world = World::start().await;
    let login = "HTTP/1.1 302 Found\r\nLocation: ../login\r\nX-Why: who\r\nContent-Length: 7\r\n\r\ngo away";
    let redirecting = authority(login).await;
    let refusing = authority(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    )
    .await;
    let keep = ("forwardauth.preservelocationheader", "true");
    let sign_in = ("forwardauth.authsigninurl", "https://sso.test/?x");
    serve_asking(&world, "to-login", redirecting.address(), &[sign_in]).await;
    serve_asking(&world, "as-is", redirecting.address(), &[keep]).await;
    serve_asking(&world, "no", refusing.address(), &[]).await;
    serve_asking(&world, "sign-in", refusing.address(), &[sign_in]).await;

    let absolute = format!("http://{}/login", redirecting.address());
    for (name, location) in [("to-login", absolute.as_str()), ("as-is", "../login")] {
        let before = world.requests(name);
        let reply = ask(&world, name, "GET /", "").await;
        assert_eq!((reply.status(), reply.text().as_str()), (302, "go away"));
        assert_eq!(reply.head.header("location"), Some(location));
        assert_eq!(reply.head.header("x-why"), Some("who"));
        assert_eq!(world.requests(name), before, "it was passed on");
    }
    let reply = ask(&world, "no", "GET /", "").await;
    assert_eq!((reply.status(), reply.text().as_str()), (401, "no"));
    assert_eq!(reply.head.header("www-authenticate"), Some("Basic"));
    let reply = ask(&world, "sign-in", "GET /", "").await;
    assert_eq!((reply.status(), reply.body.len()), (302, 0));
    assert_eq!(reply.head.header("location"), Some("https://sso.test/?x"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_passes_while_nobody_can_be_asked() {
    let world = World::start().await;
    let nonsense = authority("certainly\r\n\r\n").await;
    let torn = Script {
        answers: vec![b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok".to_vec()],
        close: true,
    };
    let torn = Recorder::start(free_address(), torn).await;
    let switching = authority("HTTP/1.1 101 Switching Protocols\r\n\r\n").await;
    serve_asking(&world, "refused", free_address(), &[]).await;
    serve_asking(&world, "nonsense", nonsense.address(), &[]).await;
    serve_asking(&world, "torn", torn.address(), &[]).await;
    serve_asking(&world, "switching", switching.address(), &[]).await;
    let unknown = ("forwardauth.address", "http://nowhere.invalid/");
    serve(&world, "unknown", &[unknown]).await;
    for name in ["refused", "nonsense", "torn", "switching", "unknown"] {
        let before = world.requests(name);
        let reply = ask(&world, name, "GET /", "").await;
        assert_eq!((reply.status(), reply.body.len()), (500, 0), "{name}");
        assert_eq!(world.requests(name), before, "{name}: it was passed on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_body_is_sent_to_both() {
    let world = World::start().await;
    let asked = authority(YES).await;
    let body = ("forwardauth.forwardbody", "true");
    let method = ("forwardauth.preserverequestmethod", "true");
    serve_asking(&world, "both", asked.address(), &[body, method]).await;
    serve_asking(
        &world,
        "small",
        asked.address(),
        &[body, ("forwardauth.maxbodysize", "4")],
    )
    .await;

    let chunks = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n";
    let reply = ask(&world, "both", "PUT /", chunks).await;
    assert_eq!(
        (reply.seen().method.as_str(), reply.seen().body_bytes),
        ("PUT", 5)
    );
    let question = questions(&asked);
    assert!(question.starts_with("put /a/verify"), "{question}");
    assert!(question.contains("content-length: 5\r\n"), "{question}");
    assert!(question.ends_with("\r\n\r\nabcde"), "{question}");

    for (length, body, status) in [(4, "abcd", 200), (5, "abcde", 401)] {
        let before = world.requests("small");
        let mut client = RawClient::connect(world.http()).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: small.test\r\nContent-Length: {length}\r\n");
        let reply = client.exchange(format!("{head}\r\n{body}")).await.unwrap();
        assert_eq!(reply.status(), status);
        assert_eq!(world.requests("small") - before, usize::from(status == 200));
    }
    let reply = ask(&world, "small", "POST /", chunks).await;
    assert_eq!((reply.status(), reply.body.len()), (401, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_too_long_is_a_no() {
    let world = World::start().await;
    let yes = authority(YES).await;
    let no = authority("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let limit = |bytes| ("forwardauth.maxresponsebodysize", bytes);
    serve_asking(&world, "yes-in", yes.address(), &[limit("2")]).await;
    serve_asking(&world, "yes-out", yes.address(), &[limit("1")]).await;
    serve_asking(&world, "no-in", no.address(), &[limit("2")]).await;
    serve_asking(&world, "no-out", no.address(), &[limit("1")]).await;
    for (name, status) in [
        ("yes-in", 200),
        ("yes-out", 401),
        ("no-in", 403),
        ("no-out", 401),
    ] {
        let reply = ask(&world, name, "GET /", "").await;
        assert_eq!(reply.status(), status, "{name}");
        if name == "no-in" {
            assert_eq!(reply.text(), "no");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_question_has_the_headers_it_is_to_have() {
    let trusting = "--entrypoints.http.forwardedheaders.insecure=true";
    let world = Setting::new().flag(trusting).start().await;
    let headers = "X-A: 1\r\nX-B: 1\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\
                   X-Forwarded-Prefix: /p\r\n";
    let trust = "forwardauth.trustforwardheader";
    let only = ("forwardauth.authrequestheaders", "X-A");
    #[rustfmt::skip]
    let cases: [(&str, Options<'_>, &[&str], &[&str]); 4] = [
        ("unset", &[], &["x-a: 1", "x-b: 1", "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http", "x-forwarded-prefix: /p"], &[]),
        ("list", &[only], &["x-a: 1", "x-forwarded-for: 127.0.0.1"], &["x-b", "x-forwarded-prefix"]),
        ("false", &[(trust, "false")], &["x-a: 1", "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http", "x-forwarded-port: 80"], &["x-forwarded-prefix"]),
        ("true", &[(trust, "true"), only], &["x-a: 1", "x-forwarded-for: 10.0.0.1, 127.0.0.1", "x-forwarded-proto: https", "x-forwarded-prefix: /p", "x-forwarded-method: get"], &["x-b"]),
    ];
    for (name, options, there, missing) in cases {
        let asked = authority(YES).await;
        serve_asking(&world, name, asked.address(), options).await;
        assert_eq!(ask(&world, name, "GET /", headers).await.status(), 200);
        let question = questions(&asked);
        for line in there {
            assert!(
                question.contains(&format!("\r\n{line}\r\n")),
                "{name}, {line}: {question}"
            );
        }
        for header in missing {
            assert!(
                !question.contains(&format!("\r\n{header}:")),
                "{name}, {header}: {question}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_go_over_a_connection_that_is_kept() {
    let world = World::start().await;
    let script = Script {
        answers: vec![YES.as_bytes().to_vec()],
        close: false,
    };
    let any = SocketAddr::from(([127, 0, 0, 1], fairway_tests::loopback::free_port()));
    let asked = Recorder::start(any, script).await;
    // By name.
    let address = format!("http://localhost:{}/", any.port());
    serve(&world, "kept", &[("forwardauth.address", &address)]).await;
    // One connection of the client is one worker.
    let mut client = RawClient::connect(world.http()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(client.get("kept.test", "/").await.unwrap().status(), 200);
        // Longer than it takes to close connections to servers that nobody uses.
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    assert_eq!(asked.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_of_tls_without_tls_are_told_of_and_harm_nobody() {
    let world = World::start().await;
    let asked = authority(YES).await;
    let options = [("forwardauth.tls.insecureskipverify", "true")];
    serve_asking(&world, "plain", asked.address(), &options).await;
    assert_eq!(ask(&world, "plain", "GET /", "").await.status(), 200);
    let told = |told: &fairway_proto::inspection::v1::Diagnostic| {
        told.message.contains("tls has no effect") && told.suggestion.contains("https://")
    };
    world.wait_diagnostic("why", told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explanation_asks_nobody_and_says_whom_a_request_would_ask() {
    let world = World::start().await;
    let asked = authority(YES).await;
    serve_asking(&world, "told", asked.address(), &[]).await;
    world.settle().await;
    let control_plane = format!("http://{}", world.grpc_address());
    let url = format!("http://told.test:{}/", world.http_port());
    let line = ["explain", "--server", &control_plane, &url];
    let options = ExplainOptions::try_parse_from(line).unwrap();
    let told = explain(&options).await.unwrap();
    let expected = format!("asks http://{}/a/verify;", asked.address());
    assert!(told.contains(&expected), "{told}");
    assert_eq!(questions(&asked), "");
}
