//! From resources to the table that answers "which route?".
//!
//! [`build`] turns the mirror into a [`RouteTable`]; the table is immutable and is
//! replaced as a whole. A request loads it once and keeps what it found.
//!
//! Not here: what happens after the route is found.

mod build;
mod entry_point;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod host_index;
mod intake;
mod listing;
mod matcher;
pub(crate) mod network;
mod path_index;
#[cfg(test)]
mod properties;
mod query;
pub(crate) mod regexp;
mod requirement;
mod route;
mod switches;
mod terms;

use std::sync::Arc;

use fairway_metrics::{Scope, Series};
use fairway_proto::discovery::v1 as wire;

use self::build::Parts;
pub(crate) use self::build::build;
pub(crate) use self::entry_point::{EntryPoint, Http2Limits};
pub(crate) use self::intake::{Intake, Underscores};
use self::listing::Listing;
pub(crate) use self::matcher::{Failure, is_secret};
pub(crate) use self::route::{Route, Stage};
pub(crate) use self::terms::Terms;
use crate::access_log::AccessLog;
use crate::balance::{LoadBalancer, Roster, Server};
use crate::middleware::Share;
use crate::proxy::head::Head;
use crate::stats::MetricsOptions;
use crate::trace::Tracing;

/// Everything a proxy serves, at one version. Immutable.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    version: Arc<str>,
    /// One for each entry point, by name.
    listings: Vec<Listing>,
    /// What the next table is built from, together with the next mirror.
    parts: Parts,
    roster: Roster,
    /// How requests are counted.
    metrics: Arc<MetricsOptions>,
    /// Of this proxy in what limits let through; the same in every table.
    share: Arc<Share>,
    /// The servers of `api@internal`: no update says where they are.
    control_planes: Arc<[wire::Server]>,
    access_log: Option<Arc<AccessLog>>,
    tracing: Option<Arc<Tracing>>,
}

impl RouteTable {
    /// The table before the first update: no entry point, no route.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    /// The table before the first update, of a proxy that reaches `api@internal` at these.
    pub(crate) fn with_control_planes(control_planes: Arc<[wire::Server]>) -> Self {
        Self {
            control_planes,
            ..Self::default()
        }
    }

    /// Digest of the set this table was built from; empty before the first.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The same, to be kept.
    pub(crate) fn version_shared(&self) -> Arc<str> {
        Arc::clone(&self.version)
    }

    /// How requests are logged, if they are.
    pub(crate) fn access_log(&self) -> Option<&Arc<AccessLog>> {
        self.access_log.as_ref()
    }

    /// How requests are traced, if they are.
    pub(crate) fn tracing(&self) -> Option<&Arc<Tracing>> {
        self.tracing.as_ref()
    }

    /// What to listen on, by name.
    pub(crate) fn entry_points(&self) -> impl Iterator<Item = &Arc<EntryPoint>> {
        self.listings.iter().map(Listing::entry_point)
    }

    /// The entry point of this name.
    pub(crate) fn entry_point(&self, name: &str) -> Option<&Arc<EntryPoint>> {
        self.listing(name).map(Listing::entry_point)
    }

    /// The first route in final order (priority descending, then router name
    /// ascending) whose rule matches.
    pub(crate) fn find(&self, entry_point: &str, head: &Head) -> Option<&Arc<Route>> {
        self.listing(entry_point)?.find(head)
    }

    /// The routes that [`RouteTable::find`] looks through, each with why its rule failed,
    /// up to the one it finds.
    pub(crate) fn trace(
        &self,
        entry_point: &str,
        head: &Head,
    ) -> Vec<(&Arc<Route>, Option<Failure>)> {
        self.listing(entry_point)
            .map(|listing| listing.trace(head))
            .unwrap_or_default()
    }

    /// Every route of an entry point in final order, for people.
    pub(crate) fn routes(&self, entry_point: &str) -> impl Iterator<Item = &Arc<Route>> {
        self.listing(entry_point)
            .into_iter()
            .flat_map(Listing::routes)
    }

    /// Every server a route may choose, each once. Connections to others can go.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.roster.servers()
    }

    /// Every service with servers of its own.
    pub(crate) fn balancers(&self) -> impl Iterator<Item = &LoadBalancer> {
        self.parts.balancers()
    }

    /// How requests are counted.
    pub(crate) fn metrics(&self) -> &Arc<MetricsOptions> {
        &self.metrics
    }

    /// Is what this series is about in service?
    pub(crate) fn has(&self, series: &Series) -> bool {
        let name = series.name.as_str();
        match series.scope {
            Scope::EntryPoint => self.entry_point(name).is_some(),
            Scope::Router => self.parts.router_leads_to(name, &series.part),
            Scope::Service => self.has_service(name),
            Scope::Server => self.parts.has_server(name, &series.part),
        }
    }

    /// Is there a service of this name?
    pub(crate) fn has_service(&self, name: &str) -> bool {
        self.parts.has_service(name)
    }

    /// The part of this proxy in what all of them together may let through.
    pub(crate) fn share(&self) -> &Share {
        &self.share
    }

    fn listing(&self, entry_point: &str) -> Option<&Listing> {
        // There are a handful: cheaper than a hash.
        self.listings
            .iter()
            .find(|listing| listing.entry_point().name() == entry_point)
    }
}
