//! Middlewares: one file per kind, which reads the kind's options and encodes
//! them for the proxies. What a kind does to a request is written in the data
//! plane, in the file of the same name.

mod add_prefix;
mod basic_auth;
mod buffering;
mod chain;
mod circuit_breaker;
mod compress;
mod content_type;
mod digest_auth;
mod encoded_characters;
mod errors;
mod expression;
mod file;
mod forward_auth;
mod grpc_web;
mod headers;
mod in_flight_req;
mod ip_allow_list;
mod ip_strategy;
mod pass_tls_client_cert;
mod rate_limit;
mod redirect_regex;
mod redirect_scheme;
mod replace_path;
mod replace_path_regex;
mod retry;
mod source_criterion;
pub(crate) mod status;
mod strip_prefix;
mod strip_prefix_regex;
#[cfg(test)]
mod tests;

pub use add_prefix::AddPrefix;
pub use basic_auth::{BasicAuth, Users};
pub use buffering::Buffering;
pub use chain::Chain;
pub use circuit_breaker::CircuitBreaker;
pub use compress::Compress;
pub use content_type::ContentType;
pub use digest_auth::{DigestAuth, DigestUsers};
pub use encoded_characters::EncodedCharacters;
pub use errors::Errors;
pub use forward_auth::ForwardAuth;
pub use grpc_web::GrpcWeb;
pub use headers::{Cors, Headers, Security};
pub use in_flight_req::InFlightReq;
pub use ip_allow_list::IpAllowList;
pub use ip_strategy::IpStrategy;
pub use pass_tls_client_cert::{CertificateInfo, DistinguishedName, PassTlsClientCert};
pub use rate_limit::RateLimit;
pub use redirect_regex::RedirectRegex;
pub use redirect_scheme::RedirectScheme;
pub use replace_path::ReplacePath;
pub use replace_path_regex::ReplacePathRegex;
pub use retry::Retry;
pub use source_criterion::SourceCriterion;
pub use strip_prefix::StripPrefix;
pub use strip_prefix_regex::StripPrefixRegex;

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::{Fields, Period};
use crate::rule::Pattern;

/// A middleware as declared. Serializes to the JSON of Traefik's API:
/// `{"addPrefix": {"prefix": "/api"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Middleware {
    /// Puts a prefix before the path.
    AddPrefix(AddPrefix),
    /// Takes a prefix off the path.
    StripPrefix(StripPrefix),
    /// Takes what an expression matches off the start of the path.
    StripPrefixRegex(StripPrefixRegex),
    /// Puts another path in place of the path.
    ReplacePath(ReplacePath),
    /// Replaces what an expression matches in the path.
    ReplacePathRegex(ReplacePathRegex),
    /// Sends the client to the same URL with another scheme.
    RedirectScheme(RedirectScheme),
    /// Sets and deletes headers, answers CORS preflights, checks hosts.
    Headers(Box<Headers>),
    /// Sends the client to another URL, made from the one it asked for.
    RedirectRegex(RedirectRegex),
    /// Finds out the media type of answers that do not say.
    ContentType(ContentType),
    /// Lets only some addresses through.
    IpAllowList(IpAllowList),
    /// The same under its old name.
    IpWhiteList(IpAllowList),
    /// Refuses paths with escapes of reserved characters.
    EncodedCharacters(EncodedCharacters),
    /// Asks for a name and a password.
    BasicAuth(BasicAuth),
    /// Asks for a name and a proof of the password.
    DigestAuth(DigestAuth),
    /// Asks another server whether a request may pass.
    ForwardAuth(Box<ForwardAuth>),
    /// Compresses bodies on the way to the client.
    Compress(Compress),
    /// Tells the server about the client's certificate.
    #[serde(rename = "passTLSClientCert")]
    PassTlsClientCert(PassTlsClientCert),
    /// Translates between gRPC-Web and gRPC.
    GrpcWeb(GrpcWeb),
    /// Limits how many requests there are in a time.
    RateLimit(RateLimit),
    /// Limits how many requests there are at once.
    InFlightReq(InFlightReq),
    /// Puts pages of a service in place of answers.
    Errors(Errors),
    /// Reads requests and answers whole.
    Buffering(Buffering),
    /// Answers by itself while a service fails.
    CircuitBreaker(CircuitBreaker),
    /// Tries again.
    Retry(Retry),
    /// Other middlewares in a row.
    Chain(Chain),
}

impl Middleware {
    /// Reads a middleware from its labels. What is wrong is told to the fields,
    /// and then the middleware must not be used.
    pub(crate) fn decode(fields: &mut Fields) -> Option<Self> {
        let kinds: Vec<_> = fields.groups().collect();
        match kinds.as_slice() {
            ["addPrefix"] => AddPrefix::decode(fields).map(Self::AddPrefix),
            ["stripPrefix"] => StripPrefix::decode(fields).map(Self::StripPrefix),
            ["stripPrefixRegex"] => StripPrefixRegex::decode(fields).map(Self::StripPrefixRegex),
            ["replacePath"] => ReplacePath::decode(fields).map(Self::ReplacePath),
            ["replacePathRegex"] => ReplacePathRegex::decode(fields).map(Self::ReplacePathRegex),
            ["redirectScheme"] => RedirectScheme::decode(fields).map(Self::RedirectScheme),
            ["headers"] => Headers::decode(fields).map(|it| Self::Headers(Box::new(it))),
            ["redirectRegex"] => RedirectRegex::decode(fields).map(Self::RedirectRegex),
            ["contentType"] => Some(Self::ContentType(ContentType::decode(fields))),
            ["ipAllowList"] => IpAllowList::decode(fields).map(Self::IpAllowList),
            ["ipWhiteList"] => IpAllowList::decode_old(fields).map(Self::IpWhiteList),
            ["encodedCharacters"] => {
                Some(Self::EncodedCharacters(EncodedCharacters::decode(fields)))
            }
            ["basicAuth"] => BasicAuth::decode(fields).map(Self::BasicAuth),
            ["digestAuth"] => DigestAuth::decode(fields).map(Self::DigestAuth),
            ["forwardAuth"] => {
                ForwardAuth::decode(fields).map(|it| Self::ForwardAuth(Box::new(it)))
            }
            ["compress"] => Some(Self::Compress(Compress::decode(fields))),
            ["passTLSClientCert"] => {
                Some(Self::PassTlsClientCert(PassTlsClientCert::decode(fields)))
            }
            ["grpcWeb"] => Some(Self::GrpcWeb(GrpcWeb::decode(fields))),
            ["rateLimit"] => Some(Self::RateLimit(RateLimit::decode(fields))),
            ["inFlightReq"] => InFlightReq::decode(fields).map(Self::InFlightReq),
            ["errors"] => Errors::decode(fields).map(Self::Errors),
            ["buffering"] => Some(Self::Buffering(Buffering::decode(fields))),
            ["circuitBreaker"] => CircuitBreaker::decode(fields).map(Self::CircuitBreaker),
            ["retry"] => Retry::decode(fields).map(Self::Retry),
            ["chain"] => Chain::decode(fields).map(Self::Chain),
            [] if fields.has_mistakes() => None,
            [] => {
                let suggestion =
                    format!("write for instance {}=/api", fields.key("addPrefix.prefix"));
                fields.reject("", "the middleware has no kind", suggestion);
                None
            }
            // Known, not available yet: the vocabulary has told.
            [_] => None,
            [first, second, ..] => {
                let message = format!("the middleware is both {first} and {second}");
                fields.reject("", message, "give each kind a middleware of its own name");
                None
            }
        }
    }

    /// The kind in lower case, as `type` in the API.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::AddPrefix(_) => "addprefix",
            Self::StripPrefix(_) => "stripprefix",
            Self::StripPrefixRegex(_) => "stripprefixregex",
            Self::ReplacePath(_) => "replacepath",
            Self::ReplacePathRegex(_) => "replacepathregex",
            Self::RedirectScheme(_) => "redirectscheme",
            Self::Headers(_) => "headers",
            Self::RedirectRegex(_) => "redirectregex",
            Self::ContentType(_) => "contenttype",
            Self::IpAllowList(_) => "ipallowlist",
            Self::IpWhiteList(_) => "ipwhitelist",
            Self::EncodedCharacters(_) => "encodedcharacters",
            Self::BasicAuth(_) => "basicauth",
            Self::DigestAuth(_) => "digestauth",
            Self::ForwardAuth(_) => "forwardauth",
            Self::Compress(_) => "compress",
            Self::PassTlsClientCert(_) => "passtlsclientcert",
            Self::GrpcWeb(_) => "grpcweb",
            Self::RateLimit(_) => "ratelimit",
            Self::InFlightReq(_) => "inflightreq",
            Self::Errors(_) => "errors",
            Self::Buffering(_) => "buffering",
            Self::CircuitBreaker(_) => "circuitbreaker",
            Self::Retry(_) => "retry",
            Self::Chain(_) => "chain",
        }
    }

    /// As the proxies read it; `None` for a chain, which the compiler resolves. The
    /// compiler adds the key of nonces.
    pub fn encode(&self) -> Option<proto::Middleware> {
        use proto::middleware::Kind;
        let kind = match self {
            Self::AddPrefix(it) => Kind::AddPrefix(it.encode()),
            Self::StripPrefix(it) => Kind::StripPrefix(it.encode()),
            Self::StripPrefixRegex(it) => Kind::StripPrefixRegex(it.encode()),
            Self::ReplacePath(it) => Kind::ReplacePath(it.encode()),
            Self::ReplacePathRegex(it) => Kind::ReplacePathRegex(it.encode()),
            Self::RedirectScheme(it) => Kind::RedirectScheme(it.encode()),
            Self::Headers(it) => Kind::Headers(it.encode()),
            Self::RedirectRegex(it) => Kind::RedirectRegex(it.encode()),
            Self::ContentType(it) => Kind::ContentType(it.encode()),
            Self::IpAllowList(it) | Self::IpWhiteList(it) => Kind::IpAllowList(it.encode()),
            Self::EncodedCharacters(it) => Kind::EncodedCharacters(it.encode()),
            Self::BasicAuth(it) => Kind::BasicAuth(it.encode()),
            Self::DigestAuth(it) => Kind::DigestAuth(it.encode()),
            Self::ForwardAuth(it) => Kind::ForwardAuth(it.encode()),
            Self::Compress(it) => Kind::Compress(it.encode()),
            Self::PassTlsClientCert(it) => Kind::PassTlsClientCert(it.encode()),
            Self::GrpcWeb(it) => Kind::GrpcWeb(it.encode()),
            Self::RateLimit(it) => Kind::RateLimit(it.encode()),
            Self::InFlightReq(it) => Kind::InFlightReq(it.encode()),
            Self::Errors(it) => Kind::Errors(it.encode()),
            Self::Buffering(it) => Kind::Buffering(it.encode()),
            Self::CircuitBreaker(it) => Kind::CircuitBreaker(it.encode()),
            Self::Retry(it) => Kind::Retry(it.encode()),
            Self::Chain(_) => return None,
        };
        Some(proto::Middleware { kind: Some(kind) })
    }
}

/// A time; a negative one is told to the fields.
fn period(fields: &mut Fields, option: &str) -> Option<Period> {
    let nanoseconds = fields.duration(option)?;
    let period = u64::try_from(nanoseconds).ok().map(Period::from_nanos);
    if period.is_none() {
        let name = option.rsplit('.').next().unwrap_or(option);
        let message = format!("{name} is less than no time");
        fields.reject(
            option,
            message,
            "write seconds, such as 10, or 300ms, 1m30s",
        );
    }
    period
}

/// A regular expression; one that cannot be used is told to the fields.
fn pattern(fields: &mut Fields, option: &str, text: &str) -> Option<Pattern> {
    match Pattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            fields.reject(
                option,
                format!("the regular expression {text} cannot be used: {error}"),
                "regular expressions are written in Go's syntax: https://golang.org/s/re2syntax",
            );
            None
        }
    }
}
