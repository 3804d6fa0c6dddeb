//! One client connection that speaks HTTP/1, to its close: keep-alive, and the
//! tunnel it may turn into.
//!
//! One task drives both sides: it reads a request, has it answered, writes the
//! response, and goes on to the next. It obeys the worker's orders ([`Verdict`]):
//! finish after the request in flight, or close now.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;

use super::body::{BodyError, RequestBody, ResponseBody};
use super::client_socket::{ClientSocket, ReadError};
use super::head::Head;
use super::headers::{Hop, tokens};
use super::outbox::Outbox;
use super::patience::{Patience, Verdict};
use super::{ProxyError, handle, refuse, upgrade};
use crate::http1::{self, Framing, RequestHead};
use crate::stats::{Kind, Measure, MetricsOptions};
use crate::worker::Worker;

/// What the requests of one connection share.
pub(crate) struct Client {
    pub(crate) worker: Rc<Worker>,
    pub(crate) entry_point: Rc<str>,
    pub(crate) peer: IpAddr,
    /// Of the peer, or of the client that a PROXY header names.
    pub(crate) port: u16,
    pub(crate) hop: Hop,
    pub(crate) patience: Rc<Patience>,
    /// The socket, if it speaks HTTP/1.
    pub(crate) socket: Option<Rc<ClientSocket>>,
    /// The request being answered, if it is counted.
    pub(crate) measure: Cell<Option<Measure>>,
}

impl Client {
    pub(crate) fn new(
        worker: Rc<Worker>,
        entry_point: Rc<str>,
        peer: SocketAddr,
        patience: Rc<Patience>,
        socket: Option<Rc<ClientSocket>>,
    ) -> Self {
        let (peer, port) = (peer.ip(), peer.port());
        let hop = Hop {
            peer: HeaderValue::from_str(&peer.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            server: worker.host_name.clone(),
            secure: false,
        };
        Self {
            worker,
            entry_point,
            peer,
            port,
            hop,
            patience,
            socket,
            measure: Cell::default(),
        }
    }

    /// Counts the request of this head from now on.
    pub(super) fn count(&self, head: &Head, options: &MetricsOptions) {
        let mut kind = Kind::of(&head.method, &head.headers);
        if !options.headers.is_empty() {
            let mut book = self.worker.book.borrow_mut();
            kind.headers = book.values_of(&options.headers, &head.headers);
        }
        self.measure.set(Some(Measure::begin(self, kind)));
    }

    /// The same client for one of many requests at once, with its own patience.
    pub(crate) fn stream(&self, patience: Rc<Patience>) -> Self {
        Self {
            worker: Rc::clone(&self.worker),
            entry_point: Rc::clone(&self.entry_point),
            peer: self.peer,
            port: self.port,
            hop: self.hop.clone(),
            patience,
            socket: None,
            measure: Cell::default(),
        }
    }
}

/// How a connection ended other than by a close between two messages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The socket broke.
    #[error("connection broke off: {0}")]
    Socket(#[from] io::Error),
    /// A response could not be completed.
    #[error("response broke off: {0}")]
    Response(#[from] BodyError),
    /// The tunnel after a switch broke.
    #[error("tunnel broke off: {0}")]
    Tunnel(#[source] io::Error),
}

/// What a response must fit.
struct Asked {
    version: Version,
    is_head: bool,
    /// The client wants to send more over the connection.
    keep_alive: bool,
}

/// Serves a connection until it is closed.
pub(crate) async fn serve(client: &Rc<Client>, socket: &Rc<ClientSocket>) -> Result<(), Ended> {
    // In place: a future that is handed on is kept twice.
    let mut driven = pin!(drive(client, socket));
    poll_fn(|cx| {
        if client.patience.ordered(cx.waker()) == Verdict::Cut {
            // Dropping the socket is all that is left to do.
            return Poll::Ready(Ok(()));
        }
        driven.as_mut().poll(cx)
    })
    .await
}

async fn drive(client: &Rc<Client>, socket: &Rc<ClientSocket>) -> Result<(), Ended> {
    loop {
        let head = match socket.read_head().await {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(()),
            Err(ReadError::Head(error)) => {
                let response = refuse(client, &ProxyError::from(error));
                respond(client, socket, response, &Asked::last()).await?;
                socket.close().await;
                return Ok(());
            }
            Err(ReadError::Socket(error)) => return Err(error.into()),
        };
        let asked = Asked::of(&head);
        let mut response = answer(client, socket, head).await;
        let switched = response.body_mut().take_switched();
        let keep_alive = respond(client, socket, response, &asked).await?;
        if let Some((server, mut underway)) = switched {
            let tunnel = upgrade::tunnel(&**socket, *server);
            underway.sent(tunnel.await.map_err(Ended::Tunnel)?);
            return Ok(());
        }
        if !keep_alive {
            socket.close().await;
            return Ok(());
        }
    }
}

async fn answer(
    client: &Rc<Client>,
    socket: &Rc<ClientSocket>,
    head: RequestHead,
) -> Response<ResponseBody> {
    let RequestHead { parts, fragment } = head;
    // What is wrong with it is refused by the gate, and nothing is read of it.
    let framing = Framing::of_request(&parts.headers, parts.version);
    let framing = framing.unwrap_or(Framing::Length(0));
    let body = RequestBody::new(socket, framing, &client.patience);
    handle(
        Rc::clone(client),
        Request::from_parts(parts, body),
        fragment,
    )
    .await
}

/// Writes a response; whether another request may follow.
async fn respond(
    client: &Client,
    socket: &ClientSocket,
    response: Response<ResponseBody>,
    asked: &Asked,
) -> Result<bool, Ended> {
    let (mut parts, body) = response.into_parts();
    let framing = asked.framing(&parts, &body);
    let switched = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    let keep_alive =
        asked.keep_alive && framing != Some(Framing::Close) && !says(&parts.headers, "close");
    if !keep_alive && !switched {
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    } else if asked.version == Version::HTTP_10 {
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    let mut out = Outbox::with_head_room();
    client.worker.with_date(|date| {
        http1::response_head(out.head(), parts.status, &parts.headers, framing, date);
    });
    drop(parts);
    let mut transfer = Transfer {
        out,
        body,
        framing: framing.filter(|_| !asked.is_head),
        trailers: false,
        broken: None,
    };
    let sent = poll_fn(|cx| transfer.poll(socket, cx)).await;
    if sent.is_err() && framing == Some(Framing::Close) {
        socket.reset();
    }
    sent?;
    Ok(keep_alive)
}

/// A response on its way out.
struct Transfer {
    out: Outbox,
    body: ResponseBody,
    /// `None`: the body is not sent.
    framing: Option<Framing>,
    trailers: bool,
    /// The body broke off; what came before is still sent.
    broken: Option<BodyError>,
}

impl Transfer {
    fn poll(&mut self, socket: &ClientSocket, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        loop {
            let starved = self.fill(cx);
            match socket.poll_send(&mut self.out, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => {
                    self.body.drive(cx);
                    return Poll::Pending;
                }
            }
            if self.framing.is_none() {
                return Poll::Ready(self.broken.take().map_or(Ok(()), |error| Err(error.into())));
            }
            if starved {
                return Poll::Pending;
            }
        }
    }

    /// Puts what there is of the body into the outbox; true if there is no more now.
    fn fill(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(framing) = self.framing
            && !self.out.is_full()
        {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return true,
                Poll::Ready(Some(Ok(frame))) => {
                    self.trailers |= frame.is_trailers();
                    self.out.push(frame, framing);
                    // Asking once more would be after the last bytes were sent.
                    if self.body.is_end_stream() {
                        self.end(framing);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.broken = Some(error);
                    self.framing = None;
                }
                Poll::Ready(None) => self.end(framing),
            }
        }
        false
    }

    /// The body has ended, and what is left of it is in the outbox.
    fn end(&mut self, framing: Framing) {
        if framing == Framing::Chunked && !self.trailers {
            self.out.end_chunks();
        }
        self.framing = None;
        // Whoever reads the end finds that the request no longer counts.
        self.body.release();
    }
}

impl Asked {
    fn of(head: &RequestHead) -> Self {
        let parts = &head.parts;
        let keep_alive = match parts.version {
            Version::HTTP_10 => says(&parts.headers, "keep-alive"),
            _ => true,
        };
        Self {
            version: parts.version,
            is_head: parts.method == Method::HEAD,
            keep_alive: keep_alive && !says(&parts.headers, "close"),
        }
    }

    /// For a response to what was no request.
    fn last() -> Self {
        Self {
            version: Version::HTTP_11,
            is_head: false,
            keep_alive: false,
        }
    }

    /// What to say about the body; `None`: nothing that is not said already.
    fn framing(&self, parts: &http::response::Parts, body: &ResponseBody) -> Option<Framing> {
        let length = body.size_hint().exact();
        if parts.status.is_informational()
            || matches!(
                parts.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            )
        {
            return None;
        }
        if self.is_head {
            // A server's own words stand; of ours, the length is known.
            return length.filter(|length| *length > 0).map(Framing::Length);
        }
        Some(match length {
            Some(length) => Framing::Length(length),
            None if self.version == Version::HTTP_10 => Framing::Close,
            None => Framing::Chunked,
        })
    }
}

/// `Connection` has this option.
fn says(headers: &HeaderMap, option: &str) -> bool {
    let lines = headers.get_all(CONNECTION).iter();
    lines
        .flat_map(tokens)
        .any(|token| token.eq_ignore_ascii_case(option))
}
