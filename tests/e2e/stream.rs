//! Requests and answers that are more than a head and a little body.

use std::time::{Duration, Instant};

use fairway_tests::backend::Mode;
use fairway_tests::raw_client::RawClient;
use fairway_tests::world::World;

async fn world() -> (World, RawClient) {
    let world = World::start().await;
    world.run_site(1).await;
    let client = RawClient::connect(world.http()).await.unwrap();
    (world, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upgrades_become_tunnels_that_outlive_changes() {
    let (world, mut client) = world().await;
    let request = "GET /ws HTTP/1.1\r\nHost: web.test\r\nConnection: keep-alive, Upgrade\r\n\
                   Upgrade: websocket\r\n\r\nearly";
    client.send(request).await.unwrap();
    let head = client.read_head().await.unwrap();
    assert_eq!(head.status, 101);
    assert_eq!(head.header("upgrade"), Some("websocket"));
    assert_eq!(client.read_exactly(5).await.unwrap(), b"early");
    world.run_replica(2).await;
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    client.send("still there").await.unwrap();
    assert_eq!(client.read_exactly(11).await.unwrap(), b"still there");
    client.finish_sending().await.unwrap();
    assert!(client.read_to_end().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_sent_events_arrive_one_by_one() {
    let (world, mut client) = world().await;
    let pause = Duration::from_millis(200);
    world.mode("web-1", Mode::Events(3, pause));
    client
        .send("GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 200);
    let started = Instant::now();
    assert_eq!(client.read_chunk().await.unwrap().unwrap(), b"data: 0\n\n");
    assert!(started.elapsed() < pause, "held back until the next one");
    assert_eq!(client.read_chunk().await.unwrap().unwrap(), b"data: 1\n\n");
    assert_eq!(client.read_chunk().await.unwrap().unwrap(), b"data: 2\n\n");
    assert_eq!(client.read_chunk().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trailers_of_answers_pass_and_those_of_requests_never_become_headers() {
    let (world, mut client) = world().await;
    world.mode("web-1", Mode::Trailers);
    let request = "POST / HTTP/1.1\r\nHost: web.test\r\nTE: trailers\r\nTrailer: x-sum\r\n\
                   Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 5\r\n\r\n";
    let reply = client.exchange(request).await.unwrap();
    let seen = reply.seen();
    assert_eq!((seen.body_bytes, seen.header("x-sum")), (2, None));
    assert!(
        reply
            .trailers
            .contains(&("x-trailer".to_owned(), "yes".to_owned()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_decides_about_continuing() {
    let (world, mut client) = world().await;
    let head = "POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 4\r\n\
                Expect: 100-continue\r\n\r\n";
    client.send(head).await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 100);
    client.send("body").await.unwrap();
    assert_eq!(
        client.read_reply("POST").await.unwrap().seen().body_bytes,
        4
    );

    world.mode("web-1", Mode::Status(413));
    let mut client = RawClient::connect(world.http()).await.unwrap();
    client.send(head).await.unwrap();
    let reply = client.read_reply("POST").await.unwrap();
    assert_eq!(reply.status(), 413);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_has_a_length_and_no_body_and_the_connection_lives_on() {
    let (_world, mut client) = world().await;
    let reply = client
        .exchange("HEAD / HTTP/1.1\r\nHost: web.test\r\n\r\n")
        .await
        .unwrap();
    assert_eq!((reply.status(), reply.body.len()), (200, 0));
    assert!(reply.head.header("content-length").is_some());
    assert_eq!(
        client.get("web.test", "/next").await.unwrap().seen().target,
        "/next"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_pass_whole_in_both_directions() {
    let (world, mut client) = world().await;
    let body: Vec<u8> = (0..5_000_000_u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    let head = format!(
        "PUT / HTTP/1.1\r\nHost: web.test\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let seen = client
        .exchange([head.as_bytes(), &body].concat())
        .await
        .unwrap()
        .seen();
    assert_eq!(seen.body_digest, blake3::hash(&body).to_hex().to_string());
    world.mode("web-1", Mode::Bulk(20_000_000));
    assert_eq!(
        client.get("web.test", "/").await.unwrap().body.len(),
        20_000_000
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_never_looks_complete() {
    let (world, mut client) = world().await;
    world.mode("web-1", Mode::CloseMidBody);
    assert!(client.get("web.test", "/").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_have_their_status() {
    let world = World::start().await;
    world.run_site(1).await;
    world.mode("web-1", Mode::CloseBeforeAnswer);
    assert_eq!(world.get("web.test", "/").await.status(), 502);
    world.mode("web-1", Mode::Status(418));
    assert_eq!(world.get("web.test", "/").await.status(), 418);
    world.stop_container("web-1", Duration::ZERO).await;
    world.wait_rotation("web.test", "/", &["503"]).await;
    assert!(
        world
            .get("web.test", "/")
            .await
            .head
            .header("retry-after")
            .is_some()
    );
    assert_eq!(world.get("nobody.test", "/").await.status(), 404);
}
