//! Options of one entry point.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::Observability;

/// One entry point as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryPointOptions {
    /// `host:port`; an empty host means every address.
    pub address: String,
    /// Serves routers that name no entry point. If no entry point is so marked,
    /// all but the API's do.
    pub as_default: bool,
    /// What is believed of forwarded headers.
    pub forwarded_headers: ForwardedHeaders,
    /// Whose PROXY headers are read; `None`: nobody's.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// How HTTP/2 is spoken with clients.
    pub http2: Http2,
    /// What is made of requests.
    pub http: HttpOptions,
    /// How long clients may take, and how a stop goes.
    pub transport: TransportOptions,
    /// What is told about requests.
    pub observability: Observability,
}

/// What is believed of forwarded headers, and what is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardedHeaders {
    /// Believe everybody's.
    pub insecure: bool,
    /// Those of clients in these addresses and networks (CIDR), as written and
    /// checked.
    pub trusted_ips: Vec<String>,
    /// Headers that middlewares see although `Connection` names them.
    pub connection: Vec<String>,
    /// Do not append the client to `X-Forwarded-For`.
    pub not_append_x_forwarded_for: bool,
    /// Write `X-Forwarded-Scheme` and `X-Scheme`, too.
    pub add_x_forwarded_scheme_headers: bool,
}

/// What is made of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// References to middlewares that come before those of every router.
    pub middlewares: Vec<String>,
    /// Everything is sent to another entry point.
    pub redirection: Option<Redirection>,
    /// Which escapes a path may have.
    pub encoded_characters: AllowedEscapes,
    /// Resolve `//`, `.` and `..` in paths.
    pub sanitize_path: bool,
    /// `;` in a query becomes `%3B`, not `&`.
    pub encode_query_semicolons: bool,
    /// What becomes of headers with `_` in their names.
    pub underscore_headers: UnderscoreHeaders,
    /// Longest head of a request, if it is not the proxies' own limit.
    pub max_header_bytes: Option<u32>,
}

/// Sends clients to another entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// Name of an entry point, or `:port`.
    pub to: String,
    /// Scheme to send them to.
    pub scheme: String,
    /// 301 and 308 instead of 302 and 307.
    pub permanent: bool,
    /// Of the router that does it; `None`: before all others.
    pub priority: Option<i64>,
    /// Port to send them to; `None` if there is no entry point of that name.
    pub port: Option<String>,
}

/// Which escapes of reserved characters a path may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowedEscapes {
    /// `%2F`
    pub slash: bool,
    /// `%5C`
    pub back_slash: bool,
    /// `%00`
    pub null_character: bool,
    /// `%3B`
    pub semicolon: bool,
    /// `%25`
    pub percent: bool,
    /// `%3F`
    pub question_mark: bool,
    /// `%23`
    pub hash: bool,
}

/// What becomes of headers with `_` in their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnderscoreHeaders {
    /// They go on, but for those that stand for forwarded headers.
    Keep,
    /// They are taken off.
    #[default]
    Delete,
    /// The request is refused.
    Reject,
}

/// How long clients may take, and how a stop goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportOptions {
    /// For a whole request to arrive; zero: no limit but the proxies' own.
    pub read_timeout: Duration,
    /// From the head of a request to the end of its answer; zero: no limit.
    pub write_timeout: Duration,
    /// Between two requests of a connection; zero: the proxies' own limit.
    pub idle_timeout: Duration,
    /// How long a proxy that stops goes on accepting.
    pub request_accept_grace_timeout: Option<Duration>,
    /// How long it then waits for requests.
    pub grace_timeout: Option<Duration>,
    /// Requests of one connection; 0: no limit.
    pub keep_alive_max_requests: u32,
    /// Age at which a connection takes its last request; zero: no limit.
    pub keep_alive_max_time: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            middlewares: Vec::new(),
            redirection: None,
            encoded_characters: AllowedEscapes::default(),
            sanitize_path: true,
            encode_query_semicolons: false,
            underscore_headers: UnderscoreHeaders::default(),
            max_header_bytes: None,
        }
    }
}

impl Default for Redirection {
    fn default() -> Self {
        Self {
            to: String::new(),
            scheme: "https".to_owned(),
            permanent: true,
            priority: None,
            port: None,
        }
    }
}

impl Default for AllowedEscapes {
    /// Servers disagree about what the first three mean.
    fn default() -> Self {
        Self {
            slash: false,
            back_slash: false,
            null_character: false,
            semicolon: true,
            percent: true,
            question_mark: true,
            hash: true,
        }
    }
}

/// Whose PROXY header says where a connection really comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// Everybody's.
    pub insecure: bool,
    /// Those of peers in these addresses and networks (CIDR), as written and checked.
    pub trusted_ips: Vec<String>,
}

/// How HTTP/2 is spoken with clients. `None`: as the proxies do by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http2 {
    /// Requests of one connection at the same time.
    pub max_concurrent_streams: Option<NonZeroU32>,
    /// Bytes of the table that compressed headers are read with.
    pub max_decoder_header_table_size: Option<u32>,
}
