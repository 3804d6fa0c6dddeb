//! Which servers of a service may be chosen at one moment, as far as their health
//! decides it.
//!
//! * A server whose check fails is never chosen.
//! * One that has not been checked yet is chosen only if no other is up.
//! * One that answers with errors is left alone, but never the last one, and never
//!   more than half: those that failed first are.

use std::sync::Arc;

use super::health::Verdict;
use super::server::{Server, ServerKey};

/// The choice that is left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selection {
    /// Servers that have not been checked may be chosen.
    untested: bool,
    /// The first of the failing servers that is chosen all the same.
    spared: Option<(u64, ServerKey)>,
}

impl Selection {
    /// From the servers of a service.
    pub(super) fn of(servers: &[Arc<Server>]) -> Self {
        let is_up = |server: &&Arc<Server>| {
            matches!(server.health.verdict(), Verdict::Up | Verdict::Unchecked)
        };
        let untested = !servers.iter().any(|server| is_up(&server));
        let selection = Self {
            untested,
            spared: None,
        };
        let eligible = || {
            servers
                .iter()
                .filter(|server| selection.is_eligible(server))
        };
        let mut failing: Vec<_> = eligible()
            .filter_map(|server| Some((server.health.failing()?.since, server.key)))
            .collect();
        failing.sort_unstable();
        let spared = failing.get(eligible().count() / 2).copied();
        Self { untested, spared }
    }

    /// May this one be chosen?
    pub(super) fn admits(&self, server: &Server) -> bool {
        self.is_eligible(server) && !self.is_left_alone(server)
    }

    /// Is it left alone for its answers?
    pub(super) fn is_left_alone(&self, server: &Server) -> bool {
        server.health.failing().is_some_and(|failing| {
            self.spared
                .is_none_or(|spared| (failing.since, server.key) < spared)
        })
    }

    fn is_eligible(&self, server: &Server) -> bool {
        match server.health.verdict() {
            Verdict::Up | Verdict::Unchecked => true,
            Verdict::Untested => self.untested,
            Verdict::Down => false,
        }
    }
}
