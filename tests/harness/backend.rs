//! Backends as a raw client sees them.

use std::time::Duration;

use fairway_tests::backend::recorder::{Recorder, Script};
use fairway_tests::backend::{Backend, Mode};
use fairway_tests::loopback::free_address;
use fairway_tests::raw_client::{self, RawClient};

#[tokio::test]
async fn a_backend_says_what_it_saw() {
    let backend = Backend::start_anywhere("web-1").await;
    let mut client = RawClient::connect(backend.address()).await.unwrap();
    let request = "POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Nonce: n1\r\nTransfer-Encoding: chunked\r\n\
                   Trailer: x-t\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n";
    let seen = client.exchange(request).await.unwrap().seen();
    assert_eq!((seen.name.as_str(), seen.nonce.as_str()), ("web-1", "n1"));
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/a?b=c")
    );
    assert_eq!(seen.body_bytes, 3);
    assert_eq!(seen.body_digest, blake3::hash(b"abc").to_hex().to_string());
    assert_eq!(seen.header("host"), Some("x"));
    assert_eq!(seen.trailers, [("x-t".to_owned(), "1".to_owned())]);
    // The connection is kept.
    assert_eq!(
        client.get("x", "/again").await.unwrap().seen().target,
        "/again"
    );
    assert_eq!((backend.requests(), backend.connections()), (2, 1));
    assert_eq!(backend.last().unwrap().target, "/again");
}

#[tokio::test]
async fn a_backend_continues_upgrades_and_answers_head() {
    let backend = Backend::start_anywhere("web").await;
    let mut client = RawClient::connect(backend.address()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    client.send(head).await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 100);
    client.send("ok").await.unwrap();
    assert_eq!(
        client.read_reply("POST").await.unwrap().seen().body_bytes,
        2
    );

    let reply = client
        .exchange("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!((reply.status(), reply.body.len()), (200, 0));

    let upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(client.exchange(upgrade).await.unwrap().status(), 101);
    client.send("ping").await.unwrap();
    assert_eq!(client.read_exactly(4).await.unwrap(), b"ping");
    client.finish_sending().await.unwrap();
    assert!(client.read_to_end().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_backend_misbehaves_as_told() {
    let backend = Backend::start_anywhere("web").await;
    let address = backend.address();
    for mode in [Mode::CloseBeforeAnswer, Mode::CloseMidBody] {
        backend.mode(mode.clone());
        assert!(
            raw_client::get(address, "x", "/").await.is_err(),
            "{mode:?}"
        );
    }
    backend.mode(Mode::Status(503));
    assert_eq!(
        raw_client::get(address, "x", "/").await.unwrap().status(),
        503
    );
    backend.mode(Mode::Events(3, Duration::from_millis(5)));
    let text = raw_client::get(address, "x", "/").await.unwrap().text();
    assert_eq!(text, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
    backend.mode(Mode::Bulk(100_000));
    assert_eq!(
        raw_client::get(address, "x", "/").await.unwrap().body.len(),
        100_000
    );
    backend.mode(Mode::Trailers);
    let mut client = RawClient::connect(address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n";
    let reply = client.exchange(request).await.unwrap();
    assert_eq!(
        reply.trailers[0],
        ("x-trailer".to_owned(), "yes".to_owned())
    );
}

#[tokio::test]
async fn stopping_finishes_what_is_in_flight_and_killing_does_not() {
    for graceful in [true, false] {
        let backend = Backend::start_anywhere("web").await;
        let address = backend.address();
        backend.mode(Mode::Slow(Duration::from_millis(200)));
        let request = tokio::spawn(raw_client::get(address, "x", "/"));
        fairway_tests::wait::wait_until("the request", || backend.requests() == 1).await;
        if graceful {
            backend.stop().await;
        } else {
            backend.kill().await;
        }
        assert_eq!(request.await.unwrap().is_ok(), graceful);
        assert!(RawClient::connect(address).await.is_err());
        // The address is free at once.
        Backend::start("next", address).await;
    }
}

#[tokio::test]
async fn a_recorder_keeps_bytes_and_answers_with_bytes() {
    let answers = vec![b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec()];
    let recorder = Recorder::start(
        free_address(),
        Script {
            answers,
            close: false,
        },
    )
    .await;
    let mut client = RawClient::connect(recorder.address()).await.unwrap();
    assert_eq!(client.get("x", "/1").await.unwrap().text(), "hi");
    assert_eq!(client.get("x", "/2").await.unwrap().text(), "hi");
    let expected = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&recorder.received()[0]), expected);
}
