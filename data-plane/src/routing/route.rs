//! What a router became: its rule, its middlewares, its service.

use std::sync::Arc;

use http::HeaderValue;

use super::entry_point::EntryPoint;
use super::matcher::Matcher;
use super::switches::Switches;
use crate::balance::{Behind, Service};
use crate::middleware::Middleware;
use crate::stats::{MetricsOptions, Subject};

/// A router in service.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// Qualified: `web@docker`.
    pub(crate) name: String,
    /// As written, for people.
    pub(crate) rule: String,
    /// Higher first; then by name.
    pub(crate) priority: i64,
    /// Outermost first.
    pub(crate) middlewares: Box<[Arc<Middleware>]>,
    pub(crate) service: Arc<Service>,
    /// Whom its requests are counted for.
    pub(crate) subject: Arc<Subject>,
    /// Value of `X-Traefik-Router` that is refused when it comes in and set when
    /// the request goes out.
    pub(crate) loop_guard: Option<HeaderValue>,
    /// What is told about its requests.
    pub(crate) switches: Switches,
    /// The rule. Shared with the table before when only other parts changed.
    pub(super) matcher: Arc<Matcher>,
}

/// Middlewares, and the service behind them: all of a route, or the way to one of the
/// services that its service consists of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage<'r> {
    pub(crate) route: &'r Arc<Route>,
    /// Outermost first.
    pub(crate) middlewares: &'r [Arc<Middleware>],
    pub(crate) service: &'r Arc<Service>,
}

impl<'r> Stage<'r> {
    /// All of a route.
    pub(crate) fn of(route: &'r Arc<Route>) -> Self {
        Self {
            route,
            middlewares: &route.middlewares,
            service: &route.service,
        }
    }

    /// The way to a part of the route's service.
    pub(crate) fn behind(route: &'r Arc<Route>, behind: &'r Behind) -> Self {
        Self {
            route,
            middlewares: &behind.middlewares,
            service: &behind.service,
        }
    }
}

impl Route {
    /// Are its requests counted at this entry point?
    pub(crate) fn is_counted(&self, at: &EntryPoint, options: &MetricsOptions) -> bool {
        self.switches.or(at.switches()).counts()
            && (options.internals || !self.service.is_internal())
    }

    /// The rule for people: as written, unless a secret may stand in it.
    pub(crate) fn rule_shown(&self) -> String {
        if self.matcher.has_secret() {
            self.matcher.to_string()
        } else {
            self.rule.clone()
        }
    }
}
