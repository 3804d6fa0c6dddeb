//! Rules that are legal, but hardly what their author meant: mostly v2 syntax
//! that v3 takes for literal text.

use super::Matcher;
use super::alternative::{Alternative, alternatives};
use super::expression::quote;

/// Something legal in a rule that is hardly what its author meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleWarning {
    /// What happens, without a full stop.
    pub message: String,
    /// What would work, without a full stop.
    pub suggestion: String,
}

/// What is legal in a rule but hardly meant, in the order of the rule.
pub fn warnings(matcher: &Matcher) -> Vec<RuleWarning> {
    let mut found = Vec::new();
    visit(matcher, &mut found);
    found.extend(contradictions(matcher));
    found
}

/// Parts of a rule that no request fulfils, or all of it.
fn contradictions(matcher: &Matcher) -> Vec<RuleWarning> {
    let alternatives = alternatives(matcher).unwrap_or_default();
    let mut pairs: Vec<_> = alternatives
        .iter()
        .filter_map(Alternative::contradiction)
        .collect();
    let all = pairs.len() == alternatives.len();
    pairs.dedup();
    let told = pairs.into_iter().map(|(a, b)| {
        let message = if all {
            format!("the rule never matches: no request fulfils both {a} and {b}")
        } else {
            format!("a part of the rule never matches: no request fulfils both {a} and {b}")
        };
        let suggestion = match a.is_negated() || b.is_negated() {
            true => "take one of them out".to_owned(),
            false => format!("write {a} || {b} if one of them is enough, or take one out"),
        };
        warning(message, suggestion)
    });
    told.collect()
}

fn visit(matcher: &Matcher, found: &mut Vec<RuleWarning>) {
    match matcher {
        Matcher::And(parts) | Matcher::Or(parts) => {
            for part in parts {
                visit(part, found);
            }
        }
        Matcher::Not(part) => visit(part, found),
        leaf => found.extend(of_leaf(leaf)),
    }
}

fn of_leaf(leaf: &Matcher) -> Option<RuleWarning> {
    match leaf {
        Matcher::Host(host) => of_host(host),
        Matcher::HostRegexp(pattern) => match template(pattern.text()) {
            Some(".*" | ".+") => Some(warning(
                format!("{leaf} takes the braces for literal text and matches no host"),
                "braces with names are Traefik v2 syntax; write Host(`*`) for every host",
            )),
            Some(_) => Some(warning(
                format!("{leaf} takes the braces for literal text and matches no host"),
                r"braces with names are Traefik v2 syntax; write for instance HostRegexp(`^.+\.example\.com$`)",
            )),
            None if pattern.matches_empty() => Some(warning(
                format!("{leaf} matches the empty text and therefore every host"),
                "write `+` for `*`, or Host(`*`) if every host is meant",
            )),
            None => None,
        },
        Matcher::Path(path) | Matcher::PathPrefix(path) => of_path(leaf, path),
        Matcher::PathRegexp(pattern) => template(pattern.text()).map(|inner| {
            warning(
                format!("{leaf} takes the braces for literal text"),
                format!(
                    "braces with names are Traefik v2 syntax; write only the expression, {inner}"
                ),
            )
        }),
        Matcher::Header { name, .. } | Matcher::HeaderRegexp { name, .. }
            if name.eq_ignore_ascii_case("host") =>
        {
            Some(warning(
                format!("{leaf} never matches: the host is not among the headers"),
                "write Host(`example.com`) or HostRegexp(`…`)",
            ))
        }
        Matcher::Query { key, value } if value.is_empty() => {
            let (name, wanted) = key.split_once('=')?;
            Some(warning(
                format!("{leaf} asks for a parameter that is called `{key}`"),
                format!("write Query({}, {})", quote(name), quote(wanted)),
            ))
        }
        _ => None,
    }
}

fn of_host(host: &str) -> Option<RuleWarning> {
    let never = |why: &str, suggestion: String| {
        Some(warning(
            format!("Host({}) never matches: {why}", quote(host)),
            suggestion,
        ))
    };
    if host.contains('$') {
        return never(
            "it has a `$`, like a variable that was not filled in",
            "write the host itself, or give the variable a value where the labels are made"
                .to_owned(),
        );
    }
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next())
    {
        return never(
            "brackets are cut off before",
            format!("write Host({})", quote(inner)),
        );
    }
    if let Some((_, rest)) = host.split_once("://") {
        let name = rest.split(['/', ':']).next().unwrap_or_default();
        return never(
            "it is a URL, not a host",
            format!("write Host({})", quote(name)),
        );
    }
    if let Some((name, path)) = host.split_once('/') {
        let suggestion = format!(
            "write Host({}) && PathPrefix({})",
            quote(name),
            quote(&format!("/{path}"))
        );
        return never("it has a path", suggestion);
    }
    if host.contains([' ', ',']) {
        let each: Vec<_> = host
            .split([' ', ','])
            .filter(|name| !name.is_empty())
            .map(|name| format!("Host({})", quote(name)))
            .collect();
        return never(
            "a host has no spaces or commas",
            format!("write {}", each.join(" || ")),
        );
    }
    if host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err() {
        let name = host.split(':').next().unwrap_or_default();
        return never(
            "the port is cut off before",
            format!(
                "write Host({}); the entry point decides the port",
                quote(name)
            ),
        );
    }
    if host.contains('{') {
        return never(
            "braces are Traefik v2 syntax",
            r"write for instance HostRegexp(`^.+\.example\.com$`)".to_owned(),
        );
    }
    let after = host.strip_prefix('*')?;
    if after.is_empty() || (after.starts_with('.') && !after.contains('*')) {
        return None;
    }
    never(
        "`*` stands for one whole label at the start",
        r"write for instance Host(`*.example.com`) or HostRegexp(`^.+\.example\.com$`)".to_owned(),
    )
}

fn of_path(leaf: &Matcher, path: &str) -> Option<RuleWarning> {
    if path.contains('{') && path.contains('}') {
        return Some(warning(
            format!("{leaf} takes the braces for literal text"),
            "braces with names are Traefik v2 syntax; write for instance PathRegexp(`^/users/[0-9]+$`)",
        ));
    }
    if let Some((path, query)) = path.split_once('?') {
        let (key, value) = query.split_once('=').unwrap_or((query, ""));
        return Some(warning(
            format!("{leaf} never matches: the query is not part of the path"),
            format!(
                "write Path({}) && Query({}, {})",
                quote(path),
                quote(key),
                quote(value)
            ),
        ));
    }
    path.ends_with('*').then(|| {
        warning(
            format!("{leaf} takes the `*` for literal text"),
            format!("write PathPrefix({})", quote(path.trim_end_matches('*'))),
        )
    })
}

/// The expression inside a v2 template such as `{name:[a-z]+}`.
fn template(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('{')?;
    let (inner, _) = rest.rsplit_once('}')?;
    let name = inner.split(':').next()?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    is_name.then(|| {
        inner
            .split_once(':')
            .map_or(".+", |(_, expression)| expression)
    })
}

fn warning(message: String, suggestion: impl Into<String>) -> RuleWarning {
    RuleWarning {
        message,
        suggestion: suggestion.into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::rule;

    #[test]
    fn what_is_hardly_meant_is_told_with_a_cure() {
        let rows = [
            ("Host(`a.com:8080`)", "port is cut off", "Host(`a.com`)"),
            ("Host(`[::1]`)", "brackets", "Host(`::1`)"),
            ("Host(`https://a.com/x`)", "URL", "Host(`a.com`)"),
            (
                "Host(`a.com/x`)",
                "path",
                "Host(`a.com`) && PathPrefix(`/x`)",
            ),
            (
                "Host(`a.com, b.com`)",
                "spaces",
                "Host(`a.com`) || Host(`b.com`)",
            ),
            ("Host(`{sub}.a.com`)", "v2", "HostRegexp"),
            ("Host(`web.${DOMAIN:-a}`)", "variable", "a value"),
            ("HostRegexp(`{any:.*}`)", "matches no host", "Host(`*`)"),
            ("Host(`*foo.a.com`)", "whole label", "Host(`*.example.com`)"),
            ("HostRegexp(`{sub:[a-z]+}.a.com`)", "literal", "HostRegexp"),
            ("HostRegexp(`^[a-z]*$`)", "every host", "`+`"),
            ("Path(`/a/{id}`)", "literal", "PathRegexp"),
            ("Path(`/a?b=c`)", "query", "Path(`/a`) && Query(`b`, `c`)"),
            ("PathPrefix(`/a/*`)", "literal", "PathPrefix(`/a/`)"),
            ("PathRegexp(`/{p:(css|js)}`)", "literal", "(css|js)"),
            ("Query(`a=b`)", "called `a=b`", "Query(`a`, `b`)"),
            ("Header(`host`, `a.com`)", "never", "Host("),
            (
                "Host(`a.com`) && Host(`b.com`)",
                "the rule never matches",
                "Host(`a.com`) || Host(`b.com`)",
            ),
            (
                "Host(`a.com`) || (Path(`/a`) && PathPrefix(`/b`))",
                "a part of the rule never matches",
                "take one out",
            ),
            (
                "Host(`a`) && !(Path(`/x`) || Query(`a=b`))",
                "called",
                "Query",
            ),
        ];
        for (text, message, suggestion) in rows {
            let found = rule::warnings(&rule::parse(text).unwrap());
            let [warning] = found.as_slice() else {
                panic!("{text}: {found:?}")
            };
            assert!(warning.message.contains(message), "{text}: {warning:?}");
            assert!(
                warning.suggestion.contains(suggestion),
                "{text}: {warning:?}"
            );
        }
    }

    #[test]
    fn an_ordinary_rule_gives_no_warning() {
        let rows = [
            "Host(`a.com`) && PathPrefix(`/api`)",
            "Host(`*`) || Host(`*.a.com`) || Host(`::1`) || Host(`a.com.`)",
            "HostRegexp(`^[a-z]{2}\\.a\\.com$`)",
            "PathRegexp(`^/[0-9]{1,3}$`)",
            "Query(`debug`) || Query(`a`, `b=c`)",
        ];
        for text in rows {
            assert_eq!(rule::warnings(&rule::parse(text).unwrap()), [], "{text}");
        }
    }
}
