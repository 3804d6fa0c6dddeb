//! A server that reads as strictly as can be: it keeps every request and every breach
//! of the syntax, answers what it is told, and otherwise says what it was asked.
//!
//! It stands for every server behind an edge: whatever two of them could read
//! differently is a breach here.

mod request;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use self::request::{Read, Reader};
pub(crate) use self::request::{Received, value};
use crate::fixture::Then;

/// Requests for this path are not kept, and always get the usual answer.
pub(crate) const GOOD: &str = "/good";

/// A WebSocket at a path that ends so gets this many bytes when it has finished sending.
pub(crate) const LATE: &str = "/late";
pub(crate) const LATE_BYTES: usize = 1024 * 1024;

/// When a server says something nobody asked for: the connection is idle by then.
const REPEAT: Duration = Duration::from_millis(10);

/// `Sec-WebSocket-Accept` of the key that the fixtures use.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Origin {
    state: Arc<Mutex<State>>,
    abort: AbortHandle,
}

/// What a server answers to upgrades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing special.
    Plain,
    /// Switches to WebSocket, version 13, and echoes.
    WebSocket,
    /// 403.
    Refusing,
}

/// An answer in place of the usual one.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) answer: Vec<u8>,
    pub(crate) then: Then,
    /// Before the body was read.
    pub(crate) early: bool,
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    breaches: Vec<String>,
    script: Option<Script>,
    /// Requests begun, not whole, on connections that are still open.
    open: usize,
}

impl Origin {
    pub(crate) async fn start(name: &'static str, kind: Kind, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(name, kind, stream, Arc::clone(&shared)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            state,
            abort: task.abort_handle(),
        }
    }

    /// Until the next [`Origin::take`] requests get these bytes, then this is done.
    pub(crate) fn script(&self, script: Script) {
        lock(&self.state).script = Some(script);
    }

    /// What came since the last call; breaches of the syntax apart.
    pub(crate) fn take(&self) -> (Vec<Received>, Vec<String>) {
        let mut state = lock(&self.state);
        state.script = None;
        (
            std::mem::take(&mut state.received),
            std::mem::take(&mut state.breaches),
        )
    }

    /// Requests that have begun and could still go on.
    pub(crate) fn unfinished(&self) -> usize {
        lock(&self.state).open
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

async fn serve(name: &'static str, kind: Kind, mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let _ = stream.set_nodelay(true);
    let mut reader = Reader::default();
    let mut begun = false;
    loop {
        match reader.next() {
            Ok(Read::More) => {
                let read = stream.read_buf(reader.buffer()).await;
                if !matches!(read, Ok(1..)) {
                    break;
                }
            }
            Ok(Read::Head(head)) => {
                if head.header("expect").is_some() {
                    let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
                }
                begun = true;
                lock(&state).open += 1;
                if let Some(script) = script_for(&state, &head)
                    && script.early
                {
                    let _ = stream.write_all(&script.answer).await;
                }
            }
            Ok(Read::Whole(request)) => {
                begun = false;
                lock(&state).open -= 1;
                if !answer(name, kind, &mut stream, &state, request).await {
                    return;
                }
            }
            Err(breach) => {
                lock(&state).breaches.push(format!("{name}: {breach}"));
                break;
            }
        }
    }
    let rest = reader.rest();
    let mut state = lock(&state);
    if begun {
        state.open -= 1;
    }
    if let Some(rest) = rest {
        if rest.target.is_empty() {
            let breach = format!("{name}: closed within a head: {rest:?}");
            state.breaches.push(breach);
        } else {
            state.received.push(rest);
        }
    }
}

/// False when the connection is over.
async fn answer(
    name: &str,
    kind: Kind,
    stream: &mut TcpStream,
    state: &Mutex<State>,
    mut request: Received,
) -> bool {
    request.server = name.to_owned();
    let good = request.target.starts_with(GOOD);
    let script = script_for(state, &request);
    let asked = format!("{name} {} {}", request.method, request.target);
    let head_only = request.method == "HEAD";
    let upgrade = request.header("upgrade").is_some();
    let version = request.header("sec-websocket-version").map(str::to_owned);
    if !good {
        lock(state).received.push(request);
    }
    if let Some(script) = script {
        if !script.early {
            let _ = stream.write_all(&script.answer).await;
        }
        return match script.then {
            Then::Stay => true,
            Then::Repeat => {
                tokio::time::sleep(REPEAT).await;
                stream.write_all(&script.answer).await.is_ok()
            }
            Then::Close => {
                let _ = stream.shutdown().await;
                false
            }
            Then::Reset => {
                let _ = stream.set_zero_linger();
                false
            }
        };
    }
    let plain = |status: &str| {
        let body = if head_only { "" } else { &asked };
        let length = asked.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nX-Origin: {name}\r\n\r\n{body}")
    };
    let bytes = match kind {
        Kind::WebSocket if upgrade && version.as_deref() == Some("13") => {
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
            );
            if stream.write_all(head.as_bytes()).await.is_ok() {
                let (mut read, mut write) = stream.split();
                if asked.ends_with(LATE) {
                    let _ = tokio::io::copy(&mut read, &mut tokio::io::sink()).await;
                    let _ = write.write_all(&vec![b'y'; LATE_BYTES]).await;
                } else {
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                }
            }
            return false;
        }
        Kind::WebSocket if upgrade => plain("426 Upgrade Required"),
        Kind::Refusing if upgrade => plain("403 Forbidden"),
        _ => plain("200 OK"),
    };
    stream.write_all(bytes.as_bytes()).await.is_ok()
}

/// What the case has in place of the usual answer.
fn script_for(state: &Mutex<State>, request: &Received) -> Option<Script> {
    let script = lock(state).script.clone();
    script.filter(|_| !request.target.starts_with(GOOD))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
