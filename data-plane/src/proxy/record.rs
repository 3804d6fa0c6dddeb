//! What is known of one request, for those who want to hear of it when it is over.
//!
//! There is one only while somebody does. It tells the [`Journal`] when it is dropped:
//! after the last byte of the answer, at the end of a tunnel, or when the client is gone.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version};

use super::connection::Client;
use super::error::Reason;
use super::head::Head;
use super::headers::FORWARDED_FOR;
use super::patience::Patience;
use crate::access_log::{AccessLog, Captured, Journal};
use crate::balance::{LoadBalancer, Server};
use crate::routing::{EntryPoint, Route, RouteTable};

/// Ties the lines of several hops together.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is believed.
const MAX_ID_BYTES: usize = 128;

/// One request and what became of it.
pub(crate) struct Record {
    /// `None`: it is not for the access log.
    pub(crate) log: Option<Arc<AccessLog>>,
    /// Its router and entry point want it logged.
    pub(crate) is_logged: bool,
    /// Of the process.
    pub(crate) number: u64,
    pub(crate) started: Instant,
    pub(crate) started_at: SystemTime,
    pub(crate) client: SocketAddr,
    /// As a peer that is believed says it.
    pub(crate) forwarded_for: Option<HeaderValue>,
    pub(crate) entry_point: Rc<str>,
    pub(crate) secure: bool,
    /// `None`: what came was no request.
    method: Option<Method>,
    pub(crate) version: Version,
    /// As received, before middlewares; with the query.
    pub(crate) target: Option<PathAndQuery>,
    /// With the port.
    pub(crate) host: Option<HeaderValue>,
    pub(crate) request_headers: Captured,
    pub(crate) request_id: Option<HeaderValue>,
    /// Of the table that had the route.
    pub(crate) config_version: Arc<str>,
    pub(crate) route: Option<Arc<Route>>,
    /// Name of the service whose servers were asked last.
    pub(crate) service: String,
    /// As a middleware, or a server that one asked, calls the client.
    pub(crate) user: String,
    /// That answered.
    pub(crate) server: Option<Arc<Server>>,
    origin_asked: Option<Instant>,
    pub(crate) origin_status: u16,
    pub(crate) origin_headers: Captured,
    /// Bytes of the body as the server sent it.
    pub(crate) origin_bytes: u64,
    /// How often it was sent again.
    pub(crate) retries: u32,
    pub(crate) status: StatusCode,
    pub(crate) downstream_headers: Captured,
    /// Reason code of an answer of our own, or of a response that broke off.
    pub(crate) reason: &'static str,
    /// Bytes of the body received.
    pub(crate) request_bytes: u64,
    /// Bytes of the body sent.
    pub(crate) bytes: u64,
    patience: Rc<Patience>,
    journal: Rc<Journal>,
}

impl Record {
    /// Of a request that has just arrived; `None`: nobody wants to hear of it.
    pub(super) fn begin<B>(client: &Client, request: &Request<B>) -> Option<Box<Self>> {
        let mut record = Self::of_client(client)?;
        record.method = Some(request.method().clone());
        record.version = request.version();
        record.target = request.uri().path_and_query().cloned();
        record.host = request.headers().get(HOST).cloned();
        Some(record)
    }

    /// Of what could not be read as a request.
    pub(super) fn of_client(client: &Client) -> Option<Box<Self>> {
        let worker = &client.worker;
        let (log, config_version, is_logged) = worker.with_table(|table| {
            let log = table.access_log()?;
            let entry_point = table.entry_point(&client.entry_point);
            let is_logged = entry_point.is_none_or(|it| it.switches().logs());
            Some((Arc::clone(log), table.version_shared(), is_logged))
        })?;
        let number = worker.journal.count();
        Some(Box::new(Self {
            log: Some(log),
            is_logged,
            number,
            started: Instant::now(),
            started_at: SystemTime::now(),
            client: SocketAddr::new(client.peer, client.port),
            forwarded_for: None,
            entry_point: Rc::clone(&client.entry_point),
            secure: client.hop.secure,
            method: None,
            version: Version::HTTP_11,
            target: None,
            host: None,
            request_headers: Captured::new(),
            request_id: None,
            config_version,
            route: None,
            service: String::new(),
            user: String::new(),
            server: None,
            origin_asked: None,
            origin_status: 0,
            origin_headers: Captured::new(),
            origin_bytes: 0,
            retries: 0,
            // Until there is an answer.
            status: StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            downstream_headers: Captured::new(),
            reason: Reason::ClientReset.as_str(),
            request_bytes: 0,
            bytes: 0,
            patience: Rc::clone(&client.patience),
            journal: Rc::clone(&worker.journal),
        }))
    }

    /// It has passed the gate and may have found its route.
    pub(super) fn arrived(
        &mut self,
        table: &RouteTable,
        entry_point: &EntryPoint,
        head: &mut Head,
        route: Option<&Arc<Route>>,
    ) {
        self.config_version = table.version_shared();
        self.host = head.headers.get(HOST).cloned();
        self.forwarded_for = head.headers.get(FORWARDED_FOR).cloned();
        let of_route = route.map(|it| it.switches).unwrap_or_default();
        self.is_logged = of_route.or(entry_point.switches()).logs();
        self.route = route.cloned();
        if let Some(route) = route {
            self.service.clone_from(&route.service.name);
        }
        if let Some(log) = &self.log {
            if log.gives_ids {
                self.request_id = Some(request_id(&mut head.headers));
            }
            self.request_headers = log.capture(&head.headers);
        }
    }

    /// A server of this service is about to be asked.
    pub(super) fn asks(&mut self, service: &LoadBalancer) {
        self.service.clone_from(&service.name);
        self.origin_asked = Some(Instant::now());
    }

    /// It has answered.
    pub(super) fn answered(&mut self, by: &Arc<Server>, status: StatusCode, headers: &HeaderMap) {
        self.server = Some(Arc::clone(by));
        self.origin_status = status.as_u16();
        if let Some(log) = &self.log {
            self.origin_headers = log.capture(headers);
        }
    }

    /// This is what the client gets.
    pub(super) fn concluded(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        reason: &'static str,
    ) {
        self.status = status;
        self.reason = reason;
        if let Some(log) = &self.log {
            self.downstream_headers = log.capture(headers);
        }
    }

    /// As the client wrote it; `-` of what was no request.
    pub(crate) fn method(&self) -> &str {
        self.method.as_ref().map_or("-", Method::as_str)
    }

    /// From the question to the server until now.
    pub(crate) fn origin_took(&self) -> Option<Duration> {
        self.origin_asked.map(|asked| asked.elapsed())
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.request_bytes = self.patience.received();
        let journal = Rc::clone(&self.journal);
        journal.log(self);
    }
}

/// The id that the client gave, if it is one that can be logged and passed on; else a
/// new one, which the server gets, too.
fn request_id(headers: &mut HeaderMap) -> HeaderValue {
    let usable = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=MAX_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    };
    if headers.get_all(&REQUEST_ID).iter().count() == 1
        && let Some(id) = headers.get(&REQUEST_ID).filter(usable)
    {
        return id.clone();
    }
    let id = format!("{:032x}", rand::random::<u128>());
    let id = HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("0"));
    headers.insert(REQUEST_ID, id.clone());
    id
}
