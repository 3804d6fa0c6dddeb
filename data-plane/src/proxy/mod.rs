//! The request path: from a parsed request to the response that goes back.
//!
//! [`handle`] is the whole of it, one phase after the other, each in its own
//! module. It reads the configuration once, takes no lock, and cannot fail:
//! whatever goes wrong, a panic included, is an answer to this one request.

mod access_log;
mod arrival;
mod authorize;
mod body;
mod coding;
mod connect;
mod connection;
mod entrypoint;
mod error;
mod explain;
mod forward;
mod gate;
pub(crate) mod head;
pub(crate) mod headers;
mod media_type;
mod patience;
mod pool;
mod server_body;
mod stream;
#[cfg(test)]
mod test;
mod upgrade;

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONNECTION, TRANSFER_ENCODING, UPGRADE};
use http::response::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;

pub(crate) use self::connect::tls_connector;
pub(crate) use self::entrypoint::accept;
pub(crate) use self::explain::explain;
pub(crate) use self::patience::{CoarseClock, Limits, Patience, Phase, Verdict};
pub(crate) use self::pool::Pool;

use self::access_log::Record;
use self::arrival::Passage;
use self::body::{Exchange, RequestBody, ResponseBody};
use self::coding::EncodedBody;
use self::connect::Connection;
use self::connection::Client;
use self::error::ProxyError;
use self::head::Head;
use self::pool::Lease;
use self::server_body::ServerBody;
use crate::middleware::Recall;
use crate::routing::Route;

/// The answer to one request before it is tied to the client's connection.
struct Answer {
    parts: Parts,
    payload: Payload,
    reason: &'static str,
}

enum Payload {
    Own(Bytes),
    Server(ServerBody),
    Encoded(Box<EncodedBody>),
}

/// Answers one request.
async fn handle(client: Rc<Client>, request: Request<Incoming>) -> Response<ResponseBody> {
    client.patience.enter(Phase::Serving);
    client.old.set(request.version() == http::Version::HTTP_10);
    let mut record = client
        .worker
        .access_log
        .then(|| Box::new(record_of(&client, &request)));
    let answering = AssertUnwindSafe(answer(&client, request, record.as_deref_mut()));
    let mut answer = match answering.catch_unwind().await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::from_error(&client, None, &error),
        Err(_panic) => Answer::from_error(&client, None, &ProxyError::Internal),
    };
    client.worker.counters.answered(answer.parts.status);
    // What is left of an unread body must not be taken for the next request.
    if answer.parts.status != StatusCode::SWITCHING_PROTOCOLS
        && (client.worker.draining.get() || client.patience.body_is_open())
    {
        answer
            .parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(record) = &mut record {
        record.status = answer.parts.status;
        record.reason = answer.reason;
    }
    let exchange = Exchange::new(&client.patience, record);
    let body = match answer.payload {
        Payload::Own(bytes) => ResponseBody::own(bytes, exchange),
        Payload::Server(body) => ResponseBody::server(body, exchange),
        Payload::Encoded(body) => ResponseBody::encoded(body, exchange),
    };
    Response::from_parts(answer.parts, body)
}

/// Gate, head, route. Errors are of requests that have no route.
async fn answer(
    client: &Rc<Client>,
    request: Request<Incoming>,
    mut record: Option<&mut Record>,
) -> Result<Answer, ProxyError> {
    #[cfg(test)]
    assert!(
        !request.headers().contains_key("x-test-panic"),
        "asked to panic"
    );
    let (parts, body) = request.into_parts();
    let body = RequestBody::new(body, &client.patience);
    let fragment = client.take_fragment();
    let (peer, secure) = (client.peer, client.hop.secure);
    let arrival = arrival::admit(parts, fragment, !body.is_empty(), peer, secure)?;
    let Some(mut arrival) = arrival else {
        return Ok(Answer::own(StatusCode::OK));
    };
    let route = client.worker.with_table(|table| {
        arrival.enter(table.entry_point(&client.entry_point)?, &client.hop);
        table.find(&client.entry_point, &arrival.head).cloned()
    });
    let route = route.ok_or(ProxyError::NoRoute)?;
    if let Some(record) = record.as_deref_mut() {
        record.router.clone_from(&route.name);
        record.service.clone_from(&route.service.name);
    }
    arrival::guard_loop(&route, &mut arrival.head)?;
    let onward = Onward {
        body,
        upgrade: arrival.upgrade,
        expects_continue: arrival.expects_continue,
    };
    Ok(through(client, &route, arrival.head, onward, record).await)
}

/// What goes to the server besides the head.
struct Onward {
    body: RequestBody,
    upgrade: Option<HeaderValue>,
    expects_continue: bool,
}

/// The middlewares in, the server, the middlewares out.
async fn through(
    client: &Rc<Client>,
    route: &Arc<Route>,
    mut head: Head,
    mut onward: Onward,
    mut record: Option<&mut Record>,
) -> Answer {
    let mut passage = Passage::default();
    let mut denied = None;
    while let Some(auth) = arrival::inward(route, &mut passage, &mut head, |_, _, _| ()).await {
        // Boxed so that routes without it do not carry its state.
        let asked = authorize::ask(client, route, &auth, &mut head, &mut onward);
        match Box::pin(asked).await {
            Ok(permission) => {
                passage.go_on(Recall::Cookies(permission.cookies));
                if let (Some(record), Some(user)) = (record.as_deref_mut(), permission.user) {
                    record.user = user;
                }
            }
            Err(answer) => {
                denied = Some(*answer);
                break;
            }
        }
    }
    let Passage {
        passed,
        mut recalls,
        answer,
    } = passage;
    let early = answer.map(|answer| Answer::from_middleware(client, route, answer));
    let early = denied.or(early);
    let mut answer = match early {
        Some(answer) => answer,
        None => match to_server(client, route, head, onward, record).await {
            Ok(answer) => answer,
            Err(error) => Answer::from_error(client, Some(route), &error),
        },
    };
    let passed = route.middlewares.get(..passed).unwrap_or_default();
    for (at, middleware) in passed.iter().enumerate().rev() {
        let recall = recalls
            .pop_if(|(of, _)| *of == at)
            .map(|(_, recall)| recall);
        if let Some((compress, coding)) = middleware.compression(recall.as_ref()) {
            // Boxed so that routes without it do not carry its state.
            let compressed = Box::pin(coding::compress(&mut answer, compress, coding)).await;
            if let Err(error) = compressed {
                answer = Answer::from_error(client, Some(route), &error);
            }
        }
        middleware.on_response(recall, &mut answer.parts);
    }
    if passed.iter().any(|it| it.detects_content_type())
        && let Err(error) = media_type::detect(&mut answer).await
    {
        return Answer::from_error(client, Some(route), &ProxyError::UpstreamReset(error));
    }
    answer
}

/// The server's response, or why there is none.
async fn to_server(
    client: &Rc<Client>,
    route: &Route,
    mut head: Head,
    onward: Onward,
    record: Option<&mut Record>,
) -> Result<Answer, ProxyError> {
    let Onward {
        body,
        upgrade,
        expects_continue,
    } = onward;
    headers::leave(&mut head.headers, &client.hop, head.omit_forwarded_for);
    let (response, lease) =
        forward::forward(&client.worker, &route.service, head, body, expects_continue).await?;
    if let Some(record) = record {
        record.server = lease
            .server
            .authority
            .to_str()
            .unwrap_or_default()
            .to_owned();
        record.container.clone_from(&lease.server.container);
    }
    let (mut parts, incoming) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return switch(client, parts, lease, upgrade.as_ref());
    }
    if !is_plain_coding(&parts) {
        return Err(ProxyError::UpstreamCoding);
    }
    headers::strip_response(&mut parts.headers, false);
    if upgrade.is_some() {
        // What the client sent early, for the other protocol, is no request.
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    parts.version = http::Version::HTTP_11;
    Ok(Answer {
        parts,
        payload: Payload::Server(ServerBody::new(incoming, lease)),
        reason: "",
    })
}

/// Hands the server's socket to the connection task, which tunnels once hyper has
/// written the 101.
fn switch(
    client: &Client,
    mut parts: Parts,
    lease: Lease,
    asked: Option<&HeaderValue>,
) -> Result<Answer, ProxyError> {
    let got = parts.headers.get(UPGRADE);
    let agreed = asked
        .zip(got)
        .is_some_and(|(asked, got)| asked.as_bytes().eq_ignore_ascii_case(got.as_bytes()));
    let Connection::Http1(connection) = lease.connection else {
        return Err(ProxyError::UpstreamSwitched);
    };
    if !agreed {
        return Err(ProxyError::UpstreamSwitched);
    }
    headers::strip_response(&mut parts.headers, true);
    client.patience.enter(Phase::Tunnel);
    client.switched_to(connection);
    Ok(Answer {
        parts,
        payload: Payload::Own(Bytes::new()),
        reason: "",
    })
}

/// hyper decodes `chunked` alone; any other coding would reach the client as if
/// it were the content.
fn is_plain_coding(parts: &Parts) -> bool {
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}

fn record_of(client: &Client, request: &Request<Incoming>) -> Record {
    let host = request.headers().get(http::header::HOST);
    Record {
        started: Instant::now(),
        client: client.peer,
        entry_point: client.entry_point.to_string(),
        method: request.method().clone(),
        host: host
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        path: request
            .uri()
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        router: String::new(),
        service: String::new(),
        user: String::new(),
        server: String::new(),
        container: String::new(),
        status: StatusCode::OK,
        reason: "",
        bytes: 0,
    }
}

impl Payload {
    /// In bytes, if that is known.
    fn length(&self) -> Option<u64> {
        match self {
            Self::Own(bytes) => u64::try_from(bytes.len()).ok(),
            Self::Server(body) => body.length(),
            Self::Encoded(_) => None,
        }
    }
}

impl Answer {
    fn own(status: StatusCode) -> Self {
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = status;
        Self {
            parts,
            payload: Payload::Own(Bytes::new()),
            reason: "",
        }
    }

    fn from_middleware(client: &Client, route: &Route, answer: crate::middleware::Answer) -> Self {
        tracing::debug!(
            reason = answer.reason,
            status = answer.status.as_u16(),
            entrypoint = &*client.entry_point,
            router = route.name,
            "answered by a middleware"
        );
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = answer.status;
        parts.headers = answer.headers;
        Self {
            parts,
            payload: Payload::Own(answer.body),
            reason: answer.reason,
        }
    }

    fn from_error(client: &Client, route: Option<&Route>, error: &ProxyError) -> Self {
        let (parts, body) = error.answer();
        let reason = error.reason().as_str();
        let status = parts.status.as_u16();
        let router = route.map_or("", |route| route.name.as_str());
        let service = route.map_or("", |route| route.service.name.as_str());
        let entrypoint = &*client.entry_point;
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let cause = cause.as_deref().unwrap_or_default();
        if parts.status.is_server_error() {
            tracing::warn!(reason, status, entrypoint, router, service, %error, cause, "answered by the proxy");
        } else {
            tracing::debug!(reason, status, entrypoint, router, service, %error, cause, "answered by the proxy");
        }
        Self {
            parts,
            payload: Payload::Own(body),
            reason,
        }
    }
}
