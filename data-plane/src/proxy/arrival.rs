//! The way of a request up to its server: gate, normal form,
//! hop, loop guard, middlewares.
//!
//! Used for real requests ([`super::handle`]) and for those that are only described
//! ([`super::explain`]), so that the second cannot differ from the first.

use std::net::IpAddr;
use std::sync::Arc;

use fairway_proto::{INTERNAL_PATH, METRICS_PATH};
use http::HeaderValue;
use http::request::Parts;

use super::error::ProxyError;
use super::gate::{self, Admission};
use super::head::{Head, normalise_path, routing_host};
use super::headers::{self, Hop};
use crate::balance::{Internal, LoadBalancer};
use crate::middleware::{Answer, Around, Flow, ForwardAuth, Hold, Limit, Middleware, Recall};
use crate::routing::{EntryPoint, Intake, Route};

/// A request that passed the gate.
pub(crate) struct Arrival {
    /// Boxed: it is handed on through every phase.
    pub(crate) head: Box<Head>,
    /// As the client wrote it.
    host: Option<HeaderValue>,
    /// The protocol the client may switch to.
    pub(crate) upgrade: Option<HeaderValue>,
    pub(crate) expects_continue: bool,
}

/// Gate and normal form, as the entry point wants them. `None` for a question about
/// the proxy itself.
pub(crate) fn admit(
    mut parts: Parts,
    fragment: bool,
    has_body: bool,
    peer: IpAddr,
    secure: bool,
    intake: &Intake,
) -> Result<Option<Arrival>, ProxyError> {
    let Admission::Route {
        host,
        expects_continue,
    } = gate::admit(&mut parts, fragment, intake.underscores)?
    else {
        return Ok(None);
    };
    let upgrade =
        headers::requested_upgrade(&parts.method, parts.version, &parts.headers, has_body);
    let separator = if intake.encode_semicolons { "%3B" } else { "&" };
    let path = normalise_path(parts.uri.path(), &intake.paths)
        .map_err(ProxyError::Path)?
        .into_owned();
    let head = Box::new(Head {
        path,
        query: parts.uri.query().map(|query| query.replace(';', separator)),
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
        omit_forwarded_for: intake.omit_forwarded_for,
        user: None,
    });
    Ok(Some(Arrival {
        head,
        host,
        upgrade,
        expects_continue,
    }))
}

impl Arrival {
    /// As a request of a stranger goes on, where nothing rewrites it.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn into_head(mut self, hop: &Hop, intake: &Intake) -> Head {
        let (host, upgrade) = (self.host.as_ref(), self.upgrade.as_ref());
        headers::enter(&mut self.head.headers, hop, false, intake, host, upgrade);
        *self.head
    }

    /// Ends the client's hop as its entry point says: after this, rules may look.
    pub(crate) fn enter(&mut self, entry_point: &EntryPoint, hop: &Hop) {
        headers::enter(
            &mut self.head.headers,
            hop,
            entry_point.trusted().is_trusted(self.head.peer),
            entry_point.intake(),
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

/// What becomes of a request behind its middlewares: the answer of a service that this
/// proxy is itself, or nothing yet and `head` is as a server gets it.
pub(crate) fn depart(service: &LoadBalancer, head: &mut Head, draining: bool) -> Option<Answer> {
    match service.internal? {
        Internal::Api => {
            head.path.insert_str(0, INTERNAL_PATH);
            None
        }
        Internal::Prometheus => {
            METRICS_PATH.clone_into(&mut head.path);
            None
        }
        Internal::Ping if draining => Some(Answer::ping_draining()),
        Internal::Ping => Some(Answer::ping()),
        Internal::Noop => Some(Answer::noop()),
    }
}

/// How far a request came through the middlewares of its stage.
#[derive(Default)]
pub(crate) struct Passage {
    /// Those that let it pass.
    pub(crate) passed: usize,
    /// What some of them need to know on the way out, with their place.
    pub(crate) recalls: Vec<(usize, Recall)>,
    /// The answer of the one after them, if it gave one.
    pub(crate) answer: Option<Answer>,
    /// Of limits: dropped when the request is over.
    pub(crate) holds: Vec<Hold>,
}

/// What is not done in passing, as others notice it.
pub(crate) enum Pause {
    /// Another server has a say.
    Ask(Arc<ForwardAuth>),
    /// The request counts.
    Enter(Limit),
    /// The rest of the way is inside.
    Around(Around),
}

impl Passage {
    /// The middleware that made the request pause has let it pass.
    pub(crate) fn go_on(&mut self, recall: impl Into<Option<Recall>>) {
        let recall = recall.into();
        self.recalls.extend(recall.map(|it| (self.passed, it)));
        self.passed += 1;
    }
}

/// These middlewares on the way in, from where `passage` has come to. `watch` sees what
/// each of them made. Stops at one that does what others notice, which is for the
/// caller to do: the request goes on only after [`Passage::go_on`].
pub(crate) async fn inward<'r>(
    middlewares: &'r [Arc<Middleware>],
    passage: &mut Passage,
    head: &mut Head,
    mut watch: impl FnMut(&'r Middleware, &Head, Option<&Answer>),
) -> Option<Pause> {
    for middleware in middlewares.iter().skip(passage.passed) {
        match middleware.on_request(head) {
            Flow::Continue => {}
            Flow::Remember(recall) => passage.recalls.push((passage.passed, recall)),
            Flow::Wait(decision) => passage.answer = decision.await.err(),
            Flow::Ask(forward_auth) => return Some(Pause::Ask(forward_auth)),
            Flow::Enter(limit) => return Some(Pause::Enter(limit)),
            Flow::Around(around) => return Some(Pause::Around(around)),
            Flow::Respond(answer) => passage.answer = Some(answer),
        }
        watch(middleware, head, passage.answer.as_ref());
        if passage.answer.is_some() {
            break;
        }
        passage.passed += 1;
    }
    None
}
