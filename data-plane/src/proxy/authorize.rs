//! Asks the server of a `forwardAuth` middleware, and waits for its answer.
//!
//! Over the worker's own pool, as any request. Invariant: whatever is not a clear
//! yes ends the request.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, LOCATION};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::body::RequestBody;
use super::connection::Client;
use super::error::ProxyError;
use super::head::Head;
use super::server_body::ServerBody;
use super::{Answer, Onward, Payload, Record, forward, headers};
use crate::balance::{Asking, Turn};
use crate::middleware::{ForwardAuth, Permission, TIME_LIMIT};
use crate::routing::Route;

/// Of the body of a yes: what is longer is not read, and its connection closed.
const DRAIN_LIMIT: u64 = 64 * 1024;

/// The client gets the request's end.
type Denied = Box<Answer>;

/// Whether the request may pass. Takes over from the answer what it says about the
/// request.
pub(super) async fn ask(
    client: &Client,
    route: &Route,
    auth: &ForwardAuth,
    head: &mut Head,
    onward: &mut Onward,
    mut record: Option<&mut Record>,
) -> Result<Permission, Denied> {
    let body = if auth.forward_body {
        read_body(client, route, auth, head, onward).await?
    } else {
        Bytes::new()
    };
    let question = auth.question(head, &client.hop.peer, body.len());
    let mut question = Box::new(question);
    if let Some(record) = record.as_deref_mut() {
        record.asks_permission(&mut question);
    }
    let body = whole(body);
    let headers = HeaderMap::new();
    let asking = Asking {
        client: client.peer,
        headers: &headers,
    };
    let mut turn = Turn::new(auth.service(), asking);
    let sent = forward::forward(&client.worker, &mut turn, question, body, false, None);
    let sent = tokio::time::timeout(TIME_LIMIT, sent).await;
    if let Some(record) = record {
        record.asked_permission(&sent);
    }
    let answer = match sent {
        Ok(Ok(reply)) => take(auth, reply.parts, reply.body).await,
        Ok(Err(error)) => Err(failed(auth, &error)),
        Err(_) => Err(failed(auth, &ProxyError::ResponseTimeout)),
    }?;
    if answer.parts.status.is_success() {
        return Ok(auth.grant(&answer.parts.headers, head));
    }
    Err(Box::new(deny(auth, answer)))
}

/// Reads the request's body to be sent twice.
async fn read_body(
    client: &Client,
    route: &Route,
    auth: &ForwardAuth,
    head: &mut Head,
    onward: &mut Onward,
) -> Result<Bytes, Denied> {
    if onward.body.is_empty() {
        return Ok(Bytes::new());
    }
    let limit = auth.max_body_size.unwrap_or(u64::MAX);
    let too_large = || Err(own(StatusCode::UNAUTHORIZED, "auth_body_too_large"));
    if onward.body.size_hint().lower() > limit {
        return too_large();
    }
    let mut read = BytesMut::new();
    while let Some(frame) = onward.body.frame().await {
        let frame = frame.map_err(|error| {
            let error = ProxyError::from_client(error);
            Box::new(Answer::from_error(client, Some(route), &error))
        })?;
        read.extend_from_slice(frame.data_ref().map(|it| &it[..]).unwrap_or_default());
        if u64::try_from(read.len()).unwrap_or(u64::MAX) > limit {
            return too_large();
        }
    }
    let read = read.freeze();
    onward.body = whole(read.clone());
    // It was given leave to send, and its body has a length now.
    onward.expects_continue = false;
    head.headers.remove(EXPECT);
    let length = HeaderValue::from(read.len());
    head.headers.insert(CONTENT_LENGTH, length);
    Ok(read)
}

/// The answer as far as it has to be read before it means something.
async fn take(auth: &ForwardAuth, mut parts: Parts, body: ServerBody) -> Result<Answer, Denied> {
    if parts.status.is_informational() {
        return Err(failed(auth, &ProxyError::UpstreamCoding));
    }
    headers::strip_response(&mut parts.headers, false);
    parts.version = Version::HTTP_11;
    let payload = match auth.max_response_body_size {
        None if !parts.status.is_success() => Payload::Server(body),
        limit => {
            let read = body.read(limit.unwrap_or(DRAIN_LIMIT));
            match tokio::time::timeout(TIME_LIMIT, read).await {
                Ok(Ok(Some(bytes))) => Payload::Own(bytes),
                Ok(Ok(None)) if limit.is_none() => Payload::Own(Bytes::new()),
                Ok(Ok(None)) => {
                    return Err(own(StatusCode::UNAUTHORIZED, "auth_answer_too_large"));
                }
                Ok(Err(error)) => return Err(failed(auth, &ProxyError::UpstreamReset(error))),
                Err(_) => return Err(failed(auth, &ProxyError::ResponseTimeout)),
            }
        }
    };
    Ok(Answer {
        parts,
        payload,
        reason: "auth_denied",
    })
}

/// The answer was no.
fn deny(auth: &ForwardAuth, mut answer: Answer) -> Answer {
    if answer.parts.status == StatusCode::UNAUTHORIZED
        && let Some(location) = &auth.sign_in
    {
        let mut answer = own(StatusCode::FOUND, "auth_sign_in");
        answer.parts.headers.insert(LOCATION, location.clone());
        return *answer;
    }
    auth.deny(&mut answer.parts.headers);
    answer
}

/// There is no answer.
fn failed(auth: &ForwardAuth, error: &ProxyError) -> Denied {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(
        middleware = auth.service().name,
        %error,
        cause = cause.unwrap_or_default(),
        "the server of forwardAuth does not answer"
    );
    own(StatusCode::INTERNAL_SERVER_ERROR, "auth_unreachable")
}

fn own(status: StatusCode, reason: &'static str) -> Denied {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    Box::new(Answer {
        parts,
        payload: Payload::Own(Bytes::new()),
        reason,
    })
}

fn whole(bytes: Bytes) -> RequestBody {
    if bytes.is_empty() {
        RequestBody::Empty
    } else {
        RequestBody::Whole(bytes)
    }
}
