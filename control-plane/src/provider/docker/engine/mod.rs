//! The Docker Engine's API: the only place that names bollard.
//!
//! bollard negotiates the API version and reads the event stream. Lists and
//! inspections go over bollard's transport but are read by [`super::reply`]: its
//! types refuse a whole list for one word they do not know. Every call is a GET,
//! so a socket proxy may forbid everything else, and has a time limit.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion, Docker};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::access::{Access, Connector};
use super::event::{Event, RawEvent};
use super::reply::{self, Details, List, ReplyError};

/// Longest wait for a connection, a version or an inspection.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a list: engines need time for ten thousand containers.
pub(super) const LIST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const LONGEST_BODY: usize = 256 * 1024 * 1024;

/// What can be asked of an engine.
pub(super) trait Engine: Send + Sync + Sized + 'static {
    /// How to reach one.
    type Target: Send + Sync;
    /// Events as they come.
    type Events: Stream<Item = Result<Event, EngineError>> + Send + Unpin + 'static;

    /// Reaches an engine that answers and speaks a version we speak.
    fn connect(target: &Self::Target) -> impl Future<Output = Result<Self, EngineError>> + Send;
    /// Subscribes; the engine has accepted when this returns.
    fn events(&self) -> impl Future<Output = Result<Self::Events, EngineError>> + Send;
    /// All containers, running or not.
    fn list(&self) -> impl Future<Output = Result<List, EngineError>> + Send;
    /// One container.
    fn inspect(&self, id: &str) -> impl Future<Output = Result<Details, EngineError>> + Send;
}

/// Why the engine gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// No answer in time.
    #[error("no answer in {} s to {call}", limit.as_secs())]
    Timeout {
        /// What was asked.
        call: &'static str,
        /// How long the answer was waited for.
        limit: Duration,
    },
    /// bollard failed.
    #[error("{call}")]
    Call {
        /// What was asked.
        call: &'static str,
        /// Why it failed.
        source: Box<bollard::errors::Error>,
    },
    /// The configuration does not say how it is reached.
    #[error("connecting")]
    Access(#[source] std::io::Error),
    /// An answer with a status that is an error.
    #[error("{call}: status {status}: {message}")]
    Status {
        /// What was asked.
        call: &'static str,
        /// The status.
        status: StatusCode,
        /// What the engine says.
        message: String,
    },
    /// The body broke off, or is too long.
    #[error("{call}: the answer broke off")]
    Body {
        /// What was asked.
        call: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The body is not what was asked for.
    #[error("{call}")]
    Reply {
        /// What was asked.
        call: &'static str,
        /// Why.
        source: ReplyError,
    },
    /// The engine does not have the container.
    #[error("there is no such container")]
    NotFound,
    /// The event stream ended.
    #[error("the engine ended the event stream")]
    Ended,
}

/// A real engine, reached through bollard.
pub(super) struct DockerEngine {
    docker: Docker,
    dial: Arc<Dial>,
}

/// Opens one connection per request.
struct Dial {
    connector: Connector,
    /// Told when the head of an event stream has come.
    subscribed: Notify,
}

type DialError = bollard::errors::Error;

impl Engine for DockerEngine {
    type Target = Access;
    type Events = Pin<Box<dyn Stream<Item = Result<Event, EngineError>> + Send>>;

    async fn connect(access: &Access) -> Result<Self, EngineError> {
        const CALL: &str = "asking for the version";
        let dial = Arc::new(Dial {
            connector: access.connector().map_err(EngineError::Access)?,
            subscribed: Notify::new(),
        });
        let transport = {
            let dial = Arc::clone(&dial);
            move |request: BollardRequest| {
                let dial = Arc::clone(&dial);
                async move { dial.send(request).await }
            }
        };
        let limit = CALL_TIMEOUT.as_secs();
        let address = Some("http://docker");
        let version = access.api_version.map(|it| ClientVersion {
            major_version: it.major,
            minor_version: it.minor,
        });
        let fixed = version.is_some();
        let version = version.as_ref().unwrap_or(API_DEFAULT_VERSION);
        let docker = Docker::connect_with_custom_transport(transport, address, limit, version)
            .map_err(|error| EngineError::call(CALL, error))?;
        if fixed {
            let engine = Self { docker, dial };
            // One that does not speak this version says so.
            engine.fetch(CALL, "/version", CALL_TIMEOUT).await?;
            return Ok(engine);
        }
        let docker = timeout(CALL_TIMEOUT, docker.negotiate_version())
            .await
            .map_err(|_| EngineError::Timeout {
                call: CALL,
                limit: CALL_TIMEOUT,
            })?
            .map_err(|error| EngineError::call(CALL, error))?;
        Ok(Self { docker, dial })
    }

    async fn events(&self) -> Result<Self::Events, EngineError> {
        const CALL: &str = "subscribing to events";
        let filters = HashMap::from([("type", TYPES.to_vec()), ("event", ACTIONS.to_vec())]);
        let options = EventsOptionsBuilder::default().filters(&filters).build();
        let mut messages = Box::pin(self.docker.events(Some(options)));
        // bollard sends the request when it is first asked for an event, and only
        // the transport sees the engine accept it.
        let first = tokio::select! {
            biased;
            first = messages.next() => Some(first.unwrap_or(Err(broken()))),
            () = self.dial.subscribed.notified() => None,
            () = tokio::time::sleep(CALL_TIMEOUT) => {
                return Err(EngineError::Timeout { call: CALL, limit: CALL_TIMEOUT });
            }
        };
        let first = match first {
            Some(Err(error)) => return Err(EngineError::call(CALL, error)),
            Some(Ok(message)) => Some(Ok(message)),
            None => None,
        };
        let messages = futures_util::stream::iter(first).chain(messages);
        Ok(Box::pin(messages.filter_map(
            async |message| match message {
                Ok(message) => read(&message).map(Ok),
                Err(error) => Some(Err(EngineError::call("reading events", error))),
            },
        )))
    }

    async fn list(&self) -> Result<List, EngineError> {
        const CALL: &str = "listing the containers";
        let body = self
            .fetch(CALL, "/containers/json?all=1", LIST_TIMEOUT)
            .await?;
        reply::list(&body).map_err(|source| EngineError::Reply { call: CALL, source })
    }

    async fn inspect(&self, id: &str) -> Result<Details, EngineError> {
        const CALL: &str = "inspecting a container";
        let body = self
            .fetch(CALL, &format!("/containers/{id}/json"), CALL_TIMEOUT)
            .await?;
        reply::details(&body).map_err(|source| EngineError::Reply { call: CALL, source })
    }
}

impl DockerEngine {
    async fn fetch(
        &self,
        call: &'static str,
        path: &str,
        limit: Duration,
    ) -> Result<Bytes, EngineError> {
        timeout(limit, self.fetch_untimed(call, path))
            .await
            .map_err(|_| EngineError::Timeout { call, limit })?
    }

    async fn fetch_untimed(&self, call: &'static str, path: &str) -> Result<Bytes, EngineError> {
        let version = self.docker.client_version();
        let request = Request::get(format!("/v{version}{path}"))
            .body(bollard::body_full(Bytes::new()))
            .map_err(|error| EngineError::call(call, error.into()))?;
        let response = self
            .dial
            .send(request)
            .await
            .map_err(|error| EngineError::call(call, error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST_BODY)
            .collect()
            .await
            .map_err(|source| EngineError::Body { call, source })?
            .to_bytes();
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::NOT_FOUND => Err(EngineError::NotFound),
            status => {
                let message = String::from_utf8_lossy(&body).chars().take(200).collect();
                Err(EngineError::Status {
                    call,
                    status,
                    message,
                })
            }
        }
    }
}

impl Dial {
    async fn send(&self, mut request: BollardRequest) -> Result<Response<Incoming>, DialError> {
        let stream = self.connector.open().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Ends by itself when the response has been read or dropped.
        tokio::spawn(connection);
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let is_events = request.uri().path().ends_with("/events");
        *request.uri_mut() = target.parse::<Uri>()?;
        let agent = concat!("fairway/", env!("CARGO_PKG_VERSION"));
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("docker"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(authorization) = &self.connector.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let response = sender.send_request(request).await?;
        if is_events && response.status().is_success() {
            self.subscribed.notify_one();
        }
        Ok(response)
    }
}

impl EngineError {
    fn call(call: &'static str, source: bollard::errors::Error) -> Self {
        Self::Call {
            call,
            source: Box::new(source),
        }
    }
}

/// Asked for by name, so that the engine does not spend its short queue on the
/// `exec_*` events of health checks.
const ACTIONS: [&str; 15] = [
    "kill",
    "die",
    "start",
    "stop",
    "pause",
    "unpause",
    "create",
    "destroy",
    "remove",
    "rename",
    "update",
    "oom",
    "health_status",
    "connect",
    "disconnect",
];

const TYPES: [&str; 2] = ["container", "network"];

fn read(message: &EventMessage) -> Option<Event> {
    let actor = message.actor.as_ref()?;
    let attribute = |name: &str| actor.attributes.as_ref()?.get(name).map(String::as_str);
    Event::read(&RawEvent {
        kind: message.typ.as_ref()?.as_ref(),
        action: message.action.as_deref()?,
        id: actor.id.as_deref()?,
        signal: attribute("signal"),
        container: attribute("container"),
        name: attribute("name"),
    })
}

fn broken() -> DialError {
    std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()
}

#[cfg(test)]
mod tests;
