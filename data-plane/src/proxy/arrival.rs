//! The way of a request up to its server, without the waiting: gate, normal form,
//! hop, loop guard, middlewares.
//!
//! Used for real requests ([`super::handle`]) and for those that are only described
//! ([`super::explain`]), so that the second cannot differ from the first.

use std::net::IpAddr;

use http::HeaderValue;
use http::request::Parts;

use super::error::ProxyError;
use super::gate::{self, Admission};
use super::head::{Head, normalise_path, routing_host};
use super::headers::{self, Hop};
use crate::middleware::{Answer, Flow, Middleware};
use crate::routing::{EntryPoint, Route};

/// A request that passed the gate.
pub(crate) struct Arrival {
    pub(crate) head: Head,
    /// As the client wrote it.
    host: Option<HeaderValue>,
    /// The protocol the client may switch to.
    pub(crate) upgrade: Option<HeaderValue>,
    pub(crate) expects_continue: bool,
}

/// Gate and normal form. `None` for a question about the proxy itself.
pub(crate) fn admit(
    mut parts: Parts,
    fragment: bool,
    has_body: bool,
    peer: IpAddr,
    secure: bool,
) -> Result<Option<Arrival>, ProxyError> {
    let Admission::Route {
        host,
        expects_continue,
    } = gate::admit(&mut parts, fragment)?
    else {
        return Ok(None);
    };
    let upgrade =
        headers::requested_upgrade(&parts.method, parts.version, &parts.headers, has_body);
    let path = normalise_path(parts.uri.path())
        .map_err(ProxyError::Path)?
        .into_owned();
    let head = Head {
        path,
        query: parts.uri.query().map(|query| query.replace(';', "&")),
        host: host
            .as_ref()
            .and_then(|host| host.to_str().ok())
            .map(routing_host)
            .unwrap_or_default(),
        method: parts.method,
        headers: parts.headers,
        peer,
        secure,
        host_header: None,
        omit_forwarded_for: false,
    };
    Ok(Some(Arrival {
        head,
        host,
        upgrade,
        expects_continue,
    }))
}

impl Arrival {
    /// Ends the client's hop as its entry point says: after this, rules may look.
    pub(crate) fn enter(&mut self, entry_point: &EntryPoint, hop: &Hop) {
        headers::enter(
            &mut self.head.headers,
            hop,
            entry_point.trusted().is_trusted(self.head.peer),
            self.host.as_ref(),
            self.upgrade.as_ref(),
        );
    }
}

/// Stops a router with a generated rule from calling itself for ever.
pub(crate) fn guard_loop(route: &Route, head: &mut Head) -> Result<(), ProxyError> {
    let Some(guard) = &route.loop_guard else {
        return Ok(());
    };
    if head.headers.get(headers::ROUTER) == Some(guard) {
        return Err(ProxyError::Loop);
    }
    head.headers.insert(headers::ROUTER, guard.clone());
    Ok(())
}

/// The middlewares on the way in. How many saw the request, and the answer of the
/// last of them if it gave one. `watch` sees what each of them made.
pub(crate) fn inward<'r>(
    route: &'r Route,
    head: &mut Head,
    mut watch: impl FnMut(&'r Middleware, &Head, Option<&Answer>),
) -> (usize, Option<Answer>) {
    for (seen, middleware) in (1..).zip(&route.middlewares) {
        let flow = middleware.on_request(head);
        let answer = match flow {
            Flow::Continue => None,
            Flow::Respond(answer) => Some(answer),
        };
        watch(middleware, head, answer.as_ref());
        if answer.is_some() {
            return (seen, answer);
        }
    }
    (route.middlewares.len(), None)
}
