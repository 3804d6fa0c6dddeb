//! Floods within one message, and clients that finish or break off in the middle.

use std::time::Duration;

use fairway_tests::raw_client::RawClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fixture::{Case, Outcome, Server};
use crate::play::play;
use crate::reply;
use crate::stage::Stage;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extensions_that_outgrow_their_chunks_end_the_request() {
    let stage = Stage::start().await;
    let extension = "a".repeat(900);
    let chunks = format!("1;{extension}\r\nx\r\n").repeat(10_000);
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let refused = |status: Option<u16>| Outcome {
        statuses: status.into_iter().collect(),
        closed: true,
        cut: false,
    };
    let case = Case {
        name: "9 MB of extensions for 10 kB".to_owned(),
        request: format!("{head}{chunks}0\r\n\r\n").into_bytes(),
        outcomes: vec![refused(Some(400)), refused(None)],
        server: Some(Server::Unfinished),
        ..Case::default()
    };
    let wrong = play(&stage, &case).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_finished_sending_gets_its_answer() {
    let stage = Stage::start().await;
    for request in [
        "GET /half HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "POST /half HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let mut client = TcpStream::connect(stage.address()).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = String::new();
        let read = timeout(PATIENCE, client.read_to_string(&mut answer)).await;
        read.expect("an end").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{request}: {answer:?}");
        assert!(answer.ends_with("/half"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_break_off_harm_nobody() {
    let stage = Stage::start().await;
    for round in 0..200 {
        let mut client = TcpStream::connect(stage.address()).await.unwrap();
        let request = format!(
            "POST /gone/{round} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello"
        );
        // Now in the head, now in the body, now before the answer.
        let sent = request.len() * (round % 10 + 1) / 10;
        client.write_all(&request.as_bytes()[..sent]).await.unwrap();
        if round % 2 == 0 {
            client.set_zero_linger().unwrap();
        }
        drop(client);
        if round % 20 == 0 {
            let reply = reply::ask(stage.address(), "a.test", "/good")
                .await
                .unwrap();
            assert_eq!(reply.body, b"a GET /good");
        }
    }
    let ended = async {
        while stage.origins().any(|origin| origin.unfinished() > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, ended)
        .await
        .expect("no server waits for what never comes");
    let (received, breaches) = stage.origin("a").take();
    assert!(breaches.is_empty(), "{breaches:?}");
    assert!(
        received
            .iter()
            .filter(|it| it.whole)
            .all(|it| it.body == b"hello")
    );
    assert_eq!(stage.panics(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_what_nobody_knows_harms_nobody() {
    let stage = Stage::start().await;
    let path = "x".repeat(7_000);
    let flood = (0..8).map(|number| {
        let (address, path) = (stage.address(), path.clone());
        tokio::spawn(async move {
            let mut client = RawClient::connect(address).await.unwrap();
            for round in 0..250 {
                let host = format!("{round}.{number}.nobody.test");
                let reply = client
                    .get(&host, &format!("/{round}/{path}"))
                    .await
                    .unwrap();
                assert_eq!(reply.status(), 404);
            }
        })
    });
    let flood: Vec<_> = flood.collect();
    while flood.iter().any(|client| !client.is_finished()) {
        let reply = reply::ask(stage.address(), "a.test", "/good")
            .await
            .unwrap();
        assert_eq!(reply.body, b"a GET /good");
    }
    for client in flood {
        client.await.unwrap();
    }
}
