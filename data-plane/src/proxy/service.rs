//! From the service of a route to an answer: down to servers, with copies for mirrors,
//! and to a fallback where the main service fails.
//!
//! A service of servers alone goes straight there; the state of what takes more is
//! boxed where it is needed.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, SET_COOKIE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::body::RequestBody;
use super::connection::Client;
use super::copies::Copies;
use super::error::ProxyError;
use super::head::Head;
use super::{Answer, Onward, Payload, Record, headers, to_server};
use crate::balance::{Asking, Descent, Failover, Regard, Service};
use crate::routing::Route;

/// A request that can be sent once more.
struct Spare {
    head: Box<Head>,
    body: Bytes,
    upgrade: Option<HeaderValue>,
}

/// A request's body, to be sent more than once.
enum Kept {
    /// All of it.
    Whole(Bytes),
    /// It goes by and is gone.
    Streamed,
    /// It is longer than the author of the service wants to keep.
    TooLarge,
}

/// The answer of the route's service.
pub(super) async fn serve(
    client: &Rc<Client>,
    route: &Route,
    mut head: Box<Head>,
    onward: Onward,
    record: Option<&mut Record>,
) -> Result<Answer, ProxyError> {
    headers::leave(&mut head.headers, &client.hop, head.omit_forwarded_for);
    let descent = descend(&route.service, &head)?;
    if descent.mirrorings.is_empty() && descent.failovers.is_empty() {
        return plain(client, route, descent, head, onward, record).await;
    }
    elaborate(client, route, descent, head, onward, record).await
}

/// The answer of another service, to a request that no client sent.
pub(super) async fn serve_by(
    client: &Rc<Client>,
    route: &Route,
    service: &Service,
    mut head: Box<Head>,
    onward: Onward,
) -> Result<Answer, ProxyError> {
    headers::leave(&mut head.headers, &client.hop, head.omit_forwarded_for);
    let descent = descend(service, &head)?;
    elaborate(client, route, descent, head, onward, None).await
}

fn descend<'s>(service: &'s Service, head: &Head) -> Result<Descent<'s>, ProxyError> {
    let asking = Asking {
        client: head.peer,
        headers: &head.headers,
    };
    let descent = service.descend(asking, Regard::Take);
    descent.ok_or_else(|| no_share(service))
}

/// Of a service of which no part gets requests.
pub(super) fn no_share(service: &Service) -> ProxyError {
    ProxyError::NoServer(format!(
        "no service in {} has a weight above 0",
        service.name
    ))
}

async fn plain(
    client: &Rc<Client>,
    route: &Route,
    descent: Descent<'_>,
    head: Box<Head>,
    onward: Onward,
    record: Option<&mut Record>,
) -> Result<Answer, ProxyError> {
    let Descent { turn, cookies, .. } = descent;
    let mut answer = to_server(client, route, turn, head, onward, record).await?;
    let cookies = cookies.into_iter().map(|cookie| (SET_COOKIE, cookie));
    answer.parts.headers.extend(cookies);
    Ok(answer)
}

/// With mirrors or a fallback on the way.
fn elaborate<'f>(
    client: &'f Rc<Client>,
    route: &'f Route,
    descent: Descent<'f>,
    mut head: Box<Head>,
    mut onward: Onward,
    mut record: Option<&'f mut Record>,
) -> Pin<Box<dyn Future<Output = Result<Answer, ProxyError>> + 'f>> {
    Box::pin(async move {
        let failovers = descent.failovers.clone();
        let spare = match keep(&failovers, &mut head, &mut onward).await? {
            Kept::TooLarge => return Ok(too_large()),
            Kept::Streamed => None,
            Kept::Whole(body) => Some(Spare {
                head: head.clone(),
                body,
                upgrade: onward.upgrade.clone(),
            }),
        };
        let copies = Copies::begin(client, &descent.mirrorings, &head, &mut onward);
        let record = &mut record;
        let mut outcome = plain(client, route, descent, head, onward, record.as_deref_mut()).await;
        if let Some(copies) = copies
            && outcome.is_ok()
        {
            copies.answered();
        }
        let mut spare = spare;
        for failover in failovers.iter().rev() {
            if !is_replaced(failover, &outcome) {
                continue;
            }
            // The outer fallbacks may need it, too.
            let Some(again) = spare.as_ref().map(Spare::again) else {
                break;
            };
            let (head, onward) = again;
            let fallback = &failover.fallback;
            outcome = fall_back(client, route, fallback, head, onward, record).await;
        }
        drop(spare.take());
        outcome
    })
}

async fn fall_back(
    client: &Rc<Client>,
    route: &Route,
    fallback: &Arc<Service>,
    head: Box<Head>,
    onward: Onward,
    record: &mut Option<&mut Record>,
) -> Result<Answer, ProxyError> {
    let descent = descend(fallback, &head)?;
    elaborate(client, route, descent, head, onward, record.as_deref_mut()).await
}

/// Does the fallback answer instead?
fn is_replaced(failover: &Failover, outcome: &Result<Answer, ProxyError>) -> bool {
    match outcome {
        Ok(answer) => failover.replaces(answer.parts.status),
        // No server got to see any of the request.
        Err(error) => error.is_before_request() || failover.replaces(error.status()),
    }
}

/// Keeps the body if a fallback may need it.
async fn keep(
    failovers: &[&Failover],
    head: &mut Head,
    onward: &mut Onward,
) -> Result<Kept, ProxyError> {
    match &onward.body {
        _ if failovers.is_empty() => return Ok(Kept::Streamed),
        RequestBody::Empty => return Ok(Kept::Whole(Bytes::new())),
        RequestBody::Whole(bytes) => return Ok(Kept::Whole(bytes.clone())),
        RequestBody::Client(_)
        | RequestBody::Http2(_)
        | RequestBody::Lent(_)
        | RequestBody::Resumed(_) => {}
    }
    let replacing = failovers.iter().filter(|it| it.replaces_answers());
    // The first to say so is the strictest.
    let limits = replacing.map(|it| it.max_request_body_bytes.unwrap_or(u64::MAX));
    let Some(limit) = limits.min() else {
        return Ok(Kept::Streamed);
    };
    if onward.body.size_hint().lower() > limit {
        return Ok(Kept::TooLarge);
    }
    let mut read = BytesMut::new();
    while let Some(frame) = onward.body.frame().await {
        let frame = frame.map_err(ProxyError::from_client)?;
        read.extend_from_slice(frame.data_ref().map(|it| &it[..]).unwrap_or_default());
        if u64::try_from(read.len()).unwrap_or(u64::MAX) > limit {
            return Ok(Kept::TooLarge);
        }
    }
    let read = read.freeze();
    onward.body = whole(read.clone());
    // It was given leave to send, and its body has a length now.
    onward.expects_continue = false;
    head.headers.remove(EXPECT);
    let length = HeaderValue::from(read.len());
    head.headers.insert(CONTENT_LENGTH, length);
    Ok(Kept::Whole(read))
}

impl Spare {
    fn again(&self) -> (Box<Head>, Onward) {
        let onward = Onward {
            body: whole(self.body.clone()),
            upgrade: self.upgrade.clone(),
            expects_continue: false,
        };
        (self.head.clone(), onward)
    }
}

pub(super) fn whole(bytes: Bytes) -> RequestBody {
    if bytes.is_empty() {
        RequestBody::Empty
    } else {
        RequestBody::Whole(bytes)
    }
}

fn too_large() -> Answer {
    let mut answer = Answer {
        payload: Payload::Own(Bytes::from_static(b"Request body too large\n")),
        reason: "failover_body_too_large",
        ..Answer::own(StatusCode::PAYLOAD_TOO_LARGE)
    };
    let headers = &mut answer.parts.headers;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, text);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
