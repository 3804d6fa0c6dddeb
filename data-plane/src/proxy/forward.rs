//! Sends a request to a server of a service and waits for the response head.
//!
//! What may be tried again: a connect that failed (nothing was sent), a pooled
//! connection that took no byte, and once a request without a body whose method is
//! safe to repeat. Everything else ends here. Bodies are not waited for.

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::response::Parts;
use http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use http::{HeaderValue, Method, Request, Uri, Version};
use http_body::Body as _;
use hyper::client::conn::http2;
use tokio::sync::Notify;

use super::body::RequestBody;
use super::client_socket::ClientSocket;
use super::connect::{self, ConnectError, Connection};
use super::error::ProxyError;
use super::head::Head;
use super::outbox::Outbox;
use super::server_body::ServerBody;
use super::server_connection::{Failure, Http1Connection};
use crate::balance::{Scheme, Server, ServerKey, Turn};
use crate::counter::Counters;
use crate::http1::{self, Framing};
use crate::worker::Worker;

/// Connects tried for one request.
const MAX_CONNECTS: usize = 3;

/// The head of a server's response, and the body that comes behind it.
pub(crate) struct Reply {
    pub(crate) parts: Parts,
    pub(crate) body: ServerBody,
    pub(crate) server: Arc<Server>,
}

/// A request on its way, and what it takes to send it again.
struct Dispatch<'a, 's> {
    worker: &'a Rc<Worker>,
    turn: &'a mut Turn<'s>,
    /// Gets 1xx responses; its end ends the request.
    client: Option<&'a ClientSocket>,
    head: Box<Head>,
    target: PathAndQuery,
    /// Gives the client leave to send its body.
    leave: Option<Arc<Notify>>,
    /// It may be sent once more although a server may have seen it.
    repeatable: bool,
    tried: Vec<ServerKey>,
    connects: usize,
    /// It asks to switch protocols, which HTTP/2 has no words for.
    http1: bool,
    /// An idle connection has failed this request: only new ones from now on.
    fresh: bool,
}

/// Sends `head` and `body`.
pub(crate) async fn forward(
    worker: &Rc<Worker>,
    turn: &mut Turn<'_>,
    mut head: Box<Head>,
    mut body: RequestBody,
    expects_continue: bool,
    client: Option<&ClientSocket>,
) -> Result<Reply, ProxyError> {
    let mut leave = None;
    if expects_continue {
        leave = body.hold();
        if leave.is_none() {
            head.headers.remove(EXPECT);
        }
    }
    let repeatable =
        body.is_empty() && matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let http1 = head.headers.contains_key(UPGRADE);
    let dispatch = Dispatch {
        worker,
        turn,
        client,
        target: head.target().map_err(|_| ProxyError::Target)?,
        head,
        leave,
        repeatable,
        tried: Vec::new(),
        connects: 0,
        http1,
        fresh: false,
    };
    dispatch.run(body).await
}

impl Dispatch<'_, '_> {
    async fn run(mut self, mut body: RequestBody) -> Result<Reply, ProxyError> {
        let mut server = self.pick()?;
        loop {
            let (connection, reused) = self.connection(&mut server).await?;
            let target = based(&server.base_path, &self.target)?;
            match self.send(connection, &server, target, body).await {
                Ok((parts, body)) => {
                    server.answered(parts.status);
                    self.turn.answered(&server);
                    return Ok(Reply {
                        parts,
                        body,
                        server,
                    });
                }
                Err(Failure::Unsent(unsent)) if reused => body = unsent,
                Err(Failure::Lost(error)) if self.repeatable && !error.is_invalid() => {
                    self.repeatable = false;
                    body = RequestBody::Empty;
                    server.failed();
                    self.tried.push(server.key);
                    // Alone: the same server, over a new connection.
                    server = self.turn.pick(&self.tried).unwrap_or(server);
                }
                Err(Failure::Unsent(_)) => {
                    return Err(ProxyError::Connection(
                        std::io::ErrorKind::ConnectionAborted.into(),
                    ));
                }
                Err(Failure::Lost(error)) => {
                    server.failed();
                    return Err(ProxyError::from_upstream(error));
                }
                Err(Failure::Client(error)) => return Err(ProxyError::from_client(error)),
                Err(Failure::Late) => {
                    server.failed();
                    return Err(ProxyError::ResponseTimeout);
                }
            }
            self.repeats();
            self.fresh = true;
        }
    }

    fn repeats(&mut self) {
        self.turn.repeats = self.turn.repeats.saturating_add(1);
        self.worker.retried(Some(&self.turn.balancer.subject));
    }

    /// The next server in rotation that was not tried.
    fn pick(&mut self) -> Result<Arc<Server>, ProxyError> {
        let picked = self.turn.pick(&self.tried);
        picked.ok_or_else(|| ProxyError::NoServer(self.turn.balancer.unavailable_reason()))
    }

    /// A connection to `server`, or to another one if it cannot be reached; and
    /// whether it has carried requests before.
    async fn connection(
        &mut self,
        server: &mut Arc<Server>,
    ) -> Result<(Connection, bool), ProxyError> {
        let pool = &self.worker.pool;
        loop {
            if !self.fresh
                && let Some(connection) = pool.take(server, !self.repeatable, self.http1)
            {
                return Ok((connection, true));
            }
            let limit = self.turn.balancer.dial_timeout;
            Counters::count(&self.worker.counters.server_connections);
            // Boxed so that requests over open connections do not carry its state.
            match Box::pin(connect::connect(server, self.http1, limit)).await {
                Ok(connection) => {
                    pool.share(server, &connection);
                    return Ok((connection, false));
                }
                Err(error) => {
                    tracing::debug!(
                        service = self.turn.balancer.name,
                        server = ?server.authority,
                        container = server.container,
                        %error,
                        "connect failed"
                    );
                    if !is_own_trouble(&error) {
                        server.connect_failed();
                    }
                    self.tried.push(server.key);
                    self.connects += 1;
                    if self.connects >= MAX_CONNECTS {
                        return Err(ProxyError::from_connect(error));
                    }
                    self.repeats();
                    match self.turn.pick(&self.tried) {
                        Some(other) => *server = other,
                        // Alone: it may just be restarting, but it will not change its mind.
                        None if matches!(error, ConnectError::Tls(_)) => {
                            return Err(ProxyError::from_connect(error));
                        }
                        None => {}
                    }
                }
            }
        }
    }

    async fn send(
        &self,
        connection: Connection,
        server: &Arc<Server>,
        target: PathAndQuery,
        body: RequestBody,
    ) -> Result<(Parts, ServerBody), Failure> {
        let limit = self.turn.balancer.response_header_timeout;
        match connection {
            Connection::Http1(connection) => {
                let sent = pin!(self.send_http1(connection, server, target, body));
                within(limit, sent).await
            }
            Connection::Http2(sender) => {
                let sent = pin!(self.send_http2(sender, server, target, body));
                within(limit, sent).await
            }
        }
    }

    async fn send_http1(
        &self,
        connection: Http1Connection,
        server: &Arc<Server>,
        target: PathAndQuery,
        body: RequestBody,
    ) -> Result<(Parts, ServerBody), Failure> {
        let framing = self.framing(&body);
        let Head {
            method, headers, ..
        } = &*self.head;
        let mut out = Outbox::with_head_room();
        let (target, host) = (target.as_str(), self.host(server));
        http1::request_head(out.head(), method, target, host, headers, framing);
        let framing = framing.unwrap_or(Framing::Length(0));
        let exchange = connection.exchange(out, framing, body, method, self.client);
        let (parts, exchange) = exchange.await?;
        let lease = self.worker.pool.lease(Arc::clone(server));
        Ok((parts, ServerBody::http1(exchange, lease)))
    }

    /// What to say about the body; `None`: nothing, there is none.
    fn framing(&self, body: &RequestBody) -> Option<Framing> {
        if body.is_empty() {
            let says_so = self.head.headers.contains_key(CONTENT_LENGTH);
            return says_so.then_some(Framing::Length(0));
        }
        let length = body.size_hint().exact();
        Some(length.map_or(Framing::Chunked, Framing::Length))
    }

    async fn send_http2(
        &self,
        mut sender: http2::SendRequest<RequestBody>,
        server: &Arc<Server>,
        target: PathAndQuery,
        body: RequestBody,
    ) -> Result<(Parts, ServerBody), Failure> {
        let Some(uri) = self.absolute_target(server, target) else {
            return Err(Failure::Unsent(body));
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.head.headers.clone();
        // HTTP/2 has its own framing and no protocol switch.
        for name in [HOST, CONNECTION, UPGRADE, TRANSFER_ENCODING] {
            request.headers_mut().remove(name);
        }
        if let Some(leave) = self.leave.clone() {
            hyper::ext::on_informational(&mut request, move |response| {
                if response.status() == http::StatusCode::CONTINUE {
                    leave.notify_one();
                }
            });
        }
        let sent = sender.try_send_request(request).await;
        let (parts, incoming) = sent
            .map_err(|mut error| match error.take_message() {
                Some(request) => Failure::Unsent(request.into_body()),
                None => Failure::Lost(error.into_error().into()),
            })?
            .into_parts();
        Ok((parts, ServerBody::http2(incoming)))
    }

    fn absolute_target(&self, server: &Arc<Server>, target: PathAndQuery) -> Option<Uri> {
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(match server.scheme {
            Scheme::Https => UriScheme::HTTPS,
            Scheme::Http | Scheme::H2c => UriScheme::HTTP,
        });
        uri.authority = Some(Authority::try_from(self.host(server).as_bytes()).ok()?);
        uri.path_and_query = Some(target);
        Uri::from_parts(uri).ok()
    }

    /// The host to send.
    fn host<'s>(&'s self, server: &'s Server) -> &'s HeaderValue {
        let asked = match &self.head.host_header {
            Some(host) => Some(host),
            None if self.turn.balancer.pass_host_header => self.head.headers.get(HOST),
            None => None,
        };
        asked.unwrap_or(&server.authority)
    }
}

/// Out of descriptors, ports or memory: nothing is known about the server.
fn is_own_trouble(error: &ConnectError) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, OutOfMemory};
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    let ConnectError::Socket(error) = error else {
        return false;
    };
    matches!(error.kind(), AddrNotAvailable | OutOfMemory)
        || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

/// Below the base path of the server, if it has one.
pub(super) fn based(base: &str, target: &PathAndQuery) -> Result<PathAndQuery, ProxyError> {
    if base.is_empty() || !target.as_str().starts_with('/') {
        return Ok(target.clone());
    }
    let below = format!("{base}{target}");
    PathAndQuery::try_from(below).map_err(|_| ProxyError::Target)
}

/// `sent` stays where it is: a future that is handed on is kept twice.
async fn within<T>(
    limit: Option<Duration>,
    sent: Pin<&mut impl Future<Output = Result<T, Failure>>>,
) -> Result<T, Failure> {
    match limit {
        None => sent.await,
        Some(limit) => tokio::time::timeout(limit, sent)
            .await
            .unwrap_or(Err(Failure::Late)),
    }
}
