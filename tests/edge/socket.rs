//! WebSockets: how they end, and what does not end them.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::origin::{LATE, LATE_BYTES};
use crate::stage::{DRAIN, Stage};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const SOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
                      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_whose_client_has_finished_gets_what_the_server_still_has() {
    let stage = Stage::start().await;
    let mut client = socket(&stage, &format!("/ws{LATE}")).await;
    client.write_all(b"\x81\x02hi").await.unwrap();
    client.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, client.read_to_end(&mut rest)).await;
    read.expect("an end").unwrap();
    assert_eq!(rest.len(), LATE_BYTES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_sockets_outlive_the_limits_of_requests() {
    let stage = Stage::start().await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(socket(&stage, "/ws").await);
    }
    // Three times as long as a request may be silent on this stage.
    tokio::time::sleep(Duration::from_secs(4)).await;
    for client in &mut clients {
        ping(client).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_sockets_may_go_on_until_the_drain_is_over() {
    let mut stage = Stage::start().await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(socket(&stage, "/ws").await);
    }
    let told = Instant::now();
    let stopping = tokio::spawn(async move {
        stage.stop().await;
        stage
    });
    while told.elapsed() < DRAIN / 2 {
        for client in &mut clients {
            ping(client).await;
        }
    }
    for client in &mut clients {
        let end = timeout(PATIENCE, client.read(&mut [0; 16])).await;
        assert!(!matches!(end.expect("an end"), Ok(1..)));
    }
    assert!(
        told.elapsed() >= DRAIN - Duration::from_secs(1),
        "too early"
    );
    timeout(PATIENCE, stopping)
        .await
        .expect("a proxy that ends")
        .unwrap();
}

async fn ping(client: &mut TcpStream) {
    client.write_all(b"\x89\x00").await.unwrap();
    let mut echo = [0; 2];
    let read = timeout(PATIENCE, client.read_exact(&mut echo)).await;
    read.expect("an echo").unwrap();
    assert_eq!(&echo, b"\x89\x00");
}

/// A WebSocket that is open.
async fn socket(stage: &Stage, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(stage.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{SOCKET}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, client.read_u8())
            .await
            .expect("an answer");
        head.push(byte.unwrap());
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    client
}
