//! A server that understands nothing: it keeps every byte it gets and answers
//! each request head with the bytes it was given.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::lock;

/// What it does with a connection.
#[derive(Debug, Clone)]
pub struct Script {
    /// Sent when a head (up to an empty line) was read, one for each head, the
    /// last one again and again.
    pub answers: Vec<Vec<u8>>,
    /// Close after the last answer.
    pub close: bool,
}

/// A running recorder. Dropping it ends it.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    abort: AbortHandle,
}

impl Recorder {
    /// Starts on `address`.
    pub async fn start(address: SocketAddr, script: Script) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let address = listener.local_addr().expect("the address listened on");
        let received: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&received);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut kept = lock(&kept);
                    kept.push(Vec::new());
                    kept.len() - 1
                };
                connections.spawn(record(stream, number, Arc::clone(&kept), script.clone()));
            }
        });
        Self {
            address,
            received,
            abort: task.abort_handle(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bytes of each connection, in the order they were opened.
    pub fn received(&self) -> Vec<Vec<u8>> {
        lock(&self.received).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

async fn record(
    mut stream: TcpStream,
    number: usize,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    script: Script,
) {
    let mut buffer = vec![0; 16 * 1024];
    let (mut heads, mut searched) = (0, 0);
    loop {
        let Ok(read @ 1..) = stream.read(&mut buffer).await else {
            return;
        };
        let found = {
            let mut kept = lock(&kept);
            let bytes = &mut kept[number];
            bytes.extend_from_slice(&buffer[..read]);
            let mut found = 0;
            while let Some(end) = find(&bytes[searched..], b"\r\n\r\n") {
                searched += end + 4;
                found += 1;
            }
            found
        };
        for _ in 0..found {
            let answer = script.answers.get(heads).or(script.answers.last());
            heads += 1;
            if let Some(answer) = answer
                && stream.write_all(answer).await.is_err()
            {
                return;
            }
        }
        if script.close && heads >= script.answers.len() && found > 0 {
            return;
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
