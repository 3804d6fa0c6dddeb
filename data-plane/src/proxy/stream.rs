//! A client's socket, watched: every byte that comes and every write that stalls
//! is noted in the connection's [`Patience`].
//!
//! It also looks for `#` in the request line. hyper's parser cuts a fragment off
//! in silence, and an edge must refuse it. Seen are request lines that begin a
//! read; of pipelined requests only the first. The others lose their fragment
//! before routing and before forwarding alike, so nobody can disagree about them.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::patience::{Patience, Phase};

/// The socket of a client.
pub(crate) struct ClientStream {
    tcp: TcpStream,
    patience: Rc<Patience>,
    line: LineScan,
}

/// Where the scan of the request line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineScan {
    /// Nothing but line ends so far.
    Start,
    Inside,
    Done,
}

impl ClientStream {
    pub(crate) fn new(tcp: TcpStream, patience: Rc<Patience>) -> Self {
        Self {
            tcp,
            patience,
            line: LineScan::Start,
        }
    }

    /// The socket itself.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    fn received(&mut self, bytes: &[u8]) {
        if matches!(self.patience.phase(), Phase::New | Phase::Idle) {
            self.patience.enter(Phase::Head);
            self.line = LineScan::Start;
        }
        if self.patience.phase() == Phase::Head && self.line != LineScan::Done {
            self.scan(bytes);
        }
    }

    fn scan(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match (byte, self.line) {
                (b'\r' | b'\n', LineScan::Start) => {}
                (b'\n', _) => {
                    self.line = LineScan::Done;
                    return;
                }
                (b'#', _) => {
                    self.patience.fragment_seen();
                    self.line = LineScan::Done;
                    return;
                }
                _ => self.line = LineScan::Inside,
            }
        }
    }

    fn wrote(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Pending => self.patience.write_pending(),
            Poll::Ready(_) => self.patience.write_progress(),
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = Pin::new(&mut this.tcp).poll_read(cx, buf);
        if let Some(bytes) = buf.filled().get(before..)
            && !bytes.is_empty()
        {
            this.received(bytes);
        }
        result
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.tcp).poll_write(cx, buf);
        this.wrote(&result);
        result
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.tcp).poll_write_vectored(cx, bufs);
        this.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}
