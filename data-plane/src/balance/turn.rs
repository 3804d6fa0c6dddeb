//! One request's dealings with a load balancer: which server it gets, and what the
//! server and the client are told of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderValue};

use super::composition::Candidate;
use super::load::InFlight;
use super::load_balancer::LoadBalancer;
use super::server::{Server, ServerKey};
use super::sticky::Kept;

/// What a choice may depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'r> {
    /// Address of the TCP peer.
    pub(crate) client: IpAddr,
    /// Of the request: cookies.
    pub(crate) headers: &'r HeaderMap,
}

/// A request that a load balancer finds servers for.
#[derive(Debug)]
pub(crate) struct Turn<'s> {
    pub(crate) balancer: &'s LoadBalancer,
    client: IpAddr,
    /// What the client's cookie names.
    kept: Option<Kept>,
    load: Option<InFlight>,
    since: Option<Instant>,
    /// How often the request was sent again.
    pub(crate) repeats: u32,
}

impl<'s> Turn<'s> {
    pub(crate) fn new(balancer: &'s LoadBalancer, asking: Asking<'_>) -> Self {
        let sticky = balancer.sticky.as_ref();
        Self {
            balancer,
            client: asking.client,
            kept: sticky.and_then(|sticky| sticky.find(asking.headers)),
            load: None,
            since: None,
            repeats: 0,
        }
    }

    /// The server for the next try: the one that the cookie names, if it may be used,
    /// else the next by the strategy. `None` if all were tried or there are none.
    pub(crate) fn pick(&mut self, tried: &[ServerKey]) -> Option<Arc<Server>> {
        let kept = self.kept_server();
        let kept = kept.filter(|server| {
            !tried.contains(&server.key) && self.balancer.allows(server) && server.admits()
        });
        let server = match kept {
            Some(server) => Arc::clone(server),
            None => self.balancer.pick(tried, self.client)?,
        };
        if self.balancer.strategy.counts() {
            // In this order: it is not counted twice.
            self.load = None;
            self.load = Some(server.load.enter());
        }
        if self.balancer.strategy.measures() {
            self.since = Some(Instant::now());
        }
        Some(server)
    }

    /// The server's response has begun.
    pub(crate) fn answered(&mut self, by: &Server) {
        if let Some(since) = self.since.take() {
            by.load.answered(since.elapsed());
        }
    }

    /// The `Set-Cookie` line for a client that got this server, unless it has named it.
    pub(crate) fn cookie(&self, got: &Server) -> Option<HeaderValue> {
        let sticky = self.balancer.sticky.as_ref()?;
        let place = self.balancer.place_of(got.key)?;
        let known = Kept {
            place,
            current: true,
        };
        if self.kept == Some(known) {
            return None;
        }
        sticky.line(place)
    }

    /// What counts the request as under way, for as long as its response is.
    pub(crate) fn into_load(self) -> Option<InFlight> {
        self.load
    }

    /// The servers in the order in which the request would get them, with their places
    /// in the rotation. Takes no turn.
    pub(super) fn standings(&self) -> Vec<Candidate<'s>> {
        let upcoming = self.upcoming().into_iter();
        upcoming
            .map(|server| (server, self.balancer.standing(server)))
            .collect()
    }

    fn upcoming(&self) -> Vec<&'s Arc<Server>> {
        let mut servers = self.balancer.upcoming(self.client);
        let kept = self
            .kept_server()
            .filter(|server| self.balancer.allows(server) && server.is_usable());
        if let Some(kept) = kept {
            servers.retain(|server| server.key != kept.key);
            servers.insert(0, kept);
        }
        servers
    }

    fn kept_server(&self) -> Option<&'s Arc<Server>> {
        self.kept.and_then(|kept| self.balancer.server(kept.place))
    }
}
