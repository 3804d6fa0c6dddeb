//! Messages over WebSocket that come back: the load, and the server that sends them
//! back. Both are programs of their own: `bench websocket-load` and `bench echo`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Seen, output_of};
use crate::peer::{ECHO, HOST};

/// Bytes of one message.
const MESSAGE: usize = 64;
/// A frame from a client has a mask of four bytes behind its two of head (RFC 6455 §5.2).
const ASKED: usize = 2 + 4 + MESSAGE;
const ANSWERED: usize = 2 + MESSAGE;
/// One whole message of bytes.
const BINARY: u8 = 0x82;

pub(super) fn run(address: SocketAddr, sockets: u32, seconds: u32) -> anyhow::Result<Seen> {
    let program = std::env::current_exe()?.to_string_lossy().into_owned();
    let arguments = [
        "websocket-load".to_owned(),
        address.to_string(),
        sockets.to_string(),
        seconds.to_string(),
    ];
    let text = output_of(&program, &arguments)?;
    let mut words = text.split_whitespace().map(str::parse::<u64>);
    let mut next = || {
        words
            .next()
            .and_then(Result::ok)
            .with_context(|| text.clone())
    };
    let (requests, failed) = (next()?, next()?);
    #[allow(clippy::cast_precision_loss, reason = "a few billion at most")]
    let rate = requests as f64 / f64::from(seconds);
    Ok(Seen {
        requests,
        rate,
        p99_ms: 0.0,
        failed,
    })
}

/// `websocket-load ADDRESS SOCKETS SECONDS`: prints messages that came back, and sockets
/// that broke.
pub(crate) async fn load(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut next = || arguments.next().context("ADDRESS SOCKETS SECONDS");
    let address: SocketAddr = next()?.parse()?;
    let sockets: u32 = next()?.parse()?;
    let time = Duration::from_secs(next()?.parse()?);
    let mut opened = Vec::new();
    for _ in 0..sockets {
        opened.push(open(address).await?);
    }
    let until = Instant::now() + time;
    let mut talking = JoinSet::new();
    for socket in opened {
        talking.spawn(talk(socket, until));
    }
    let (mut messages, mut failed) = (0, 0);
    while let Some(ended) = talking.join_next().await {
        match ended? {
            Ok(count) => messages += count,
            Err(_) => failed += 1,
        }
    }
    println!("{messages} {failed}");
    Ok(())
}

async fn open(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let request = format!(
        "GET {ECHO} HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let head = read_head(&mut socket).await?;
    ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
    Ok(socket)
}

async fn talk(mut socket: TcpStream, until: Instant) -> anyhow::Result<u64> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![BINARY, 0x80 | u8::try_from(MESSAGE)?];
    frame.extend(mask);
    frame.extend((0..MESSAGE).map(|at| b'x' ^ mask[at % 4]));
    let mut answer = [0; ANSWERED];
    let mut count = 0;
    while Instant::now() < until {
        socket.write_all(&frame).await?;
        socket.read_exact(&mut answer).await?;
        ensure!(
            answer[2..].iter().all(|byte| *byte == b'x'),
            "another message came back"
        );
        count += 1;
    }
    Ok(count)
}

/// `echo ADDRESS`: a server that sends every message back.
pub(crate) async fn echo(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let address: SocketAddr = arguments.next().context("ADDRESS")?.parse()?;
    let listener = TcpListener::bind(address).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(send_back(socket));
    }
}

async fn send_back(mut socket: TcpStream) -> anyhow::Result<()> {
    socket.set_nodelay(true)?;
    let head = read_head(&mut socket).await?;
    if !head.to_ascii_lowercase().contains("upgrade: websocket") {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return Ok(socket.write_all(answer.as_bytes()).await?);
    }
    // The answer to the one key that the load has (RFC 6455 §1.3).
    let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    socket.write_all(answer.as_bytes()).await?;
    let mut frame = [0; ASKED];
    while socket.read_exact(&mut frame).await.is_ok() {
        let mut answer = vec![BINARY, u8::try_from(MESSAGE)?];
        let (mask, message) = frame[2..].split_at(4);
        answer.extend(
            message
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        socket.write_all(&answer).await?;
    }
    Ok(())
}

async fn read_head(socket: &mut TcpStream) -> anyhow::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
