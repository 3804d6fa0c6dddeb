//! Many connections of clients that are up to no good, or only slow: opened together,
//! held until the other end lets go of them, and told how long that took.
//!
//! Only to loopback, from several addresses of it: one has no more than some 28 000
//! ports to connect from.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// Connections that are being opened at one time.
const OPENING: usize = 100;

/// For a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Small enough that a server notices a client that does not read.
const RECEIVE_BUFFER: u32 = 4096;

/// What such a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Says nothing.
    Silent,
    /// Says this and nothing more.
    Stuck(&'static str),
    /// A byte of a head, this often, for ever.
    SlowHead(Duration),
    /// A byte of a body, this often.
    SlowBody(Duration),
    /// A chunk of a byte, this often.
    SlowChunk(Duration),
    /// Asks for something large and does not read it for so long, then all that comes: a
    /// server that has given up on it ends in the middle, any other goes on for ever.
    Deaf(Duration),
    /// Gets one answer and keeps the connection.
    Idle,
}

/// Where it connects and what it asks for.
#[derive(Debug, Clone)]
pub struct Aim {
    /// The entry point.
    pub address: SocketAddr,
    /// `Host`.
    pub host: String,
    /// Request target.
    pub target: String,
}

/// Connections that are open.
#[derive(Debug)]
pub struct Swarm {
    members: JoinSet<Duration>,
    open: Arc<AtomicUsize>,
}

/// How a swarm ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Connections that the other end has closed.
    pub closed: usize,
    /// Connections still open when the time was up.
    pub left: usize,
    /// The longest from the connection to its close.
    pub longest: Duration,
}

impl Swarm {
    /// Opens `count` connections.
    ///
    /// # Errors
    /// If one is not accepted, or an [`Manner::Idle`] one does not get its answer.
    pub async fn gather(aim: &Aim, manner: Manner, count: usize) -> io::Result<Self> {
        let mut members = JoinSet::new();
        let open: Arc<AtomicUsize> = Arc::default();
        let mut opening = JoinSet::new();
        for number in 0..count {
            if opening.len() >= OPENING
                && let Some(opened) = opening.join_next().await
            {
                members.spawn(hold(opened??, manner, Arc::clone(&open)));
            }
            opening.spawn(connect(aim.clone(), manner, number));
        }
        while let Some(opened) = opening.join_next().await {
            members.spawn(hold(opened??, manner, Arc::clone(&open)));
        }
        Ok(Self { members, open })
    }

    /// Connections that the other end has not closed yet.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Waits until all are closed, or until the time is up.
    pub async fn outlast(mut self, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        let mut ended = Ended {
            closed: 0,
            left: 0,
            longest: Duration::ZERO,
        };
        while let Ok(Some(member)) = timeout_at(deadline, self.members.join_next()).await {
            ended.closed += 1;
            ended.longest = ended.longest.max(member.unwrap_or_default());
        }
        ended.left = self.members.len();
        ended
    }
}

async fn connect(aim: Aim, manner: Manner, number: usize) -> io::Result<(TcpStream, Instant)> {
    let socket = TcpSocket::new_v4()?;
    if matches!(manner, Manner::Deaf(_)) {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    let last = u8::try_from(number % 8).unwrap_or_default() + 2;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)))?;
    let mut stream = timeout(PATIENCE, socket.connect(aim.address)).await??;
    let (host, target) = (&aim.host, &aim.target);
    let lines = match manner {
        Manner::Silent => String::new(),
        Manner::Stuck(words) => words.to_owned(),
        Manner::SlowHead(_) => format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Slow: "),
        Manner::SlowBody(_) => {
            format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\n")
        }
        Manner::SlowChunk(_) => {
            format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n")
        }
        Manner::Deaf(_) | Manner::Idle => format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    };
    stream.write_all(lines.as_bytes()).await?;
    if manner == Manner::Idle {
        timeout(PATIENCE, read_answer(&mut stream)).await??;
    }
    Ok((stream, Instant::now()))
}

/// As far as it came at once: a small answer comes whole.
async fn read_answer(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    let mut length = 0;
    loop {
        length += match stream
            .read(bytes.get_mut(length..).unwrap_or_default())
            .await?
        {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        };
        let head = bytes.get(..length).unwrap_or_default();
        let Some(end) = head.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(head.get(..end).unwrap_or_default()).to_lowercase();
        let said = text.split("content-length:").nth(1);
        let said = said.and_then(|rest| rest.lines().next()?.trim().parse().ok());
        let body: usize = said.ok_or_else(|| io::Error::other(format!("no length: {text}")))?;
        if length >= end + 4 + body {
            return Ok(());
        }
    }
}

/// Behaves as told until the connection is closed; how long that took.
async fn hold(opened: (TcpStream, Instant), manner: Manner, open: Arc<AtomicUsize>) -> Duration {
    open.fetch_add(1, Ordering::Relaxed);
    let took = behave(opened, manner).await;
    open.fetch_sub(1, Ordering::Relaxed);
    took
}

async fn behave((mut stream, opened): (TcpStream, Instant), manner: Manner) -> Duration {
    let (bytes, every): (&[u8], _) = match manner {
        Manner::Silent | Manner::Stuck(_) | Manner::Idle => {
            let _ = stream.read(&mut [0]).await;
            return opened.elapsed();
        }
        Manner::Deaf(period) => {
            tokio::time::sleep(period).await;
            let mut scrap = vec![0; 64 * 1024];
            while let Ok(1..) = stream.read(&mut scrap).await {}
            return opened.elapsed();
        }
        Manner::SlowHead(every) | Manner::SlowBody(every) => (b"a", every),
        Manner::SlowChunk(every) => (b"1\r\na\r\n", every),
    };
    let (mut read, mut write) = stream.split();
    let mut scrap = vec![0; 256];
    loop {
        match timeout(every, read.read(&mut scrap)).await {
            // An answer may come first: 408.
            Ok(Ok(1..)) => {}
            Ok(_) => return opened.elapsed(),
            Err(_) => {
                if write.write_all(bytes).await.is_err() {
                    return opened.elapsed();
                }
            }
        }
    }
}
