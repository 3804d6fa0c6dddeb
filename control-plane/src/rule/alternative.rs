//! A rule as alternatives, each a list of conditions that must all hold: what can
//! be told of rules without a request, namely that one never matches, or that one
//! takes everything another would.
//!
//! Everything here errs towards silence: of two conditions nothing is claimed
//! unless it holds for every request.

use regex::Regex;

use super::{Matcher, Pattern};

/// More alternatives than this are not looked at: their number can grow with the
/// power of the rule's length.
const MAX_ALTERNATIVES: usize = 64;
/// Longest alternative that is looked at.
const MAX_CONDITIONS: usize = 32;

/// A matcher without parts, or what it does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Condition<'m> {
    negated: bool,
    leaf: &'m Matcher,
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alternative<'m> {
    conditions: Vec<Condition<'m>>,
}

/// The alternatives of a rule; `None` if there are too many to look at.
pub(crate) fn alternatives(matcher: &Matcher) -> Option<Vec<Alternative<'_>>> {
    expand(matcher, false)
}

fn expand(matcher: &Matcher, negated: bool) -> Option<Vec<Alternative<'_>>> {
    match (matcher, negated) {
        (Matcher::Not(part), _) => expand(part, !negated),
        (Matcher::And(parts), false) | (Matcher::Or(parts), true) => {
            let mut all = vec![Alternative::default()];
            for part in parts {
                let mut more = Vec::new();
                for right in expand(part, negated)? {
                    more.extend(all.iter().map(|left| left.and(&right)));
                }
                all = checked(more)?;
            }
            Some(all)
        }
        (Matcher::Or(parts), false) | (Matcher::And(parts), true) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(expand(part, negated)?);
                all = checked(all)?;
            }
            Some(all)
        }
        (leaf, negated) => Some(vec![Alternative {
            conditions: vec![Condition { negated, leaf }],
        }]),
    }
}

fn checked(all: Vec<Alternative<'_>>) -> Option<Vec<Alternative<'_>>> {
    let fits =
        all.len() <= MAX_ALTERNATIVES && all.iter().all(|it| it.conditions.len() <= MAX_CONDITIONS);
    fits.then_some(all)
}

impl<'m> Alternative<'m> {
    fn and(&self, other: &Self) -> Self {
        let mut conditions = self.conditions.clone();
        for condition in &other.conditions {
            if !conditions.contains(condition) {
                conditions.push(*condition);
            }
        }
        Self { conditions }
    }

    /// Two conditions that no request fulfils together.
    pub(crate) fn contradiction(&self) -> Option<(Condition<'m>, Condition<'m>)> {
        let each = self.conditions.iter().enumerate();
        each.flat_map(|(at, a)| self.conditions.iter().take(at).map(move |b| (*b, *a)))
            .find(|(a, b)| a.excludes(*b))
    }

    /// Every request that `other` takes is taken by this one too.
    pub(crate) fn covers(&self, other: &Alternative<'_>) -> bool {
        self.conditions
            .iter()
            .all(|wanted| wanted.always() || other.conditions.iter().any(|it| it.implies(*wanted)))
    }

    /// Exact hosts it asks for.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &'m str> + '_ {
        self.conditions.iter().filter_map(|it| match it.leaf {
            Matcher::Host(host) if !it.negated && !host.starts_with('*') => Some(name(host)),
            _ => None,
        })
    }

    /// Exact paths, and starts of paths, it asks for.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'m str> + '_ {
        self.conditions.iter().filter_map(|it| match it.leaf {
            Matcher::Path(path) | Matcher::PathPrefix(path) if !it.negated => Some(path.as_str()),
            _ => None,
        })
    }
}

impl Condition<'_> {
    /// What the leaf does not match.
    pub(crate) fn is_negated(self) -> bool {
        self.negated
    }

    fn excludes(self, other: Condition<'_>) -> bool {
        match (self.negated, other.negated) {
            (false, false) => exclude(self.leaf, other.leaf),
            (false, true) => implies(self.leaf, other.leaf),
            (true, false) => implies(other.leaf, self.leaf),
            (true, true) => false,
        }
    }

    fn implies(self, other: Condition<'_>) -> bool {
        match (self.negated, other.negated) {
            (false, false) => implies(self.leaf, other.leaf),
            (true, true) => implies(other.leaf, self.leaf),
            (false, true) => exclude(self.leaf, other.leaf),
            (true, false) => false,
        }
    }

    fn always(self) -> bool {
        !self.negated && always(self.leaf)
    }
}

impl std::fmt::Display for Condition<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let not = if self.negated { "!" } else { "" };
        write!(f, "{not}{}", self.leaf)
    }
}

/// No request fulfils both.
fn exclude(a: &Matcher, b: &Matcher) -> bool {
    use Matcher::{Host, HostRegexp, Method, Path, PathPrefix, PathRegexp};
    match (a, b) {
        (Host(a), Host(b)) => !host_meets(a, b) && !host_meets(b, a),
        (Host(host), HostRegexp(pattern)) | (HostRegexp(pattern), Host(host)) => {
            !host.starts_with('*') && !pattern.matches_empty() && misses(pattern, name(host))
        }
        (Path(a), Path(b)) => a != b,
        (Path(path), PathPrefix(start)) | (PathPrefix(start), Path(path)) => {
            !path.starts_with(start)
        }
        (PathPrefix(a), PathPrefix(b)) => !a.starts_with(b) && !b.starts_with(a),
        (Path(path), PathRegexp(pattern)) | (PathRegexp(pattern), Path(path)) => {
            misses(pattern, path)
        }
        (Method(a), Method(b)) => a != b,
        _ => false,
    }
}

/// Every request that fulfils `a` fulfils `b`. Only what is cheap to tell.
fn implies(a: &Matcher, b: &Matcher) -> bool {
    use Matcher::{Host, Path, PathPrefix};
    if a == b || always(b) {
        return true;
    }
    match (a, b) {
        (Host(a), Host(b)) => host_meets(a, b),
        (Path(a) | PathPrefix(a), PathPrefix(b)) => a.starts_with(b),
        _ => false,
    }
}

/// Every request fulfils it.
fn always(leaf: &Matcher) -> bool {
    match leaf {
        Matcher::Host(host) => host == "*",
        Matcher::HostRegexp(pattern) => {
            pattern.matches_empty() || matches!(pattern.text(), ".+" | "^.+$" | "." | "^.+")
        }
        Matcher::PathPrefix(path) => path == "/",
        _ => false,
    }
}

/// The host or wildcard `a` is within `b`.
fn host_meets(a: &str, b: &str) -> bool {
    let (a, b) = (name(a), name(b));
    let under = |rest: &str| {
        a.split_once('.')
            .is_some_and(|(first, tail)| !first.is_empty() && first != "*" && tail == rest)
    };
    a == b || b == "*" || b.strip_prefix("*.").is_some_and(under)
}

/// One trailing dot is nothing.
fn name(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn misses(pattern: &Pattern, text: &str) -> bool {
    Regex::new(pattern.translated()).is_ok_and(|regex| !regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::parse;

    #[test]
    fn a_contradiction_is_seen_and_nothing_else() {
        for (rule, expected) in [
            (
                "Host(`a.test`) && Host(`b.test`)",
                "Host(`a.test`) Host(`b.test`)",
            ),
            ("Host(`a.test`) && Host(`*.test`)", ""),
            (
                "Host(`a.b.test`) && Host(`*.test`)",
                "Host(`a.b.test`) Host(`*.test`)",
            ),
            (
                "Host(`a.test`) && HostRegexp(`^b`)",
                "Host(`a.test`) HostRegexp(`^b`)",
            ),
            ("Host(`a.test`) && HostRegexp(`^[a-z]+`)", ""),
            ("Path(`/a`) && Path(`/b`)", "Path(`/a`) Path(`/b`)"),
            ("Path(`/a/x`) && PathPrefix(`/a`)", ""),
            (
                "Path(`/b`) && PathPrefix(`/a`)",
                "Path(`/b`) PathPrefix(`/a`)",
            ),
            (
                "PathPrefix(`/a`) && PathPrefix(`/b`)",
                "PathPrefix(`/a`) PathPrefix(`/b`)",
            ),
            (
                "Method(`GET`) && Method(`POST`)",
                "Method(`GET`) Method(`POST`)",
            ),
            (
                "Host(`a.test`) && !Host(`a.test`)",
                "Host(`a.test`) !Host(`a.test`)",
            ),
            (
                "PathPrefix(`/a/b`) && !PathPrefix(`/a`)",
                "PathPrefix(`/a/b`) !PathPrefix(`/a`)",
            ),
            ("PathPrefix(`/a`) && !PathPrefix(`/a/b`)", ""),
            ("Query(`a`, `1`) && Query(`a`, `2`)", ""),
            (
                "!(Host(`a.test`) || !Host(`a.test`))",
                "!Host(`a.test`) Host(`a.test`)",
            ),
        ] {
            let matcher = parse(rule).unwrap();
            let [alternative] = &alternatives(&matcher).unwrap()[..] else {
                panic!("{rule}")
            };
            let found = alternative.contradiction();
            let found = found.map(|(a, b)| format!("{a} {b}")).unwrap_or_default();
            assert_eq!(found, expected, "{rule}");
        }
    }

    #[test]
    fn a_rule_with_too_many_alternatives_is_left_alone() {
        let part = |at: usize| format!("(Path(`/{at}`) || Host(`h{at}`))");
        let rule = (0..20).map(part).collect::<Vec<_>>().join(" && ");
        assert!(alternatives(&parse(&rule).unwrap()).is_none());
    }
}
