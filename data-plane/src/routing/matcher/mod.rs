//! A rule, compiled: the only thing that decides whether a route takes a request.
//!
//! The indexes beside it only choose which matchers are asked. Evaluation is left to
//! right and stops as soon as the answer is known.

mod trace;

use std::borrow::Cow;

use fairway_proto::discovery::v1 as wire;
use http::{HeaderName, header};
use regex::Regex;

pub(crate) use self::trace::{Failure, is_secret};
use super::network::{Network, NetworkError};
use super::query;
use super::regexp::{self, RegexpError};
use crate::proxy::head::Head;

/// A compiled rule.
#[derive(Debug)]
pub(crate) enum Matcher {
    /// Every part matches.
    All(Box<[Matcher]>),
    /// One part matches; without parts, nothing does.
    Any(Box<[Matcher]>),
    Not(Box<Matcher>),
    /// Any host, also none.
    AnyHost,
    /// This host: lower-case, without trailing dot, not empty.
    Host(Box<str>),
    /// One label followed by this, which starts with a dot or is empty.
    HostSuffix(Box<str>),
    HostRegexp(Regex),
    Path(Box<str>),
    PathPrefix(Box<str>),
    PathRegexp(Regex),
    Method(Box<str>),
    Header {
        name: HeaderName,
        value: Box<str>,
    },
    HeaderRegexp {
        name: HeaderName,
        regexp: regex::bytes::Regex,
    },
    Query {
        name: Box<str>,
        value: Box<str>,
    },
    QueryRegexp {
        name: Box<str>,
        regexp: regex::bytes::Regex,
    },
    ClientIp(Network),
}

/// What a matcher looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'r> {
    pub(crate) head: &'r Head,
    /// [`Head::routing_path`], decoded once for all rules.
    pub(crate) path: &'r str,
}

/// Why a rule cannot be compiled.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MatcherError {
    /// Sent by a control plane that knows more matchers.
    #[error("the rule uses a matcher that this proxy does not know")]
    Unknown,
    #[error(transparent)]
    Regexp(#[from] RegexpError),
    #[error("`{0}` is not the name of a header")]
    HeaderName(String),
    #[error(transparent)]
    ClientIp(#[from] NetworkError),
}

impl Matcher {
    /// Matches nothing.
    fn never() -> Self {
        Self::Any(Box::default())
    }

    pub(crate) fn compile(rule: &wire::Matcher) -> Result<Self, MatcherError> {
        use wire::matcher::Matcher as Wire;

        Ok(match rule.matcher.as_ref().ok_or(MatcherError::Unknown)? {
            Wire::And(list) => Self::All(compile_list(list)?),
            Wire::Or(list) => Self::Any(compile_list(list)?),
            Wire::Not(inner) => Self::Not(Box::new(Self::compile(inner)?)),
            Wire::Host(host) => compile_host(host),
            Wire::HostRegexp(pattern) => compile_host_regexp(pattern)?,
            Wire::Path(path) => Self::Path(path.as_str().into()),
            Wire::PathPrefix(prefix) => Self::PathPrefix(prefix.as_str().into()),
            Wire::PathRegexp(pattern) => Self::PathRegexp(regexp::compile(pattern)?),
            Wire::Method(method) => Self::Method(method.as_str().into()),
            Wire::Header(pair) => match header_name(&pair.key)? {
                // The host is not a header to a rule: it has matchers of its own.
                name if name == header::HOST => Self::never(),
                name => Self::Header {
                    name,
                    value: pair.value.as_str().into(),
                },
            },
            Wire::HeaderRegexp(pair) => match header_name(&pair.key)? {
                name if name == header::HOST => Self::never(),
                name => Self::HeaderRegexp {
                    name,
                    regexp: regexp::compile_bytes(&pair.value)?,
                },
            },
            Wire::Query(pair) => compile_query(pair),
            // Without a pattern it asks for the empty value, as `Query` does.
            Wire::QueryRegexp(pair) if pair.value.is_empty() => compile_query(pair),
            Wire::QueryRegexp(pair) => Self::QueryRegexp {
                name: pair.key.as_str().into(),
                regexp: regexp::compile_bytes(&pair.value)?,
            },
            Wire::ClientIp(network) => Self::ClientIp(network.parse()?),
        })
    }

    /// Does the rule take this request?
    pub(crate) fn matches(&self, subject: Subject<'_>) -> bool {
        let Subject { head, path } = subject;
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(subject)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(subject)),
            Self::Not(inner) => !inner.matches(subject),
            Self::AnyHost => true,
            Self::Host(host) => head.host == **host,
            Self::HostSuffix(suffix) => after_first_label(&head.host) == Some(suffix),
            Self::HostRegexp(regexp) => regexp.is_match(&head.host),
            Self::Path(exact) => path == &**exact,
            Self::PathPrefix(prefix) => path.starts_with(&**prefix),
            Self::PathRegexp(regexp) => regexp.is_match(path),
            Self::Method(method) => head.method.as_str() == &**method,
            Self::Header { name, value } => head
                .headers
                .get_all(name)
                .iter()
                .any(|line| line.as_bytes() == value.as_bytes()),
            Self::HeaderRegexp { name, regexp } => head
                .headers
                .get_all(name)
                .iter()
                .any(|line| regexp.is_match(line.as_bytes())),
            Self::Query { name, value } => {
                parameters(head, name).any(|found| found.as_ref() == value.as_bytes())
            }
            Self::QueryRegexp { name, regexp } => {
                parameters(head, name).any(|found| regexp.is_match(&found))
            }
            Self::ClientIp(network) => network.contains(head.peer),
        }
    }
}

/// The host from its first dot on: what [`Matcher::HostSuffix`] compares. `None`
/// without a host.
pub(super) fn after_first_label(host: &str) -> Option<&str> {
    if host.is_empty() {
        return None;
    }
    Some(
        host.find('.')
            .and_then(|dot| host.get(dot..))
            .unwrap_or_default(),
    )
}

fn parameters<'r>(head: &'r Head, name: &'r str) -> impl Iterator<Item = Cow<'r, [u8]>> {
    head.query
        .as_deref()
        .into_iter()
        .flat_map(move |query| query::values(query, name))
}

fn compile_list(list: &wire::MatcherList) -> Result<Box<[Matcher]>, MatcherError> {
    list.matchers.iter().map(Matcher::compile).collect()
}

fn compile_host(host: &str) -> Matcher {
    if host == "*" {
        return Matcher::AnyHost;
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    match host.strip_prefix('*') {
        Some(suffix) if suffix.is_empty() || suffix.starts_with('.') => {
            Matcher::HostSuffix(suffix.into())
        }
        // The star stands for the whole label, so `*foo.example.com` is no host's form.
        Some(_) => Matcher::never(),
        None if host.is_empty() => Matcher::never(),
        None => Matcher::Host(host.into()),
    }
}

fn compile_host_regexp(pattern: &str) -> Result<Matcher, MatcherError> {
    let regexp = regexp::compile(pattern)?;
    // Traefik also tries the pattern on an alias of the host, which is empty unless
    // aliases are resolved: a pattern that can be empty matches every host there.
    Ok(if regexp.is_match("") {
        Matcher::AnyHost
    } else {
        Matcher::HostRegexp(regexp)
    })
}

fn compile_query(pair: &wire::KeyValue) -> Matcher {
    Matcher::Query {
        name: pair.key.as_str().into(),
        value: pair.value.as_str().into(),
    }
}

fn header_name(name: &str) -> Result<HeaderName, MatcherError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| MatcherError::HeaderName(name.to_owned()))
}

#[cfg(test)]
mod tests;
