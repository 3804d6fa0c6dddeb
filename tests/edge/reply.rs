//! What a client reads off its connection, taken apart as a strict client would.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::fixture::Outcome;
use crate::origin::value;

/// An answer may still be followed by another, or by a close, this long.
const SETTLE: Duration = Duration::from_millis(30);

/// The longest wait for the next byte or the close.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Everything that came back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Conversation {
    /// Whole answers in order, without 100.
    pub(crate) replies: Vec<Reply>,
    /// Bytes behind them that are no whole answer.
    pub(crate) rest: usize,
    pub(crate) closed: bool,
}

impl Conversation {
    /// Could it end here, as one of these? Informational answers may come before.
    pub(crate) fn is(&self, outcomes: &[Outcome]) -> bool {
        outcomes.iter().any(|outcome| {
            let is_final = |status: &u16| *status >= 200 || *status == 101;
            let statuses = self.replies.iter().map(|reply| reply.status);
            statuses
                .filter(is_final)
                .eq(outcome.statuses.iter().copied())
                && (self.closed || !outcome.closed)
                && (self.rest > 0) == outcome.cut
        })
    }

    /// In the words of the fixtures.
    pub(crate) fn words(&self) -> String {
        let statuses: Vec<String> = self
            .replies
            .iter()
            .map(|it| it.status.to_string())
            .collect();
        let part = if self.rest > 0 { " and a part" } else { "" };
        match (statuses.is_empty(), self.closed) {
            (true, true) => format!("closed{part}"),
            (true, false) => format!("silence{part}"),
            (false, true) => format!("{}!{part}", statuses.join(" ")),
            (false, false) => format!("{}{part}", statuses.join(" ")),
        }
    }
}

/// Sends bytes on a connection of its own and listens until what came back is one of
/// the outcomes and nothing follows, or until nothing more can come.
pub(crate) async fn converse(
    address: SocketAddr,
    request: &[u8],
    outcomes: &[Outcome],
) -> io::Result<Conversation> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut read, mut write) = stream.into_split();
    let sending = request.to_vec();
    // Beside the reading: an edge may answer, and close, before it has read everything.
    let sender = tokio::spawn(async move {
        let _ = write.write_all(&sending).await;
        write
    });
    let head_only = request.starts_with(b"HEAD ");
    let mut buffer = Vec::new();
    let mut conversation = Conversation::default();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let settles = conversation.is(outcomes);
        let until = if settles {
            deadline.min(Instant::now() + SETTLE)
        } else {
            deadline
        };
        match timeout_at(until, read.read_buf(&mut buffer)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(_) | Err(_)) => conversation.closed = true,
            Err(_) => break,
        }
        let (replies, rest) = replies(&buffer, head_only, conversation.closed);
        (conversation.replies, conversation.rest) = (replies, rest);
        if conversation.closed {
            break;
        }
    }
    sender.abort();
    Ok(conversation)
}

/// One request whose answer ends by itself.
pub(crate) async fn ask(address: SocketAddr, host: &str, target: &str) -> io::Result<Reply> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let conversation = converse(address, request.as_bytes(), &[]);
    let conversation = timeout(PATIENCE, conversation).await??;
    let found = conversation.replies.into_iter().next();
    found.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Whole answers and how many bytes are left behind them.
fn replies(mut bytes: &[u8], mut head_only: bool, closed: bool) -> (Vec<Reply>, usize) {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let Some((reply, rest)) = reply(bytes, head_only, closed) else {
            break;
        };
        bytes = rest;
        if reply.status == 100 {
            continue;
        }
        if reply.status >= 200 {
            head_only = false;
        }
        let switched = reply.status == 101;
        replies.push(reply);
        if switched {
            // What follows is no HTTP.
            return (replies, 0);
        }
    }
    (replies, bytes.len())
}

fn reply(bytes: &[u8], head_only: bool, closed: bool) -> Option<(Reply, &[u8])> {
    let mut headers = vec![httparse::EMPTY_HEADER; 1000];
    let mut parsed = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = parsed.parse(bytes) else {
        return None;
    };
    let lower = |header: &httparse::Header<'_>| {
        let value = String::from_utf8_lossy(header.value).into_owned();
        (header.name.to_ascii_lowercase(), value)
    };
    let mut reply = Reply {
        status: parsed.code?,
        headers: parsed.headers.iter().map(lower).collect(),
        body: Vec::new(),
    };
    let rest = bytes.get(length..)?;
    let bodyless = reply.status < 200 || matches!(reply.status, 204 | 304);
    if head_only || bodyless {
        return Some((reply, rest));
    }
    if value(&reply.headers, "transfer-encoding").is_some() {
        let (body, rest) = chunks(rest)?;
        reply.body = body;
        return Some((reply, rest));
    }
    match value(&reply.headers, "content-length") {
        Some(length) => {
            let length: usize = length.parse().ok()?;
            rest.get(..length)?.clone_into(&mut reply.body);
            Some((reply, rest.get(length..)?))
        }
        None if closed => {
            rest.clone_into(&mut reply.body);
            Some((reply, &[]))
        }
        None => None,
    }
}

fn chunks(mut bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|it| it == b"\r\n")?;
        let line = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let size = usize::from_str_radix(line, 16).ok()?;
        bytes = bytes.get(end + 2..)?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
    loop {
        let end = bytes.windows(2).position(|it| it == b"\r\n")?;
        bytes = bytes.get(end + 2..)?;
        if end == 0 {
            return Some((body, bytes));
        }
    }
}
