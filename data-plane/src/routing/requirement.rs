//! What a rule cannot match without: the keys under which it is indexed.
//!
//! Sound means: if the rule matches a request, at least one of its keys fits the
//! request. More keys than needed, or `None`, only cost time.

use super::matcher::Matcher;

/// A form of host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum HostKey<'m> {
    /// This host.
    Exact(&'m str),
    /// One label and then this.
    Suffix(&'m str),
}

/// A form of routing path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum PathKey<'m> {
    /// This path.
    Exact(&'m str),
    /// Anything that starts so.
    Prefix(&'m str),
}

/// The hosts a rule requires, each once; `None` if it may match any.
pub(super) fn hosts(matcher: &Matcher) -> Option<Vec<HostKey<'_>>> {
    required(matcher, &|leaf| match leaf {
        Matcher::Host(host) => Some(HostKey::Exact(host)),
        Matcher::HostSuffix(suffix) => Some(HostKey::Suffix(suffix)),
        _ => None,
    })
}

/// The paths a rule requires, each once; `None` if it may match any.
pub(super) fn paths(matcher: &Matcher) -> Option<Vec<PathKey<'_>>> {
    required(matcher, &|leaf| match leaf {
        Matcher::Path(path) => Some(PathKey::Exact(path)),
        Matcher::PathPrefix(prefix) => Some(PathKey::Prefix(prefix)),
        _ => None,
    })
}

fn required<'m, K: Ord>(
    matcher: &'m Matcher,
    key: &impl Fn(&'m Matcher) -> Option<K>,
) -> Option<Vec<K>> {
    match matcher {
        // All parts must hold, so any one of them will do: the most selective.
        Matcher::All(parts) => parts
            .iter()
            .filter_map(|part| required(part, key))
            .min_by_key(Vec::len),
        // Any part may hold, so all of them must require something.
        Matcher::Any(parts) => {
            let parts: Option<Vec<Vec<K>>> = parts.iter().map(|part| required(part, key)).collect();
            let mut keys: Vec<K> = parts?.into_iter().flatten().collect();
            keys.sort_unstable();
            keys.dedup();
            Some(keys)
        }
        // `Not` lands here too: what is required inside it is excluded outside.
        leaf => key(leaf).map(|key| vec![key]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        and, compiled, header, host, host_regexp, not, or, path, path_prefix,
    };
    use super::*;

    #[test]
    fn a_conjunction_requires_what_one_part_requires() {
        let rule = compiled(and([header("a", "b"), path("/x"), host("a.test")]));
        assert_eq!(hosts(&rule), Some(vec![HostKey::Exact("a.test")]));
        assert_eq!(paths(&rule), Some(vec![PathKey::Exact("/x")]));
    }

    #[test]
    fn the_smaller_requirement_is_taken() {
        let rule = compiled(and([or([host("a.test"), host("b.test")]), host("b.test")]));
        assert_eq!(hosts(&rule), Some(vec![HostKey::Exact("b.test")]));
    }

    #[test]
    fn a_disjunction_requires_something_only_if_every_part_does() {
        let rule = compiled(or([host("b.test"), host("*.a.test"), host("b.test")]));
        assert_eq!(
            hosts(&rule),
            Some(vec![HostKey::Exact("b.test"), HostKey::Suffix(".a.test")])
        );
        assert_eq!(
            hosts(&compiled(or([host("a.test"), path_prefix("/x")]))),
            None
        );
        assert_eq!(hosts(&compiled(or([host("a.test"), host("*")]))), None);
    }

    #[test]
    fn negations_and_expressions_require_nothing() {
        assert_eq!(hosts(&compiled(not(host("a.test")))), None);
        assert_eq!(hosts(&compiled(not(not(host("a.test"))))), None);
        assert_eq!(hosts(&compiled(host_regexp("^a$"))), None);
    }

    #[test]
    fn the_empty_lists_are_true_and_false() {
        assert_eq!(hosts(&compiled(and([]))), None);
        assert_eq!(hosts(&compiled(or([]))), Some(vec![]));
    }
}
