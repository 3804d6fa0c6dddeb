//! Bytes on a socket, for both ends: raw clients and scripted origins.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than the proxy keeps an idle connection: an origin that closes one is tried
/// again elsewhere, which a slow machine would then show.
const POOLED: Duration = Duration::from_secs(100);

/// A socket and what was read ahead.
pub(super) struct Wire {
    stream: TcpStream,
    ahead: Vec<u8>,
    reset: bool,
}

/// A message: head and body, framing taken off.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) head: String,
    pub(super) body: String,
    /// The trailer lines, if any.
    pub(super) trailers: String,
    /// The body ended as its framing says.
    pub(super) complete: bool,
}

/// A scripted server on loopback.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<Message>>>,
}

impl Wire {
    pub(super) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    pub(super) fn connect_from(client: Ipv4Addr, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((client, 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::new(socket.into())
    }

    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            ahead: Vec::new(),
            reset: false,
        }
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).unwrap();
    }

    pub(super) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Leaves as somebody does whose process has died.
    pub(super) fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    pub(super) fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Up to and with the empty line; `None` at the end of the stream.
    pub(super) fn read_head(&mut self) -> Option<String> {
        self.read_through(b"\r\n\r\n")
    }

    pub(super) fn read_exact(&mut self, count: usize) -> Option<String> {
        while self.ahead.len() < count {
            if !self.fill() {
                return None;
            }
        }
        Some(self.take(count))
    }

    /// As [`read_exact`](Self::read_exact), for what is no text.
    pub(super) fn read_bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < count {
            if !self.fill() {
                return None;
            }
        }
        let rest = self.ahead.split_off(count);
        Some(std::mem::replace(&mut self.ahead, rest))
    }

    /// What comes before the end of the stream.
    pub(super) fn read_to_end(&mut self) -> String {
        while self.fill() {}
        self.take(self.ahead.len())
    }

    /// Nothing more comes: the other side has closed.
    pub(super) fn is_closed(&mut self) -> bool {
        self.ahead.is_empty() && !self.fill()
    }

    /// The stream ended in an error, not in a clean close.
    pub(super) fn was_reset(&self) -> bool {
        self.reset
    }

    /// Nothing comes within `time`.
    pub(super) fn is_silent(&mut self, time: Duration) -> bool {
        if !self.ahead.is_empty() {
            return false;
        }
        self.stream.set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        let result = self.stream.peek(&mut byte);
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// A request or a response (not one to HEAD).
    pub(super) fn read_message(&mut self) -> Option<Message> {
        let head = self.read_head()?;
        let mut message = Message {
            head,
            body: String::new(),
            trailers: String::new(),
            complete: true,
        };
        let bodyless = [
            "HTTP/1.1 101",
            "HTTP/1.1 204",
            "HTTP/1.1 304",
            "HTTP/1.1 100",
        ]
        .iter()
        .any(|start| message.head.starts_with(start));
        if bodyless {
            return Some(message);
        }
        if message.header("transfer-encoding").is_some() {
            self.read_chunks(&mut message);
        } else if let Some(length) = message.header("content-length") {
            match self.read_exact(length.parse().unwrap()) {
                Some(body) => message.body = body,
                None => {
                    message.body = self.read_to_end();
                    message.complete = false;
                }
            }
        } else if message.head.starts_with("HTTP/") {
            message.body = self.read_to_end();
        }
        Some(message)
    }

    fn read_chunks(&mut self, message: &mut Message) {
        loop {
            let size = self.read_through(b"\r\n");
            let size = size.and_then(|line| usize::from_str_radix(line.trim(), 16).ok());
            match size {
                Some(0) => break,
                // The end of a chunk apart: what is not text is longer as text.
                Some(size) => match self.read_exact(size).zip(self.read_exact(2)) {
                    Some((chunk, _)) => message.body.push_str(&chunk),
                    None => {
                        message.complete = false;
                        return;
                    }
                },
                None => {
                    message.complete = false;
                    return;
                }
            }
        }
        while let Some(line) = self.read_through(b"\r\n") {
            if line == "\r\n" {
                return;
            }
            message.trailers.push_str(&line);
        }
        message.complete = false;
    }

    fn read_through(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self
                .ahead
                .windows(end.len())
                .position(|window| window == end)
            {
                return Some(self.take(at + end.len()));
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn take(&mut self, count: usize) -> String {
        let rest = self.ahead.split_off(count);
        String::from_utf8_lossy(&std::mem::replace(&mut self.ahead, rest)).into_owned()
    }

    /// False at the end of the stream, however it ends.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.ahead.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                panic!("nothing came in {PATIENCE:?}")
            }
            Err(_) => {
                self.reset = true;
                false
            }
        }
    }
}

impl Message {
    pub(super) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Method and target, of a request.
    pub(super) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers(name);
        let value = values.next();
        assert!(values.next().is_none(), "{name} twice in {}", self.head);
        value
    }

    fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.head.lines().skip(1).filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

impl Origin {
    /// Answers every request with 200 and `name`.
    pub(super) fn named(name: &'static str) -> Self {
        Self::answering(move |_| {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}",
                name.len()
            )
        })
    }

    /// Answers every request of every connection.
    pub(super) fn answering(answer: impl Fn(&Message) -> String + Send + Sync + 'static) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&requests);
        let address = listen(move |mut wire| {
            while let Some(request) = wire.read_message() {
                let answer = answer(&request);
                noted.lock().unwrap().push(request);
                if wire.try_send(answer).is_err() {
                    return;
                }
            }
        });
        Self { address, requests }
    }

    /// Runs `script` for every connection; its number comes first.
    pub(super) fn scripted(script: impl Fn(usize, Wire) + Send + Sync + 'static) -> Self {
        let count = Arc::new(Mutex::new(0));
        let address = listen(move |wire| {
            let number = {
                let mut count = count.lock().unwrap();
                *count += 1;
                *count
            };
            script(number, wire);
        });
        Self {
            address,
            requests: Arc::default(),
        }
    }

    /// The requests seen so far; forgets them.
    pub(super) fn requests(&self) -> Vec<Message> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// The one request seen so far.
    pub(super) fn request(&self) -> Message {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

fn listen(serve: impl Fn(Wire) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let serve = Arc::clone(&serve);
            let wire = Wire::new(stream);
            wire.stream.set_read_timeout(Some(POOLED)).unwrap();
            thread::spawn(move || serve(wire));
        }
    });
    address
}
