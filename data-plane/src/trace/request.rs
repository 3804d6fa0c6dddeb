//! The trace of one request: which spans are open, and which are done.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Method, StatusCode};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Outcome;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::attribute::{headers as header_attributes, number, protocol, shown, text};
use super::exporter::{Batch, Exporter};
use super::{Tracing, context};
use crate::balance::Server;
use crate::proxy::Record;
use crate::proxy::head::Head;

/// One request's part of a trace.
pub(crate) struct Trace {
    tracing: Arc<Tracing>,
    exporter: Exporter,
    trace_id: u128,
    /// The caller's span; 0: the trace begins here.
    parent: u64,
    /// Of the request itself.
    root: u64,
    state: String,
    recorded: bool,
    /// Also of every step.
    detailed: bool,
    /// Of the request itself.
    attributes: Vec<KeyValue>,
    /// Inside of each other.
    open: Vec<Span>,
    /// What the server is asked for, as far as it may be seen.
    target: String,
    done: Vec<Span>,
    /// When the last step ended: the next one begins then.
    mark: SystemTime,
}

impl Trace {
    /// Of a request that has passed the gate; its caller may have decided.
    pub(crate) fn begin(
        tracing: &Arc<Tracing>,
        exporter: &Exporter,
        headers: &mut HeaderMap,
        detailed: bool,
    ) -> Self {
        let caller = context::read(headers);
        let trace_id = caller.as_ref().map_or_else(new_trace_id, |it| it.trace_id);
        let recorded = caller.as_ref().map(|it| it.recorded);
        let recorded = recorded.unwrap_or_else(|| tracing.records(trace_id));
        let attributes = if recorded {
            let prefix = "http.request.header.";
            header_attributes(prefix, &tracing.request_headers, headers)
        } else {
            Vec::new()
        };
        Self {
            tracing: Arc::clone(tracing),
            exporter: exporter.clone(),
            trace_id,
            parent: caller.as_ref().map_or(0, |it| it.span),
            root: new_span_id(),
            state: caller.map(|it| it.state).unwrap_or_default(),
            recorded,
            detailed: recorded && detailed,
            attributes,
            open: Vec::new(),
            target: String::new(),
            done: Vec::new(),
            mark: SystemTime::now(),
        }
    }

    /// 32 digits.
    pub(crate) fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// 16 digits, of the request's own span.
    pub(crate) fn span_id(&self) -> String {
        format!("{:016x}", self.root)
    }

    /// Every step is wanted.
    pub(crate) fn is_detailed(&self) -> bool {
        self.detailed
    }

    /// How many spans are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Begins the span of a step, with these attributes in words; what follows is inside
    /// of it.
    pub(crate) fn enter(&mut self, name: &str, attributes: &[(&str, &str)]) {
        if !self.detailed {
            return;
        }
        let attributes = attributes.iter().map(|(key, value)| text(key, *value));
        let attributes = attributes.collect();
        let began = std::mem::replace(&mut self.mark, SystemTime::now());
        self.push(name, SpanKind::Internal, began, attributes);
    }

    /// Ends the spans that were begun at this depth and inside of it.
    pub(crate) fn leave(&mut self, depth: usize) {
        while self.open.len() > depth {
            self.pop(|_| ());
        }
    }

    /// The request was sent again.
    pub(crate) fn resent(&mut self, count: u32) {
        const COUNT: &str = "http.request.resend_count";
        if !self.detailed {
            return;
        }
        let is_resend = |span: &Span| span.attributes.iter().any(|it| it.key == COUNT);
        // One of them after the other, not inside of it.
        if self.open.last().is_some_and(is_resend) {
            self.pop(|_| ());
        }
        self.enter("Retry", &[]);
        if let Some(span) = self.open.last_mut() {
            span.attributes.push(number(COUNT, count));
        }
    }

    /// Begins the span of a request to a server, which is told of it.
    pub(crate) fn ask(&mut self, name: &str, head: &mut Head) {
        if !self.recorded {
            context::write(&mut head.headers, self.trace_id, self.root, false);
            return;
        }
        let mut attributes = vec![text("http.request.method", head.method.as_str())];
        if let Some(agent) = head.headers.get(http::header::USER_AGENT) {
            attributes.push(text("user_agent.original", shown(agent)));
        }
        self.target = head.path.clone();
        if let Some(query) = &head.query {
            self.target.push('?');
            self.target.push_str(&self.tracing.query(query));
        }
        let id = self.push(name, SpanKind::Client, SystemTime::now(), attributes);
        context::write(&mut head.headers, self.trace_id, id, true);
    }

    /// The server has answered with the head of a response.
    pub(crate) fn answered(&mut self, server: &Server, status: StatusCode, headers: &HeaderMap) {
        if !self.recorded {
            return;
        }
        let tracing = Arc::clone(&self.tracing);
        let target = std::mem::take(&mut self.target);
        self.pop(|span| {
            let scheme = server.url.split("://").next().unwrap_or("http");
            span.attributes.extend([
                text("url.full", format!("{}{target}", server.url)),
                text("url.scheme", scheme),
                text("server.address", server.host.as_str()),
                number("server.port", server.port),
                text("network.peer.address", server.host.as_str()),
                number("network.peer.port", server.port),
                number("http.response.status_code", status.as_u16()),
            ]);
            let prefix = "http.response.header.";
            let captured = header_attributes(prefix, &tracing.response_headers, headers);
            span.attributes.extend(captured);
            if status.is_client_error() || status.is_server_error() {
                fail(span, "");
            }
        });
    }

    /// No server has answered.
    pub(crate) fn unanswered(&mut self, reason: &str) {
        if self.recorded {
            self.pop(|span| fail(span, reason));
        }
    }

    /// What the client gets.
    pub(crate) fn concluded(&mut self, headers: &HeaderMap) {
        if self.recorded {
            let prefix = "http.response.header.";
            let names = &self.tracing.response_headers;
            let captured = header_attributes(prefix, names, headers);
            self.attributes.extend(captured);
        }
    }

    /// The request is over.
    pub(crate) fn finish(mut self, record: &Record) {
        if !self.recorded {
            return;
        }
        self.leave(0);
        let mut root = self.span(record.method(), SpanKind::Server, record.started_at);
        root.span_id = self.root.to_be_bytes().to_vec();
        root.parent_span_id = match self.parent {
            0 => Vec::new(),
            parent => parent.to_be_bytes().to_vec(),
        };
        root.end_time_unix_nano = nanos(SystemTime::now());
        root.attributes = self.of_request(record);
        if record.status.is_server_error() {
            fail(&mut root, record.reason);
        }
        let mut spans = std::mem::take(&mut self.done);
        spans.push(root);
        self.exporter.send(Batch {
            tracing: self.tracing,
            spans,
        });
    }

    fn of_request(&mut self, record: &Record) -> Vec<KeyValue> {
        let target = record.target.as_ref();
        let mut attributes = vec![
            text("entry_point", &*record.entry_point),
            text("http.request.method", known(record.method())),
            text("network.protocol.version", protocol(record.version)),
            number("http.request.body.size", record.request_bytes),
            text("url.path", target.map_or("", |it| it.path())),
            text("url.scheme", if record.secure { "https" } else { "http" }),
            text("client.address", record.client.ip().to_string()),
            number("client.port", record.client.port()),
            text("network.peer.address", record.client.ip().to_string()),
            number("network.peer.port", record.client.port()),
            number("http.response.status_code", record.status.as_u16()),
        ];
        if let Some(query) = target.and_then(|it| it.query()) {
            attributes.push(text("url.query", self.tracing.query(query)));
        }
        if let Some(host) = &record.host {
            attributes.push(text("server.address", shown(host)));
        }
        if let Some(agent) = &record.user_agent {
            attributes.push(text("user_agent.original", shown(agent)));
        }
        if !record.reason.is_empty() {
            attributes.push(text("fairway.reason", record.reason));
        }
        attributes.append(&mut self.attributes);
        attributes
    }

    fn push(
        &mut self,
        name: &str,
        kind: SpanKind,
        began: SystemTime,
        attributes: Vec<KeyValue>,
    ) -> u64 {
        let mut span = self.span(name, kind, began);
        let id = new_span_id();
        span.parent_span_id = match self.open.last() {
            Some(outer) => outer.span_id.clone(),
            None => self.root.to_be_bytes().to_vec(),
        };
        span.span_id = id.to_be_bytes().to_vec();
        span.attributes = attributes;
        self.open.push(span);
        id
    }

    fn pop(&mut self, complete: impl FnOnce(&mut Span)) {
        if let Some(mut span) = self.open.pop() {
            complete(&mut span);
            span.end_time_unix_nano = nanos(SystemTime::now());
            self.done.push(span);
        }
        self.mark = SystemTime::now();
    }

    fn span(&self, name: &str, kind: SpanKind, began: SystemTime) -> Span {
        Span {
            trace_id: self.trace_id.to_be_bytes().to_vec(),
            trace_state: self.state.clone(),
            name: name.to_owned(),
            kind: kind.into(),
            start_time_unix_nano: nanos(began),
            ..Span::default()
        }
    }
}

fn fail(span: &mut Span, message: &str) {
    span.status = Some(Status {
        code: Outcome::Error.into(),
        message: message.to_owned(),
    });
}

/// As the conventions want it: what nobody knows is not a name.
fn known(method: &str) -> &str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    match known.iter().any(|it| it == method) {
        true => method,
        false => "_OTHER",
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Never 0, which stands for none.
fn new_trace_id() -> u128 {
    rand::random::<u128>().max(1)
}

fn new_span_id() -> u64 {
    rand::random::<u64>().max(1)
}
