//! A connection to a server that speaks HTTP/1.1, and one exchange over it.
//!
//! Driven by the task of the client's connection: the request goes out, the head of
//! the response comes in, and while its body is read the rest of the request still
//! goes out.
//!
//! Invariant: a connection is used again only when request and response have both
//! ended exactly, and nothing came behind the response.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONNECTION;
use http::response::Parts;
use http::{Method, StatusCode, Version};
use http_body::{Body as _, Frame};
use tokio::time::{Sleep, sleep};

use super::body::{ClientError, RequestBody};
use super::client_socket::ClientSocket;
use super::connect::{Leftover, ServerStream};
use super::fill::{LONG_READ, poll_fill};
use super::headers::tokens;
use super::outbox::Outbox;
use crate::balance::InFlight;
use crate::http1::{self, Decoded, Decoder, Framing, FramingError, HeadError};
use crate::stats::Attempt;

/// 1xx responses before the response.
const MAX_INFORMATIONAL: usize = 32;
/// Time for the rest of a head whose first bytes have come.
const HEAD_LIMIT: Duration = Duration::from_secs(15);

/// A connection that carries one request at a time.
pub(crate) struct Http1Connection {
    stream: ServerStream,
    read: BytesMut,
}

/// A request that is being sent, and the response that comes back.
pub(crate) struct Http1Exchange {
    connection: Http1Connection,
    upload: Upload,
    response: Decoder,
    reusable: bool,
    /// The server has switched protocols.
    switched: bool,
}

/// What of a request is still to be sent.
struct Upload {
    body: RequestBody,
    framing: Framing,
    outbox: Outbox,
    state: UploadState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UploadState {
    /// The body was not asked for.
    Fresh,
    Begun,
    /// All of the body is in the outbox.
    Ended,
    Sent,
    /// The server takes no more.
    Refused,
}

/// What a server, or the way to it, did wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("the server closed the connection")]
    Closed,
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error("head of the response: {0}")]
    Head(#[from] HeadError),
    #[error("body of the response: {0}")]
    Framing(#[from] FramingError),
    #[error("too many informational responses")]
    Informational,
    #[error(transparent)]
    Http2(#[from] hyper::Error),
}

/// How an exchange ended before the response's head was there.
pub(crate) enum Failure {
    /// Nothing was written and nothing taken from the body, which is here.
    Unsent(RequestBody),
    /// Somewhere between the first byte written and the response head.
    Lost(UpstreamError),
    /// The client broke off its request.
    Client(ClientError),
    /// The response head began and did not end.
    Late,
}

impl UpstreamError {
    /// It is not the connection that broke: what came is not HTTP.
    pub(crate) fn is_invalid(&self) -> bool {
        match self {
            Self::Head(_) | Self::Framing(_) | Self::Informational => true,
            Self::Http2(error) => error.is_parse(),
            Self::Closed | Self::Socket(_) => false,
        }
    }
}

impl Http1Connection {
    pub(crate) fn new(stream: ServerStream) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
        }
    }

    /// The server has neither closed it nor sent what nobody asked for, as far as the
    /// runtime has been told.
    pub(crate) fn is_silent(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.read.is_empty() && poll_fill(&mut self.stream, &mut cx, &mut self.read, 0).is_pending()
    }

    /// The same, but the kernel is asked: for requests that are not sent twice.
    pub(crate) fn is_silent_now(&mut self) -> bool {
        self.stream.is_silent_now() && self.is_silent()
    }

    /// Sends `head` and `body` and waits for the head of the response. `client` gets
    /// 1xx responses, and its end is noticed.
    pub(crate) async fn exchange(
        self,
        head: Outbox,
        framing: Framing,
        body: RequestBody,
        method: &Method,
        client: Option<&ClientSocket>,
    ) -> Result<(Parts, Http1Exchange), Failure> {
        let state = if body.is_empty() {
            UploadState::Ended
        } else {
            UploadState::Fresh
        };
        let upload = Upload {
            body,
            framing,
            outbox: head,
            state,
        };
        let mut exchange = Http1Exchange {
            connection: self,
            upload,
            response: Decoder::new(Framing::Length(0)),
            reusable: false,
            switched: false,
        };
        let mut waiting = Waiting::default();
        match poll_fn(|cx| exchange.poll_head(&mut waiting, client, cx)).await {
            Ok(parts) => {
                let begun = exchange.begin_body(&parts, method);
                begun.map_err(|error| Failure::Lost(error.into()))?;
                Ok((parts, exchange))
            }
            Err(HeadFailure::Client(error)) => Err(Failure::Client(error)),
            Err(HeadFailure::Late) => Err(Failure::Late),
            Err(HeadFailure::Lost(error)) => Err(exchange.upload.failure(error)),
        }
    }
}

/// The wait for a response head.
#[derive(Default)]
struct Waiting {
    scanned: usize,
    informational: usize,
    /// Runs once the head has begun.
    deadline: Option<Pin<Box<Sleep>>>,
}

enum HeadFailure {
    Lost(UpstreamError),
    Client(ClientError),
    Late,
}

impl Http1Exchange {
    fn poll_head(
        &mut self,
        waiting: &mut Waiting,
        client: Option<&ClientSocket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Parts, HeadFailure>> {
        self.drive_upload(cx).map_err(HeadFailure::Client)?;
        let Http1Connection { stream, read } = &mut self.connection;
        loop {
            if waiting.scanned < read.len() {
                match http1::response(read, &mut waiting.scanned).map_err(UpstreamError::from)? {
                    Some(parts) if is_interim(parts.status) => {
                        waiting.interim(&parts, client, &mut self.upload, cx)?;
                        continue;
                    }
                    Some(parts) => return Poll::Ready(Ok(parts)),
                    None => {}
                }
            }
            match poll_fill(stream, cx, read, 0) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(UpstreamError::Closed.into())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending if read.is_empty() => return self.poll_client(client, cx),
                Poll::Pending => {
                    ready!(waiting.poll_deadline(cx));
                    return Poll::Ready(Err(HeadFailure::Late));
                }
            }
        }
    }

    /// The server is silent: is the client still there?
    fn poll_client(
        &self,
        client: Option<&ClientSocket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Parts, HeadFailure>> {
        let Some(client) = client.filter(|_| self.upload.has_ended()) else {
            return Poll::Pending;
        };
        let gone = ready!(client.poll_gone(cx));
        Poll::Ready(Err(HeadFailure::Client(gone.into())))
    }

    fn begin_body(&mut self, parts: &Parts, method: &Method) -> Result<(), FramingError> {
        let framing = Framing::of_response(parts, method)?;
        let closes = parts.headers.get_all(CONNECTION).iter().flat_map(tokens);
        self.reusable = parts.version == Version::HTTP_11
            && framing != Framing::Close
            && !Framing::is_said_twice(&parts.headers)
            && !{ closes }.any(|token| token.eq_ignore_ascii_case("close"));
        self.switched = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        self.response = Decoder::new(framing);
        Ok(())
    }

    /// Sends what there is of the request. What the server does not take is its own
    /// affair: it may have answered.
    pub(crate) fn drive_upload(&mut self, cx: &mut Context<'_>) -> Result<(), ClientError> {
        if matches!(self.upload.state, UploadState::Sent | UploadState::Refused) {
            return Ok(());
        }
        match self.upload.poll(&mut self.connection.stream, cx) {
            Poll::Ready(Err(UploadFailure::Client(error))) => {
                self.upload.state = UploadState::Refused;
                return Err(error);
            }
            Poll::Ready(Err(UploadFailure::Server)) => self.upload.state = UploadState::Refused,
            Poll::Ready(Ok(())) => self.upload.state = UploadState::Sent,
            Poll::Pending => {}
        }
        Ok(())
    }

    /// The next piece of the response's body.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        // A client that breaks off its request may still read the response.
        let _ = self.drive_upload(cx);
        let Http1Connection { stream, read } = &mut self.connection;
        loop {
            match self.response.decode(read) {
                Ok(Decoded::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Decoded::Trailers(trailers)) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Ok(Decoded::End) => return Poll::Ready(None),
                Ok(Decoded::Starved) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            let expected = self.response.length().unwrap_or_else(|| longer_than(read));
            match ready!(poll_fill(stream, cx, read, expected)) {
                Ok(0) if self.response.ends_here() => return Poll::Ready(None),
                Ok(0) => return Poll::Ready(Some(Err(UpstreamError::Closed))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// Bytes of the response's body to come, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.response.length()
    }

    /// The response has ended, and HTTP goes on.
    pub(crate) fn has_ended(&self) -> bool {
        self.response.is_done() && !self.switched
    }

    /// The connection, if it may carry another request. Only after the end.
    pub(crate) fn into_connection(self) -> Option<Http1Connection> {
        let usable = self.reusable
            && !self.switched
            && self.response.is_done()
            && self.upload.state == UploadState::Sent
            && self.connection.read.is_empty();
        usable.then_some(self.connection)
    }

    /// The socket, after a switch of protocols.
    pub(crate) fn into_leftover(
        self,
        load: Option<InFlight>,
        attempt: Option<Attempt>,
    ) -> Leftover {
        Leftover {
            load,
            attempt,
            stream: self.connection.stream,
            early: self.connection.read.freeze(),
        }
    }
}

impl Waiting {
    fn interim(
        &mut self,
        parts: &Parts,
        client: Option<&ClientSocket>,
        upload: &mut Upload,
        cx: &mut Context<'_>,
    ) -> Result<(), HeadFailure> {
        self.informational += 1;
        if self.informational > MAX_INFORMATIONAL {
            return Err(UpstreamError::Informational.into());
        }
        if parts.status == StatusCode::CONTINUE {
            upload.body.release();
            // It may have been all that the body waited for.
            cx.waker().wake_by_ref();
        } else if let Some(client) = client {
            let mut headers = parts.headers.clone();
            super::headers::strip_response(&mut headers, false);
            client.inform(cx, parts.status, &headers);
        }
        self.deadline = None;
        Ok(())
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep(HEAD_LIMIT)));
        deadline.as_mut().poll(cx)
    }
}

enum UploadFailure {
    Client(ClientError),
    /// The server takes no more.
    Server,
}

impl Upload {
    /// Everything was taken from the client.
    fn has_ended(&self) -> bool {
        !matches!(self.state, UploadState::Fresh | UploadState::Begun)
    }

    fn poll(
        &mut self,
        stream: &mut ServerStream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UploadFailure>> {
        loop {
            let starved = self.fill(cx).map_err(UploadFailure::Client)?;
            if ready!(self.outbox.poll_flush(stream, cx)).is_err() {
                return Poll::Ready(Err(UploadFailure::Server));
            }
            if self.has_ended() {
                return Poll::Ready(Ok(()));
            }
            if starved {
                return Poll::Pending;
            }
        }
    }

    /// Puts what there is of the body into the outbox; true if there is no more now.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<bool, ClientError> {
        while !self.has_ended() && !self.outbox.is_full() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Some(Ok(frame))) => {
                    self.state = UploadState::Begun;
                    // Trailers of requests end here: a server would take them for
                    // headers that this proxy has checked.
                    if frame.is_data() {
                        self.outbox.push(frame, self.framing);
                    }
                }
                Poll::Ready(Some(Err(error))) => return Err(error),
                Poll::Ready(None) => {
                    if self.framing == Framing::Chunked {
                        self.outbox.end_chunks();
                    }
                    self.state = UploadState::Ended;
                }
            }
        }
        Ok(false)
    }

    fn failure(self, error: UpstreamError) -> Failure {
        let untouched = matches!(self.state, UploadState::Fresh) || self.body.is_empty();
        if untouched && !self.outbox.has_sent() {
            Failure::Unsent(self.body)
        } else {
            Failure::Lost(error)
        }
    }
}

impl<E: Into<UpstreamError>> From<E> for HeadFailure {
    fn from(error: E) -> Self {
        Self::Lost(error.into())
    }
}

/// 1xx, but for the one that ends HTTP on the connection.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// How much to ask for when nobody says how long the body is: much, once it has
/// filled what there was.
fn longer_than(read: &BytesMut) -> u64 {
    let used = read.capacity() >= 8 * 1024;
    if used {
        u64::try_from(LONG_READ).unwrap_or(u64::MAX)
    } else {
        0
    }
}
