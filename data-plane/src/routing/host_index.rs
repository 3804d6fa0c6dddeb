//! The routes of one entry point, found by host and path.
//!
//! A route is registered under each host its rule requires, or under "any host".
//! A request looks at no more than three of these: its own host, its host with one
//! label cut off, and any host. Matching time does not depend on how many other hosts
//! there are.

use std::collections::HashMap;

use super::matcher::{self, Matcher};
use super::path_index::{PathIndex, PathIndexBuilder, Rank};
use super::requirement::{self, HostKey};

/// A route that requires both some hosts and some paths is registered under every
/// pair. A rule can be written so that there are very many; beyond this it is
/// registered by host alone.
const MAX_PAIRS: usize = 4096;

/// Candidates by host and path.
#[derive(Debug)]
pub(super) struct HostIndex {
    exact: HashMap<Box<str>, PathIndex>,
    suffixes: HashMap<Box<str>, PathIndex>,
    any: PathIndex,
}

impl HostIndex {
    /// From the rules in final order.
    pub(super) fn build<'m>(matchers: impl IntoIterator<Item = &'m Matcher>) -> Self {
        let mut exact: HashMap<&str, PathIndexBuilder<'_>> = HashMap::new();
        let mut suffixes: HashMap<&str, PathIndexBuilder<'_>> = HashMap::new();
        let mut any = PathIndexBuilder::default();
        for (rank, matcher) in (0..).zip(matchers) {
            let hosts = requirement::hosts(matcher);
            let host_count = hosts.as_ref().map_or(1, Vec::len);
            let paths = requirement::paths(matcher)
                .filter(|paths| paths.len().saturating_mul(host_count) <= MAX_PAIRS);
            let paths = paths.as_deref();
            let Some(hosts) = hosts else {
                any.insert(rank, paths);
                continue;
            };
            for host in hosts {
                match host {
                    HostKey::Exact(host) => exact.entry(host).or_default().insert(rank, paths),
                    HostKey::Suffix(tail) => suffixes.entry(tail).or_default().insert(rank, paths),
                }
            }
        }
        Self {
            exact: finish(exact),
            suffixes: finish(suffixes),
            any: any.finish(),
        }
    }

    /// The lowest rank that `matches` accepts. Asks it about no more than the
    /// candidates for this host and path, and never about one that could not win.
    pub(super) fn first(
        &self,
        host: &str,
        path: &str,
        mut matches: impl FnMut(Rank) -> bool,
    ) -> Option<Rank> {
        let suffix = matcher::after_first_label(host).and_then(|tail| self.suffixes.get(tail));
        let indexes = self
            .exact
            .get(host)
            .into_iter()
            .chain(suffix)
            .chain([&self.any]);
        let mut best: Option<Rank> = None;
        for list in indexes.flat_map(|index| index.candidates(path)) {
            let open = list
                .iter()
                .take_while(|rank| best.is_none_or(|best| **rank < best));
            if let Some(rank) = open.copied().find(|rank| matches(*rank)) {
                best = Some(rank);
            }
        }
        best
    }
}

fn finish(builders: HashMap<&str, PathIndexBuilder<'_>>) -> HashMap<Box<str>, PathIndex> {
    builders
        .into_iter()
        .map(|(host, builder)| (host.into(), builder.finish()))
        .collect()
}
