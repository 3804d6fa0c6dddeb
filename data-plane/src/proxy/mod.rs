//! The request path: from a parsed request to the response that goes back.
//!
//! [`handle`] is the whole of it, one phase after the other, each in its own
//! module. It reads the configuration once, waits for no lock, and cannot fail:
//! whatever goes wrong, a panic included, is an answer to this one request.

mod around;
mod arrival;
mod authorize;
mod body;
mod client_socket;
mod coding;
mod connect;
mod connection;
mod copies;
mod entrypoint;
mod error;
mod explain;
mod fill;
mod forward;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
mod gate;
mod grpc_web;
pub(crate) mod head;
pub(crate) mod headers;
mod http2;
mod media_type;
mod opening;
mod outbox;
mod patience;
mod pool;
mod proxy_protocol;
mod record;
mod replay;
mod server_body;
mod server_connection;
mod service;
#[cfg(test)]
mod test;
mod upgrade;

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONNECTION, SET_COOKIE, UPGRADE};
use http::response::Parts;
use http::{HeaderValue, Request, Response, StatusCode};

pub(crate) use self::connection::Client;
pub(crate) use self::copies::Burden;
pub(crate) use self::entrypoint::accept;
pub(crate) use self::explain::{Own, explain};
pub(crate) use self::patience::{CoarseClock, Limits, Patience, Phase, Verdict};
pub(crate) use self::pool::Pool;
pub(crate) use self::proxy_protocol::parse as proxy_header;
pub(crate) use self::record::Record;

use self::arrival::{Passage, Pause};
use self::body::{Exchange, RequestBody, ResponseBody};
use self::coding::EncodedBody;
use self::connect::Leftover;
use self::error::ProxyError;
use self::forward::Reply;
use self::head::Head;
use self::server_body::ServerBody;
use crate::balance::Turn;
use crate::middleware::{Around, Hold, Middleware, Recall};
use crate::routing::{Intake, Route, Stage};
use crate::stats::{Attempt, Tally, Unanswered};

/// What rules see of a request that passes the gate.
pub(crate) fn head_of(parts: http::request::Parts, peer: std::net::IpAddr) -> Option<Head> {
    let arrival = arrival::admit(parts, false, false, peer, false, &Intake::default()).ok()?;
    arrival.map(|arrival| *arrival.head)
}

/// The answer to one request before it is tied to the client's connection.
struct Answer {
    parts: Parts,
    payload: Payload,
    reason: &'static str,
}

/// What counts while the request is under way. Travels with the head of the answer.
#[derive(Clone)]
struct Holds(Vec<Arc<Hold>>);

enum Payload {
    Own(Bytes),
    Server(ServerBody),
    Encoded(Box<EncodedBody>),
    /// None: HTTP has ended on the server's socket.
    Switched(Box<Leftover>),
}

/// Answers one request. `fragment`: its target had one.
async fn handle(
    client: Rc<Client>,
    request: Request<RequestBody>,
    fragment: bool,
) -> Response<ResponseBody> {
    client.patience.enter(Phase::Serving);
    let mut record = Record::begin(&client, &request);
    let unanswered = Unanswered(&client);
    let mut routed = None;
    let record_in = record.as_deref_mut();
    let answering = answer(&client, request, fragment, &mut routed, record_in);
    let mut answer = match AssertUnwindSafe(answering).catch_unwind().await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::from_error(&client, None, &error),
        Err(_panic) => Answer::from_error(&client, None, &ProxyError::Internal),
    };
    let parts = &answer.parts;
    let tally = Tally::begin(&client, routed.as_deref(), parts.status, &parts.headers);
    drop(unanswered);
    client.worker.answered(parts.status, answer.reason);
    // What is left of an unread body must not be taken for the next request.
    if answer.parts.status != StatusCode::SWITCHING_PROTOCOLS
        && (client.worker.draining.get()
            || client.patience.body_is_open()
            || client.patience.is_worn_out())
    {
        answer
            .parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(record) = &mut record {
        let parts = &answer.parts;
        record.concluded(parts.status, &parts.headers, answer.reason);
    }
    let mut exchange = Exchange::new(&client.patience, record);
    let holds = answer.parts.extensions.remove::<Holds>();
    exchange.hold(holds);
    exchange.count(tally);
    let body = match answer.payload {
        Payload::Own(bytes) => ResponseBody::own(bytes, exchange),
        Payload::Server(body) => ResponseBody::server(body, exchange),
        Payload::Encoded(body) => ResponseBody::encoded(body, exchange),
        Payload::Switched(server) => ResponseBody::switched(server, exchange),
    };
    Response::from_parts(answer.parts, body)
}

/// Answers what could not be read as a request.
fn refuse(client: &Client, error: &ProxyError) -> Response<ResponseBody> {
    let answer = Answer::from_error(client, None, error);
    client.worker.answered(answer.parts.status, answer.reason);
    let (parts, body) = (answer.parts, error.answer().1);
    let mut record = Record::of_client(client);
    if let Some(record) = &mut record {
        record.concluded(parts.status, &parts.headers, answer.reason);
    }
    let exchange = Exchange::new(&client.patience, record);
    Response::from_parts(parts, ResponseBody::own(body, exchange))
}

/// Gate, head, route. Errors are of requests that have no route.
async fn answer(
    client: &Rc<Client>,
    request: Request<RequestBody>,
    fragment: bool,
    routed: &mut Option<Arc<Route>>,
    mut record: Option<&mut Record>,
) -> Result<Answer, ProxyError> {
    #[cfg(test)]
    assert!(
        !request.headers().contains_key("x-test-panic"),
        "asked to panic"
    );
    let (parts, body) = request.into_parts();
    let (peer, secure) = (client.peer, client.hop.secure);
    let has_body = !body.is_empty();
    let arrived = client.worker.with_table(|table| {
        let entry_point = table.entry_point(&client.entry_point);
        let entry_point = entry_point.ok_or(ProxyError::NoRoute)?;
        let intake = entry_point.intake();
        let arrival = arrival::admit(parts, fragment, has_body, peer, secure, intake)?;
        Ok::<_, ProxyError>(arrival.map(|mut arrival| {
            arrival.enter(entry_point, &client.hop);
            let route = table.find(&client.entry_point, &arrival.head).cloned();
            let counted = match &route {
                Some(route) => route.is_counted(entry_point, table.metrics()),
                None => entry_point.switches().counts(),
            };
            if counted {
                client.count(&arrival.head, table.metrics());
            }
            if let Some(record) = record.as_deref_mut() {
                record.arrived(table, entry_point, &mut arrival.head, route.as_ref());
            }
            (arrival, route)
        }))
    });
    let Some((mut arrival, route)) = arrived? else {
        return Ok(Answer::own(StatusCode::OK));
    };
    let route = routed.insert(route.ok_or(ProxyError::NoRoute)?);
    arrival::guard_loop(route, &mut arrival.head)?;
    let onward = Onward {
        body,
        upgrade: arrival.upgrade,
        expects_continue: arrival.expects_continue,
    };
    if let Some(record) = record.as_deref_mut() {
        record.enters_router(route);
    }
    let stage = Stage::of(route);
    Ok(through(client, stage, 0, arrival.head, onward, record).await)
}

/// What goes to the server besides the head.
struct Onward {
    body: RequestBody,
    upgrade: Option<HeaderValue>,
    expects_continue: bool,
}

/// How the way in ends.
enum Inward {
    /// At the service, or with the answer of a middleware.
    Through,
    /// With the answer of a server that was asked.
    Denied(Box<Answer>),
    /// The rest is inside of a middleware.
    Around(Around),
}

/// The middlewares in from this one on, the server, the middlewares out.
async fn through(
    client: &Rc<Client>,
    stage: Stage<'_>,
    from: usize,
    mut head: Box<Head>,
    mut onward: Onward,
    mut record: Option<&mut Record>,
) -> Answer {
    let depth = record.as_deref().map_or(0, Record::depth);
    let mut passage = Passage {
        passed: from,
        ..Passage::default()
    };
    let route = stage.route;
    let record_in = record.as_deref_mut();
    let inward = inward(
        client,
        stage,
        &mut passage,
        &mut head,
        &mut onward,
        record_in,
    )
    .await;
    if let (Some(record), Some(user)) = (record.as_deref_mut(), head.user.take()) {
        record.user = user;
    }
    let inward = match (inward, passage.answer.is_some()) {
        (Inward::Denied(answer), _) => Inward::Denied(answer),
        (inward, false) if grpc_web::is_text(&passage.recalls) => {
            // Boxed so that routes without it do not carry its state.
            match Box::pin(grpc_web::decode(&mut head, &mut onward)).await {
                Ok(()) => inward,
                Err(error) => {
                    let answer = Answer::from_error(client, Some(route), &error);
                    Inward::Denied(Box::new(answer))
                }
            }
        }
        (inward, _) => inward,
    };
    let mut answer = match (inward, passage.answer.take()) {
        (Inward::Denied(answer), _) => *answer,
        (_, Some(answer)) => Answer::from_middleware(client, route, answer),
        (Inward::Around(outer), None) => {
            let from = passage.passed + 1;
            // Boxed so that routes without them do not carry their state.
            let record = record.as_deref_mut();
            let inside = around::around(client, stage, outer, from, head, onward, record);
            Box::pin(inside).await
        }
        (Inward::Through, None) => {
            if let Some(record) = record.as_deref_mut() {
                record.enters_service(&stage.service.name);
            }
            let record = record.as_deref_mut();
            match service::serve(client, stage, head, onward, record).await {
                Ok(answer) => answer,
                Err(error) => Answer::from_error(client, Some(route), &error),
            }
        }
    };
    outward(client, stage, from, passage, &mut answer).await;
    if let Some(record) = record {
        record.leaves(depth);
    }
    answer
}

/// As far in as the middlewares let the request.
async fn inward(
    client: &Rc<Client>,
    stage: Stage<'_>,
    passage: &mut Passage,
    head: &mut Head,
    onward: &mut Onward,
    mut record: Option<&mut Record>,
) -> Inward {
    let (route, middlewares) = (stage.route, stage.middlewares);
    loop {
        let passed = |middleware: &Middleware, _: &Head, _: Option<&_>| {
            if let Some(record) = record.as_deref_mut() {
                record.enters_middleware(middleware);
            }
        };
        let Some(pause) = arrival::inward(middlewares, passage, head, passed).await else {
            break;
        };
        if let (Some(record), Some(middleware)) =
            (record.as_deref_mut(), middlewares.get(passage.passed))
        {
            record.enters_middleware(middleware);
        }
        match pause {
            // Boxed so that routes without them do not carry their state.
            Pause::Enter(limit) => match Box::pin(limit.enter()).await {
                Ok(hold) => {
                    passage.holds.extend(hold);
                    passage.go_on(None);
                }
                Err(answer) => {
                    passage.answer = Some(answer);
                    break;
                }
            },
            Pause::Ask(auth) => {
                let record_in = record.as_deref_mut();
                let asked = authorize::ask(client, route, &auth, head, onward, record_in);
                match Box::pin(asked).await {
                    Ok(permission) => {
                        passage.go_on(Recall::Cookies(permission.cookies));
                        if let (Some(record), Some(user)) = (record.as_deref_mut(), permission.user)
                        {
                            record.user = user;
                        }
                    }
                    Err(answer) => return Inward::Denied(answer),
                }
            }
            Pause::Around(outer) => return Inward::Around(outer),
        }
    }
    Inward::Through
}

/// Out through those middlewares from `from` on that the request has passed.
async fn outward(
    client: &Rc<Client>,
    stage: Stage<'_>,
    from: usize,
    passage: Passage,
    answer: &mut Answer,
) {
    let Passage {
        passed,
        mut recalls,
        holds,
        ..
    } = passage;
    let route = stage.route;
    let passed = stage.middlewares.get(from..passed).unwrap_or_default();
    for (at, middleware) in passed.iter().enumerate().rev() {
        let recall = recalls
            .pop_if(|(of, _)| *of == from + at)
            .map(|(_, recall)| recall);
        if let Some(Recall::GrpcWeb(dialect)) = &recall {
            grpc_web::encode(answer, dialect);
        }
        if let Some((compress, coding)) = middleware.compression(recall.as_ref()) {
            // Boxed so that routes without it do not carry its state.
            let compressed = Box::pin(coding::compress(answer, compress, coding)).await;
            if let Err(error) = compressed {
                *answer = Answer::from_error(client, Some(route), &error);
            }
        }
        middleware.on_response(recall, &mut answer.parts);
    }
    if passed.iter().any(|it| it.detects_content_type())
        && let Err(error) = media_type::detect(answer).await
    {
        *answer = Answer::from_error(client, Some(route), &ProxyError::UpstreamReset(error));
    }
    if !holds.is_empty() {
        let mut all = Holds(holds.into_iter().map(Arc::new).collect());
        // Those of the way inside.
        all.0.extend(
            answer
                .parts
                .extensions
                .remove::<Holds>()
                .into_iter()
                .flat_map(|it| it.0),
        );
        answer.parts.extensions.insert(all);
    }
}

/// The response of the server that gets this turn, or why there is none.
async fn to_server(
    client: &Rc<Client>,
    route: &Route,
    mut turn: Turn<'_>,
    mut head: Box<Head>,
    onward: Onward,
    mut record: Option<&mut Record>,
) -> Result<Answer, ProxyError> {
    let Onward {
        body,
        upgrade,
        expects_continue,
    } = onward;
    let draining = client.worker.draining.get();
    if let Some(answer) = arrival::depart(turn.balancer, &mut head, draining) {
        return Ok(Answer::from_middleware(client, route, answer));
    }
    let mut attempt = Attempt::begin(client, turn.balancer, &head.method, body.at_hand());
    let (worker, socket) = (&client.worker, client.socket.as_deref());
    if let Some(record) = record.as_deref_mut() {
        record.asks(&mut head);
    }
    let reply = forward::forward(worker, &mut turn, head, body, expects_continue, socket).await;
    if let (Some(attempt), Err(error)) = (&mut attempt, &reply) {
        attempt.failed(error.status());
    }
    if let Some(record) = record.as_deref_mut() {
        record.retries = record.retries.saturating_add(turn.repeats);
        if let Err(error) = &reply {
            record.unanswered(error);
        }
    }
    let Reply {
        mut parts,
        mut body,
        server,
    } = reply?;
    if let Some(attempt) = &mut attempt {
        attempt.answered(&server, parts.status, &parts.headers);
    }
    if let Some(record) = record {
        record.answered(turn.balancer, &server, parts.status, &parts.headers);
    }
    let cookie = turn.cookie(&server);
    parts
        .headers
        .extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    body.count(turn.into_load());
    body.measure(attempt);
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return switch(client, parts, body, upgrade.as_ref());
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
        payload: Payload::Server(body),
        reason: "",
    })
}

/// Hands the server's socket to the connection task, which tunnels once the 101 is
/// written.
fn switch(
    client: &Client,
    mut parts: Parts,
    body: ServerBody,
    asked: Option<&HeaderValue>,
) -> Result<Answer, ProxyError> {
    let got = parts.headers.get(UPGRADE);
    let agreed = asked
        .zip(got)
        .is_some_and(|(asked, got)| asked.as_bytes().eq_ignore_ascii_case(got.as_bytes()));
    let server = body.into_leftover().filter(|_| agreed);
    let server = server.ok_or(ProxyError::UpstreamSwitched)?;
    headers::strip_response(&mut parts.headers, true);
    client.patience.enter(Phase::Tunnel);
    Ok(Answer {
        parts,
        payload: Payload::Switched(Box::new(server)),
        reason: "",
    })
}

impl Payload {
    /// In bytes, if that is known.
    fn length(&self) -> Option<u64> {
        match self {
            Self::Own(bytes) => u64::try_from(bytes.len()).ok(),
            Self::Server(body) => body.length(),
            Self::Encoded(_) => None,
            Self::Switched(_) => Some(0),
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
            "answered on the way"
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
