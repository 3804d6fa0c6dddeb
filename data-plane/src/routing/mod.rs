//! From resources to the table that answers "which route?".
//!
//! [`build`] turns the mirror into a [`RouteTable`]; the table is immutable and is
//! replaced as a whole. A request loads it once and keeps what it found.

mod entry_point;
#[cfg(test)]
pub(crate) mod fixture;
mod host_index;
mod matcher;
mod network;
mod path_index;
mod query;
pub(crate) mod regexp;
mod requirement;
mod route;

use std::sync::Arc;

pub(crate) use self::entry_point::{EntryPoint, Trust};
pub(crate) use self::route::Route;
use crate::balance::Server;
use crate::proxy::head::Head;

/// Everything a proxy serves, at one version. Immutable.
#[derive(Debug)]
pub(crate) struct RouteTable {
    version: String,
    entry_points: Vec<Arc<EntryPoint>>,
}

impl RouteTable {
    /// The table before the first update: no entry point, no route.
    pub(crate) fn empty() -> Self {
        Self {
            version: String::new(),
            entry_points: Vec::new(),
        }
    }

    /// Digest of the set this table was built from; empty before the first.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// What to listen on, by name.
    pub(crate) fn entry_points(&self) -> impl Iterator<Item = &Arc<EntryPoint>> {
        self.entry_points.iter()
    }

    /// The entry point of this name.
    pub(crate) fn entry_point(&self, name: &str) -> Option<&Arc<EntryPoint>> {
        self.entry_points
            .iter()
            .find(|entry_point| entry_point.name() == name)
    }

    /// The first route in final order (priority descending, then router name
    /// ascending) whose rule matches.
    pub(crate) fn find(&self, entry_point: &str, head: &Head) -> Option<&Arc<Route>> {
        let _ = (entry_point, head);
        None
    }

    /// Every route of an entry point in final order, for people.
    pub(crate) fn routes(&self, entry_point: &str) -> impl Iterator<Item = &Arc<Route>> {
        let _ = entry_point;
        std::iter::empty()
    }

    /// Every server a route may choose, each once. Connections to others can go.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        std::iter::empty()
    }
}
