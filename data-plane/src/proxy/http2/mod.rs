//! One client connection that speaks HTTP/2, to its close. hyper frames it; what is
//! said here is how much a client may ask for, and when it has asked for too much.
//!
//! Each request is a stream with a task, a [`Client`] and a [`Patience`] of its own
//! ([`stream`]), and goes the way of all requests ([`super::handle`]). Limits that
//! HTTP/1 has for a connection hold for a stream: one that stalls is reset, and the
//! others go on. The connection itself is idle while it has no stream. A client that
//! asks only to cancel ([`stream::Streams`]) loses its connection.
//!
//! Fragments of targets are cut off in silence by the parser, before routing and
//! before forwarding alike. Informational responses do not pass: hyper has no way to
//! send or to receive them over HTTP/2.

mod body;
mod io;
mod request;
mod stream;
mod upload;

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use self::io::ClientStream;
use self::stream::{StreamExecutor, Streams};
pub(crate) use self::upload::StreamUpload;
use super::connection::Client;
use super::patience::{Phase, Verdict};
use crate::routing::{Http2Limits, Terms};

/// Requests of one connection at the same time, unless the entry point says else.
const MAX_CONCURRENT_STREAMS: u32 = 100;
/// Size of a request head, each field counted with 32 bytes more; as for HTTP/1.
const MAX_HEAD_BYTES: u32 = 64 * 1024;
/// What a client may send of one body before the server takes it …
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// … and of all together.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What is kept of one response that the client does not take.
const MAX_SEND_BYTES: usize = 64 * 1024;
/// Streams that the client reset before they were looked at, at one time.
const MAX_UNSEEN_RESETS: usize = 100;
/// Streams that were reset because the client broke the rules, in all.
const MAX_OWN_RESETS: usize = 100;
/// After this much silence a client is asked whether it lives …
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// … and given up when it does not answer in this time.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// How often streams are looked at, while there are any.
const SWEEP: Duration = Duration::from_secs(1);

/// Serves a connection until it is closed. `early` was read from it before.
pub(crate) async fn serve(
    client: Rc<Client>,
    tcp: TcpStream,
    early: BytesMut,
    limits: Http2Limits,
    terms: Terms,
) -> Result<(), hyper::Error> {
    let stream = ClientStream::new(tcp, early, Rc::clone(&client.patience));
    // What is said of one request is a stream's.
    client.patience.agree(Terms {
        read: None,
        write: None,
        ..terms
    });
    client.patience.enter(Phase::Idle);
    let streams = Rc::new(Streams::new(Rc::clone(&client.patience)));
    let service = service_fn({
        let (client, streams) = (Rc::clone(&client), Rc::clone(&streams));
        move |mut request: Request<Incoming>| {
            request::shrink(request.headers_mut());
            let stream = streams.begin(client.worker.clock.clone(), terms);
            let client = Rc::new(client.stream(Rc::clone(&stream.patience)));
            async move {
                Ok::<_, std::convert::Infallible>(request::answer(client, stream, request).await)
            }
        }
    });
    let head_limit = terms.max_header_bytes.map(u32::try_from);
    let head_limit = head_limit.map_or(MAX_HEAD_BYTES, |limit| limit.unwrap_or(u32::MAX));
    let max_streams = limits.max_concurrent_streams;
    let mut connection = Builder::new(StreamExecutor(Rc::clone(&streams)))
        .timer(TokioTimer::new())
        .max_concurrent_streams(max_streams.map_or(MAX_CONCURRENT_STREAMS, u32::from))
        .header_table_size(limits.max_decoder_header_table_size)
        .max_header_list_size(head_limit)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(MAX_SEND_BYTES)
        .max_pending_accept_reset_streams(MAX_UNSEEN_RESETS)
        .max_local_error_reset_streams(MAX_OWN_RESETS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(stream), service);
    let mut clock = SweepClock::default();
    poll_fn(|cx| {
        let ordered = client.patience.ordered(cx.waker());
        if ordered == Verdict::Cut {
            // Dropping the socket is all that is left to do.
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut connection).poll(cx);
        if polled.is_ready() {
            return polled;
        }
        // Only after a look at what has arrived: it may be a request.
        let last = client.worker.draining.get() || client.patience.is_worn_out();
        let last = last && streams.has_answered();
        if (last || ordered == Verdict::Finish) && streams.finish() {
            Pin::new(&mut connection).graceful_shutdown();
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                return Poll::Ready(ended);
            }
        }
        if clock.is_due(cx, streams.is_busy()) {
            streams.sweep(&client.worker.limits);
        }
        Poll::Pending
    })
    .await
}

/// Wakes a connection once a second while it has streams.
#[derive(Default)]
struct SweepClock(Option<Pin<Box<Sleep>>>);

impl SweepClock {
    fn is_due(&mut self, cx: &mut Context<'_>, busy: bool) -> bool {
        if !busy {
            self.0 = None;
            return false;
        }
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep(SWEEP)));
        let mut due = false;
        while timer.as_mut().poll(cx).is_ready() {
            due = true;
            timer.as_mut().reset(Instant::now() + SWEEP);
        }
        due
    }
}
