//! The tunnel of a WebSocket is transparent: whatever a client sends, well formed or
//! not, the answers are byte for byte those that it gets from the server itself, over
//! HTTP/1.1 and over HTTP/2 (RFC 8441).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fairway_tests::raw_client::RawClient;
use fairway_tests::wait::wait_for;
use fairway_tests::world::{World, routed};
use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

const CASES: u64 = 60;
const LARGEST_MESSAGE: usize = 300_000;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Echoes messages, answers pings, and does with what breaks the rules as tungstenite
/// does.
async fn echo(tcp: TcpStream) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    let Ok(mut socket) = tokio_tungstenite::accept_async_with_config(tcp, Some(config)).await
    else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            break;
        }
    }
    let _ = socket.flush().await;
    // A close with something unread would be a reset, and lose what was said last.
    let tcp = socket.get_mut();
    let _ = tokio::io::AsyncWriteExt::shutdown(tcp).await;
    let mut rest = [0; 4096];
    while let Ok(1..) = tcp.read(&mut rest).await {}
}

async fn serve(address: SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(echo(tcp));
        }
    });
}

/// What a client says after the handshake, in pieces that are written one by one.
fn script(seed: u64) -> Vec<Vec<u8>> {
    let random = &mut StdRng::seed_from_u64(seed);
    let mut bytes = Vec::new();
    for _ in 0..random.random_range(1..6) {
        message(random, &mut bytes);
    }
    if random.random_bool(0.4) {
        violation(random, &mut bytes);
    }
    let code = [1000, 1001, 1005, 3000, 4999, 0][random.random_range(0..6)];
    let reason = [&u16::to_be_bytes(code)[..], b"bye"].concat();
    frame(random, true, 0, CLOSE, &reason, &mut bytes);
    // Bytes do not keep the bounds of frames.
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let most = bytes.len().min(70_000);
        let rest = bytes.split_off(random.random_range(1..=most));
        pieces.push(std::mem::replace(&mut bytes, rest));
    }
    pieces
}

/// A message, in fragments or whole, with pings between them.
fn message(random: &mut StdRng, bytes: &mut Vec<u8>) {
    const SIZES: [usize; 11] = [
        0, 1, 7, 125, 126, 127, 4096, 65_535, 65_536, 65_537, 100_000,
    ];
    let size = SIZES[random.random_range(0..SIZES.len())];
    let is_text = random.random_bool(0.5);
    let payload: Vec<u8> = if is_text {
        "wörter ".bytes().cycle().take(size / 8 * 8).collect()
    } else {
        (0..size).map(|_| random.random()).collect()
    };
    let mut opcode = if is_text { TEXT } else { BINARY };
    let mut rest = &payload[..];
    while random.random_bool(0.4) {
        let (part, after) = rest.split_at(random.random_range(0..=rest.len()));
        frame(random, false, 0, opcode, part, bytes);
        (opcode, rest) = (CONTINUATION, after);
        if random.random_bool(0.5) {
            let kind = [PING, PONG][random.random_range(0..2)];
            frame(random, true, 0, kind, b"are you there", bytes);
        }
    }
    frame(random, true, 0, opcode, rest, bytes);
}

/// Something that no client may send.
fn violation(random: &mut StdRng, bytes: &mut Vec<u8>) {
    match random.random_range(0..8) {
        0 => frame(random, true, 4, TEXT, b"reserved bit", bytes),
        1 => frame(random, true, 0, 3, b"reserved opcode", bytes),
        2 => frame(random, false, 0, PING, b"fragment of a ping", bytes),
        3 => frame(random, true, 0, PING, &[b'p'; 126], bytes),
        4 => frame(random, true, 0, TEXT, b"\xff\xfe no text", bytes),
        5 => frame(random, true, 0, CONTINUATION, b"of nothing", bytes),
        6 => bytes.extend(b"\x81\x05hello"),
        _ => frame(
            random,
            true,
            0,
            BINARY,
            &vec![0; LARGEST_MESSAGE + 1],
            bytes,
        ),
    }
}

fn frame(
    random: &mut StdRng,
    fin: bool,
    reserved: u8,
    opcode: u8,
    payload: &[u8],
    bytes: &mut Vec<u8>,
) {
    const MASKED: u8 = 0x80;
    bytes.push(u8::from(fin) << 7 | reserved << 4 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => bytes.push(MASKED | length),
        (_, Ok(length)) => {
            bytes.push(MASKED | 126);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(MASKED | 127);
            bytes.extend(u64::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    let mask: [u8; 4] = random.random();
    bytes.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
}

/// What the server says to a script, to the end of the connection.
async fn over_http1(address: SocketAddr, script: &[Vec<u8>]) -> Vec<u8> {
    let mut client = RawClient::connect(address).await.unwrap();
    let handshake = "GET /chat HTTP/1.1\r\nHost: ws.test\r\nConnection: Upgrade\r\n\
                     Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.send(handshake).await.unwrap();
    let head = client.read_head().await.unwrap();
    assert_eq!(head.status, 101);
    assert_eq!(
        head.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    for piece in script {
        client.send(piece).await.unwrap();
    }
    client.finish_sending().await.unwrap();
    client.read_to_end().await.unwrap()
}

async fn over_http2(address: SocketAddr, script: &[Vec<u8>]) -> Vec<u8> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(tcp).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    // What the server allows is known with its first frame.
    while !sender.is_extended_connect_protocol_enabled() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut request = Request::connect("http://ws.test/chat")
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    let protocol = h2::ext::Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    let (response, mut stream) = sender.send_request(request, false).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    for piece in script {
        stream
            .send_data(Bytes::copy_from_slice(piece), false)
            .unwrap();
    }
    stream.send_data(Bytes::new(), true).unwrap();
    let mut body = response.into_body();
    let mut said = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        said.extend_from_slice(&data);
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_through_a_proxy_is_the_websocket_itself() {
    let world = World::start().await;
    let spec = routed("ws", "ws", "Host(`ws.test`)").port(world.backend_port());
    world.engine().run(spec);
    let container = world.engine().address("ws", None).unwrap();
    let server = SocketAddr::new(container.into(), world.backend_port());
    serve(server).await;
    wait_for("a route", || async {
        (world.get("ws.test", "/").await.status() != 404).then_some(())
    })
    .await;
    let (mut echoed, mut refused) = (0, 0);
    for seed in 0..CASES {
        let script = script(seed);
        let direct = over_http1(server, &script).await;
        assert!(over_http1(world.http(), &script).await == direct, "{seed}");
        assert!(over_http2(world.http(), &script).await == direct, "{seed}");
        echoed += usize::from(direct.len() > 1000);
        refused += usize::from(direct.len() < 10);
    }
    // The scripts say something, and break something.
    assert!(echoed > 10 && refused > 0, "{echoed} {refused}");
}
