//! Middlewares that have the rest of the way inside of them: they look at its answer,
//! put another one in its place, or walk it again.
//!
//! The way inside is [`super::through`] from the next middleware on. Invariant: a
//! connection that has switched protocols is passed on as it is.

use std::rc::Rc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, TRAILER};
use http::{HeaderValue, Method, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::body::RequestBody;
use super::coding::EncodedBody;
use super::connection::Client;
use super::error::ProxyError;
use super::head::Head;
use super::replay::{Home, Lent, Resumed};
use super::server_body::ServerBody;
use super::{Answer, Onward, Payload, Record, service, through};
use crate::middleware::{Around, Buffering, CircuitBreaker, Errors, Retry};
use crate::routing::Stage;

/// The way inside.
struct Inside<'a> {
    client: &'a Rc<Client>,
    stage: Stage<'a>,
    /// First middleware of it.
    from: usize,
    record: Option<&'a mut Record>,
}

/// Takes a request through a middleware and what is inside of it.
pub(super) async fn around(
    client: &Rc<Client>,
    stage: Stage<'_>,
    around: Around,
    from: usize,
    head: Box<Head>,
    onward: Onward,
    record: Option<&mut Record>,
) -> Answer {
    let inside = Inside {
        client,
        stage,
        from,
        record,
    };
    match around {
        Around::Errors(errors) => inside.with_page(&errors, head, onward).await,
        Around::Buffering(buffering) => inside.whole(&buffering, head, onward).await,
        Around::CircuitBreaker(breaker) => inside.watched(&breaker, head, onward).await,
        Around::Retry(retry) => inside.repeated(&retry, head, onward).await,
    }
}

impl Inside<'_> {
    async fn go(&mut self, head: Box<Head>, onward: Onward) -> Answer {
        let record = self.record.as_deref_mut();
        let way = through(self.client, self.stage, self.from, head, onward, record);
        // Boxed, as it may come here again.
        Box::pin(way).await
    }

    /// `errors`.
    async fn with_page(mut self, errors: &Errors, head: Box<Head>, onward: Onward) -> Answer {
        let asked = head.clone();
        let mut answer = self.go(head, onward).await;
        let original = answer.parts.status;
        let Some(status) = errors.replaces(original) else {
            return answer;
        };
        let page = errors.page(&asked, original, status);
        let nothing = Onward {
            body: RequestBody::Empty,
            upgrade: None,
            expects_continue: false,
        };
        let (client, route) = (self.client, self.stage.route);
        let fetched = match errors.service() {
            Some(service) => {
                service::serve_by(client, route, service, Box::new(page), nothing).await
            }
            None => Err(ProxyError::Internal),
        };
        let page = fetched.unwrap_or_else(|error| {
            let mut page = Answer::from_error(self.client, Some(self.stage.route), &error);
            // What failed first is what the client came for.
            if !answer.reason.is_empty() {
                page.reason = answer.reason;
            }
            page
        });
        let reason = match answer.reason {
            "" => page.reason,
            reason => reason,
        };
        answer.payload = page.payload;
        answer.parts.headers = page.parts.headers;
        answer.parts.status = status;
        answer.reason = reason;
        answer
    }

    /// `circuitBreaker`.
    async fn watched(
        mut self,
        breaker: &CircuitBreaker,
        head: Box<Head>,
        onward: Onward,
    ) -> Answer {
        if let Err(answer) = breaker.admit() {
            return Answer::from_middleware(self.client, self.stage.route, *answer);
        }
        let begun = Instant::now();
        let answer = self.go(head, onward).await;
        breaker.answered(answer.parts.status, begun.elapsed());
        answer
    }

    /// `buffering`.
    async fn whole(
        mut self,
        buffering: &Buffering,
        mut head: Box<Head>,
        mut onward: Onward,
    ) -> Answer {
        let limit = buffering.max_request.unwrap_or(u64::MAX);
        let body = match keep(&mut head, &mut onward, limit).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                let answer = Buffering::too_long();
                return Answer::from_middleware(self.client, self.stage.route, answer);
            }
            Err(error) => return self.failed(&error),
        };
        let mut attempts = 1;
        loop {
            let onward = Onward {
                body: body.again(),
                upgrade: onward.upgrade.clone(),
                expects_continue: false,
            };
            let answer = self.go(head.clone(), onward).await;
            let status = answer.parts.status;
            if status != StatusCode::SWITCHING_PROTOCOLS
                && buffering.retries(attempts, &head.method, status)
            {
                self.repeats(attempts);
                attempts += 1;
                continue;
            }
            return self.collected(buffering, answer).await;
        }
    }

    /// The answer with a body that is there as a whole.
    async fn collected(&self, buffering: &Buffering, mut answer: Answer) -> Answer {
        let limit = buffering.max_response.unwrap_or(u64::MAX);
        let payload = std::mem::replace(&mut answer.payload, Payload::Own(Bytes::new()));
        let read = match payload {
            switched @ Payload::Switched(_) => {
                answer.payload = switched;
                return answer;
            }
            Payload::Own(bytes) => Ok(Some(bytes).filter(|it| length(it) <= limit)),
            Payload::Server(body) => read(body, limit).await,
            Payload::Encoded(body) => read_encoded(body, limit).await,
        };
        match read {
            Ok(Some(bytes)) => {
                answer.parts.headers.remove(TRAILER);
                answer.payload = Payload::Own(bytes);
                answer
            }
            Ok(None) => {
                let answer = Buffering::answer_too_long();
                Answer::from_middleware(self.client, self.stage.route, answer)
            }
            Err(error) => self.failed(&error),
        }
    }

    /// `retry`.
    async fn repeated(mut self, retry: &Retry, mut head: Box<Head>, mut onward: Onward) -> Answer {
        let begun = Instant::now();
        let method = head.method.clone();
        let kept = match retry.keeps(&method) {
            None => None,
            Some(limit) => match keep(&mut head, &mut onward, limit).await {
                Ok(kept) => kept,
                Err(error) => return self.failed(&error),
            },
        };
        let mut tries = 1;
        loop {
            let is_last = tries >= retry.attempts
                || retry.timeout.is_some_and(|most| begun.elapsed() >= most);
            let (body, home) = match &kept {
                Some(kept) => (kept.again(), Home::default()),
                None if is_last => (onward.body, Home::default()),
                None => Lent::lend(onward.body),
            };
            let sent = Onward {
                body,
                upgrade: onward.upgrade.clone(),
                expects_continue: onward.expects_continue,
            };
            if is_last {
                return self.go(head, sent).await;
            }
            let answer = self.go(head.clone(), sent).await;
            if !wants_more(retry, &method, &answer, kept.is_some()) {
                return answer;
            }
            onward.body = match (&kept, home.take()) {
                (Some(_), _) => RequestBody::Empty,
                (None, Some(body)) => body,
                // Some of it is gone.
                (None, None) => return answer,
            };
            drop(answer);
            let pause = retry.pause(tries);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            self.repeats(tries);
            tries += 1;
        }
    }

    /// For the so-manieth time.
    fn repeats(&mut self, count: u32) {
        if let Some(record) = self.record.as_deref_mut() {
            record.resends(count);
        }
        self.client.worker.retried(self.stage.service.subject());
    }

    fn failed(&self, error: &ProxyError) -> Answer {
        Answer::from_error(self.client, Some(self.stage.route), error)
    }
}

/// `kept`: the body is there as a whole, also if some of it was sent.
fn wants_more(retry: &Retry, method: &Method, answer: &Answer, kept: bool) -> bool {
    let status = answer.parts.status;
    status != StatusCode::SWITCHING_PROTOCOLS
        && (retry.is_unreached(answer.reason) || kept && retry.is_unwanted(method, status))
}

/// A request's body to be sent more than once.
struct Kept(Bytes);

impl Kept {
    fn again(&self) -> RequestBody {
        if self.0.is_empty() {
            RequestBody::Empty
        } else {
            RequestBody::Whole(self.0.clone())
        }
    }
}

/// Reads the request's body, and takes it out of `onward`. `None`: it is longer than
/// `limit`, and is in `onward` as it was.
async fn keep(
    head: &mut Head,
    onward: &mut Onward,
    limit: u64,
) -> Result<Option<Kept>, ProxyError> {
    if onward.body.is_empty() {
        return Ok(Some(Kept(Bytes::new())));
    }
    if onward.body.size_hint().lower() > limit {
        return Ok(None);
    }
    // Whoever reads gives leave to send.
    onward.expects_continue = false;
    head.headers.remove(EXPECT);
    let mut read = BytesMut::new();
    while let Some(frame) = onward.body.frame().await {
        let frame = frame.map_err(ProxyError::from_client)?;
        read.extend_from_slice(frame.data_ref().map(|it| &it[..]).unwrap_or_default());
        if length(&read) > limit {
            let rest = std::mem::replace(&mut onward.body, RequestBody::Empty);
            onward.body = Resumed::body(read.freeze(), rest);
            return Ok(None);
        }
    }
    onward.body = RequestBody::Empty;
    let size = HeaderValue::from(read.len());
    head.headers.insert(CONTENT_LENGTH, size);
    Ok(Some(Kept(read.freeze())))
}

async fn read(body: ServerBody, limit: u64) -> Result<Option<Bytes>, ProxyError> {
    body.read(limit).await.map_err(ProxyError::from_upstream)
}

async fn read_encoded(mut body: Box<EncodedBody>, limit: u64) -> Result<Option<Bytes>, ProxyError> {
    let mut read = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| body.poll_frame(cx)).await {
        let frame = frame.map_err(ProxyError::from_body)?;
        read.extend_from_slice(frame.data_ref().map(|it| &it[..]).unwrap_or_default());
        if length(&read) > limit {
            return Ok(None);
        }
    }
    Ok(Some(read.freeze()))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
