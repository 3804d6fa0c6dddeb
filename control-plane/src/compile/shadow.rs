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

/// Alternatives by a host and a path that a request must have to fulfil them
/// (empty: none), with the place of their router.
#[derive(Default)]
struct Index<'a> {
    by_host_and_path: HashMap<(&'a str, &'a str), Vec<(usize, &'a Alternative<'a>)>>,
    general: Vec<(usize, &'a Alternative<'a>)>,
}

impl<'a> Index<'a> {
    fn insert(&mut self, at: usize, alternative: &'a Alternative<'a>) {
        let host = alternative.hosts().next().unwrap_or_default();
        let path = alternative.paths().next().unwrap_or_default();
        let list = if !host.is_empty() || !path.is_empty() {
            self.by_host_and_path.entry((host, path)).or_default()
        } else if self.general.len() < MAX_GENERAL {
            &mut self.general
        } else {
            return;
        };
        list.push((at, alternative));
    }

    /// The place of the first router that takes all that `alternative` takes.
    fn first_that_covers(&self, alternative: &Alternative<'_>) -> Option<usize> {
        let hosts = alternative.hosts().chain([""]);
        let keys = hosts.flat_map(|host| {
            let starts = alternative.paths().flat_map(|path| {
                let ends = path.char_indices().map(|(at, _)| at).chain([path.len()]);
                ends.filter_map(move |end| path.get(..end))
            });
            // Every path starts with `/`.
            starts.chain(["", "/"]).map(move |path| (host, path))
        });
        keys.filter_map(|key| self.by_host_and_path.get(&key))
            .flatten()
            .chain(&self.general)
            .filter(|(_, earlier)| earlier.covers(alternative))
            .map(|(at, _)| *at)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule;

    /// Routers `a`, `b`, … with these priorities and rules, all on `web`.
    fn routers(rows: &[(i64, &str)]) -> Vec<Served> {
        let names = 'a'..='z';
        let router = |(name, (priority, rule)): (char, &(i64, &str))| Served {
            name: name.to_string(),
            priority: *priority,
            entry_points: vec!["web".to_owned()],
            matcher: rule::parse(rule).unwrap(),
        };
        names.zip(rows).map(router).collect()
    }

    fn found(routers: &[Served]) -> String {
        let lines = find(routers).into_iter().map(|it| {
            let by: Vec<_> = it.by.iter().map(|by| by.name.as_str()).collect();
            format!("{} by {}", it.router.name, by.join(" "))
        });
        lines.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_router_is_shadowed_only_by_what_takes_all_of_its_requests() {
        let rows: &[(&[(i64, &str)], &str)] = &[
            (
                &[(2, "Host(`x`)"), (1, "Host(`x`) && Path(`/a`)")],
                "b by a",
            ),
            (&[(1, "Host(`x`)"), (2, "Host(`x`) && Path(`/a`)")], ""),
            (&[(2, "Host(`x`)"), (1, "Host(`y`)")], ""),
            (&[(2, "PathPrefix(`/`)"), (1, "Host(`x`)")], "b by a"),
            (&[(2, "Host(`*`)"), (1, "Path(`/a`)")], "b by a"),
            (&[(2, "HostRegexp(`.+`)"), (1, "Host(`x`)")], "b by a"),
            (&[(2, "Host(`*.x`)"), (1, "Host(`a.x`)")], "b by a"),
            (&[(2, "Host(`*.x`)"), (1, "Host(`a.b.x`)")], ""),
            (
                &[(2, "PathPrefix(`/a`)"), (1, "Path(`/ab`) && Host(`x`)")],
                "b by a",
            ),
            (&[(2, "PathPrefix(`/a/`)"), (1, "PathPrefix(`/a`)")], ""),
            (&[(2, "Host(`x`) && Method(`GET`)"), (1, "Host(`x`)")], ""),
            (
                &[
                    (2, "Host(`x`) && !Path(`/a`)"),
                    (1, "Host(`x`) && Path(`/b`)"),
                ],
                "b by a",
            ),
            (
                &[
                    (2, "Host(`x`) && !Path(`/a`)"),
                    (1, "Host(`x`) && Path(`/a`)"),
                ],
                "",
            ),
            (
                &[
                    (3, "Host(`x`)"),
                    (2, "Host(`y`)"),
                    (1, "Host(`x`) || Host(`y`)"),
                ],
                "c by a b",
            ),
            (&[(3, "Host(`x`)"), (1, "Host(`x`) || Host(`y`)")], ""),
            (&[(1, "Host(`x`)"), (1, "Host(`x`)")], "b by a"),
            (&[(2, "Host(`x`) && Host(`y`)"), (1, "Host(`x`)")], ""),
            (&[(2, "Host(`x`)"), (1, "Host(`x`) && Host(`y`)")], ""),
        ];
        for (rows, expected) in rows {
            assert_eq!(found(&routers(rows)), *expected, "{rows:?}");
        }
    }

    #[test]
    fn entry_points_are_looked_at_one_by_one() {
        let mut routers = routers(&[(2, "Host(`x`)"), (1, "Host(`x`)")]);
        routers[1].entry_points = vec!["internal".to_owned()];
        assert_eq!(found(&routers), "");
        routers[1].entry_points.push("web".to_owned());
        assert_eq!(find(&routers)[0].entry_points, ["web"]);
    }
}
