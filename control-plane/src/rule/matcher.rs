//! A rule as a tree: printed, and encoded for the proxies.
//!
//! A [`Matcher`] that came from [`super::parse`] holds only what a proxy can
//! use: expressions compile, addresses are addresses, paths start with `/`.

use std::fmt;

use fairway_proto::discovery::v1 as proto;

use super::expression::{Call, Expr, quote};
use super::{Pattern, RuleError};

/// Deepest tree that is taken: messages inside each other once encoded. Readers
/// of protocol buffers stop at 100, and a router is itself inside some.
const MAX_MESSAGES: usize = 80;

/// A rule as a tree. Prints as a rule that parses to the same tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// True if every part is.
    And(Vec<Matcher>),
    /// True if one part is.
    Or(Vec<Matcher>),
    /// True if the part is not.
    Not(Box<Matcher>),
    /// Host name in lower case; `*` matches every host, and a leading `*.`
    /// stands for exactly one label.
    Host(String),
    /// Expression over the host.
    HostRegexp(Pattern),
    /// The whole path.
    Path(String),
    /// Start of the path, not only whole segments.
    PathPrefix(String),
    /// Expression over the path.
    PathRegexp(Pattern),
    /// Method in upper case.
    Method(String),
    /// A header line of this name has exactly this value.
    Header {
        /// Header name as written.
        name: String,
        /// Value.
        value: String,
    },
    /// A header line of this name fits.
    HeaderRegexp {
        /// Header name as written.
        name: String,
        /// Expression over the value.
        pattern: Pattern,
    },
    /// A query parameter has exactly this value; empty: is there without one.
    Query {
        /// Parameter.
        key: String,
        /// Value.
        value: String,
    },
    /// A query parameter fits.
    QueryRegexp {
        /// Parameter.
        key: String,
        /// Expression over the value.
        pattern: Pattern,
    },
    /// Address or CIDR of the peer.
    ClientIp(String),
}

impl Matcher {
    /// As the proxies read it.
    pub fn encode(&self) -> proto::Matcher {
        use proto::matcher::Matcher as Wire;
        let list = |parts: &[Self]| proto::MatcherList {
            matchers: parts.iter().map(Self::encode).collect(),
        };
        let pair = |key: &str, value: &str| proto::KeyValue {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let wire = match self {
            Self::And(parts) => Wire::And(list(parts)),
            Self::Or(parts) => Wire::Or(list(parts)),
            Self::Not(part) => Wire::Not(Box::new(part.encode())),
            // One trailing dot is nothing on either side.
            Self::Host(host) => Wire::Host(host.strip_suffix('.').unwrap_or(host).to_owned()),
            Self::HostRegexp(pattern) => Wire::HostRegexp(host_expression(pattern)),
            Self::Path(path) => Wire::Path(path.clone()),
            Self::PathPrefix(prefix) => Wire::PathPrefix(prefix.clone()),
            Self::PathRegexp(pattern) => Wire::PathRegexp(pattern.translated().to_owned()),
            Self::Method(method) => Wire::Method(method.clone()),
            Self::Header { name, value } => Wire::Header(pair(name, value)),
            Self::HeaderRegexp { name, pattern } => {
                Wire::HeaderRegexp(pair(name, pattern.translated()))
            }
            Self::Query { key, value } => Wire::Query(pair(key, value)),
            Self::QueryRegexp { key, pattern } => {
                Wire::QueryRegexp(pair(key, pattern.translated()))
            }
            Self::ClientIp(range) => Wire::ClientIp(range.clone()),
        };
        proto::Matcher {
            matcher: Some(wire),
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => write_parts(f, parts, " && "),
            Self::Or(parts) => write_parts(f, parts, " || "),
            Self::Not(part) => {
                f.write_str("!")?;
                write_part(f, part)
            }
            Self::Host(host) => write!(f, "Host({})", quote(host)),
            Self::HostRegexp(pattern) => write!(f, "HostRegexp({})", quote(pattern.text())),
            Self::Path(path) => write!(f, "Path({})", quote(path)),
            Self::PathPrefix(prefix) => write!(f, "PathPrefix({})", quote(prefix)),
            Self::PathRegexp(pattern) => write!(f, "PathRegexp({})", quote(pattern.text())),
            Self::Method(method) => write!(f, "Method({})", quote(method)),
            Self::Header { name, value } => {
                write!(f, "Header({}, {})", quote(name), quote(value))
            }
            Self::HeaderRegexp { name, pattern } => {
                write!(
                    f,
                    "HeaderRegexp({}, {})",
                    quote(name),
                    quote(pattern.text())
                )
            }
            Self::Query { key, value } if value.is_empty() => write!(f, "Query({})", quote(key)),
            Self::Query { key, value } => write!(f, "Query({}, {})", quote(key), quote(value)),
            Self::QueryRegexp { key, pattern } => {
                write!(f, "QueryRegexp({}, {})", quote(key), quote(pattern.text()))
            }
            Self::ClientIp(range) => write!(f, "ClientIP({})", quote(range)),
        }
    }
}

/// What makes a matcher of a call.
type Leaf = fn(&Call) -> Result<Matcher, RuleError>;

/// Turns an expression into a matcher.
pub(super) fn resolve(expr: Expr, leaf: Leaf) -> Result<Matcher, RuleError> {
    let matcher = tree(expr, leaf)?;
    if messages(&matcher) > MAX_MESSAGES {
        return Err(RuleError::new(
            1,
            "the rule nests too deep",
            "write several routers with simpler rules",
        ));
    }
    Ok(matcher)
}

fn tree(expr: Expr, leaf: Leaf) -> Result<Matcher, RuleError> {
    let all = |parts: Vec<Expr>| {
        let parts = parts.into_iter().map(|part| tree(part, leaf));
        parts.collect::<Result<_, _>>()
    };
    Ok(match expr {
        Expr::And(parts) => Matcher::And(all(parts)?),
        Expr::Or(parts) => Matcher::Or(all(parts)?),
        Expr::Not(part) => Matcher::Not(Box::new(tree(*part, leaf)?)),
        Expr::Call(call) => leaf(&call)?,
    })
}

fn messages(matcher: &Matcher) -> usize {
    match matcher {
        Matcher::And(parts) | Matcher::Or(parts) => {
            2 + parts.iter().map(messages).max().unwrap_or(0)
        }
        Matcher::Not(part) => 1 + messages(part),
        _ => 1,
    }
}

/// Traefik also tries the expression on an empty name: one that matches it
/// matches every host. The proxies need not know.
fn host_expression(pattern: &Pattern) -> String {
    let text = if pattern.matches_empty() {
        ".*"
    } else {
        pattern.translated()
    };
    text.to_owned()
}

fn write_parts(f: &mut fmt::Formatter<'_>, parts: &[Matcher], operator: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(operator)?;
        }
        write_part(f, part)?;
    }
    Ok(())
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &Matcher) -> fmt::Result {
    match part {
        Matcher::And(_) | Matcher::Or(_) => write!(f, "({part})"),
        part => write!(f, "{part}"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::rule::parse;

    #[test]
    fn a_rule_prints_as_a_rule_of_the_same_meaning() {
        let rows = [
            ("Host(`A.com`)", "Host(`a.com`)"),
            ("pathprefix(\"/css\")", "PathPrefix(`/css`)"),
            ("Method(`get`)", "Method(`GET`)"),
            ("QueryRegexp(`q`)", "Query(`q`)"),
            (
                "Host(`a`) || Host(`b`) && !(Path(`/x`) || Path(`/y`))",
                "Host(`a`) || (Host(`b`) && !(Path(`/x`) || Path(`/y`)))",
            ),
            ("!!Header(`X-A`, `b`)", "!!Header(`X-A`, `b`)"),
            ("clientip(`10.0.0.7/8`)", "ClientIP(`10.0.0.7/8`)"),
            (r#"PathRegexp("^/`\\d+`$")"#, r#"PathRegexp("^/`\\d+`$")"#),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_tree_that_readers_would_refuse_is_refused() {
        let mut rule = "Host(`a`)".to_owned();
        for _ in 0..30 {
            rule = format!("Path(`/`) || Host(`b`) && ({rule})");
        }
        assert!(parse(&rule).unwrap_err().message.contains("too deep"));
    }

    #[test]
    fn encoding_normalizes_what_proxies_compare() {
        use proto::matcher::Matcher as Wire;
        let pair = |key: &str, value: &str| proto::KeyValue {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let rows = [
            ("Host(`A.com.`)", Wire::Host("a.com".to_owned())),
            ("HostRegexp(`^\\d`)", Wire::HostRegexp("^[0-9]".to_owned())),
            ("HostRegexp(`^[a-z]*$`)", Wire::HostRegexp(".*".to_owned())),
            ("PathRegexp(`^a*$`)", Wire::PathRegexp("^a*$".to_owned())),
            ("Query(`q`)", Wire::Query(pair("q", ""))),
            (
                "QueryRegexp(`q`, `a{`)",
                Wire::QueryRegexp(pair("q", r"a\{")),
            ),
            ("Header(`x-env`, `a`)", Wire::Header(pair("x-env", "a"))),
        ];
        for (text, expected) in rows {
            assert_eq!(
                parse(text).unwrap().encode().matcher,
                Some(expected),
                "{text}"
            );
        }
        let Some(Wire::And(list)) = parse("Host(`a`) && !Path(`/`)").unwrap().encode().matcher
        else {
            panic!("not an and");
        };
        assert!(matches!(list.matchers[1].matcher, Some(Wire::Not(_))));
    }

    fn any_leaf() -> impl Strategy<Value = Matcher> {
        let pattern =
            || "[a-z.*^$`\"\n]{1,8}".prop_filter_map("compiles", |it| Pattern::new(&it).ok());
        let text = || "[a-z `\"\\\\\r\n\té]{1,8}";
        let name = || "[A-Za-z-]{1,8}";
        prop_oneof![
            "[a-z.*:]{1,8}".prop_map(Matcher::Host),
            pattern().prop_map(Matcher::HostRegexp),
            text().prop_map(|it| Matcher::Path(format!("/{it}"))),
            text().prop_map(|it| Matcher::PathPrefix(format!("/{it}"))),
            pattern().prop_map(Matcher::PathRegexp),
            "[A-Z]{1,8}".prop_map(Matcher::Method),
            (name(), text()).prop_map(|(name, value)| Matcher::Header { name, value }),
            (name(), pattern()).prop_map(|(name, pattern)| Matcher::HeaderRegexp { name, pattern }),
            (text(), proptest::option::of(text())).prop_map(|(key, value)| Matcher::Query {
                key,
                value: value.unwrap_or_default()
            }),
            (text(), pattern()).prop_map(|(key, pattern)| Matcher::QueryRegexp { key, pattern }),
            any::<IpAddr>().prop_map(|it| Matcher::ClientIp(it.to_string())),
            (any::<std::net::Ipv4Addr>(), 0u8..=32)
                .prop_map(|(it, length)| Matcher::ClientIp(format!("{it}/{length}"))),
        ]
    }

    fn any_matcher() -> impl Strategy<Value = Matcher> {
        any_leaf().prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 2..4).prop_map(Matcher::And),
                proptest::collection::vec(inner.clone(), 2..4).prop_map(Matcher::Or),
                inner.prop_map(|it| Matcher::Not(Box::new(it))),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_printed_rule_parses_to_itself(matcher in any_matcher()) {
            prop_assert_eq!(parse(&matcher.to_string()), Ok(matcher));
        }

        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = parse(&text);
        }

        /// Near the syntax, where random text never gets.
        #[test]
        fn parsing_near_rules_never_panics(
            text in r#"(Host|Query|not|[()!,;:"'&|]|`/a`|`|&&|\|\||"a\\|
    |/\*|//| ){0,12}"#,
        ) {
            if let Err(error) = parse(&text) {
                prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
                prop_assert!(!error.message.ends_with('.'));
            }
        }
    }
}
