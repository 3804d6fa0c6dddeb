//! The fault proxy between a raw client and a backend.

use std::io;
use std::time::{Duration, Instant};

use fairway_tests::backend::Backend;
use fairway_tests::fault_proxy::FaultProxy;
use fairway_tests::raw_client::RawClient;

async fn line() -> (Backend, FaultProxy, RawClient) {
    let backend = Backend::start_anywhere("web").await;
    let proxy = FaultProxy::start(backend.address()).await;
    let client = RawClient::connect(proxy.address()).await.unwrap();
    (backend, proxy, client)
}

#[tokio::test]
async fn a_good_line_and_a_slow_one_carry_everything() {
    let (_backend, proxy, mut client) = line().await;
    assert_eq!(client.get("x", "/1").await.unwrap().seen().target, "/1");
    proxy.fault(|fault| fault.byte_at_a_time = true);
    assert_eq!(client.get("x", "/2").await.unwrap().seen().target, "/2");
    proxy.heal();
    proxy.fault(|fault| fault.latency = Duration::from_millis(50));
    let started = Instant::now();
    client.get("x", "/3").await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(100));
    proxy.heal();
    proxy.fault(|fault| fault.rate = 2_000);
    let started = Instant::now();
    client.get("x", "/4").await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn a_black_hole_swallows_open_and_new_connections_until_it_is_healed() {
    let (_backend, proxy, mut client) = line().await;
    client.get("x", "/").await.unwrap();
    proxy.fault(|fault| fault.black_hole = true);
    let short = Duration::from_millis(200);
    assert!(
        tokio::time::timeout(short, client.get("x", "/lost"))
            .await
            .is_err()
    );
    let mut new = RawClient::connect(proxy.address()).await.unwrap();
    assert!(
        tokio::time::timeout(short, new.get("x", "/new"))
            .await
            .is_err()
    );
    proxy.heal();
    assert_eq!(new.read_reply("GET").await.unwrap().seen().target, "/new");
}

#[tokio::test]
async fn lines_are_cut_reset_refused_and_half_closed() {
    let (_backend, proxy, mut client) = line().await;
    proxy.fault(|fault| fault.cut_after = Some(20));
    let error = client.get("x", "/").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);

    proxy.heal();
    let mut client = RawClient::connect(proxy.address()).await.unwrap();
    client.get("x", "/").await.unwrap();
    proxy.fault(|fault| fault.reset = true);
    let error = client.read_head().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

    proxy.heal();
    let mut client = RawClient::connect(proxy.address()).await.unwrap();
    client.get("x", "/").await.unwrap();
    proxy.fault(|fault| fault.half_close = true);
    assert!(client.read_to_end().await.unwrap().is_empty());
    assert!(client.send("GET / HTTP/1.1\r\n").await.is_ok());

    proxy.heal();
    proxy.fault(|fault| fault.refuse = true);
    let mut client = RawClient::connect(proxy.address()).await.unwrap();
    assert!(client.get("x", "/").await.is_err());
}
