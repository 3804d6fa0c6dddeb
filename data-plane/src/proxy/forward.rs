//! Sends a request to a server of a service and waits for the response head.
//!
//! What may be tried again: a connect that failed (nothing was sent), a pooled
//! connection that turned out closed before hyper took the request off the queue,
//! and once a request without a body whose method is safe to repeat. Everything
//! else ends here. Bodies are not waited for.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use http::{HeaderValue, Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::sync::Notify;

use super::body::RequestBody;
use super::connect::{self, Connection};
use super::error::ProxyError;
use super::head::Head;
use super::pool::Lease;
use crate::balance::{Server, ServerKey, Service};
use crate::counter::Counters;
use crate::worker::Worker;

/// Connects tried for one request.
const MAX_CONNECTS: usize = 3;

/// A request on its way, and what it takes to send it again.
struct Dispatch<'a> {
    worker: &'a Rc<Worker>,
    service: &'a Service,
    /// The host to send; `None`: the server's address.
    host: Option<HeaderValue>,
    target: PathAndQuery,
    tried: Vec<ServerKey>,
    connects: usize,
    /// An idle connection has failed this request: only new ones from now on.
    fresh: bool,
}

/// Sends `head` and `body`. The lease is the connection the response body comes
/// over.
pub(crate) async fn forward(
    worker: &Rc<Worker>,
    service: &Service,
    head: Head,
    body: RequestBody,
    expects_continue: bool,
) -> Result<(Response<Incoming>, Lease), ProxyError> {
    let mut dispatch = Dispatch {
        worker,
        service,
        host: host_to_send(service, &head),
        target: head.target().map_err(|_| ProxyError::Target)?,
        tried: Vec::new(),
        connects: 0,
        fresh: false,
    };
    let request = outgoing(head, body, expects_continue);
    let server = dispatch.pick()?;
    dispatch.run(server, request).await
}

impl Dispatch<'_> {
    async fn run(
        &mut self,
        mut server: Arc<Server>,
        mut request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Lease), ProxyError> {
        let mut spare = spare(&request);
        loop {
            let mut lease = self.lease(server).await?;
            self.address(&mut request, &lease)?;
            let reused = lease.reused;
            match self.send(&mut lease, request).await {
                Ok(response) => {
                    lease.server.connected();
                    return Ok((response, lease));
                }
                Err(Failure::Unsent(unsent)) if reused => {
                    request = *unsent;
                    server = lease.server;
                }
                Err(Failure::Lost(error)) if spare.is_some() && !error.is_parse() => {
                    let Some(again) = spare.take() else {
                        return Err(ProxyError::Internal);
                    };
                    request = again;
                    self.tried.push(lease.server.key);
                    // Alone: the same server, over a new connection.
                    server = self.service.pick(&self.tried).unwrap_or(lease.server);
                }
                Err(Failure::Unsent(_)) => {
                    return Err(ProxyError::Connection(
                        std::io::ErrorKind::ConnectionAborted.into(),
                    ));
                }
                Err(Failure::Lost(error)) => return Err(ProxyError::from_send(error)),
                Err(Failure::Late) => return Err(ProxyError::ResponseTimeout),
            }
            Counters::count(&self.worker.counters.retries);
            self.fresh = true;
        }
    }

    /// The next server in rotation that was not tried.
    fn pick(&self) -> Result<Arc<Server>, ProxyError> {
        self.service
            .pick(&self.tried)
            .ok_or_else(|| ProxyError::NoServer(self.service.unavailable_reason.clone()))
    }

    /// A connection to `server`, or to another one if it cannot be reached.
    async fn lease(&mut self, mut server: Arc<Server>) -> Result<Lease, ProxyError> {
        loop {
            if !self.fresh
                && let Some(lease) = self.worker.pool.take(&server)
            {
                return Ok(lease);
            }
            let limit = self.service.dial_timeout;
            Counters::count(&self.worker.counters.server_connections);
            match connect::connect(&server, &self.worker.tls, limit).await {
                Ok(connection) => return Ok(self.worker.pool.lend(server, connection)),
                Err(error) => {
                    tracing::debug!(
                        service = self.service.name,
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
                    Counters::count(&self.worker.counters.retries);
                    server = match self.service.pick(&self.tried) {
                        Some(other) => other,
                        // Alone: it may just be restarting.
                        None => server,
                    };
                }
            }
        }
    }

    /// Writes what depends on the server and its protocol.
    fn address(&self, request: &mut Request<RequestBody>, lease: &Lease) -> Result<(), ProxyError> {
        let host = self.host.as_ref().unwrap_or(&lease.server.authority);
        if let Connection::Http1(_) = lease.connection {
            *request.version_mut() = Version::HTTP_11;
            *request.uri_mut() = Uri::from(self.target.clone());
            request.headers_mut().insert(HOST, host.clone());
            return Ok(());
        }
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(UriScheme::HTTP);
        uri.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| ProxyError::Target)?);
        uri.path_and_query = Some(self.target.clone());
        *request.uri_mut() = Uri::from_parts(uri).map_err(|_| ProxyError::Target)?;
        *request.version_mut() = Version::HTTP_2;
        // HTTP/2 has its own framing and no protocol switch.
        for name in [HOST, CONNECTION, UPGRADE, TRANSFER_ENCODING] {
            request.headers_mut().remove(name);
        }
        Ok(())
    }

    async fn send(
        &self,
        lease: &mut Lease,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Failure> {
        let limit = self.service.response_header_timeout;
        match &mut lease.connection {
            Connection::Http1(connection) => {
                within(limit, connection.sender.try_send_request(request)).await
            }
            Connection::Http2(sender) => within(limit, sender.try_send_request(request)).await,
        }
    }
}

/// Out of descriptors, ports or memory: nothing is known about the server.
fn is_own_trouble(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, OutOfMemory};
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.kind(), AddrNotAvailable | OutOfMemory)
        || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

/// How a send went wrong.
enum Failure {
    /// Nothing was written: the request came back.
    Unsent(Box<Request<RequestBody>>),
    /// Somewhere between the first byte written and the response head.
    Lost(hyper::Error),
    /// No response head in time.
    Late,
}

async fn within(
    limit: Option<Duration>,
    sent: impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>>,
) -> Result<Response<Incoming>, Failure> {
    let result = match limit {
        None => sent.await,
        Some(limit) => tokio::time::timeout(limit, sent)
            .await
            .map_err(|_| Failure::Late)?,
    };
    result.map_err(|mut error| match error.take_message() {
        Some(request) => Failure::Unsent(Box::new(request)),
        None => Failure::Lost(error.into_error()),
    })
}

fn host_to_send(service: &Service, head: &Head) -> Option<HeaderValue> {
    match &head.host_header {
        Some(host) => Some(host.clone()),
        None if service.pass_host_header => head.headers.get(HOST).cloned(),
        None => None,
    }
}

/// The request without what depends on the server.
fn outgoing(head: Head, mut body: RequestBody, expects_continue: bool) -> Request<RequestBody> {
    let mut headers = head.headers;
    let mut leave = None;
    if expects_continue {
        if body.is_empty() {
            headers.remove(EXPECT);
        } else {
            let notify = Arc::new(Notify::new());
            body.hold_until(Arc::clone(&notify));
            leave = Some(notify);
        }
    }
    // hyper leaves out the body of a GET whose length nobody states.
    if !body.is_empty() && !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let mut request = Request::new(body);
    *request.method_mut() = head.method;
    *request.headers_mut() = headers;
    if let Some(leave) = leave {
        hyper::ext::on_informational(&mut request, move |response| {
            if response.status() == http::StatusCode::CONTINUE {
                leave.notify_one();
            }
        });
    }
    request
}

/// A copy of a request that may be sent twice.
fn spare(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let repeatable = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !repeatable || !request.body().is_empty() {
        return None;
    }
    let mut copy = Request::new(RequestBody::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}
