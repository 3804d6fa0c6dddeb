//! One request over a connection of its own, for what the proxy asks by itself: health
//! checks, and collectors of spans.
//!
//! Runs on the control runtime. A new connection each time: a server that takes none any
//! more is not well, whatever it still says over an old one.

use std::io;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use http::{HeaderValue, Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::balance::{Scheme, Transport, speaks_http2};

/// Why there is no answer, for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("connection refused")]
    Refused,
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    #[error("no answer: {0}")]
    NoAnswer(#[source] hyper::Error),
}

/// Where a question goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) scheme: Scheme,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A response whose body can be read for as long as this lives.
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    _connection: AbortOnDropHandle<()>,
}

impl Place {
    /// `host:port`, with brackets where they belong.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Sends `request`, whose URI is a path and a query, and waits for the response's head.
pub(crate) async fn send(
    place: &Place,
    transport: &Transport,
    target: &PathAndQuery,
    host: Option<&HeaderValue>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, ExchangeError> {
    let tcp = TcpStream::connect((place.host.as_str(), place.port))
        .await
        .map_err(ExchangeError::of_connect)?;
    let own = place.authority();
    let host = match host {
        Some(host) => host.clone(),
        None => HeaderValue::try_from(&own).map_err(ExchangeError::impossible)?,
    };
    let question = Question {
        target,
        host,
        request,
    };
    match place.scheme {
        Scheme::Http => question.over_http1(tcp).await,
        Scheme::H2c => question.over_http2(UriScheme::HTTP, tcp).await,
        Scheme::Https => {
            let stream = transport
                .secure(&place.host, tcp)
                .await
                .map_err(ExchangeError::of_connect)?;
            if speaks_http2(&stream) {
                question.over_http2(UriScheme::HTTPS, stream).await
            } else {
                question.over_http1(stream).await
            }
        }
    }
}

struct Question<'a> {
    target: &'a PathAndQuery,
    host: HeaderValue,
    request: Request<Full<Bytes>>,
}

impl Question<'_> {
    async fn over_http1(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Answer, ExchangeError> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(ExchangeError::NoAnswer)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // How it ends is told to the one who asks.
            let _ = connection.await;
        }));
        *self.request.version_mut() = Version::HTTP_11;
        *self.request.uri_mut() = Uri::from(self.target.clone());
        self.request.headers_mut().insert(HOST, self.host);
        let response = sender.send_request(self.request);
        Ok(Answer {
            response: response.await.map_err(ExchangeError::NoAnswer)?,
            _connection: connection,
        })
    }

    async fn over_http2(
        mut self,
        scheme: UriScheme,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Answer, ExchangeError> {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(ExchangeError::NoAnswer)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            let _ = connection.await;
        }));
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(scheme);
        let authority = Authority::try_from(self.host.as_bytes());
        uri.authority = Some(authority.map_err(ExchangeError::impossible)?);
        uri.path_and_query = Some(self.target.clone());
        *self.request.version_mut() = Version::HTTP_2;
        *self.request.uri_mut() = Uri::from_parts(uri).map_err(ExchangeError::impossible)?;
        let response = sender.send_request(self.request);
        Ok(Answer {
            response: response.await.map_err(ExchangeError::NoAnswer)?,
            _connection: connection,
        })
    }
}

impl ExchangeError {
    fn of_connect(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            _ => Self::Connect(error),
        }
    }

    fn impossible(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Connect(io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}
