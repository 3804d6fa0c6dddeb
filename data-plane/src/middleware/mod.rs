//! What happens to a request between its route and its server.
//!
//! Outermost first on the way in, innermost first on the way out. A middleware is
//! built once from its message and is immutable; it reads and writes the [`Head`],
//! never the body: what looks at bodies, changes them or asks other servers is done in
//! the request path, as told here. One file for each kind, named as the label names it.
//!
//! # Explanations
//!
//! [`Middleware::on_request`] and [`Middleware::on_response`] also run for requests
//! that are only described, to tell what would happen. Therefore neither of them,
//! nor a [`Decision`], uses up or changes anything that the next request could meet:
//! no turn, no token of a limit, no count of failures. What does so is done by the
//! request path, from what a [`Flow`] carries; remembering what stays true anyway
//! (that a password fits) is no change. They ask no other server either: that is a
//! [`Flow`] of its own, which the request path follows, and of which an explanation
//! only says whom it would ask. What counts requests ([`Limit`]), or has the rest of the
//! way inside of it ([`Around`]), foretells what it would do. What cannot be known before there is an answer is
//! said by [`Middleware::removes`] and [`Middleware::depends_on_answer`].

mod add_prefix;
mod basic_auth;
mod buffering;
mod circuit_breaker;
mod compress;
mod content_type;
mod digest_auth;
mod encoded_characters;
mod errors;
mod expression;
mod forward_auth;
mod grpc_web;
mod headers;
mod in_flight_req;
mod ip_allow_list;
mod ip_strategy;
mod pass_tls_client_cert;
mod period;
mod rate_limit;
mod redirect_regex;
mod redirect_scheme;
mod replace_path;
mod replace_path_regex;
mod retry;
mod share;
mod source_criterion;
mod sources;
mod status;
mod strip_prefix;
mod strip_prefix_regex;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use fairway_proto::discovery::v1 as wire;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use self::add_prefix::AddPrefix;
use self::basic_auth::BasicAuth;
pub(crate) use self::buffering::Buffering;
pub(crate) use self::circuit_breaker::CircuitBreaker;
pub(crate) use self::compress::{Coding, Compress, mark_as_varying, relabel, takes_no_gzip};
use self::content_type::ContentType;
pub(crate) use self::content_type::detect;
use self::digest_auth::DigestAuth;
use self::encoded_characters::EncodedCharacters;
pub(crate) use self::errors::Errors;
pub(crate) use self::forward_auth::{ForwardAuth, Permission, TIME_LIMIT};
pub(crate) use self::grpc_web::Dialect;
use self::grpc_web::GrpcWeb;
use self::headers::{Asked, Headers};
pub(crate) use self::in_flight_req::Hold;
use self::in_flight_req::InFlightReq;
use self::ip_allow_list::IpAllowList;
use self::pass_tls_client_cert::PassTlsClientCert;
use self::rate_limit::RateLimit;
use self::redirect_regex::RedirectRegex;
use self::redirect_scheme::RedirectScheme;
use self::replace_path::ReplacePath;
use self::replace_path_regex::ReplacePathRegex;
pub(crate) use self::retry::Retry;
pub(crate) use self::share::{Part, Share};
use self::sources::SourceKey;
use self::strip_prefix::StripPrefix;
use self::strip_prefix_regex::StripPrefixRegex;
use crate::balance::{LoadBalancer, Server, ServerError, Service, Transport};
use crate::proxy::head::{Head, PathError};
use crate::routing::network::NetworkError;
use crate::routing::regexp::RegexpError;

/// One middleware, ready to run.
#[derive(Debug)]
pub(crate) struct Middleware {
    name: String,
    kind: Kind,
    /// What it is an instance of, if it is one router's own.
    definition: Option<Arc<Middleware>>,
}

#[derive(Debug)]
enum Kind {
    AddPrefix(AddPrefix),
    StripPrefix(StripPrefix),
    StripPrefixRegex(StripPrefixRegex),
    ReplacePath(ReplacePath),
    ReplacePathRegex(ReplacePathRegex),
    RedirectScheme(RedirectScheme),
    Headers(Box<Headers>),
    RedirectRegex(RedirectRegex),
    ContentType(ContentType),
    IpAllowList(IpAllowList),
    EncodedCharacters(EncodedCharacters),
    BasicAuth(BasicAuth),
    DigestAuth(DigestAuth),
    Compress(Compress),
    ForwardAuth(Arc<ForwardAuth>),
    PassTlsClientCert(PassTlsClientCert),
    GrpcWeb(GrpcWeb),
    RateLimit(Arc<RateLimit>),
    InFlightReq(Arc<InFlightReq>),
    Errors(Arc<Errors>),
    Buffering(Arc<Buffering>),
    CircuitBreaker(Arc<CircuitBreaker>),
    Retry(Arc<Retry>),
}

/// How a request goes on after a middleware.
#[derive(Debug)]
pub(crate) enum Flow {
    /// To the next middleware, or to the service.
    Continue,
    /// On, and the way out needs to know this.
    Remember(Recall),
    /// Not known yet.
    Wait(Decision),
    /// As another server says.
    Ask(Arc<ForwardAuth>),
    /// If there is room.
    Enter(Limit),
    /// The rest of the way is inside of this middleware.
    Around(Around),
    /// Nowhere: this is the answer. The middlewares before this one still see it.
    Respond(Answer),
}

/// A limit that a request has come to, and the source it counts for. Entering changes
/// what the next request of that source meets.
#[derive(Debug)]
pub(crate) enum Limit {
    Rate(Arc<RateLimit>, SourceKey),
    InFlight(Arc<InFlightReq>, SourceKey),
}

/// A middleware with the rest of the way inside of it: it sees the answer before those
/// that come before it, and may have others in its place, or go the way again.
#[derive(Debug)]
pub(crate) enum Around {
    Errors(Arc<Errors>),
    Buffering(Arc<Buffering>),
    CircuitBreaker(Arc<CircuitBreaker>),
    Retry(Arc<Retry>),
}

/// What a middleware keeps of a request until its answer passes.
#[derive(Debug)]
pub(crate) enum Recall {
    Headers(Asked),
    /// The coding that the client takes.
    Compress(Option<Coding>),
    /// `Set-Cookie` lines for the client, by the name of the cookie.
    Cookies(Vec<(String, HeaderValue)>),
    /// How the client speaks gRPC-Web.
    GrpcWeb(Dialect),
}

/// A question that takes time: go on, or answer with this. Asks no other server, and
/// leaves nothing behind that another request could meet.
pub(crate) struct Decision(Pin<Box<dyn Future<Output = Result<(), Answer>> + Send>>);

/// A complete answer made by a middleware.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Stable reason code: `redirect`, `bad_redirect`, `preflight`, `bad_host`,
    /// `ip_refused`, `rate_limited`, `too_many_in_flight`, `circuit_open`,
    /// `body_too_large`, `answer_too_large`, `encoded_character`, `unauthorized`, `auth_busy`, `unclean_path`, `bad_request`, `internal`.
    pub(crate) reason: &'static str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why a middleware cannot be built.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MiddlewareError {
    /// Sent by a control plane that knows more kinds.
    #[error("this proxy does not know this kind of middleware")]
    Unknown,
    #[error("`{option}` is required")]
    Required { option: &'static str },
    #[error("`{option}`: {source}")]
    Path {
        option: &'static str,
        source: PathError,
    },
    #[error("`regex`: {0}")]
    Regexp(#[from] RegexpError),
    #[error("`encodings`: `{0}` is not a coding that this proxy knows")]
    Encoding(String),
    #[error("`address`: {0}")]
    Server(#[from] ServerError),
    #[error("`tls`: {0}")]
    Tls(String),
    #[error("`address`: `{0}` is not the target of a request")]
    Target(String),
    #[error("`scheme`: `{0}` is not the scheme of a URL")]
    Scheme(String),
    #[error("`port`: `{0}` is not a port")]
    Port(String),
    #[error("`{option}`: {source}")]
    Network {
        option: &'static str,
        source: NetworkError,
    },
    #[error("`ipv6Subnet`: an IPv6 address does not have {0} bits")]
    Subnet(u32),
    #[error("`rejectStatusCode`: {0} is not the status of an answer")]
    Status(u32),
    #[error("{0} is not the status of an answer, or not the first of a range")]
    Code(u32),
    #[error("`query`: `{0}` is not the path of a page")]
    Query(String),
    #[error("the expression has a part that this proxy does not know")]
    Expression,
    #[error("`{0}` is not the name of a header")]
    HeaderName(String),
    #[error("the value of the header `{name}` has characters that may not stand in one")]
    HeaderValue { name: String },
}

/// Finds or makes a server that a middleware asks: its description, the service it is
/// of, and how it is spoken to if not as usual.
pub(crate) type Enlist<'e> = dyn FnMut(
        &wire::Server,
        &wire::Service,
        Option<&Arc<Transport>>,
    ) -> Result<Arc<Server>, ServerError>
    + 'e;

impl Middleware {
    /// From the resource of this name.
    pub(crate) fn build(
        name: &str,
        spec: &wire::Middleware,
        share: &Arc<Share>,
        enlist: &mut Enlist<'_>,
    ) -> Result<Self, MiddlewareError> {
        use wire::middleware::Kind as Wire;

        let kind = match spec.kind.as_ref().ok_or(MiddlewareError::Unknown)? {
            Wire::AddPrefix(spec) => Kind::AddPrefix(AddPrefix::build(spec)?),
            Wire::StripPrefix(spec) => Kind::StripPrefix(StripPrefix::build(spec)?),
            Wire::StripPrefixRegex(spec) => Kind::StripPrefixRegex(StripPrefixRegex::build(spec)?),
            Wire::ReplacePath(spec) => Kind::ReplacePath(ReplacePath::build(spec)?),
            Wire::ReplacePathRegex(spec) => Kind::ReplacePathRegex(ReplacePathRegex::build(spec)?),
            Wire::RedirectScheme(spec) => Kind::RedirectScheme(RedirectScheme::build(spec)?),
            Wire::Headers(spec) => Kind::Headers(Box::new(Headers::build(spec)?)),
            Wire::RedirectRegex(spec) => Kind::RedirectRegex(RedirectRegex::build(spec)?),
            Wire::ContentType(spec) => Kind::ContentType(ContentType::build(spec)),
            Wire::IpAllowList(spec) => Kind::IpAllowList(IpAllowList::build(spec)?),
            Wire::BasicAuth(spec) => Kind::BasicAuth(BasicAuth::build(spec)?),
            Wire::DigestAuth(spec) => Kind::DigestAuth(DigestAuth::build(spec)?),
            Wire::Compress(spec) => Kind::Compress(Compress::build(spec)?),
            Wire::PassTlsClientCert(_) => Kind::PassTlsClientCert(PassTlsClientCert),
            Wire::GrpcWeb(spec) => Kind::GrpcWeb(GrpcWeb::build(spec)),
            Wire::ForwardAuth(spec) => {
                Kind::ForwardAuth(Arc::new(ForwardAuth::build(name, spec, enlist)?))
            }
            Wire::RateLimit(spec) => Kind::RateLimit(Arc::new(RateLimit::build(spec, share)?)),
            Wire::InFlightReq(spec) => {
                Kind::InFlightReq(Arc::new(InFlightReq::build(spec, share)?))
            }
            Wire::Errors(spec) => Kind::Errors(Arc::new(Errors::build(spec)?)),
            Wire::Buffering(spec) => Kind::Buffering(Arc::new(Buffering::build(spec)?)),
            Wire::CircuitBreaker(spec) => {
                Kind::CircuitBreaker(Arc::new(CircuitBreaker::build(spec)?))
            }
            Wire::Retry(spec) => Kind::Retry(Arc::new(Retry::build(spec)?)),
            Wire::EncodedCharacters(spec) => {
                Kind::EncodedCharacters(EncodedCharacters::build(spec))
            }
        };
        Ok(Self {
            name: name.to_owned(),
            kind,
            definition: None,
        })
    }

    /// The middleware as one router uses it. Most kinds are the same for all. Those that
    /// count requests count each router's own, and those that name a service have to find
    /// it: the router's instance is taken out of `known`, those that it had, if
    /// definition and service have stayed, and else begins anew.
    pub(crate) fn for_router<E>(
        self: &Arc<Self>,
        known: &mut Vec<Arc<Self>>,
        find: impl FnOnce(&str) -> Result<Arc<Service>, E>,
    ) -> Result<Arc<Self>, E> {
        let kind = match &self.kind {
            Kind::RateLimit(limit) => Kind::RateLimit(Arc::new(limit.instance())),
            Kind::InFlightReq(limit) => Kind::InFlightReq(Arc::new(limit.instance())),
            Kind::CircuitBreaker(breaker) => Kind::CircuitBreaker(Arc::new(breaker.instance())),
            Kind::Errors(errors) => {
                let service = find(errors.service_name())?;
                Kind::Errors(Arc::new(errors.with(service)))
            }
            _ => return Ok(Arc::clone(self)),
        };
        let place = known.iter().position(|it| {
            let definition = it.definition.as_ref();
            definition.is_some_and(|it| Arc::ptr_eq(it, self)) && it.kind.has_service_of(&kind)
        });
        Ok(match place {
            Some(place) => known.swap_remove(place),
            None => Arc::new(Self {
                name: self.name.clone(),
                kind,
                definition: Some(Arc::clone(self)),
            }),
        })
    }

    /// Qualified name: `strip@docker`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `StripPrefix`: what it is, for spans.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::AddPrefix(_) => "AddPrefix",
            Kind::StripPrefix(_) => "StripPrefix",
            Kind::StripPrefixRegex(_) => "StripPrefixRegex",
            Kind::ReplacePath(_) => "ReplacePath",
            Kind::ReplacePathRegex(_) => "ReplacePathRegex",
            Kind::RedirectScheme(_) => "RedirectScheme",
            Kind::Headers(_) => "Headers",
            Kind::RedirectRegex(_) => "RedirectRegex",
            Kind::ContentType(_) => "ContentType",
            Kind::IpAllowList(_) => "IPAllowLister",
            Kind::EncodedCharacters(_) => "EncodedCharacters",
            Kind::BasicAuth(_) => "BasicAuth",
            Kind::DigestAuth(_) => "DigestAuth",
            Kind::Compress(_) => "Compress",
            Kind::ForwardAuth(_) => "ForwardAuth",
            Kind::PassTlsClientCert(_) => "PassTLSClientCert",
            Kind::GrpcWeb(_) => "GrpcWeb",
            Kind::RateLimit(_) => "RateLimiter",
            Kind::InFlightReq(_) => "InFlightReq",
            Kind::Errors(_) => "CustomErrors",
            Kind::Buffering(_) => "Buffering",
            Kind::CircuitBreaker(_) => "CircuitBreaker",
            Kind::Retry(_) => "Retry",
        }
    }

    /// On the way in, outermost first.
    pub(crate) fn on_request(&self, head: &mut Head) -> Flow {
        match &self.kind {
            Kind::AddPrefix(add_prefix) => add_prefix.on_request(head),
            Kind::StripPrefix(strip_prefix) => strip_prefix.on_request(head),
            Kind::StripPrefixRegex(strip_prefix) => strip_prefix.on_request(head),
            Kind::ReplacePath(replace_path) => replace_path.on_request(head),
            Kind::ReplacePathRegex(replace_path) => replace_path.on_request(head),
            Kind::RedirectScheme(redirect_scheme) => redirect_scheme.on_request(head),
            Kind::Headers(headers) => headers.on_request(head),
            Kind::RedirectRegex(redirect_regex) => redirect_regex.on_request(head),
            Kind::ContentType(_) => Flow::Continue,
            Kind::IpAllowList(ip_allow_list) => ip_allow_list.on_request(head),
            Kind::EncodedCharacters(encoded) => encoded.on_request(head),
            Kind::BasicAuth(basic_auth) => basic_auth.on_request(head),
            Kind::DigestAuth(digest_auth) => digest_auth.on_request(head),
            Kind::Compress(compress) => compress.on_request(head),
            Kind::PassTlsClientCert(pass) => pass.on_request(head),
            Kind::GrpcWeb(grpc_web) => grpc_web.on_request(head),
            Kind::ForwardAuth(forward_auth) => Flow::Ask(Arc::clone(forward_auth)),
            Kind::RateLimit(limit) => match limit.source(head) {
                Some(source) => Flow::Enter(Limit::Rate(Arc::clone(limit), source)),
                None => Flow::Continue,
            },
            Kind::InFlightReq(limit) => {
                Flow::Enter(Limit::InFlight(Arc::clone(limit), limit.source(head)))
            }
            Kind::Errors(errors) => Flow::Around(Around::Errors(Arc::clone(errors))),
            Kind::Buffering(buffering) => match buffering.refusal(head) {
                Some(answer) => Flow::Respond(answer),
                None => Flow::Around(Around::Buffering(Arc::clone(buffering))),
            },
            Kind::CircuitBreaker(breaker) => {
                Flow::Around(Around::CircuitBreaker(Arc::clone(breaker)))
            }
            Kind::Retry(retry) => Flow::Around(Around::Retry(Arc::clone(retry))),
        }
    }

    /// On the way out, innermost first, for every answer to a request that went on
    /// after [`Middleware::on_request`], whoever made it, with what that kept.
    pub(crate) fn on_response(&self, recall: Option<Recall>, response: &mut Parts) {
        match (&self.kind, recall) {
            (Kind::Headers(headers), Some(Recall::Headers(asked))) => {
                headers.on_response(&asked, &mut response.headers);
            }
            (Kind::ForwardAuth(_), Some(Recall::Cookies(cookies))) => {
                forward_auth::replace_cookies(&mut response.headers, cookies);
            }
            (Kind::GrpcWeb(_), Some(Recall::GrpcWeb(dialect))) => {
                GrpcWeb::on_response(&dialect, response);
            }
            (Kind::Headers(headers), None) => {
                headers.on_response(&Asked::default(), &mut response.headers);
            }
            _ => {}
        }
    }

    /// Headers that [`Middleware::on_response`] removes if they are there.
    pub(crate) fn removes(&self) -> impl Iterator<Item = &HeaderName> {
        let headers = match &self.kind {
            Kind::Headers(headers) => Some(headers.deleted()),
            _ => None,
        };
        headers.into_iter().flatten()
    }

    /// What it does to some answers after [`Middleware::on_response`], in a sentence
    /// for explanations, which have no answer to look at.
    pub(crate) fn depends_on_answer(&self, recall: Option<&Recall>) -> Option<String> {
        let effect = match (&self.kind, recall) {
            (Kind::ContentType(content_type), _) if content_type.is_on() => {
                "names the media type of an answer that does not"
            }
            (Kind::Compress(_), Some(Recall::Compress(Some(coding)))) => {
                let name = coding.name();
                let effect = format!("compresses the answer with {name} if it allows that");
                return Some(match coding {
                    Coding::Gzip => effect + ", after naming its media type if it does not",
                    Coding::Brotli | Coding::Zstd => effect,
                });
            }
            (Kind::Compress(_), Some(_)) => {
                "leaves the answer as it is: the client takes none of the encodings"
            }
            (Kind::Compress(_), None) => "leaves the answer to such a request as it is",
            _ => return None,
        };
        Some(effect.to_owned())
    }

    /// How the answer to a request that left this is compressed, if it may be.
    pub(crate) fn compression(
        &self,
        recall: Option<&Recall>,
    ) -> Option<(&Compress, Option<Coding>)> {
        match (&self.kind, recall) {
            (Kind::Compress(compress), Some(Recall::Compress(coding))) => Some((compress, *coding)),
            _ => None,
        }
    }

    /// The servers that the middleware asks.
    pub(crate) fn service(&self) -> Option<&LoadBalancer> {
        match &self.kind {
            Kind::ForwardAuth(forward_auth) => Some(forward_auth.service()),
            _ => None,
        }
    }

    /// The status that the client gets, with the service whose page comes with it, if
    /// an answer with this one is replaced.
    pub(crate) fn replaces(&self, status: StatusCode) -> Option<(StatusCode, &str)> {
        match &self.kind {
            Kind::Errors(errors) => Some((errors.replaces(status)?, errors.service_name())),
            _ => None,
        }
    }

    /// An answer without `Content-Type` gets the one its first bytes look like.
    pub(crate) fn detects_content_type(&self) -> bool {
        matches!(&self.kind, Kind::ContentType(content_type) if content_type.is_on())
    }
}

impl Limit {
    /// Lets the request in, now or a little later. Some need to be told when it is over.
    pub(crate) async fn enter(self) -> Result<Option<Hold>, Answer> {
        match self {
            Self::Rate(limit, source) => limit.take(source).await.map(|()| None),
            Self::InFlight(limit, source) => limit.enter(source).map(Some).map_err(|it| *it),
        }
    }

    /// What [`Limit::enter`] would do now, and its answer if it is no. Changes
    /// nothing.
    pub(crate) fn foretell(&self) -> (String, Option<Answer>) {
        match self {
            Self::Rate(limit, source) => limit.foretell(*source),
            Self::InFlight(limit, source) => limit.foretell(*source),
        }
    }
}

impl Kind {
    /// Both name the same service, or none.
    fn has_service_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Errors(one), Self::Errors(other)) => match (one.service(), other.service()) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                _ => false,
            },
            _ => true,
        }
    }
}

impl Around {
    /// What it does, and its answer if nothing gets inside. Changes nothing.
    pub(crate) fn foretell(&self) -> (String, Option<Answer>) {
        match self {
            Self::Errors(errors) => (errors.described(), None),
            Self::Buffering(buffering) => (buffering.described(), None),
            Self::CircuitBreaker(breaker) => breaker.foretell(),
            Self::Retry(retry) => (retry.described(), None),
        }
    }
}

impl Decision {
    fn new(decision: impl Future<Output = Result<(), Answer>> + Send + 'static) -> Self {
        Self(Box::pin(decision))
    }
}

impl Future for Decision {
    type Output = Result<(), Answer>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decision")
    }
}

impl Answer {
    /// The path that a middleware made is not one it may pass on: read again by a
    /// server it could mean another.
    fn unclean_path() -> Self {
        Self::text(StatusCode::BAD_REQUEST, "unclean_path", "Bad Request\n")
    }

    /// Of `ping@internal`.
    pub(crate) fn ping() -> Self {
        Self::text(StatusCode::OK, "ping", "OK")
    }

    /// Of `ping@internal` on a proxy that is being stopped.
    pub(crate) fn ping_draining() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::text(status, "ping_draining", "Service Unavailable")
    }

    /// Of `noop@internal`: nobody was to get here.
    pub(crate) fn noop() -> Self {
        Self {
            status: StatusCode::IM_A_TEAPOT,
            reason: "noop",
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    fn text(status: StatusCode, reason: &'static str, body: &'static str) -> Self {
        let mut headers = HeaderMap::with_capacity(2);
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, text);
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        Self {
            status,
            reason,
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind as Wire;

    use super::*;
    use crate::balance::Roster;
    use crate::proxy::head::tests::head;

    /// Runs middlewares over `GET target` as the request path does.
    pub(super) fn run(kinds: impl IntoIterator<Item = Wire>, head: &mut Head) -> Option<Answer> {
        kinds
            .into_iter()
            .find_map(|kind| run_one(&build(kind).unwrap(), head))
    }

    pub(super) fn run_one(middleware: &Middleware, head: &mut Head) -> Option<Answer> {
        match middleware.on_request(head) {
            Flow::Continue | Flow::Remember(_) => None,
            Flow::Wait(decision) => {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                runtime.build().unwrap().block_on(decision).err()
            }
            Flow::Respond(answer) => Some(answer),
            Flow::Ask(_) | Flow::Enter(_) | Flow::Around(_) => panic!("this is the request path's"),
        }
    }

    pub(super) fn build(kind: Wire) -> Result<Middleware, MiddlewareError> {
        build_from(&wire::Middleware { kind: Some(kind) })
    }

    fn build_from(spec: &wire::Middleware) -> Result<Middleware, MiddlewareError> {
        let mut roster = Roster::default();
        let usual = Arc::default();
        Middleware::build("m@docker", spec, &Arc::default(), &mut |server, of, it| {
            roster.enlist(server, of, it.unwrap_or(&usual), &Roster::default())
        })
    }

    pub(super) fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
        let values = headers.get_all(name).iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    }

    #[test]
    fn a_kind_that_is_not_known_is_not_built() {
        let error = build_from(&wire::Middleware { kind: None }).unwrap_err();
        assert_eq!(error, MiddlewareError::Unknown);
    }

    #[test]
    fn middlewares_work_on_what_the_ones_before_them_made() {
        let strip = wire::StripPrefix {
            prefixes: vec!["/api".to_owned()],
        };
        let add = wire::AddPrefix {
            prefix: "/v2".to_owned(),
        };
        for (target, expected) in [("/api/flats", "/v2/flats"), ("/api", "/v2")] {
            let mut head = head("h", target);
            let chain = [
                Wire::StripPrefix(strip.clone()),
                Wire::AddPrefix(add.clone()),
            ];
            assert!(run(chain, &mut head).is_none());
            assert_eq!(head.path, expected);
        }
    }
}
