//! `buffering`: reads requests and answers whole before they go on.
//!
//! Here is how long they may be and when an answer is a reason to try again; the
//! request path reads.

use fairway_proto::discovery::v1 as wire;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::expression::{Condition, Facts, Operand, Value};
use super::{Answer, MiddlewareError};
use crate::proxy::head::Head;

/// However often an answer would be a reason to try again.
const MAX_ATTEMPTS: u32 = 10;

#[derive(Debug)]
pub(crate) struct Buffering {
    /// Bytes.
    pub(crate) max_request: Option<u64>,
    /// Bytes.
    pub(crate) max_response: Option<u64>,
    retry: Option<Condition>,
}

/// One answer and how it came about.
struct Outcome<'o> {
    attempts: u32,
    method: &'o Method,
    status: StatusCode,
}

impl Buffering {
    pub(super) fn build(spec: &wire::Buffering) -> Result<Self, MiddlewareError> {
        let limit = |bytes: u64| (bytes > 0).then_some(bytes);
        Ok(Self {
            max_request: limit(spec.max_request_body_bytes),
            max_response: limit(spec.max_response_body_bytes),
            retry: spec.retry.as_ref().map(Condition::build).transpose()?,
        })
    }

    /// The answer to a request that says itself that it is too long.
    pub(super) fn refusal(&self, head: &Head) -> Option<Answer> {
        let length = head.headers.get(CONTENT_LENGTH)?;
        let length: u64 = length.to_str().ok()?.trim().parse().ok()?;
        (length > self.max_request?).then(Self::too_long)
    }

    /// The answer to a request that is too long.
    pub(crate) fn too_long() -> Answer {
        own(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "Request Entity Too Large",
        )
    }

    /// The answer in place of one that is too long.
    pub(crate) fn answer_too_long() -> Answer {
        own(
            StatusCode::INTERNAL_SERVER_ERROR,
            "answer_too_large",
            "Internal Server Error",
        )
    }

    /// Has the request to be sent again, after so many attempts and this answer?
    pub(crate) fn retries(&self, attempts: u32, method: &Method, status: StatusCode) -> bool {
        let outcome = Outcome {
            attempts,
            method,
            status,
        };
        let retry = self.retry.as_ref();
        attempts < MAX_ATTEMPTS && retry.is_some_and(|retry| retry.holds(&outcome))
    }

    /// For explanations.
    pub(super) fn described(&self) -> String {
        let limited = |limit: Option<u64>| {
            limit.map_or(String::new(), |bytes| format!(" (up to {bytes} bytes)"))
        };
        let again = match &self.retry {
            Some(_) => ", and may send the request again",
            None => "",
        };
        format!(
            "reads the request's body{} and the answer{} whole before they go on{again}",
            limited(self.max_request),
            limited(self.max_response),
        )
    }
}

impl Facts for Outcome<'_> {
    fn value(&self, of: &Operand) -> Option<Value<'_>> {
        match of {
            Operand::Attempts => Some(Value::Number(self.attempts.into())),
            Operand::ResponseCode => Some(Value::Number(self.status.as_u16().into())),
            Operand::RequestMethod => Some(Value::Text(self.method.as_str())),
            _ => None,
        }
    }

    fn network_error(&self) -> bool {
        is_network_error(self.status)
    }
}

/// No server has given this answer, or it says so of the next one.
pub(super) fn is_network_error(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
    )
}

fn own(status: StatusCode, reason: &'static str, body: &'static str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Answer {
        status,
        reason,
        headers,
        body: body.into(),
    }
}
