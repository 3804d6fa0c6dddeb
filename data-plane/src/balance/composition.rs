//! What requests of a router go to: servers, or other services.
//!
//! A service knows those it consists of and not those that consist of it; there is no
//! way round in a circle. When one of its services changes, a new one is made, which
//! goes on where the old one stands.

use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use http::HeaderValue;
use wire::service::Parts;

use super::Standing;
use super::behind::Behind;
use super::failover::Failover;
use super::load_balancer::LoadBalancer;
use super::mirroring::Mirroring;
use super::server::{Server, ServerError};
use super::turn::{Asking, Turn};
use super::weighted::{Chosen, Regard, Weighted, Why};
use crate::middleware::Middleware;
use crate::stats::Subject;

/// A server that a request may get, and its place in the rotation.
pub(crate) type Candidate<'s> = (&'s Arc<Server>, Standing);

/// What requests of a router go to.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    kind: Kind,
    /// As they were given: also those that get no requests.
    parts: Box<[Arc<Self>]>,
    /// Where its requests may get to, each once.
    reached: Box<[Arc<LoadBalancer>]>,
}

#[derive(Debug)]
enum Kind {
    LoadBalancer(Arc<LoadBalancer>),
    Weighted(Weighted),
    Mirroring(Mirroring),
    Failover(Failover),
    Behind(Behind),
}

/// Where a request would get to, for people.
#[derive(Debug)]
pub(crate) struct Outlook<'s> {
    /// The one that it would get to.
    pub(crate) balancer: &'s LoadBalancer,
    /// In the order in which the request would get them: those of the balancer and of the
    /// services that stand in for it, then those of services that share the requests.
    pub(crate) servers: Vec<Candidate<'s>>,
    /// Those whose main service gets the request, outermost first.
    pub(crate) failovers: Vec<&'s Failover>,
}

/// The way of a request down to servers.
#[derive(Debug)]
pub(crate) struct Descent<'s> {
    pub(crate) end: End<'s>,
    /// `Set-Cookie` lines of the levels above the servers.
    pub(crate) cookies: Vec<HeaderValue>,
    /// Those that may want copies of the request.
    pub(crate) mirrorings: Vec<&'s Mirroring>,
    /// Those whose main service gets the request, outermost first.
    pub(crate) failovers: Vec<&'s Failover>,
}

/// Where the way down ends.
#[derive(Debug)]
pub(crate) enum End<'s> {
    /// At servers.
    Servers(Turn<'s>),
    /// At middlewares, with the rest of the way behind them.
    Behind(&'s Behind),
}

/// One step on the way down, for people.
#[derive(Debug)]
pub(crate) enum Step<'s> {
    /// One of several services, and why that one.
    Weighted(&'s Arc<Service>, Why),
    /// The service that answers.
    Mirroring(&'s Mirroring),
    /// The one of two that gets requests now.
    Failover(&'s Failover, &'s Arc<Service>),
}

impl Service {
    /// Names of the services that this one consists of, in the order in which
    /// [`Service::build`] takes them.
    pub(crate) fn names_of_parts(spec: &wire::Service) -> Vec<&str> {
        match &spec.parts {
            None => Vec::new(),
            Some(Parts::Weighted(it) | Parts::HighestRandomWeight(it)) => {
                it.services.iter().map(|it| it.service.as_str()).collect()
            }
            Some(Parts::Mirroring(it)) => std::iter::once(it.service.as_str())
                .chain(it.mirrors.iter().map(|it| it.service.as_str()))
                .collect(),
            Some(Parts::Failover(it)) => vec![&it.service, &it.fallback],
            Some(Parts::Behind(it)) => vec![&it.service],
        }
    }

    /// From the resource of this name, the services that it consists of, and the
    /// middlewares that it is behind. What goes
    /// round goes on where that of `previous`, the same service in the table before,
    /// stands.
    pub(crate) fn build(
        name: &str,
        spec: &wire::Service,
        services: Vec<Arc<Self>>,
        middlewares: Vec<Arc<Middleware>>,
        previous: Option<&Self>,
        enlist: impl FnMut(&wire::Server, &wire::Service) -> Result<Arc<Server>, ServerError>,
    ) -> Result<Self, ServerError> {
        let previous = previous.map(|previous| &previous.kind);
        let weighted = |it, by_client, services| {
            let previous = match previous {
                Some(Kind::Weighted(previous)) => Some(previous),
                _ => None,
            };
            let cookie = spec.sticky.as_ref();
            Kind::Weighted(Weighted::build(it, cookie, by_client, services, previous))
        };
        let all = services.clone().into();
        let mut parts = services.into_iter();
        let mut part = || parts.next().ok_or(ServerError::Parts);
        let kind = match &spec.parts {
            None => {
                let previous = match previous {
                    Some(Kind::LoadBalancer(previous)) => Some(&**previous),
                    _ => None,
                };
                let balancer = LoadBalancer::build(name, spec, previous, enlist)?;
                Kind::LoadBalancer(Arc::new(balancer))
            }
            Some(Parts::Weighted(it)) => weighted(it, false, parts.collect()),
            Some(Parts::HighestRandomWeight(it)) => weighted(it, true, parts.collect()),
            Some(Parts::Mirroring(it)) => {
                let previous = match previous {
                    Some(Kind::Mirroring(previous)) => Some(previous),
                    _ => None,
                };
                let main = part()?;
                Kind::Mirroring(Mirroring::build(it, main, parts.collect(), previous))
            }
            Some(Parts::Failover(it)) => Kind::Failover(Failover::build(it, part()?, part()?)),
            Some(Parts::Behind(_)) => Kind::Behind(Behind::build(middlewares, part()?)),
        };
        Ok(Self {
            name: name.to_owned(),
            reached: kind.reached(),
            kind,
            parts: all,
        })
    }

    /// Whom requests to its servers are counted for, if it has servers of its own.
    pub(crate) fn subject(&self) -> Option<&Arc<Subject>> {
        self.load_balancer().map(|it| &it.subject)
    }

    /// Is it one of Fairway's own?
    pub(crate) fn is_internal(&self) -> bool {
        self.load_balancer().is_some_and(|it| it.internal.is_some())
    }

    /// Would a request find a server that may be used?
    pub(crate) fn is_usable(&self) -> bool {
        self.reached.iter().any(|balancer| balancer.is_usable())
    }

    /// Has it no server at all, for answers?
    pub(crate) fn is_empty(&self) -> bool {
        let mut balancers = self.reached.iter();
        balancers.all(|balancer| balancer.is_empty())
    }

    /// The way of this request down to servers, or to middlewares on the way there;
    /// `None` if there is none.
    pub(crate) fn descend(&self, asking: Asking<'_>, regard: Regard) -> Option<Descent<'_>> {
        let mut cookies = Vec::new();
        let mut mirrorings = Vec::new();
        let mut failovers = Vec::new();
        let mut service = self;
        loop {
            service = match &service.kind {
                Kind::LoadBalancer(balancer) => {
                    return Some(Descent {
                        end: End::Servers(Turn::new(balancer, asking)),
                        cookies,
                        mirrorings,
                        failovers,
                    });
                }
                Kind::Behind(behind) => {
                    return Some(Descent {
                        end: End::Behind(behind),
                        cookies,
                        mirrorings,
                        failovers,
                    });
                }
                Kind::Weighted(weighted) => {
                    let Chosen {
                        service, cookie, ..
                    } = weighted.choose(asking, regard)?;
                    cookies.extend(cookie);
                    service
                }
                Kind::Mirroring(mirroring) => {
                    mirrorings.push(mirroring);
                    &mirroring.main
                }
                Kind::Failover(failover) => {
                    let chosen = failover.choose();
                    if Arc::ptr_eq(chosen, &failover.main) {
                        failovers.push(failover);
                    }
                    chosen
                }
            };
        }
    }

    /// Where this request would get to. Takes no turn. `None` if there is no way down.
    pub(crate) fn outlook(&self, asking: Asking<'_>) -> Option<Outlook<'_>> {
        let Descent { end, failovers, .. } = self.descend(asking, Regard::Look)?;
        let turn = end.past_middlewares(asking)?;
        let mut servers = turn.standings();
        for failover in failovers.iter().rev() {
            let way = failover.fallback.descend(asking, Regard::Look);
            if let Some(turn) = way.and_then(|way| way.end.past_middlewares(asking)) {
                add(&mut servers, turn.standings());
            }
        }
        let fixed = self.is_fixed(asking);
        for balancer in self.reached.iter().filter(|_| !fixed) {
            add(&mut servers, Turn::new(balancer, asking).standings());
        }
        Some(Outlook {
            balancer: turn.balancer,
            servers,
            failovers,
        })
    }

    /// Cookies and addresses alone decide who gets the request, and nobody stands in.
    fn is_fixed(&self, asking: Asking<'_>) -> bool {
        let mut service = self;
        loop {
            service = match &service.kind {
                Kind::LoadBalancer(_) => return true,
                Kind::Failover(_) => return false,
                Kind::Mirroring(it) => &it.main,
                Kind::Behind(it) => &it.service,
                Kind::Weighted(it) => match it.choose(asking, Regard::Look) {
                    Some(chosen) if chosen.why != Why::Turn => chosen.service,
                    _ => return false,
                },
            };
        }
    }

    /// The first step of the way down; `None` where the servers are, or middlewares.
    pub(crate) fn step(&self, asking: Asking<'_>) -> Option<Step<'_>> {
        match &self.kind {
            Kind::LoadBalancer(_) | Kind::Behind(_) => None,
            Kind::Weighted(it) => {
                let chosen = it.choose(asking, Regard::Look)?;
                Some(Step::Weighted(chosen.service, chosen.why))
            }
            Kind::Mirroring(it) => Some(Step::Mirroring(it)),
            Kind::Failover(it) => Some(Step::Failover(it, it.choose())),
        }
    }

    /// Its own servers, if it has some and not other services.
    pub(crate) fn load_balancer(&self) -> Option<&LoadBalancer> {
        match &self.kind {
            Kind::LoadBalancer(balancer) => Some(balancer),
            _ => None,
        }
    }

    /// The middlewares that it is behind, and itself, if it is.
    pub(crate) fn behind(&self) -> Option<&Behind> {
        match &self.kind {
            Kind::Behind(behind) => Some(behind),
            _ => None,
        }
    }

    /// Is it behind these middlewares, as they are now?
    pub(crate) fn is_behind(&self, middlewares: &[Arc<Middleware>]) -> bool {
        let own = self.behind().map_or(&[][..], |it| &it.middlewares);
        own.len() == middlewares.len()
            && own.iter().zip(middlewares).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// The balancers that requests may get to, without those of copies.
    pub(crate) fn balancers(&self) -> impl Iterator<Item = &LoadBalancer> {
        self.reached.iter().map(|balancer| &**balancer)
    }

    /// Its mirrors.
    pub(crate) fn mirrors(&self) -> impl Iterator<Item = &Arc<Self>> {
        let mirrors = match &self.kind {
            Kind::Mirroring(it) => it.mirrors(),
            _ => &[],
        };
        mirrors.iter().map(|mirror| &mirror.service)
    }

    /// What it consists of.
    pub(crate) fn parts(&self) -> &[Arc<Self>] {
        &self.parts
    }

    /// Has it these services, in this order, as they are now?
    pub(crate) fn consists_of(&self, services: &[Arc<Self>]) -> bool {
        self.parts.len() == services.len()
            && self
                .parts
                .iter()
                .zip(services)
                .all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl<'s> End<'s> {
    /// At servers, if no middleware says otherwise. Takes no turn.
    fn past_middlewares(mut self, asking: Asking<'_>) -> Option<Turn<'s>> {
        loop {
            self = match self {
                Self::Servers(turn) => return Some(turn),
                Self::Behind(behind) => behind.service.descend(asking, Regard::Look)?.end,
            };
        }
    }
}

/// Each once.
fn add<'s>(servers: &mut Vec<Candidate<'s>>, more: Vec<Candidate<'s>>) {
    for server in more {
        if !servers.iter().any(|(known, _)| known.key == server.0.key) {
            servers.push(server);
        }
    }
}

impl Kind {
    /// Each once, however many ways lead there.
    fn reached(&self) -> Box<[Arc<LoadBalancer>]> {
        let services: Vec<&Arc<Service>> = match self {
            Self::LoadBalancer(balancer) => return Box::new([Arc::clone(balancer)]),
            Self::Weighted(it) => it.services().collect(),
            Self::Mirroring(it) => vec![&it.main],
            Self::Failover(it) => vec![&it.main, &it.fallback],
            Self::Behind(it) => vec![&it.service],
        };
        let mut reached: Vec<Arc<LoadBalancer>> = Vec::new();
        for balancer in services.into_iter().flat_map(|it| &it.reached) {
            if !reached.iter().any(|known| Arc::ptr_eq(known, balancer)) {
                reached.push(Arc::clone(balancer));
            }
        }
        reached.into()
    }
}
