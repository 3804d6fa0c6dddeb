//! One request on its way: counted when it is over, however it ends.
//!
//! [`Measure`] says that the request is counted at all, from the moment its route is
//! known. [`Tally`] then goes with its answer to the client, [`Attempt`] with a request
//! to a server and its response.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Method, StatusCode};

use super::book::{Place, Went};
use super::subject::{Kind, Subject};
use crate::balance::{LoadBalancer, Server};
use crate::proxy::Client;
use crate::routing::Route;

/// What clients are said to have got that went away before an answer.
const CLIENT_CLOSED: u16 = 499;

/// A request that is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    started: Instant,
    /// Bytes of bodies that the client had sent before.
    received: u64,
    kind: Kind,
}

/// An answer on its way to a client.
pub(crate) struct Tally {
    client: Rc<Client>,
    place: Place,
    measure: Measure,
    sent: u64,
}

/// A request at a server.
pub(crate) struct Attempt {
    client: Rc<Client>,
    service: Option<Arc<Subject>>,
    place: Option<Place>,
    measure: Measure,
    /// Bytes of its body that were there before it began.
    body: u64,
    sent: u64,
}

impl Measure {
    pub(crate) fn begin(client: &Client, kind: Kind) -> Self {
        Self {
            started: Instant::now(),
            received: client.patience.received(),
            kind,
        }
    }

    fn went(&self, client: &Client, sent: u64) -> Went {
        let nanos = self.started.elapsed().as_nanos();
        Went {
            nanos: u64::try_from(nanos).unwrap_or(u64::MAX),
            request_bytes: client.patience.received().saturating_sub(self.received),
            response_bytes: sent,
        }
    }
}

impl Tally {
    /// The answer to the request that `client` has sent last; `None` if that is not
    /// counted, or was before.
    pub(crate) fn begin(
        client: &Rc<Client>,
        route: Option<&Route>,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<Self> {
        let measure = client.measure.take()?;
        let kind = measure.kind.answered(status, headers);
        let place = client.worker.with_table(|table| {
            let entry_point = table.entry_point(&client.entry_point)?;
            let router = route.map(|route| &route.subject);
            let mut book = client.worker.book.borrow_mut();
            Some(book.of_client(&entry_point.subject, router, kind))
        });
        Some(Self {
            client: Rc::clone(client),
            place: place?,
            measure: Measure { kind, ..measure },
            sent: 0,
        })
    }

    /// So many bytes of the body.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += u64::try_from(bytes).unwrap_or_default();
    }

    /// The body is followed by these.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(code) = self.measure.kind.grpc_status(trailers) {
            let mut book = self.client.worker.book.borrow_mut();
            self.place = book.with_code(self.place, code);
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let went = self.measure.went(&self.client, self.sent);
        self.client.worker.book.borrow_mut().count(self.place, went);
    }
}

/// Counts a request whose client goes away before it has an answer.
pub(crate) struct Unanswered<'c>(pub(crate) &'c Rc<Client>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let code = StatusCode::from_u16(CLIENT_CLOSED).unwrap_or(StatusCode::BAD_REQUEST);
        drop(Tally::begin(self.0, None, code, &HeaderMap::new()));
    }
}

impl Attempt {
    /// A request of `client` goes to a server of this service; `None` if it is not
    /// counted. `body`: bytes of its body that are here already.
    pub(crate) fn begin(
        client: &Rc<Client>,
        balancer: &LoadBalancer,
        method: &Method,
        body: u64,
    ) -> Option<Self> {
        let asked = client.measure.get()?;
        let kind = Kind {
            method: Kind::of(method, &HeaderMap::new()).method,
            ..asked.kind
        };
        Some(Self {
            client: Rc::clone(client),
            service: Some(Arc::clone(&balancer.subject)),
            place: None,
            measure: Measure::begin(client, kind),
            body,
            sent: 0,
        })
    }

    /// This server has answered.
    pub(crate) fn answered(&mut self, server: &Server, status: StatusCode, headers: &HeaderMap) {
        let kind = self.measure.kind.answered(status, headers);
        self.placed(Some(server), kind);
    }

    /// There was no answer: this stands in its place.
    pub(crate) fn failed(&mut self, status: StatusCode) {
        let code = status.as_u16();
        let kind = Kind {
            code,
            ..self.measure.kind
        };
        self.placed(None, kind);
    }

    /// So many bytes of the body.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += u64::try_from(bytes).unwrap_or_default();
    }

    /// The body is followed by these.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        let code = self.measure.kind.grpc_status(trailers);
        if let Some((code, place)) = code.zip(self.place) {
            let mut book = self.client.worker.book.borrow_mut();
            self.place = Some(book.with_code(place, code));
        }
    }

    fn placed(&mut self, server: Option<&Server>, kind: Kind) {
        if let Some(service) = self.service.take() {
            let mut book = self.client.worker.book.borrow_mut();
            self.place = Some(book.of_server(&service, server, kind));
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let code = StatusCode::from_u16(CLIENT_CLOSED).unwrap_or(StatusCode::BAD_REQUEST);
        self.failed(code);
        if let Some(place) = self.place {
            let mut went = self.measure.went(&self.client, self.sent);
            went.request_bytes = went.request_bytes.saturating_add(self.body);
            self.client.worker.book.borrow_mut().count(place, went);
        }
    }
}
