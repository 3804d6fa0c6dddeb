//! Routers that never get a request, because others before them take all.
//!
//! Looks at the routers of one entry point in the order proxies try them. A router
//! is shadowed there if each of its alternatives lies within an alternative of a
//! router before it.

use std::collections::{BTreeSet, HashMap};

use crate::rule::Matcher;
use crate::rule::alternative::{Alternative, alternatives};

/// Most alternatives with neither host nor path that are compared with all others.
const MAX_GENERAL: usize = 64;

/// A router that proxies get.
pub(super) struct Served {
    /// Qualified name.
    pub(super) name: String,
    pub(super) priority: i64,
    pub(super) entry_points: Vec<String>,
    pub(super) matcher: Matcher,
}

/// A router that is shadowed.
pub(super) struct Shadowed<'a> {
    pub(super) router: &'a Served,
    /// Entry points where it is.
    pub(super) entry_points: Vec<&'a str>,
    /// The routers that take its requests, in order.
    pub(super) by: Vec<&'a Served>,
}

/// Every router that is shadowed on at least one entry point.
pub(super) fn find(routers: &[Served]) -> Vec<Shadowed<'_>> {
    let mut order: Vec<(&Served, Vec<Alternative<'_>>)> = routers
        .iter()
        .map(|router| (router, possible(&router.matcher)))
        .collect();
    order.sort_by_key(|(router, _)| (std::cmp::Reverse(router.priority), &router.name));
    let entry_points: BTreeSet<&str> = routers
        .iter()
        .flat_map(|it| &it.entry_points)
        .map(String::as_str)
        .collect();
    let mut found: HashMap<usize, Shadowed<'_>> = HashMap::new();
    for entry_point in entry_points {
        let mut index = Index::default();
        for (at, (router, alternatives)) in order.iter().enumerate() {
            if !router.entry_points.iter().any(|it| it == entry_point) {
                continue;
            }
            let each: Option<Vec<usize>> = alternatives
                .iter()
                .map(|it| index.first_that_covers(it))
                .collect();
            if let Some(by) = each.filter(|by| !by.is_empty()) {
                let shadowed = found.entry(at).or_insert_with(|| Shadowed {
                    router,
                    entry_points: Vec::new(),
                    by: Vec::new(),
                });
                shadowed.entry_points.push(entry_point);
                for by in by.into_iter().collect::<BTreeSet<_>>() {
                    let by = order.get(by).map(|(router, _)| *router);
                    shadowed.by.extend(
                        by.filter(|by| shadowed.by.iter().all(|known| known.name != by.name)),
                    );
                }
            }
            for alternative in alternatives {
                index.insert(at, alternative);
            }
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, shadowed)| shadowed).collect()
}

/// The alternatives that some request may fulfil; none if there are too many.
fn possible(matcher: &Matcher) -> Vec<Alternative<'_>> {
    let mut alternatives = alternatives(matcher).unwrap_or_default();
    alternatives.retain(|it| it.contradiction().is_none());
    alternatives
}

/// Alternatives by what a request must have to fulfil them, with the place of
/// their router.
#[derive(Default)]
struct Index<'a> {
    by_host: HashMap<&'a str, Vec<(usize, &'a Alternative<'a>)>>,
    by_path: HashMap<&'a str, Vec<(usize, &'a Alternative<'a>)>>,
    general: Vec<(usize, &'a Alternative<'a>)>,
}

impl<'a> Index<'a> {
    fn insert(&mut self, at: usize, alternative: &'a Alternative<'a>) {
        let list = if let Some(host) = alternative.hosts().next() {
            self.by_host.entry(host).or_default()
        } else if let Some(path) = alternative.paths().next() {
            self.by_path.entry(path).or_default()
        } else if self.general.len() < MAX_GENERAL {
            &mut self.general
        } else {
            return;
        };
        list.push((at, alternative));
    }

    /// The place of the first router that takes all that `alternative` takes.
    fn first_that_covers(&self, alternative: &Alternative<'_>) -> Option<usize> {
        let hosts = alternative
            .hosts()
            .filter_map(|host| self.by_host.get(host));
        let starts = alternative.paths().flat_map(|path| {
            let ends = path.char_indices().map(|(at, _)| at).chain([path.len()]);
            ends.filter_map(move |end| path.get(..end))
        });
        let root = (alternative.paths().next().is_none()).then_some("/");
        let paths = starts
            .chain(root)
            .filter_map(|start| self.by_path.get(start));
        hosts
            .chain(paths)
            .flatten()
            .chain(&self.general)
            .filter(|(_, earlier)| earlier.covers(alternative))
            .map(|(at, _)| *at)
            .min()
    }
}
