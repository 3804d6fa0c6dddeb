//! A rule as a tree, and the table of matchers: their names and arguments.
//!
//! A [`Matcher`] that came from [`super::parse`] holds only what a proxy can
//! use: expressions compile, addresses are addresses, paths start with `/`.

use std::fmt;
use std::net::IpAddr;

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

/// One row of the table.
struct Kind {
    name: &'static str,
    usage: &'static str,
    arguments: std::ops::RangeInclusive<usize>,
    build: fn(&[&str]) -> Result<Matcher, Fault>,
}

/// What is wrong with an argument, and what would work.
struct Fault(String, String);

const KINDS: [Kind; 11] = [
    Kind {
        name: "Host",
        usage: "Host(`example.com`)",
        arguments: 1..=1,
        build: host,
    },
    Kind {
        name: "HostRegexp",
        usage: r"HostRegexp(`^.+\.example\.com$`)",
        arguments: 1..=1,
        build: host_regexp,
    },
    Kind {
        name: "Path",
        usage: "Path(`/api`)",
        arguments: 1..=1,
        build: path,
    },
    Kind {
        name: "PathPrefix",
        usage: "PathPrefix(`/api`)",
        arguments: 1..=1,
        build: path_prefix,
    },
    Kind {
        name: "PathRegexp",
        usage: "PathRegexp(`^/(css|js)/`)",
        arguments: 1..=1,
        build: |args| Ok(Matcher::PathRegexp(pattern(arg(args, 0))?)),
    },
    Kind {
        name: "Method",
        usage: "Method(`GET`)",
        arguments: 1..=1,
        build: |args| Ok(Matcher::Method(arg(args, 0).to_uppercase())),
    },
    Kind {
        name: "Header",
        usage: "Header(`X-Env`, `prod`)",
        arguments: 2..=2,
        build: header,
    },
    Kind {
        name: "HeaderRegexp",
        usage: "HeaderRegexp(`X-Env`, `^(prod|test)$`)",
        arguments: 2..=2,
        build: header_regexp,
    },
    Kind {
        name: "Query",
        usage: "Query(`key`, `value`)",
        arguments: 1..=2,
        build: |args| Ok(query(args)),
    },
    Kind {
        name: "QueryRegexp",
        usage: "QueryRegexp(`key`, `^(a|b)$`)",
        arguments: 1..=2,
        build: query_regexp,
    },
    Kind {
        name: "ClientIP",
        usage: "ClientIP(`10.0.0.0/8`)",
        arguments: 1..=1,
        build: client_ip,
    },
];

/// Names that are no matchers here but elsewhere, and what to write.
const FOREIGN: [(&str, &str); 10] = [
    (
        "Headers",
        "write Header(`name`, `value`): Headers is Traefik v2 syntax",
    ),
    (
        "HeadersRegexp",
        "write HeaderRegexp(`name`, `pattern`): HeadersRegexp is Traefik v2 syntax",
    ),
    (
        "HostHeader",
        "write Host(`example.com`): HostHeader is Traefik v2 syntax",
    ),
    (
        "PathStrip",
        "write Path(`/x`) and use a stripPrefix middleware",
    ),
    (
        "PathPrefixStrip",
        "write PathPrefix(`/x`) and use a stripPrefix middleware",
    ),
    (
        "HostSNI",
        "write Host(`example.com`): HostSNI is for TCP routers",
    ),
    (
        "HostSNIRegexp",
        "write HostRegexp(`pattern`): HostSNIRegexp is for TCP routers",
    ),
    ("ALPN", "leave it out: ALPN is for TCP routers"),
    (
        "Domains",
        "write Host(`example.com`) || Host(`example.org`)",
    ),
    ("HostRegex", "write HostRegexp(`pattern`)"),
];

/// Turns an expression into a matcher.
pub(super) fn resolve(expr: Expr) -> Result<Matcher, RuleError> {
    let matcher = tree(expr)?;
    if messages(&matcher) > MAX_MESSAGES {
        return Err(RuleError::new(
            1,
            "the rule nests too deep",
            "write several routers with simpler rules",
        ));
    }
    Ok(matcher)
}

fn tree(expr: Expr) -> Result<Matcher, RuleError> {
    let all = |parts: Vec<Expr>| parts.into_iter().map(tree).collect::<Result<_, _>>();
    Ok(match expr {
        Expr::And(parts) => Matcher::And(all(parts)?),
        Expr::Or(parts) => Matcher::Or(all(parts)?),
        Expr::Not(part) => Matcher::Not(Box::new(tree(*part)?)),
        Expr::Call(call) => leaf(&call)?,
    })
}

fn leaf(call: &Call) -> Result<Matcher, RuleError> {
    let error = |Fault(message, suggestion)| RuleError::new(call.column, message, suggestion);
    let Some(kind) = KINDS.iter().find(|kind| kind.answers_to(&call.name)) else {
        return Err(error(unknown(&call.name)));
    };
    let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
    if args.iter().any(|arg| arg.is_empty()) {
        let message = format!("an argument of {} is empty", kind.name);
        let suggestion = match (kind.name, args.as_slice()) {
            ("Query" | "QueryRegexp", [key, _]) if !key.is_empty() => {
                format!(
                    "write Query({}) for a parameter without a value",
                    quote(key)
                )
            }
            _ => format!("write for instance {}", kind.usage),
        };
        return Err(error(Fault(message, suggestion)));
    }
    if !kind.arguments.contains(&args.len()) {
        return Err(error(kind.wrong_count(&args)));
    }
    (kind.build)(&args).map_err(error)
}

impl Kind {
    /// The four spellings Traefik knows: `PathPrefix`, `pathprefix`, `PATHPREFIX`
    /// and `Pathprefix`.
    fn answers_to(&self, name: &str) -> bool {
        let lower = self.name.to_ascii_lowercase();
        let title = lower.get(..1).unwrap_or_default().to_ascii_uppercase()
            + lower.get(1..).unwrap_or_default();
        name == self.name
            || name == lower
            || name == self.name.to_ascii_uppercase()
            || name == title
    }

    fn wrong_count(&self, args: &[&str]) -> Fault {
        let (least, most) = (*self.arguments.start(), *self.arguments.end());
        let takes = match (least, most) {
            (1, 1) => "one argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} or {most} arguments"),
        };
        let message = format!("{} takes {takes}, not {}", self.name, args.len());
        // Several values of one matcher are v2 syntax and mean "one of them".
        let suggestion = if most == 1 && args.len() > 1 {
            let each: Vec<_> = args
                .iter()
                .map(|arg| format!("{}({})", self.name, quote(arg)))
                .collect();
            format!("write {}", each.join(" || "))
        } else {
            format!("write for instance {}", self.usage)
        };
        Fault(message, suggestion)
    }
}

fn unknown(name: &str) -> Fault {
    let message = format!("there is no matcher `{name}`");
    if let Some((_, hint)) = FOREIGN
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(name))
    {
        return Fault(message, (*hint).to_owned());
    }
    let names = KINDS.iter().map(|kind| kind.name);
    let suggestion = match crate::spelling::nearest(name, names) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => {
            let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
            format!("the matchers are {}", names.join(", "))
        }
    };
    Fault(message, suggestion)
}

fn arg<'a>(args: &[&'a str], index: usize) -> &'a str {
    args.get(index).copied().unwrap_or_default()
}

fn host(args: &[&str]) -> Result<Matcher, Fault> {
    let host = arg(args, 0);
    if !host.is_ascii() {
        return Err(Fault(
            format!("the host {host} has characters outside ASCII"),
            "write the host in punycode (xn--…), as clients send it".to_owned(),
        ));
    }
    Ok(Matcher::Host(host.to_ascii_lowercase()))
}

fn host_regexp(args: &[&str]) -> Result<Matcher, Fault> {
    let text = arg(args, 0);
    if !text.is_ascii() {
        return Err(Fault(
            format!("the expression {text} has characters outside ASCII"),
            "write the host in punycode (xn--…), as clients send it".to_owned(),
        ));
    }
    Ok(Matcher::HostRegexp(pattern(text)?))
}

fn path(args: &[&str]) -> Result<Matcher, Fault> {
    Ok(Matcher::Path(absolute("Path", arg(args, 0))?))
}

fn path_prefix(args: &[&str]) -> Result<Matcher, Fault> {
    Ok(Matcher::PathPrefix(absolute("PathPrefix", arg(args, 0))?))
}

fn absolute(matcher: &str, path: &str) -> Result<String, Fault> {
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    Err(Fault(
        format!("the path {path} does not start with `/`"),
        format!("write {matcher}({})", quote(&format!("/{path}"))),
    ))
}

fn header(args: &[&str]) -> Result<Matcher, Fault> {
    let value = arg(args, 1).to_owned();
    Ok(Matcher::Header {
        name: header_name(arg(args, 0))?,
        value,
    })
}

fn header_regexp(args: &[&str]) -> Result<Matcher, Fault> {
    let name = header_name(arg(args, 0))?;
    Ok(Matcher::HeaderRegexp {
        name,
        pattern: pattern(arg(args, 1))?,
    })
}

fn header_name(name: &str) -> Result<String, Fault> {
    match http::HeaderName::try_from(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err(Fault(
            format!("`{name}` cannot be the name of a header"),
            "write for instance Header(`X-Env`, `prod`)".to_owned(),
        )),
    }
}

fn query(args: &[&str]) -> Matcher {
    Matcher::Query {
        key: arg(args, 0).to_owned(),
        value: arg(args, 1).to_owned(),
    }
}

fn query_regexp(args: &[&str]) -> Result<Matcher, Fault> {
    match args {
        [key, text] => Ok(Matcher::QueryRegexp {
            key: (*key).to_owned(),
            pattern: pattern(text)?,
        }),
        _ => Ok(query(args)),
    }
}

fn client_ip(args: &[&str]) -> Result<Matcher, Fault> {
    let text = arg(args, 0);
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => {
            return Err(Fault(
                format!("`{text}` is not an IP address or range"),
                "write for instance ClientIP(`10.0.0.0/8`)".to_owned(),
            ));
        }
    };
    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let valid = length.is_none_or(|text| {
        Some(text)
            .filter(digits)
            .and_then(|text| text.parse().ok())
            .is_some_and(|n: u8| n <= most)
    });
    if valid {
        return Ok(Matcher::ClientIp(text.to_owned()));
    }
    Err(Fault(
        format!("`{text}` is not a range: the number after `/` goes from 0 to {most}"),
        format!("write ClientIP({}) for the one address", quote(address)),
    ))
}

fn pattern(text: &str) -> Result<Pattern, Fault> {
    Pattern::new(text).map_err(|error| {
        Fault(
            format!("the regular expression {text} cannot be used: {error}"),
            "regular expressions are written in Go's syntax: https://golang.org/s/re2syntax"
                .to_owned(),
        )
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
    fn a_wrong_matcher_is_told_with_what_would_work() {
        let rows = [
            ("Hots(`a`)", "no matcher `Hots`", "did you mean Host?"),
            ("HoSt(`a`)", "no matcher `HoSt`", "did you mean Host?"),
            (
                "ClientIp(`10.0.0.1`)",
                "no matcher",
                "did you mean ClientIP?",
            ),
            ("pathPrefix(`/a`)", "no matcher", "did you mean PathPrefix?"),
            (
                "Headers(`X-A`, `b`)",
                "no matcher",
                "Header(`name`, `value`)",
            ),
            ("HeadersRegexp(`X-A`, `b`)", "no matcher", "HeaderRegexp("),
            ("HostHeader(`a`)", "no matcher", "Host("),
            ("HostSNI(`a.com`)", "no matcher", "TCP"),
            ("PathPrefixStrip(`/a`)", "no matcher", "stripPrefix"),
            ("Everything(`a`)", "no matcher", "the matchers are Host, "),
            (
                "Host(`a`, `b`)",
                "takes one argument, not 2",
                "Host(`a`) || Host(`b`)",
            ),
            ("Host()", "takes one argument, not 0", "Host(`example.com`)"),
            ("Header(`X-A`)", "takes 2 arguments, not 1", "Header("),
            ("Query(`a`, `b`, `c`)", "takes 1 or 2 arguments", "Query("),
            ("Query(`a`, ``)", "is empty", "Query(`a`)"),
            ("Host(``)", "is empty", "Host("),
            ("Host(`é.ch`)", "outside ASCII", "punycode"),
            ("HostRegexp(`é`)", "outside ASCII", "punycode"),
            ("Path(`api`)", "does not start", "Path(`/api`)"),
            ("PathPrefix(`api`)", "does not start", "PathPrefix(`/api`)"),
            ("PathRegexp(`/(css`)", "unclosed group", "Go's syntax"),
            ("HeaderRegexp(`X-A`, `(b`)", "unclosed group", ""),
            ("QueryRegexp(`q`, `(b`)", "unclosed group", ""),
            ("HostRegexp(`(a`)", "unclosed group", ""),
            ("Header(`X A`, `b`)", "name of a header", ""),
            ("ClientIP(`1`)", "not an IP", "ClientIP(`10.0.0.0/8`)"),
            (
                "ClientIP(`10.0.0.0/33`)",
                "from 0 to 32",
                "ClientIP(`10.0.0.0`)",
            ),
            ("ClientIP(`::1/+8`)", "from 0 to 128", ""),
        ];
        for (text, message, suggestion) in rows {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(message), "{text}: {error}");
            assert!(
                error.suggestion.contains(suggestion),
                "{text}: {}",
                error.suggestion
            );
        }
    }

    #[test]
    fn the_place_is_that_of_the_matcher() {
        assert_eq!(parse("Host(`a`) && Pth(`/`)").unwrap_err().column, 14);
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
