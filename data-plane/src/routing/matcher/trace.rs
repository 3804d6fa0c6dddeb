//! Why a rule does not take a request, for people.
//!
//! Decides nothing: every question goes to [`Matcher::matches`], so that what is told
//! is what happens. Values that could be secrets are left out.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use super::{Matcher, Subject, parameters};

/// Parts of names whose values are not shown, in lower case.
const SECRET_NAMES: [&str; 8] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "passw",
    "secret",
    "session",
    "token",
];

/// The first part of a rule that decided against a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// As in a rule.
    pub(crate) part: String,
    /// What it looked at.
    pub(crate) found: String,
}

/// Could the value of a header or parameter of this name be a secret?
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

impl Matcher {
    /// The first part, from left to right, that decides against the request; `None` if
    /// the rule takes it. An alternative or a negation fails as a whole.
    pub(crate) fn failure(&self, subject: Subject<'_>) -> Option<Failure> {
        let part = self.first_failed(subject)?;
        let mut looked_at = BTreeSet::new();
        part.look(subject, &mut looked_at);
        Some(Failure {
            part: part.to_string(),
            found: Vec::from_iter(looked_at).join(", "),
        })
    }

    /// Does the rule compare with a value that could be a secret?
    pub(crate) fn has_secret(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::has_secret),
            Self::Not(inner) => inner.has_secret(),
            Self::Header { name, .. } | Self::HeaderRegexp { name, .. } => is_secret(name.as_str()),
            Self::Query { name, .. } | Self::QueryRegexp { name, .. } => is_secret(name),
            _ => false,
        }
    }

    fn first_failed(&self, subject: Subject<'_>) -> Option<&Self> {
        match self {
            Self::All(parts) => parts.iter().find_map(|part| part.first_failed(subject)),
            other => (!other.matches(subject)).then_some(other),
        }
    }

    fn look(&self, subject: Subject<'_>, seen: &mut BTreeSet<String>) {
        let Subject { head, path } = subject;
        let looked = match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.look(subject, seen);
                }
                return;
            }
            Self::Not(inner) => return inner.look(subject, seen),
            Self::AnyHost | Self::Host(_) | Self::HostSuffix(_) | Self::HostRegexp(_) => {
                match head.host.as_str() {
                    "" => "no host".to_owned(),
                    host => format!("host {host}"),
                }
            }
            Self::Path(_) | Self::PathPrefix(_) | Self::PathRegexp(_) => format!("path {path}"),
            Self::Method(_) => format!("method {}", head.method),
            Self::Header { name, .. } | Self::HeaderRegexp { name, .. } => {
                let lines = head.headers.get_all(name).iter();
                let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
                values("header", name.as_str(), lines.collect())
            }
            Self::Query { name, .. } | Self::QueryRegexp { name, .. } => {
                let found = parameters(head, name);
                let found = found.map(|value| String::from_utf8_lossy(&value).into_owned());
                values("query parameter", name, found.collect())
            }
            Self::ClientIp(_) => format!("client {}", head.peer),
        };
        seen.insert(looked);
    }
}

fn values(what: &str, name: &str, values: Vec<String>) -> String {
    if values.is_empty() {
        return format!("no {what} {name}");
    }
    let value = shown(name, &values.join("`, `")).to_owned();
    format!("{what} {name} `{value}`")
}

fn shown<'v>(name: &str, value: &'v str) -> &'v str {
    if is_secret(name) { "…" } else { value }
}

impl Display for Matcher {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let pair = |out: &mut Formatter<'_>, function: &str, name: &str, value: &str| {
            write!(out, "{function}(`{name}`, `{}`)", shown(name, value))
        };
        match self {
            Self::All(parts) => list(out, parts, " && ", "(always)"),
            Self::Any(parts) => list(out, parts, " || ", "(never)"),
            Self::Not(inner) => {
                out.write_str("!")?;
                operand(out, inner)
            }
            Self::AnyHost => out.write_str("Host(`*`)"),
            Self::Host(host) => write!(out, "Host(`{host}`)"),
            Self::HostSuffix(suffix) => write!(out, "Host(`*{suffix}`)"),
            Self::HostRegexp(regexp) => write!(out, "HostRegexp(`{regexp}`)"),
            Self::Path(path) => write!(out, "Path(`{path}`)"),
            Self::PathPrefix(prefix) => write!(out, "PathPrefix(`{prefix}`)"),
            Self::PathRegexp(regexp) => write!(out, "PathRegexp(`{regexp}`)"),
            Self::Method(method) => write!(out, "Method(`{method}`)"),
            Self::Header { name, value } => pair(out, "Header", name.as_str(), value),
            Self::HeaderRegexp { name, regexp } => {
                pair(out, "HeaderRegexp", name.as_str(), regexp.as_str())
            }
            Self::Query { name, value } => pair(out, "Query", name, value),
            Self::QueryRegexp { name, regexp } => pair(out, "QueryRegexp", name, regexp.as_str()),
            Self::ClientIp(network) => write!(out, "ClientIP(`{network}`)"),
        }
    }
}

fn list(out: &mut Formatter<'_>, parts: &[Matcher], between: &str, none: &str) -> fmt::Result {
    let Some((first, others)) = parts.split_first() else {
        return out.write_str(none);
    };
    operand(out, first)?;
    for part in others {
        out.write_str(between)?;
        operand(out, part)?;
    }
    Ok(())
}

/// In parentheses where it has operators of its own.
fn operand(out: &mut Formatter<'_>, part: &Matcher) -> fmt::Result {
    match part {
        Matcher::All(parts) | Matcher::Any(parts) if parts.len() > 1 => write!(out, "({part})"),
        part => write!(out, "{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::*;
    use super::*;
    use crate::proxy::head::tests::head;

    fn failure(rule: fairway_proto::discovery::v1::Matcher, target: &str) -> Option<Failure> {
        let mut head = head("a.test", target);
        head.headers.insert("x-a", "1".parse().unwrap());
        head.headers
            .insert("authorization", "Basic eA==".parse().unwrap());
        let path = head.routing_path();
        compiled(rule).failure(Subject {
            head: &head,
            path: &path,
        })
    }

    #[test]
    fn the_first_part_that_fails_is_told_with_what_it_looked_at() {
        for (rule, part, found) in [
            (host("b.test"), "Host(`b.test`)", "host a.test"),
            (and([host("a.test"), path("/x")]), "Path(`/x`)", "path /p"),
            (
                and([path_prefix("/x"), host("b.test")]),
                "PathPrefix(`/x`)",
                "path /p",
            ),
            (
                and([host("a.test"), and([method("POST"), path("/x")])]),
                "Method(`POST`)",
                "method GET",
            ),
            (
                or([host("b.test"), and([host("a.test"), path("/x")])]),
                "Host(`b.test`) || (Host(`a.test`) && Path(`/x`))",
                "host a.test, path /p",
            ),
            (not(path("/p")), "!Path(`/p`)", "path /p"),
            (header("x-a", "2"), "Header(`x-a`, `2`)", "header x-a `1`"),
            (
                header_regexp("x-b", "c"),
                "HeaderRegexp(`x-b`, `c`)",
                "no header x-b",
            ),
            (query("q", "2"), "Query(`q`, `2`)", "query parameter q `1`"),
            (
                client_ip("10.0.0.0/8"),
                "ClientIP(`10.0.0.0/8`)",
                "client 192.0.2.10",
            ),
            (or([]), "(never)", ""),
        ] {
            let failure = failure(rule, "/p?q=1").expect("no match");
            assert_eq!(
                (failure.part.as_str(), failure.found.as_str()),
                (part, found)
            );
        }
    }

    #[test]
    fn a_rule_that_matches_has_no_failure() {
        for rule in [
            and([]),
            or([host("b.test"), host("a.test")]),
            not(path("/x")),
        ] {
            assert_eq!(failure(rule, "/p"), None);
        }
    }

    #[test]
    fn values_that_could_be_secrets_are_left_out() {
        let rule = header("Authorization", "Basic c2VjcmV0");
        assert!(compiled(and([not(rule.clone())])).has_secret());
        let failure = failure(rule, "/p").unwrap();
        assert_eq!(failure.part, "Header(`authorization`, `…`)");
        assert_eq!(failure.found, "header authorization `…`");
        assert!(!compiled(header("x-a", "b")).has_secret());
    }
}
