//! `compress`, from the label to the bytes on the wire.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use fairway_tests::backend::Mode;
use fairway_tests::backend::recorder::{Recorder, Script};
use fairway_tests::raw_client::{RawClient, Reply};
use fairway_tests::wait::wait_for;
use fairway_tests::world::World;

use super::{Options, ask, behind, serve};

/// What a coding's bytes say, as far as they go.
fn decoded(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut read: Box<dyn std::io::Read> = match coding {
        "gzip" => Box::new(flate2::read::GzDecoder::new(bytes)),
        "br" => Box::new(brotli::Decompressor::new(bytes, 4096)),
        "zstd" => Box::new(zstd::stream::read::Decoder::new(bytes).unwrap()),
        other => panic!("{other}"),
    };
    let (mut out, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = read.read(&mut part) {
        out.extend_from_slice(&part[..count]);
    }
    out
}

/// The coding of an answer, whose body says what the server saw.
fn coding(reply: &Reply) -> Option<String> {
    let coding = reply.head.header("content-encoding").map(str::to_owned);
    let text = match &coding {
        Some(coding) => decoded(coding, &reply.body),
        None => reply.body.clone(),
    };
    let seen: serde_json::Value = serde_json::from_slice(&text).expect("the whole body");
    assert_eq!(seen["method"], "GET");
    coding
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_and_the_options_choose_the_coding() {
    let world = World::start().await;
    let small = ("compress.minresponsebodybytes", "1");
    serve(&world, "all", &[small]).await;
    serve(&world, "some", &[small, ("compress.encodings", "zstd,br")]).await;
    serve(&world, "any", &[small, ("compress.defaultencoding", "br")]).await;
    serve(
        &world,
        "large",
        &[("compress.minresponsebodybytes", "100000")],
    )
    .await;
    serve(
        &world,
        "out",
        &[
            small,
            (
                "compress.excludedcontenttypes",
                "text/css, Application/JSON",
            ),
        ],
    )
    .await;
    serve(
        &world,
        "in",
        &[small, ("compress.includedcontenttypes", "application/json")],
    )
    .await;
    serve(
        &world,
        "none",
        &[small, ("compress.includedcontenttypes", "text/css")],
    )
    .await;

    #[rustfmt::skip]
    let rows = [
        ("all", "Accept-Encoding: gzip, br, zstd\r\n", Some("gzip")),
        ("all", "Accept-Encoding: gzip;q=0.1\r\nAccept-Encoding: br;q=0.2\r\n", Some("br")),
        ("all", "Accept-Encoding: zstd\r\n", Some("zstd")),
        ("all", "Accept-Encoding: *\r\n", Some("gzip")),
        ("all", "Accept-Encoding: identity\r\n", None),
        ("all", "Accept-Encoding: gzip;q=0\r\n", None),
        ("all", "Accept-Encoding:\r\n", None),
        ("all", "", None),
        ("all", "Accept-Encoding: gzip\r\nContent-Type: application/grpc\r\n", None),
        ("some", "Accept-Encoding: gzip, br, zstd\r\n", Some("zstd")),
        ("some", "Accept-Encoding: gzip\r\n", None),
        ("any", "", Some("br")),
        ("any", "Accept-Encoding: *\r\n", Some("br")),
        ("any", "Accept-Encoding: zstd\r\n", Some("zstd")),
        ("large", "Accept-Encoding: gzip\r\n", None),
        ("out", "Accept-Encoding: gzip\r\n", None),
        ("in", "Accept-Encoding: gzip\r\n", Some("gzip")),
        ("none", "Accept-Encoding: gzip\r\n", None),
    ];
    for (name, headers, expected) in rows {
        let reply = ask(&world, name, "GET /", headers).await;
        assert_eq!(coding(&reply).as_deref(), expected, "{name}: {headers}");
        if expected.is_some() {
            assert_eq!(reply.head.header("vary"), Some("Accept-Encoding"));
            assert_eq!(reply.head.header("content-length"), None);
        }
    }
    // A cache must not give the plain answer to those who take another.
    let reply = ask(&world, "all", "GET /", "").await;
    assert_eq!(reply.head.header("vary"), Some("Accept-Encoding"));
    let head = ask(&world, "all", "HEAD /", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(head.head.header("content-encoding"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_bodies_come_back_whole_and_the_connection_is_used_again() {
    let world = World::start().await;
    serve(&world, "bulk", &[("compress", "true")]).await;
    world.mode("bulk", Mode::Bulk(3_000_000));
    let mut client = RawClient::connect(world.http()).await.unwrap();
    for coding in ["gzip", "br", "zstd"] {
        let request =
            format!("GET / HTTP/1.1\r\nHost: bulk.test\r\nAccept-Encoding: {coding}\r\n\r\n");
        let reply = client.exchange(request).await.unwrap();
        assert_eq!(reply.head.header("content-encoding"), Some(coding));
        assert!(reply.body.len() < 100_000, "{}", reply.body.len());
        let text = decoded(coding, &reply.body);
        assert_eq!(text.len(), 3_000_000);
        assert!(text.iter().all(|byte| *byte == b'x'));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_does_not_end_well() {
    let world = World::start().await;
    serve(&world, "torn", &[("compress.minresponsebodybytes", "1")]).await;
    world.mode("torn", Mode::CloseMidBody);
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: torn.test\r\nAccept-Encoding: gzip\r\n\r\n";
    assert!(client.exchange(request).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_arrive_when_they_happen() {
    let world = World::start().await;
    serve(&world, "sse", &[("compress", "true")]).await;
    for coding in ["gzip", "br", "zstd"] {
        world.mode("sse", Mode::Events(2, Duration::from_secs(5)));
        let mut client = RawClient::connect(world.http()).await.unwrap();
        let request =
            format!("GET / HTTP/1.1\r\nHost: sse.test\r\nAccept-Encoding: {coding}\r\n\r\n");
        client.send(request).await.unwrap();
        let head = client.read_head().await.unwrap();
        assert_eq!(head.header("content-encoding"), Some(coding));
        let first = tokio::time::timeout(Duration::from_secs(3), async {
            let mut sent = Vec::new();
            while decoded(coding, &sent) != b"data: 0\n\n" {
                sent.extend(client.read_chunk().await.unwrap().expect("more"));
            }
        });
        first.await.expect("the first event before the second");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_not_to_be_touched_are_not() {
    let world = World::start().await;
    let small: Options<'_> = &[("compress.minresponsebodybytes", "5")];
    #[rustfmt::skip]
    let cases = [
        ("tagged", "200 OK\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\nContent-Type: text/css", "body {}", Some("gzip")),
        ("short", "200 OK\r\nContent-Type: text/css", "a{}", None),
        ("coded", "200 OK\r\nContent-Type: text/css\r\nContent-Encoding: br", "whatever", Some("br")),
        ("part", "206 Partial Content\r\nContent-Type: text/css\r\nContent-Range: bytes 0-6/9", "body {}", None),
        ("final", "200 OK\r\nContent-Type: text/css\r\nCache-Control: no-transform", "body {}", None),
        ("grpc", "200 OK\r\nContent-Type: application/grpc", "body {}", None),
        ("nogzip", "200 OK\r\nContent-Type: text/css\r\nNo-Gzip-Compression: 1", "body {}", None),
        ("untyped", "200 OK", "<html></html>", Some("gzip")),
        ("empty", "200 OK\r\nContent-Type: text/css", "", None),
        ("cached", "304 Not Modified\r\nETag: \"a\"", "", None),
    ];
    let mut recorders = Vec::new();
    for (name, head, body, expected) in cases {
        world
            .engine()
            .run(behind(name, small).port(world.backend_port()));
        let ip = world.engine().address(name, None).expect("an address");
        let length = match name {
            "cached" => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let answer = format!("HTTP/1.1 {head}\r\n{length}\r\n{body}");
        let script = Script {
            answers: vec![answer.into_bytes()],
            close: false,
        };
        let address = SocketAddr::new(ip.into(), world.backend_port());
        recorders.push(Recorder::start(address, script).await);
        let reply = wait_for(name, || async {
            let reply = ask(&world, name, "GET /", "Accept-Encoding: gzip\r\n").await;
            (reply.status() < 400).then_some(reply)
        })
        .await;
        let header = |name: &str| reply.head.header(name);
        assert_eq!(header("content-encoding"), expected, "{name}");
        if expected == Some("gzip") {
            assert_eq!(decoded("gzip", &reply.body), body.as_bytes(), "{name}");
            assert_eq!(header("accept-ranges"), None);
        } else {
            assert_eq!(reply.text(), body, "{name}");
        }
        match name {
            "tagged" => assert_eq!(header("etag"), Some("W/\"a\"")),
            "cached" => assert_eq!(header("etag"), Some("\"a\"")),
            "nogzip" => assert_eq!(header("no-gzip-compression"), None),
            "untyped" => assert_eq!(header("content-type"), Some("text/html; charset=utf-8")),
            _ => {}
        }
    }
}
