//! HTTP/2 from clients, with prior knowledge: the same requests, the same gate, limits
//! for each stream. The client is the h2 crate, so that streams can be told what to do.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;

use super::*;
use crate::config::{Drain, Timeouts};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs a script beside a client's connection.
fn run<T>(script: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(PATIENCE, script).await.unwrap() })
}

/// The connection's own end is what the task answers.
type Ended = tokio::task::JoinHandle<Result<(), h2::Error>>;

async fn connect(proxy: &Proxy) -> (SendRequest<Bytes>, Ended) {
    connect_with(proxy, &h2::client::Builder::new()).await
}

async fn connect_with(proxy: &Proxy, builder: &h2::client::Builder) -> (SendRequest<Bytes>, Ended) {
    let tcp = TcpStream::connect(proxy.address).await.unwrap();
    let (sender, connection): (_, Connection<_, Bytes>) = builder.handshake(tcp).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://a.test{path}"))
        .body(())
        .unwrap()
}

async fn read(mut body: RecvStream) -> (String, Option<HeaderMap>) {
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        text.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.unwrap();
    (String::from_utf8(text).unwrap(), trailers)
}

async fn ask(sender: &SendRequest<Bytes>, request: Request<()>) -> Response<String> {
    let mut sender = sender.clone().ready().await.unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let (parts, body) = response.await.unwrap().into_parts();
    Response::from_parts(parts, read(body).await.0)
}

async fn status(sender: &SendRequest<Bytes>, request: Request<()>) -> u16 {
    ask(sender, request).await.status().as_u16()
}

#[test]
fn requests_of_one_connection_are_served_side_by_side() {
    let origin = Origin::scripted(|_, mut wire| {
        while let Some(request) = wire.read_message() {
            if request.line().contains("/slow") {
                wire.is_silent(Duration::from_millis(500));
            }
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x-hop\r\nx-hop: 1\r\nKeep-Alive: 5\r\n\r\nok");
        }
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    run(async {
        let (sender, _ended) = connect(&proxy).await;
        let slow = ask(&sender, get("/slow"));
        let quick = async {
            for _ in 0..20 {
                let answer = ask(&sender, get("/quick")).await;
                assert_eq!(
                    (answer.status().as_u16(), answer.body().as_str()),
                    (200, "ok")
                );
                assert!(!answer.headers().contains_key("x-hop"));
                assert!(!answer.headers().contains_key("keep-alive"));
            }
        };
        tokio::select! {
            _ = slow => panic!("waited for the slow one"),
            () = quick => {}
        }
    });
}

#[test]
fn a_request_reaches_an_http_1_server_as_one_of_http_1() {
    let origin = Origin::named("served");
    let proxy = Proxy::start(Site::of(&[&origin]));
    run(async {
        let (sender, _ended) = connect(&proxy).await;
        let mut request = get("/a%2Db/../c?x=1");
        let headers = request.headers_mut();
        for crumb in ["a=1", "b=2"] {
            headers.append("cookie", crumb.parse().unwrap());
        }
        headers.append("te", "trailers".parse().unwrap());
        headers.append("x_forwarded_for", "6.6.6.6".parse().unwrap());
        headers.append("x-forwarded-for", "6.6.6.6".parse().unwrap());
        headers.append("host", "b.test".parse().unwrap());
        assert_eq!(ask(&sender, request).await.body(), "served");
    });
    let seen = origin.request();
    assert_eq!(seen.line(), "GET /c?x=1 HTTP/1.1");
    assert_eq!(seen.header("host"), Some("a.test"));
    assert_eq!(seen.header("cookie"), Some("a=1; b=2"));
    assert_eq!(seen.header("te"), Some("trailers"));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x_forwarded_for"), None);
}

#[test]
fn bodies_and_trailers_of_responses_pass() {
    let origin = Origin::answering(|request| {
        let body = &request.body;
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\nx-sum: 7\r\n\r\n",
            body.len()
        )
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let body = "0123456789".repeat(20_000);
    let (echoed, trailers) = run(async {
        let (sender, _ended) = connect(&proxy).await;
        let mut sender = sender.ready().await.unwrap();
        let request = Request::post("http://a.test/").body(()).unwrap();
        let (response, mut stream) = sender.send_request(request, false).unwrap();
        stream.send_data(body.clone().into(), true).unwrap();
        read(response.await.unwrap().into_body()).await
    });
    assert!(echoed == body);
    assert_eq!(trailers.unwrap()["x-sum"], "7");
    assert!(origin.request().header("transfer-encoding").is_some());
}

#[test]
fn the_gate_stands_before_http_2_too() {
    let origin = Origin::named("served");
    let proxy = Proxy::start(Site::of(&[&origin]));
    run(async {
        let (sender, _ended) = connect(&proxy).await;
        let with = |method: &str, uri: &str, headers: &[(&'static str, &str)]| {
            let mut request = Request::builder().method(method).uri(uri).body(()).unwrap();
            for (name, value) in headers {
                request.headers_mut().append(*name, value.parse().unwrap());
            }
            request
        };
        for (request, expected) in [
            (with("GET", "http://a.test/", &[]), 200),
            (with("GET", "http://nobody.test/", &[]), 404),
            (with("GET", "http://user@a.test/", &[]), 400),
            (with("GET", "http://a.test/a%2fb", &[]), 400),
            (with("TRACE", "http://a.test/", &[]), 405),
            (with("CONNECT", "a.test:443", &[]), 501),
            (with("OPTIONS", "*", &[("host", "a.test")]), 200),
            (with("GET", "*", &[("host", "a.test")]), 400),
            (
                with(
                    "GET",
                    "http://a.test/",
                    &[("host", "a.test"), ("host", "a.test")],
                ),
                400,
            ),
            (
                with("GET", "http://a.test/", &[("expect", "100-continue")]),
                200,
            ),
            (
                with("GET", &format!("http://a.test/{}", "a".repeat(9000)), &[]),
                414,
            ),
            (with("GET", "http://a.test/", &[("x", "y"); 101]), 431),
        ] {
            let what = format!("{request:?}");
            assert_eq!(status(&sender, request).await, expected, "{what}");
        }
    });
}

#[test]
fn an_upgrade_to_h2c_is_served_as_http_1() {
    let origin = Origin::named("served");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let answer = proxy.ask(
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    );
    assert_eq!(answer.status(), 200);
    let seen = origin.request();
    assert_eq!(
        (seen.header("upgrade"), seen.header("http2-settings")),
        (None, None)
    );
}

#[test]
fn no_more_streams_at_once_than_the_entry_point_allows() {
    let origin = Origin::named("served");
    let proxy = Proxy::start(Site {
        http2: Some(proto::Http2 {
            max_concurrent_streams: 7,
            max_decoder_header_table_size: Some(0),
        }),
        ..Site::of(&[&origin])
    });
    let default = Proxy::start(Site::of(&[&origin]));
    run(async {
        for (proxy, expected) in [(&proxy, 7), (&default, 100)] {
            let tcp = TcpStream::connect(proxy.address).await.unwrap();
            let (sender, mut connection) = h2::client::handshake(tcp).await.unwrap();
            let asked = ask(&sender, get("/"));
            tokio::pin!(asked);
            tokio::select! {
                _ = &mut connection => panic!("closed"),
                answer = &mut asked => assert_eq!(answer.body(), "served"),
            }
            assert_eq!(connection.max_concurrent_send_streams(), expected);
        }
    });
}

fn impatient() -> Config {
    let second = Duration::from_secs(1);
    Config {
        timeouts: Timeouts {
            head: second,
            idle: second,
            body: second,
            write: second,
        },
        ..Config::default()
    }
}

#[test]
fn a_stream_that_stalls_is_reset_and_the_others_go_on() {
    let origin = Origin::answering(|request| {
        let body = "x".repeat(if request.line().contains("/large") {
            200_000
        } else {
            2
        });
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    });
    let proxy = Proxy::start_with(impatient(), Site::of(&[&origin]));
    run(async {
        let mut builder = h2::client::Builder::new();
        // One stream shall not be able to close it for the others.
        builder.initial_connection_window_size(1024 * 1024);
        let (sender, _ended) = connect_with(&proxy, &builder).await;
        let mut ready = sender.clone().ready().await.unwrap();
        // A body that does not come …
        let request = Request::post("http://a.test/").body(()).unwrap();
        let (unsent, mut half) = ready.send_request(request, false).unwrap();
        half.send_data("half".into(), false).unwrap();
        // … and one that is not taken.
        let mut ready = sender.clone().ready().await.unwrap();
        let (response, _) = ready.send_request(get("/large"), true).unwrap();
        let mut untaken = response.await.unwrap().into_body();
        let others = async {
            loop {
                assert_eq!(ask(&sender, get("/")).await.body(), "xx");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = others => {}
            reset = async {
                let unsent = unsent.await.unwrap_err();
                while let Some(piece) = untaken.data().await {
                    // Kept: the window stays closed.
                    if let Err(error) = piece {
                        return (unsent, error);
                    }
                }
                panic!("taken whole")
            } => {
                let (unsent, untaken) = reset;
                assert_eq!(unsent.reason(), Some(Reason::CANCEL));
                assert_eq!(untaken.reason(), Some(Reason::CANCEL));
            }
        }
        assert_eq!(ask(&sender, get("/")).await.body(), "xx");
    });
}

#[test]
fn a_conversation_may_pause() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head();
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while let Some(chunk) = wire.read_exact(6) {
            wire.send(chunk);
        }
    });
    let proxy = Proxy::start_with(impatient(), Site::of(&[&origin]));
    run(async {
        let (sender, _ended) = connect(&proxy).await;
        let mut sender = sender.ready().await.unwrap();
        let request = Request::post("http://a.test/")
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        let (response, mut stream) = sender.send_request(request, false).unwrap();
        let mut answers = response.await.unwrap().into_body();
        for said in ["a", "b"] {
            tokio::time::sleep(Duration::from_millis(2500)).await;
            stream.send_data(said.into(), false).unwrap();
            assert_eq!(answers.data().await.unwrap().unwrap(), said);
        }
    });
}

#[test]
fn an_idle_connection_is_told_to_go_and_then_closed() {
    let origin = Origin::named("served");
    let proxy = Proxy::start_with(impatient(), Site::of(&[&origin]));
    run(async {
        let (sender, ended) = connect(&proxy).await;
        assert_eq!(ask(&sender, get("/")).await.body(), "served");
        ended.await.unwrap().unwrap();
    });
    // One that does not answer is closed all the same.
    let mut wire = proxy.connect();
    wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    wire.read_to_end();
}

#[test]
fn draining_finishes_the_streams_and_takes_no_more() {
    let origin = Origin::scripted(|_, mut wire| {
        while let Some(request) = wire.read_message() {
            if request.line().contains("/slow") {
                wire.is_silent(Duration::from_millis(1500));
            }
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let config = Config {
        drain: Drain {
            accept: Duration::from_millis(100),
            idle: Duration::from_millis(300),
            timeout: Duration::from_secs(8),
        },
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::of(&[&origin]));
    run(async {
        let (idler, idle_ended) = connect(&proxy).await;
        ask(&idler, get("/")).await;
        let (sender, ended) = connect(&proxy).await;
        let mut ready = sender.clone().ready().await.unwrap();
        let (slow, _) = ready.send_request(get("/slow"), true).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        proxy.running.begin_drain();
        let answer = slow.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("connection"));
        assert_eq!(read(answer.into_body()).await.0, "ok");
        ended.await.unwrap().unwrap();
        idle_ended.await.unwrap().unwrap();
        while proxy.running.open_connections() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn who_only_cancels_loses_the_connection() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_message();
        wire.is_silent(Duration::from_secs(8));
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    run(async {
        let (sender, ended) = connect(&proxy).await;
        let cancel = async {
            for _ in 0..10_000 {
                let Ok(mut ready) = sender.clone().ready().await else {
                    break;
                };
                let Ok((response, mut stream)) = ready.send_request(get("/"), true) else {
                    break;
                };
                // Long enough to be begun.
                tokio::time::sleep(Duration::from_millis(2)).await;
                stream.send_reset(Reason::CANCEL);
                drop(response);
            }
        };
        tokio::select! {
            () = cancel => panic!("could go on for ever"),
            _ = ended => {}
        }
    });
}

/// Answers WebSocket handshakes as they should be, or with another key; then echoes.
fn websocket_origin(wrong_key: bool) -> Origin {
    use base64::Engine as _;
    use sha1::Digest as _;
    Origin::scripted(move |_, mut wire| {
        let request = wire.read_message().unwrap();
        if request.line().contains("/refused") {
            wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
            return;
        }
        if request.line().contains("/unswitched") {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            return;
        }
        assert_eq!(request.line(), "GET /chat?x=1 HTTP/1.1");
        assert_eq!(request.header("connection"), Some("Upgrade"));
        assert_eq!(request.header("upgrade"), Some("websocket"));
        assert_eq!(request.header("sec-websocket-version"), Some("13"));
        assert_eq!(request.header("x-forwarded-proto"), Some("ws"));
        let key = request.header("sec-websocket-key").unwrap();
        let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        let hash = sha1::Sha1::digest(format!("{key}{guid}{}", if wrong_key { "!" } else { "" }));
        let accept = base64::engine::general_purpose::STANDARD.encode(hash);
        wire.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\nearly"
        ));
        while let Some(byte) = wire.read_bytes(1) {
            if wire.try_send(byte).is_err() {
                return;
            }
        }
    })
}

async fn websocket(
    sender: &SendRequest<Bytes>,
    path: &str,
) -> (Response<RecvStream>, h2::SendStream<Bytes>) {
    let mut sender = sender.clone().ready().await.unwrap();
    assert!(sender.is_extended_connect_protocol_enabled());
    let mut request = Request::connect(format!("http://a.test{path}"))
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    let protocol = h2::ext::Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    let (response, stream) = sender.send_request(request, false).unwrap();
    (response.await.unwrap(), stream)
}

#[test]
fn a_websocket_over_http_2_reaches_an_http_1_server() {
    let origin = websocket_origin(false);
    let proxy = Proxy::start_with(impatient(), Site::of(&[&origin]));
    run(async {
        let (sender, _ended) = connect(&proxy).await;
        // The settings have come when anything has.
        ask(&sender, get("/unswitched")).await;
        let (response, mut stream) = websocket(&sender, "/chat?x=1").await;
        assert_eq!(response.status(), 200);
        for gone in ["upgrade", "connection", "sec-websocket-accept"] {
            assert!(!response.headers().contains_key(gone), "{gone}");
        }
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        let mut body = response.into_body();
        let mut read = Vec::new();
        stream.send_data("over ".into(), false).unwrap();
        // Longer than anything but a tunnel may be silent, or idle.
        tokio::time::sleep(Duration::from_millis(3500)).await;
        stream.send_data("http/2".into(), true).unwrap();
        while let Some(data) = body.data().await {
            read.extend_from_slice(&data.unwrap());
        }
        assert_eq!(String::from_utf8(read).unwrap(), "earlyover http/2");
    });
}

#[test]
fn a_websocket_that_the_server_does_not_switch_to_is_none() {
    let (origin, wrong) = (websocket_origin(false), websocket_origin(true));
    let proxies = [&origin, &wrong].map(|origin| Proxy::start(Site::of(&[origin])));
    run(async {
        for (proxy, path, expected) in [
            (&proxies[0], "/refused", 403),
            (&proxies[0], "/unswitched", 502),
            (&proxies[1], "/chat?x=1", 502),
        ] {
            let (sender, _ended) = connect(proxy).await;
            ask(&sender, get("/refused")).await;
            let (response, _stream) = websocket(&sender, path).await;
            assert_eq!(response.status(), expected, "{path}");
        }
    });
}

#[test]
fn a_request_goes_on_while_its_response_is_not_taken() {
    const LONG: usize = 4 * 1024 * 1024;
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 2 * LONG);
        wire.send(head);
        wire.send("y".repeat(LONG / 4));
        assert!(wire.read_exact(LONG).is_some(), "the whole request");
        wire.send("y".repeat(2 * LONG - LONG / 4));
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    run(async {
        let (sender, _ended) = connect(&proxy).await;
        let mut sender = sender.ready().await.unwrap();
        let request = Request::post("http://a.test/")
            .header("content-length", LONG)
            .body(())
            .unwrap();
        let (response, mut stream) = sender.send_request(request, false).unwrap();
        let untaken = response.await.unwrap().into_body();
        let mut left = LONG;
        while left > 0 {
            stream.reserve_capacity(left);
            let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
            let room = room.unwrap().unwrap();
            left -= room;
            let data = Bytes::from("x".repeat(room));
            stream.send_data(data, left == 0).unwrap();
        }
        assert_eq!(read(untaken).await.0.len(), 2 * LONG);
    });
}

#[test]
fn trailers_of_requests_pass_from_http_2_to_http_2() {
    let mut site = Site::at(vec![super::forwarding::http2_origin()]);
    site.servers[0].scheme = proto::Scheme::H2c.into();
    let proxy = Proxy::start(site);
    let said = run(async {
        let (sender, _ended) = connect(&proxy).await;
        let mut sender = sender.ready().await.unwrap();
        let request = Request::post("http://a.test/").body(()).unwrap();
        let (response, mut stream) = sender.send_request(request, false).unwrap();
        stream.send_data("hi".into(), false).unwrap();
        let mut trailers = HeaderMap::new();
        for name in ["x-sum", "x-forwarded-for", "authorization"] {
            trailers.insert(name, "6.6.6.6".parse().unwrap());
        }
        stream.send_trailers(trailers).unwrap();
        read(response.await.unwrap().into_body()).await.0
    });
    assert_eq!(said, "HTTP/2.0 POST http://a.test/ hi x-sum");
}
