//! What is known of one request, for those who want to hear of it when it is over.
//!
//! There is one only while somebody does. It tells the [`Journal`] when it is dropped:
//! after the last byte of the answer, at the end of a tunnel, or when the client is gone.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::{HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version};

use super::connection::Client;
use super::error::{ProxyError, Reason};
use super::forward::Reply;
use super::head::Head;
use super::headers::FORWARDED_FOR;
use super::patience::Patience;
use crate::access_log::{AccessLog, Captured, Journal};
use crate::balance::{LoadBalancer, Server};
use crate::middleware::Middleware;
use crate::routing::{EntryPoint, Route, RouteTable};
use crate::trace::{Exporter, Trace, Tracing};

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
    /// Name of the router's service, or of the one whose server has answered.
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
    /// Of the client's software.
    pub(crate) user_agent: Option<HeaderValue>,
    /// How it is traced, unless its router says otherwise.
    tracing: Option<Arc<Tracing>>,
    exporter: Exporter,
    pub(crate) trace: Option<Box<Trace>>,
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
        let (log, tracing, config_version, is_logged) = worker.with_table(|table| {
            let (log, tracing) = (table.access_log(), table.tracing());
            if log.is_none() && tracing.is_none() {
                return None;
            }
            let entry_point = table.entry_point(&client.entry_point);
            let is_logged = entry_point.is_none_or(|it| it.switches().logs());
            Some((
                log.cloned(),
                tracing.cloned(),
                table.version_shared(),
                is_logged,
            ))
        })?;
        let number = worker.journal.count();
        Some(Box::new(Self {
            log,
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
            user_agent: None,
            tracing,
            exporter: worker.exporter.clone(),
            trace: None,
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
        let switches = of_route.or(entry_point.switches());
        self.is_logged = switches.logs();
        if let Some(tracing) = self.tracing.as_ref().filter(|_| switches.traces()) {
            let detailed = switches.traces_steps();
            let trace = Trace::begin(tracing, &self.exporter, &mut head.headers, detailed);
            self.user_agent = head.headers.get(USER_AGENT).cloned();
            self.trace = Some(Box::new(trace));
        }
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

    /// A server is about to be asked.
    pub(super) fn asks(&mut self, head: &mut Head) {
        self.origin_asked = Some(Instant::now());
        if let Some(trace) = &mut self.trace {
            trace.ask("ReverseProxy", head);
        }
    }

    /// None has answered.
    pub(super) fn unanswered(&mut self, error: &ProxyError) {
        if let Some(trace) = &mut self.trace {
            trace.unanswered(error.reason().as_str());
        }
    }

    /// One of this service has answered.
    pub(super) fn answered(
        &mut self,
        service: &LoadBalancer,
        by: &Arc<Server>,
        status: StatusCode,
        headers: &HeaderMap,
    ) {
        self.service.clone_from(&service.name);
        if let Some(trace) = &mut self.trace {
            trace.answered(by, status, headers);
        }
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
        if let Some(trace) = &mut self.trace {
            trace.concluded(headers);
        }
        if let Some(log) = &self.log {
            self.downstream_headers = log.capture(headers);
        }
    }

    /// The server of a middleware is about to be asked.
    pub(super) fn asks_permission(&mut self, question: &mut Head) {
        if let Some(trace) = &mut self.trace {
            trace.ask("AuthRequest", question);
        }
    }

    /// It has answered, or not.
    pub(super) fn asked_permission<E>(&mut self, sent: &Result<Result<Reply, ProxyError>, E>) {
        let Some(trace) = &mut self.trace else {
            return;
        };
        match sent {
            Ok(Ok(Reply { parts, server, .. })) => {
                trace.answered(server, parts.status, &parts.headers);
            }
            Ok(Err(error)) => trace.unanswered(error.reason().as_str()),
            Err(_) => trace.unanswered(Reason::ResponseTimeout.as_str()),
        }
    }

    /// How many steps it is in, of which it will be told that they end.
    pub(super) fn depth(&self) -> usize {
        self.trace.as_ref().map_or(0, |trace| trace.depth())
    }

    /// Those steps from this depth on have ended.
    pub(super) fn leaves(&mut self, depth: usize) {
        if let Some(trace) = &mut self.trace {
            trace.leave(depth);
        }
    }

    pub(super) fn enters_router(&mut self, route: &Route) {
        if let Some(trace) = self.trace.as_mut().filter(|it| it.is_detailed()) {
            let attributes = [
                ("traefik.router.name", route.name.as_str()),
                ("traefik.service.name", &route.service.name),
                ("http.route", &route.rule_shown()),
            ];
            trace.enter("Router", &attributes);
        }
    }

    pub(super) fn enters_middleware(&mut self, middleware: &Middleware) {
        if let Some(trace) = &mut self.trace {
            let attributes = [("traefik.middleware.name", middleware.name())];
            trace.enter(middleware.kind_name(), &attributes);
        }
    }

    pub(super) fn enters_service(&mut self, name: &str) {
        if let Some(trace) = &mut self.trace {
            trace.enter("Service", &[("traefik.service.name", name)]);
        }
    }

    /// A middleware sends it again, for the so-manieth time.
    pub(super) fn resends(&mut self, count: u32) {
        self.retries = self.retries.saturating_add(1);
        if let Some(trace) = &mut self.trace {
            trace.resent(count);
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
        if let Some(trace) = self.trace.take() {
            trace.finish(self);
        }
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
