//! Why the proxy answers by itself: one status, one stable reason code, one body.
//!
//! Every way a request can end without an origin's response is a [`ProxyError`].
//! [`Reason`] is what logs and metrics carry; its strings never change.
//! Answers of middlewares (redirects) carry a [`Reason`] too, but are no errors.

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::response::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::body::{BodyError, ClientError};
use super::connect::ConnectError;
use super::head::PathError;
use super::server_connection::UpstreamError;
use crate::http1::{FramingError, HeadError};

/// Stable code of an answer that no origin gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    BadRequest,
    MethodNotAllowed,
    UriTooLong,
    HeadTooLarge,
    ExpectationFailed,
    LoopDetected,
    UncleanPath,
    NoRoute,
    NoServer,
    ConnectRefused,
    ConnectTimeout,
    ConnectFailed,
    TlsFailed,
    ResponseTimeout,
    UpstreamReset,
    UpstreamInvalid,
    ClientReset,
    Internal,
}

impl Reason {
    /// The code as logs and metrics write it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UriTooLong => "uri_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::ExpectationFailed => "expectation_failed",
            Self::LoopDetected => "loop_detected",
            Self::UncleanPath => "unclean_path",
            Self::NoRoute => "no_route",
            Self::NoServer => "no_server",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::TlsFailed => "tls_failed",
            Self::ResponseTimeout => "response_timeout",
            Self::UpstreamReset => "upstream_reset",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::ClientReset => "client_reset",
            Self::Internal => "internal",
        }
    }
}

/// A request that ends without a response of an origin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    /// The gate refused the request; the text says what is wrong with it.
    #[error("{0}")]
    BadRequest(&'static str),
    /// The path has no safe normal form.
    #[error("{0}")]
    Path(PathError),
    /// A middleware made a target that is none.
    #[error("middlewares made a target that is not one")]
    Target,
    /// CONNECT: this is no forward proxy.
    #[error("CONNECT is not offered")]
    Connect,
    /// No method anybody knows is that long.
    #[error("method is too long")]
    Method,
    /// TRACE would show headers the client must not see.
    #[error("TRACE is not offered")]
    Trace,
    /// A coding other than `chunked`.
    #[error("transfer coding is not offered")]
    TransferCoding,
    /// The request target is longer than the gate lets through.
    #[error("request target is too long")]
    UriTooLong,
    /// The head has too many bytes or lines.
    #[error("request head is too large")]
    HeadTooLarge,
    /// HTTP of another version than 1.0 and 1.1.
    #[error("version of HTTP is not offered")]
    Version,
    /// `Expect` asks for something other than `100-continue`.
    #[error("unknown expectation")]
    Expectation,
    /// A router's own request came back to it.
    #[error("request came back to the router that sent it")]
    Loop,
    /// No rule of the entry point matches.
    #[error("no router matches")]
    NoRoute,
    /// The service has no server; the text is the control plane's.
    #[error("no server: {0}")]
    NoServer(String),
    /// Every server tried refused the connection.
    #[error("connection refused")]
    ConnectRefused,
    /// No server tried accepted the connection in time.
    #[error("connection not accepted in time")]
    ConnectTimeout,
    /// No connection for another cause.
    #[error("cannot connect")]
    Connection(#[source] std::io::Error),
    /// The server was reached, and there is no TLS that both ends agree on.
    #[error("no TLS with the server")]
    Tls(#[source] std::io::Error),
    /// The response head did not come in time.
    #[error("no response in time")]
    ResponseTimeout,
    /// The connection ended before the response head was complete.
    #[error("connection lost before the response")]
    UpstreamReset(#[source] UpstreamError),
    /// The server sent something that is not an HTTP response to this request.
    #[error("response is not valid HTTP")]
    UpstreamInvalid(#[source] UpstreamError),
    /// The server switched to a protocol nobody asked for.
    #[error("switched protocols unasked")]
    UpstreamSwitched,
    /// The response body has a coding that ends with this hop.
    #[error("response has an unknown transfer coding")]
    UpstreamCoding,
    /// The client broke off its request body.
    #[error("client broke off the request")]
    ClientReset(#[source] ClientError),
    /// A defect of the proxy.
    #[error("internal error")]
    Internal,
}

impl ProxyError {
    /// Status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::Path(_) | Self::Target | Self::Loop => {
                StatusCode::BAD_REQUEST
            }
            Self::Connect | Self::Method | Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Trace => StatusCode::METHOD_NOT_ALLOWED,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoServer(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::ConnectTimeout | Self::ResponseTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::ConnectRefused
            | Self::Connection(_)
            | Self::Tls(_)
            | Self::UpstreamReset(_)
            | Self::UpstreamInvalid(_)
            | Self::UpstreamSwitched
            | Self::UpstreamCoding => StatusCode::BAD_GATEWAY,
            Self::ClientReset(_) => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Code for logs and metrics.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::BadRequest(_) | Self::Path(_) | Self::TransferCoding => Reason::BadRequest,
            Self::Target => Reason::UncleanPath,
            Self::Connect | Self::Method | Self::Trace => Reason::MethodNotAllowed,
            Self::UriTooLong => Reason::UriTooLong,
            Self::HeadTooLarge => Reason::HeadTooLarge,
            Self::Version => Reason::BadRequest,
            Self::Expectation => Reason::ExpectationFailed,
            Self::Loop => Reason::LoopDetected,
            Self::NoRoute => Reason::NoRoute,
            Self::NoServer(_) => Reason::NoServer,
            Self::ConnectRefused => Reason::ConnectRefused,
            Self::ConnectTimeout => Reason::ConnectTimeout,
            Self::Connection(_) => Reason::ConnectFailed,
            Self::Tls(_) => Reason::TlsFailed,
            Self::ResponseTimeout => Reason::ResponseTimeout,
            Self::UpstreamReset(_) => Reason::UpstreamReset,
            Self::UpstreamInvalid(_) | Self::UpstreamSwitched | Self::UpstreamCoding => {
                Reason::UpstreamInvalid
            }
            Self::ClientReset(_) => Reason::ClientReset,
            Self::Internal => Reason::Internal,
        }
    }

    /// Body of the answer, as users of Traefik know it.
    pub(crate) fn body(&self) -> &'static str {
        match self {
            Self::NoRoute => "404 page not found\n",
            Self::NoServer(_) => "no available server\n",
            Self::ConnectTimeout | Self::ResponseTimeout => "Gateway Timeout",
            Self::ConnectRefused
            | Self::Connection(_)
            | Self::Tls(_)
            | Self::UpstreamReset(_)
            | Self::UpstreamInvalid(_)
            | Self::UpstreamSwitched
            | Self::UpstreamCoding => "Bad Gateway",
            Self::ClientReset(_) => "Client Closed Request",
            Self::Internal => "Internal Server Error\n",
            Self::Target => "Bad Request\n",
            Self::BadRequest(_)
            | Self::Path(_)
            | Self::Connect
            | Self::Method
            | Self::Trace
            | Self::TransferCoding
            | Self::UriTooLong
            | Self::HeadTooLarge
            | Self::Version
            | Self::Expectation
            | Self::Loop => "",
        }
    }

    /// The whole answer.
    pub(crate) fn answer(&self) -> (Parts, Bytes) {
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = self.status();
        let headers = &mut parts.headers;
        match self {
            Self::NoRoute | Self::NoServer(_) => {
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("text/plain; charset=utf-8"),
                );
                headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            }
            Self::Trace => {
                headers.insert(
                    ALLOW,
                    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
                );
            }
            _ => {}
        }
        if matches!(self, Self::NoServer(_)) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.closes_connection() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        (parts, Bytes::from_static(self.body().as_bytes()))
    }

    /// The gate's refusals: what follows on the connection cannot be trusted.
    fn closes_connection(&self) -> bool {
        matches!(
            self,
            Self::BadRequest(_)
                | Self::Path(_)
                | Self::Connect
                | Self::Method
                | Self::Trace
                | Self::TransferCoding
                | Self::UriTooLong
                | Self::HeadTooLarge
                | Self::Version
                | Self::Expectation
                | Self::ClientReset(_)
                | Self::Internal
        )
    }

    /// No server has seen anything of the request.
    pub(crate) fn is_before_request(&self) -> bool {
        matches!(
            self,
            Self::NoServer(_)
                | Self::ConnectRefused
                | Self::ConnectTimeout
                | Self::Connection(_)
                | Self::Tls(_)
        )
    }

    /// What a connection that gave no response head means.
    pub(crate) fn from_upstream(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Framing(FramingError::Coding) => Self::UpstreamCoding,
            // With TLS 1.3 a server refuses the client when this has sent already.
            UpstreamError::Socket(error) if is_refusal(&error) => Self::Tls(error),
            error if error.is_invalid() => Self::UpstreamInvalid(error),
            error => Self::UpstreamReset(error),
        }
    }

    /// What a request body that breaks off means.
    pub(crate) fn from_client(error: ClientError) -> Self {
        match error {
            ClientError::Framing(_) => Self::BadRequest("framing of the body is broken"),
            error => Self::ClientReset(error),
        }
    }

    /// What a body of an answer that broke off means.
    pub(crate) fn from_body(error: BodyError) -> Self {
        match error {
            BodyError::Server(error) => Self::from_upstream(error),
            BodyError::Coding(_) => Self::Internal,
        }
    }

    /// What a failed connection attempt means.
    pub(crate) fn from_connect(error: ConnectError) -> Self {
        match error {
            ConnectError::Socket(error) | ConnectError::Tls(error)
                if error.kind() == std::io::ErrorKind::TimedOut =>
            {
                Self::ConnectTimeout
            }
            ConnectError::Tls(error) => Self::Tls(error),
            ConnectError::Socket(error) => match error.kind() {
                std::io::ErrorKind::ConnectionRefused => Self::ConnectRefused,
                _ => Self::Connection(error),
            },
        }
    }
}

/// The server does not take the proxy's certificate, or misses one.
fn is_refusal(error: &std::io::Error) -> bool {
    use rustls::AlertDescription as Alert;
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    let Some(rustls::Error::AlertReceived(alert)) = inner else {
        return false;
    };
    matches!(
        alert,
        Alert::AccessDenied
            | Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::DecryptError
            | Alert::HandshakeFailure
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate
    )
}

impl From<HeadError> for ProxyError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Malformed(what) => Self::BadRequest(what),
            HeadError::TargetTooLong => Self::UriTooLong,
            HeadError::MethodTooLong => Self::Method,
            HeadError::TooLarge => Self::HeadTooLarge,
            HeadError::Version => Self::Version,
        }
    }
}

impl From<FramingError> for ProxyError {
    fn from(error: FramingError) -> Self {
        match error {
            FramingError::Malformed(what) => Self::BadRequest(what),
            FramingError::Coding => Self::TransferCoding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_status_reason_and_body_users_know() {
        let cases = [
            (ProxyError::NoRoute, 404, "no_route", "404 page not found\n"),
            (
                ProxyError::NoServer(String::new()),
                503,
                "no_server",
                "no available server\n",
            ),
            (
                ProxyError::ConnectRefused,
                502,
                "connect_refused",
                "Bad Gateway",
            ),
            (
                ProxyError::from_connect(ConnectError::Tls(std::io::ErrorKind::Other.into())),
                502,
                "tls_failed",
                "Bad Gateway",
            ),
            (
                ProxyError::from_upstream(UpstreamError::Socket(std::io::Error::other(
                    rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired),
                ))),
                502,
                "tls_failed",
                "Bad Gateway",
            ),
            (
                ProxyError::ConnectTimeout,
                504,
                "connect_timeout",
                "Gateway Timeout",
            ),
            (
                ProxyError::ResponseTimeout,
                504,
                "response_timeout",
                "Gateway Timeout",
            ),
            (
                ProxyError::UpstreamSwitched,
                502,
                "upstream_invalid",
                "Bad Gateway",
            ),
            (ProxyError::BadRequest("x"), 400, "bad_request", ""),
            (ProxyError::Loop, 400, "loop_detected", ""),
            (ProxyError::Connect, 501, "method_not_allowed", ""),
            (ProxyError::Trace, 405, "method_not_allowed", ""),
            (
                ProxyError::Internal,
                500,
                "internal",
                "Internal Server Error\n",
            ),
        ];
        for (error, status, reason, body) in cases {
            assert_eq!(error.status().as_u16(), status, "{error}");
            assert_eq!(error.reason().as_str(), reason, "{error}");
            assert_eq!(error.body(), body, "{error}");
        }
    }
}
