//! `errors`, `buffering`, `circuitBreaker` and `retry`, from the label to the bytes on
//! the wire. What each option does in detail is tested beside the proxy.

use std::time::Duration;

use clap::Parser as _;
use fairway_control::explain::{ExplainOptions, explain};
use fairway_tests::backend::Mode;
use fairway_tests::raw_client::RawClient;
use fairway_tests::wait::wait_for;
use fairway_tests::world::{World, routed};

use super::{ask, behind, serve};

async fn explained(world: &World, name: &str) -> String {
    let server = format!("--server=http://{}", world.grpc_address());
    let url = format!("http://{name}.test:{}/", world.http().port());
    let words = ["explain", &server, &url];
    let answer = explain(&ExplainOptions::try_parse_from(words).unwrap()).await;
    answer.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_get_their_page_from_another_container() {
    let world = World::start().await;
    world
        .run(routed("pages", "pages", "Host(`pages.test`)"))
        .await;
    world.wait_rotation("pages.test", "/", &["pages"]).await;
    let options = [
        ("errors.status", "404,500-599"),
        ("errors.service", "pages@docker"),
        ("errors.query", "{originalStatus}/{status}.html?of={url}"),
        ("errors.statusrewrites.500-502", "404"),
        ("errors.errorrequestheaders", "X-A"),
    ];
    serve(&world, "failing", &options).await;
    assert_eq!(
        ask(&world, "failing", "GET /", "").await.seen().name,
        "failing"
    );
    for (status, expected) in [(503, 503), (500, 404), (404, 404)] {
        world.mode("failing", Mode::Status(status));
        let reply = ask(&world, "failing", "GET /x?a=b", "X-A: 1\r\nX-B: 1\r\n").await;
        assert_eq!(reply.status(), expected);
        let seen = reply.seen();
        assert_eq!(seen.name, "pages");
        let url = "http%3A%2F%2Ffailing.test%2Fx%3Fa%3Db";
        assert_eq!(seen.target, format!("/{status}/{expected}.html?of={url}"));
        assert_eq!((seen.header("x-a"), seen.header("x-b")), (Some("1"), None));
    }
    world.mode("failing", Mode::Status(403));
    let reply = ask(&world, "failing", "GET /", "").await;
    assert_eq!((reply.status(), reply.body.len()), (403, 0));

    // The last container has stopped: the proxy's own answer gets a page, too.
    world.stop_container("failing", Duration::ZERO).await;
    let reply = wait_for("a page", || async {
        let reply = ask(&world, "failing", "GET /", "").await;
        (reply.status() == 503).then_some(reply)
    });
    assert_eq!(reply.await.seen().name, "pages");
    let told = explained(&world, "failing").await;
    assert!(told.contains("puts a page of pages@docker"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_pages_of_no_service_reject_their_routers() {
    let world = World::start().await;
    let status = ("errors.status", "500-599");
    let spec = behind("lost", &[status, ("errors.service", "lots")]);
    world.run(spec).await;
    world.wait_rotation("open.lost.test", "/", &["lost"]).await;
    assert_eq!(ask(&world, "lost", "GET /", "").await.status(), 404);
    let label = "traefik.http.middlewares.m-lost.errors.service";
    let told = |it: &fairway_proto::inspection::v1::Diagnostic| it.label == label;
    let told = world.wait_diagnostic("no such service", told).await;
    assert!(told.message.contains("lots@docker"), "{told:?}");
    assert_eq!(told.suggestion, "did you mean lost@docker?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_held_up_to_their_limits() {
    let world = World::start().await;
    let request = ("buffering.maxrequestbodybytes", "10");
    let response = ("buffering.maxresponsebodybytes", "3000");
    let again = (
        "buffering.retryexpression",
        "ResponseCode() == 503 && Attempts() <= 2",
    );
    serve(&world, "held", &[request, response, again]).await;
    let post = |length: usize| {
        let body = "x".repeat(length);
        format!("POST / HTTP/1.1\r\nHost: held.test\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    for (length, status) in [(10, 200), (11, 413)] {
        let mut client = RawClient::connect(world.http()).await.unwrap();
        let reply = client.exchange(post(length)).await.unwrap();
        assert_eq!(reply.status(), status);
    }
    let told = explained(&world, "held").await;
    assert!(told.contains("(up to 10 bytes)"), "{told}");
    world.mode("held", Mode::Bulk(3001));
    assert_eq!(ask(&world, "held", "GET /", "").await.status(), 500);
    world.mode("held", Mode::Status(503));
    let before = world.requests("held");
    assert_eq!(ask(&world, "held", "GET /", "").await.status(), 503);
    assert_eq!(world.requests("held") - before, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_opens_and_says_so() {
    let world = World::start().await;
    let expression = (
        "circuitbreaker.expression",
        "ResponseCodeRatio(500, 600, 0, 600) > 0.5 && RequestThreshold() >= 3",
    );
    let times = [
        expression,
        ("circuitbreaker.checkperiod", "1ms"),
        ("circuitbreaker.fallbackduration", "2s"),
        ("circuitbreaker.recoveryduration", "500ms"),
        ("circuitbreaker.responsecode", "429"),
    ];
    serve(&world, "breaking", &times).await;
    world.mode("breaking", Mode::Status(500));
    let mut before = 0;
    let status = wait_for("it opens", || {
        before += 1;
        let world = &world;
        async move {
            let reply = ask(world, "breaking", "GET /", "").await;
            (reply.status() == 429).then_some(reply)
        }
    });
    assert_eq!(status.await.text(), "Too Many Requests");
    assert!(before > 3, "{before}");
    let told = explained(&world, "breaking").await;
    assert!(
        told.contains("is open") && told.contains("circuit_open"),
        "{told}"
    );
    assert_eq!(
        ask(&world, "open.breaking", "GET /", "").await.status(),
        500
    );
    world.mode("breaking", Mode::Normal);
    wait_for("it closes", || async {
        for _ in 0..10 {
            if ask(&world, "breaking", "GET /", "").await.status() != 200 {
                return None;
            }
        }
        Some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_tried_again_until_there_is_a_server() {
    let world = World::start().await;
    let attempts = ("retry.attempts", "30");
    let interval = ("retry.initialinterval", "100ms");
    serve(&world, "late", &[attempts, interval]).await;
    let by_status = [("retry.attempts", "3"), ("retry.status", "503")];
    serve(&world, "busy", &by_status).await;

    world.mode("busy", Mode::Status(503));
    let before = world.requests("busy");
    assert_eq!(ask(&world, "busy", "GET /", "").await.status(), 503);
    assert_eq!(world.requests("busy") - before, 3);
    let told = explained(&world, "busy").await;
    assert!(told.contains("tries up to 3 times"), "{told}");

    // The process ends, the engine does not know, and it begins anew.
    world.end_process("late").await;
    let body = "POST / HTTP/1.1\r\nHost: late.test\r\nContent-Length: 5\r\n\r\nhello";
    let mut client = RawClient::connect(world.http()).await.unwrap();
    client.send(body).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.begin_process("late").await;
    let reply = client.read_reply("POST").await.unwrap();
    assert_eq!((reply.status(), reply.seen().body_bytes), (200, 5));
}
