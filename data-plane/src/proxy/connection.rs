//! One client connection, from accept to close: HTTP/1.1 with keep-alive, and the
//! tunnel it may turn into.
//!
//! The task polls hyper and obeys the worker's orders ([`Verdict`]): finish after
//! the request in flight, or close now. It uses hyper's connection without its
//! boxed upgrade type: when hyper is done with a 101, the socket is taken back here.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::connect::Http1Connection;
use super::headers::Hop;
use super::patience::{Patience, Verdict};
use super::stream::ClientStream;
use super::{handle, upgrade};
use crate::worker::Worker;

/// Largest read buffer, in bytes; also the limit of a request head.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// What the requests of one connection share.
pub(crate) struct Client {
    pub(crate) worker: Rc<Worker>,
    pub(crate) entry_point: Rc<str>,
    pub(crate) peer: IpAddr,
    pub(crate) hop: Hop,
    pub(crate) patience: Rc<Patience>,
    /// The server's connection after a 101, until hyper has let go of the client's.
    switched: RefCell<Option<Http1Connection>>,
    /// The client speaks HTTP/1.0: a body may end with the connection.
    pub(crate) old: Cell<bool>,
}

/// How a connection ended other than by a close between two messages.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// hyper gave up on it.
    #[error("HTTP on the connection broke off: {0}")]
    Http(#[from] hyper::Error),
    /// The tunnel after a switch broke.
    #[error("tunnel broke off: {0}")]
    Tunnel(#[from] std::io::Error),
}

impl Client {
    /// Had the target of the request being served a fragment?
    pub(crate) fn take_fragment(&self) -> bool {
        self.patience.take_fragment()
    }

    /// The server has switched protocols on `connection`.
    pub(crate) fn switched_to(&self, connection: Http1Connection) {
        *self.switched.borrow_mut() = Some(connection);
    }
}

/// Serves a connection until it is closed.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    entry_point: Rc<str>,
    tcp: TcpStream,
    peer: SocketAddr,
) {
    let patience = Rc::new(Patience::new(worker.clock.clone()));
    let registration = worker.register(&patience);
    // A scope id means nothing to anyone else; a mapped address is an IPv4 one.
    let peer = peer.ip().to_canonical();
    let hop = Hop {
        peer: HeaderValue::from_str(&peer.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
        server: worker.host_name.clone(),
        secure: false,
    };
    let client = Rc::new(Client {
        worker,
        entry_point,
        peer,
        hop,
        patience: Rc::clone(&patience),
        switched: RefCell::new(None),
        old: Cell::new(false),
    });
    let stream = ClientStream::new(tcp, Rc::clone(&patience));
    if let Err(error) = drive(&client, stream).await {
        tracing::debug!(entrypoint = &*client.entry_point, %peer, %error, "connection ended");
    }
    drop(registration);
}

async fn drive(client: &Rc<Client>, stream: ClientStream) -> Result<(), Ended> {
    let service = service_fn(|request: Request<Incoming>| {
        let client = Rc::clone(client);
        async move { Ok::<_, std::convert::Infallible>(handle(client, request).await) }
    });
    let mut connection = http1::Builder::new()
        .max_buf_size(MAX_BUFFER_BYTES)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    let mut finishing = false;
    let ended = poll_fn(|cx| {
        let ordered = client.patience.ordered(cx.waker());
        if ordered == Verdict::Cut {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut connection).poll(cx);
        // Finish only after a look at what has arrived: it may be a request.
        if polled.is_pending() && ordered == Verdict::Finish && !finishing {
            finishing = true;
            Pin::new(&mut connection).graceful_shutdown();
            return Pin::new(&mut connection).poll(cx).map(Some);
        }
        polled.map(Some)
    })
    .await;
    // Cut: dropping the socket is all that is left to do.
    let Some(result) = ended else {
        return Ok(());
    };
    if let Err(error) = result {
        if error.is_user() && client.old.get() {
            // To this client a close is a clean end: only a reset says otherwise.
            let _ = connection.into_parts().io.inner().tcp().set_zero_linger();
        }
        return Err(error.into());
    }
    let switched = client.switched.borrow_mut().take();
    if let Some(Http1Connection { sender, driver }) = switched {
        drop(sender);
        let parts = connection.into_parts();
        // `None`: the server closed right behind its 101.
        if let Ok(Some(server)) = driver.await {
            upgrade::tunnel(parts.io.into_inner(), parts.read_buf, server).await?;
        }
    }
    Ok(())
}
