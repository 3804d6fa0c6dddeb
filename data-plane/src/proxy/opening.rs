//! How a client's connection begins: a PROXY header or none, then HTTP/1 or HTTP/2.
//!
//! First of a connection, under the limit of a connection that has sent nothing: a
//! client cannot keep it waiting by sending half of something. Nothing is taken for
//! HTTP before it is known that it is no PROXY header: one of a peer that the entry
//! point does not believe ends the connection. TLS, where an entry point has it, comes
//! between the two and then knows the protocol by ALPN.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use tokio::net::TcpStream;

use super::client_socket::ClientSocket;
use super::connection::{self, Client};
use super::fill::poll_fill;
use super::http2;
use super::patience::{Patience, Verdict};
use super::proxy_protocol::{self, ProxyHeaderError, V1_SIGNATURE, V2_SIGNATURE};
use crate::worker::Worker;

/// What a client that speaks HTTP/2 without asking sends first.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    ProxyHeader,
    Http1,
    Http2,
}

/// Why a connection ended before a request.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// By the client, or by our own order.
    #[error("closed before a request")]
    Closed,
    /// The socket's.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// A believed peer sent something that is none.
    #[error(transparent)]
    ProxyHeader(#[from] ProxyHeaderError),
    /// Anybody could say anything.
    #[error("a PROXY header of a peer that is not in proxyProtocol.trustedIPs")]
    Unbelieved,
}

/// A connection whose protocol is known.
enum Opened {
    Http1(Rc<Client>, Rc<ClientSocket>),
    /// Boxed so that connections without it do not carry its state.
    Http2(Rc<Client>, Pin<Box<dyn Future<Output = hyper::Result<()>>>>),
}

/// Serves a connection until it is closed.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    entry_point: Rc<str>,
    tcp: TcpStream,
    peer: SocketAddr,
) {
    let patience = Rc::new(Patience::new(worker.clock.clone()));
    let registration = worker.register(&entry_point, &patience);
    // A future of its own: it is gone when requests are served.
    let opened = open(worker, entry_point, tcp, peer, patience).await;
    match opened {
        None => {}
        Some(Opened::Http1(client, socket)) => {
            if let Err(error) = connection::serve(&client, &socket).await {
                let (entrypoint, peer) = (&*client.entry_point, client.peer);
                tracing::debug!(entrypoint, %peer, %error, "connection ended");
            }
        }
        Some(Opened::Http2(client, served)) => {
            if let Err(error) = served.await {
                let (entrypoint, peer) = (&*client.entry_point, client.peer);
                tracing::debug!(entrypoint, %peer, %error, "HTTP/2 connection ended");
            }
        }
    }
    drop(registration);
}

/// Finds out who speaks, and how. `None`: the connection was refused.
async fn open(
    worker: Rc<Worker>,
    entry_point: Rc<str>,
    mut tcp: TcpStream,
    peer: SocketAddr,
    patience: Rc<Patience>,
) -> Option<Opened> {
    // A scope id means nothing to anyone else; a mapped address is an IPv4 one.
    let mut peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let (believed, limits, terms) =
        worker.with_table(|table| match table.entry_point(&entry_point) {
            Some(it) => (it.reads_proxy_header_of(peer.ip()), it.http2(), *it.terms()),
            None => Default::default(),
        });
    patience.agree(terms);
    let mut opening = Opening {
        tcp: &mut tcp,
        early: BytesMut::new(),
        patience: &patience,
    };
    let protocol = match opening.protocol(believed, &mut peer).await {
        Ok(protocol) => protocol,
        Err(error) => {
            let peer = peer.ip();
            tracing::debug!(entrypoint = &*entry_point, %peer, %error, "connection refused");
            return None;
        }
    };
    let early = opening.early;
    if protocol == Beginning::Http2 {
        let client = Rc::new(Client::new(worker, entry_point, peer, patience, None));
        let served = http2::serve(Rc::clone(&client), tcp, early, limits, terms);
        return Some(Opened::Http2(client, Box::pin(served)));
    }
    let socket = ClientSocket::new(tcp, early, Rc::clone(&patience));
    let socket = Rc::new(socket.limited_to(terms.max_header_bytes));
    let of_client = Some(Rc::clone(&socket));
    let client = Client::new(worker, entry_point, peer, patience, of_client);
    Some(Opened::Http1(Rc::new(client), socket))
}

/// The first bytes of a connection. What is read stays in `early`, for who comes next.
struct Opening<'a> {
    tcp: &'a mut TcpStream,
    early: BytesMut,
    patience: &'a Patience,
}

impl Opening<'_> {
    /// Reads the PROXY header, if it is `believed`, and finds out what follows.
    async fn protocol(
        &mut self,
        believed: bool,
        peer: &mut SocketAddr,
    ) -> Result<Beginning, Refusal> {
        if believed && self.beginning().await? == Beginning::ProxyHeader {
            let header = loop {
                match proxy_protocol::parse(&self.early)? {
                    Some(header) => break header,
                    None => self.receive().await?,
                }
            };
            self.early.advance(header.length.min(self.early.len()));
            if let Some(source) = header.source {
                *peer = SocketAddr::new(source.ip().to_canonical(), source.port());
            }
        }
        match self.beginning().await? {
            Beginning::ProxyHeader => Err(Refusal::Unbelieved),
            protocol => Ok(protocol),
        }
    }

    /// Receives until it is known what comes.
    async fn beginning(&mut self) -> Result<Beginning, Refusal> {
        loop {
            if let Some(beginning) = recognise(&self.early) {
                return Ok(beginning);
            }
            self.receive().await?;
        }
    }

    /// Receives something, unless the connection is to end.
    async fn receive(&mut self) -> Result<(), Refusal> {
        poll_fn(|cx| {
            let ordered = self.patience.ordered(cx.waker());
            if ordered == Verdict::Cut {
                return Poll::Ready(Err(Refusal::Closed));
            }
            match poll_fill(self.tcp, cx, &mut self.early, 0) {
                Poll::Ready(Ok(0)) => Poll::Ready(Err(Refusal::Closed)),
                Poll::Ready(received) => Poll::Ready(received.map(drop).map_err(Refusal::from)),
                // Who has begun to speak may finish.
                Poll::Pending if ordered == Verdict::Finish && self.early.is_empty() => {
                    Poll::Ready(Err(Refusal::Closed))
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

/// `None`: it could still be one or the other.
fn recognise(bytes: &[u8]) -> Option<Beginning> {
    let known = [
        (HTTP2_PREFACE, Beginning::Http2),
        (V1_SIGNATURE, Beginning::ProxyHeader),
        (V2_SIGNATURE, Beginning::ProxyHeader),
    ];
    let found = known.iter().find(|(start, _)| bytes.starts_with(start));
    if let Some((_, beginning)) = found {
        return Some(*beginning);
    }
    let is_open = known.iter().any(|(start, _)| start.starts_with(bytes));
    (!is_open).then_some(Beginning::Http1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_speaks_http_1_carries_no_more_than_http_1_needs() {
        fn opened<F>(_: fn(Rc<Worker>, Rc<str>, TcpStream, SocketAddr) -> F) -> usize {
            size_of::<F>()
        }
        fn served<'a, F>(_: fn(&'a Rc<Client>, &'a Rc<ClientSocket>) -> F) -> usize {
            size_of::<F>()
        }
        let (opened, served) = (opened(serve), served(connection::serve));
        println!("{opened} and {served} bytes");
        assert!(opened <= served + 256, "{opened} and {served} bytes");
    }

    #[test]
    fn a_connection_is_known_by_its_first_bytes_however_they_are_cut() {
        for (bytes, expected) in [
            (HTTP2_PREFACE, Beginning::Http2),
            (b"PROXY TCP4 1.2.3.4", Beginning::ProxyHeader),
            (V2_SIGNATURE, Beginning::ProxyHeader),
        ] {
            let signature = bytes.len().min(24);
            for cut in 0..bytes.len() {
                let found = recognise(&bytes[..cut]);
                assert!(found.is_none_or(|found| found == expected), "{cut}");
                let mut other = bytes[..cut].to_vec();
                other.push(b'G');
                if cut < signature.min(6) {
                    assert_eq!(recognise(&other), Some(Beginning::Http1), "{cut}");
                }
            }
            assert_eq!(recognise(bytes), Some(expected));
        }
        for request in [
            "GET / HTTP/1.1",
            "POST / HTTP/1.1",
            "PROPFIND / HTTP/1.1",
            "PRI * HTTP/1.1",
            "\r\nGET / HTTP/1.1",
            "\r\n\r\nGET / HTTP/1.1",
            "proxy tcp4",
            "\0",
        ] {
            assert_eq!(
                recognise(request.as_bytes()),
                Some(Beginning::Http1),
                "{request:?}"
            );
        }
    }
}
