//! The routes of one host, found by path.
//!
//! Three kinds of list, each in final order: routes that require one exact path, by
//! hash; routes that require a prefix, in a forest sorted by prefix; the rest. The
//! lists a path selects contain every route that can match it. A lookup costs one
//! hash, one binary search and one step per registered prefix of the path, however
//! many routes there are.

use std::collections::{BTreeMap, HashMap};

use super::requirement::PathKey;

/// Position of a route in final order: lower wins.
pub(super) type Rank = u32;

/// Builds a [`PathIndex`]; ranks must be inserted in ascending order.
#[derive(Debug, Default)]
pub(super) struct PathIndexBuilder<'m> {
    exact: HashMap<&'m str, Vec<Rank>>,
    prefixes: BTreeMap<&'m str, Vec<Rank>>,
    rest: Vec<Rank>,
}

/// Candidates by path.
#[derive(Debug)]
pub(super) struct PathIndex {
    exact: HashMap<Box<str>, Box<[Rank]>>,
    /// Sorted by prefix.
    prefixes: Box<[PrefixNode]>,
    rest: Box<[Rank]>,
}

#[derive(Debug)]
struct PrefixNode {
    prefix: Box<str>,
    ranks: Box<[Rank]>,
    /// Position of the longest other prefix that this one starts with.
    parent: Option<usize>,
}

impl<'m> PathIndexBuilder<'m> {
    /// Registers a route under the paths it requires.
    pub(super) fn insert(&mut self, rank: Rank, keys: Option<&[PathKey<'m>]>) {
        let Some(keys) = keys else {
            self.rest.push(rank);
            return;
        };
        for key in keys {
            match key {
                PathKey::Exact(path) => self.exact.entry(path).or_default().push(rank),
                PathKey::Prefix(prefix) => self.prefixes.entry(prefix).or_default().push(rank),
            }
        }
    }

    pub(super) fn finish(self) -> PathIndex {
        let exact = self
            .exact
            .into_iter()
            .map(|(path, ranks)| (path.into(), ranks.into()));
        PathIndex {
            exact: exact.collect(),
            prefixes: forest(self.prefixes),
            rest: self.rest.into(),
        }
    }
}

impl PathIndex {
    /// Lists of candidates, each in ascending order; together they hold every route
    /// that can match the path. A route may be in several.
    pub(super) fn candidates<'i>(&'i self, path: &'i str) -> impl Iterator<Item = &'i [Rank]> {
        let exact = self.exact.get(path).map(AsRef::as_ref);
        exact
            .into_iter()
            .chain(self.prefixes_of(path))
            .chain([self.rest.as_ref()])
    }

    /// Longest prefix first, as longer rules have the higher default priority.
    fn prefixes_of<'i>(&'i self, path: &'i str) -> impl Iterator<Item = &'i [Rank]> {
        // Every string between a prefix of `path` and `path` itself starts with that
        // prefix. So the node just before `path` is the longest prefix of `path`, or
        // descends from it.
        let after = self.prefixes.partition_point(|node| &*node.prefix <= path);
        let mut next = after.checked_sub(1);
        std::iter::from_fn(move || {
            let node = self.prefixes.get(next?)?;
            next = node.parent;
            Some(node)
        })
        .skip_while(|node| !path.starts_with(&*node.prefix))
        .map(|node| node.ranks.as_ref())
    }
}

fn forest(prefixes: BTreeMap<&str, Vec<Rank>>) -> Box<[PrefixNode]> {
    let mut nodes = Vec::with_capacity(prefixes.len());
    // The previous node and its ancestors, outermost first.
    let mut ancestors: Vec<(usize, &str)> = Vec::new();
    for (position, (prefix, ranks)) in prefixes.into_iter().enumerate() {
        while ancestors
            .pop_if(|(_, ancestor)| !prefix.starts_with(*ancestor))
            .is_some()
        {}
        let parent = ancestors.last().map(|(position, _)| *position);
        ancestors.push((position, prefix));
        nodes.push(PrefixNode {
            prefix: prefix.into(),
            ranks: ranks.into(),
            parent,
        });
    }
    nodes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index<'m>(keys: impl IntoIterator<Item = Option<PathKey<'m>>>) -> PathIndex {
        let mut builder = PathIndexBuilder::default();
        for (rank, key) in (0..).zip(keys) {
            builder.insert(rank, key.as_ref().map(std::slice::from_ref));
        }
        builder.finish()
    }

    fn found(index: &PathIndex, path: &str) -> Vec<Rank> {
        let mut ranks: Vec<_> = index.candidates(path).flatten().copied().collect();
        ranks.sort_unstable();
        ranks
    }

    #[test]
    fn a_path_selects_its_own_its_prefixes_and_the_rest() {
        use PathKey::{Exact, Prefix};
        let index = index([
            Some(Exact("/api")),
            Some(Prefix("/")),
            Some(Prefix("/api")),
            Some(Prefix("/api/v2/x")),
            Some(Prefix("/api-old")),
            Some(Prefix("/b")),
            None,
            Some(Prefix("/api/")),
            Some(Prefix("/api")),
            Some(Prefix("")),
        ]);
        for (path, expected) in [
            ("/api", &[0, 1, 2, 6, 8, 9][..]),
            ("/api/v1", &[1, 2, 6, 7, 8, 9]),
            ("/api/v2/x/y", &[1, 2, 3, 6, 7, 8, 9]),
            ("/api-old/z", &[1, 2, 4, 6, 8, 9]),
            ("/apx", &[1, 6, 9]),
            ("/zzz", &[1, 6, 9]),
            ("", &[6, 9]),
        ] {
            assert_eq!(found(&index, path), expected, "{path:?}");
        }
    }

    #[test]
    fn longer_prefixes_come_first() {
        let index = index(["/", "/a", "/a/b"].map(|prefix| Some(PathKey::Prefix(prefix))));
        let lists: Vec<_> = index.candidates("/a/b/c").flatten().copied().collect();
        assert_eq!(lists, [2, 1, 0]);
    }
}
