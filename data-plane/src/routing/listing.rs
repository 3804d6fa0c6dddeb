//! The routes of one entry point in final order, and the index over them.

use std::cmp::Reverse;
use std::sync::Arc;

use super::entry_point::EntryPoint;
use super::host_index::HostIndex;
use super::matcher::{Failure, Subject};
use super::path_index::Rank;
use super::route::Route;
use crate::proxy::head::Head;

#[derive(Debug)]
pub(super) struct Listing {
    entry_point: Arc<EntryPoint>,
    /// Position is rank.
    routes: Box<[Arc<Route>]>,
    /// Depends on the rules and their order only, so it is shared with the table
    /// before when those stayed: a restarted container does not cost an index.
    index: Arc<HostIndex>,
}

impl Listing {
    /// From the routes in order of name.
    pub(super) fn build(
        entry_point: Arc<EntryPoint>,
        mut routes: Vec<Arc<Route>>,
        previous: Option<&Self>,
    ) -> Self {
        routes.sort_by_key(|route| Reverse(route.priority));
        let known = previous.filter(|previous| previous.has_rules_of(&routes));
        let index = known.map_or_else(
            || Arc::new(HostIndex::build(routes.iter().map(|route| &*route.matcher))),
            |previous| Arc::clone(&previous.index),
        );
        Self {
            entry_point,
            routes: routes.into(),
            index,
        }
    }

    pub(super) fn entry_point(&self) -> &Arc<EntryPoint> {
        &self.entry_point
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter()
    }

    /// The first route whose rule matches.
    pub(super) fn find(&self, head: &Head) -> Option<&Arc<Route>> {
        let path = head.routing_path();
        let subject = Subject { head, path: &path };
        let matches = |rank| {
            self.route(rank)
                .is_some_and(|route| route.matcher.matches(subject))
        };
        self.route(self.index.first(&head.host, &path, matches)?)
    }

    /// What [`Listing::find`] does, told route by route: each with why its rule failed,
    /// up to the one that matches.
    pub(super) fn trace(&self, head: &Head) -> Vec<(&Arc<Route>, Option<Failure>)> {
        let path = head.routing_path();
        let subject = Subject { head, path: &path };
        let mut tried = Vec::new();
        for route in &self.routes {
            let failure = route.matcher.failure(subject);
            let matched = failure.is_none();
            tried.push((route, failure));
            if matched {
                break;
            }
        }
        tried
    }

    /// What [`Listing::find`] means, without the index.
    #[cfg(test)]
    pub(super) fn scan(&self, head: &Head) -> Option<&Arc<Route>> {
        let path = head.routing_path();
        let subject = Subject { head, path: &path };
        self.routes
            .iter()
            .find(|route| route.matcher.matches(subject))
    }

    /// How many rules a lookup evaluates.
    #[cfg(test)]
    pub(super) fn asked(&self, head: &Head) -> usize {
        let path = head.routing_path();
        let subject = Subject { head, path: &path };
        let mut asked = 0;
        self.index.first(&head.host, &path, |rank| {
            asked += 1;
            self.route(rank)
                .is_some_and(|route| route.matcher.matches(subject))
        });
        asked
    }

    fn route(&self, rank: Rank) -> Option<&Arc<Route>> {
        self.routes.get(usize::try_from(rank).ok()?)
    }

    fn has_rules_of(&self, routes: &[Arc<Route>]) -> bool {
        let same = |(a, b): (&Arc<Route>, &Arc<Route>)| Arc::ptr_eq(&a.matcher, &b.matcher);
        self.routes.len() == routes.len() && self.routes.iter().zip(routes).all(same)
    }
}
