//! Rules and resources, short, for tests.

use fairway_proto::discovery::v1 as wire;
use wire::matcher::Matcher as Leaf;

use super::matcher::Matcher;

fn rule(leaf: Leaf) -> wire::Matcher {
    wire::Matcher {
        matcher: Some(leaf),
    }
}

fn list(matchers: impl IntoIterator<Item = wire::Matcher>) -> wire::MatcherList {
    wire::MatcherList {
        matchers: matchers.into_iter().collect(),
    }
}

fn pair(key: &str, value: &str) -> wire::KeyValue {
    wire::KeyValue {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

pub(crate) fn and(matchers: impl IntoIterator<Item = wire::Matcher>) -> wire::Matcher {
    rule(Leaf::And(list(matchers)))
}

pub(crate) fn or(matchers: impl IntoIterator<Item = wire::Matcher>) -> wire::Matcher {
    rule(Leaf::Or(list(matchers)))
}

pub(crate) fn not(matcher: wire::Matcher) -> wire::Matcher {
    rule(Leaf::Not(Box::new(matcher)))
}

pub(crate) fn host(host: &str) -> wire::Matcher {
    rule(Leaf::Host(host.to_owned()))
}

pub(crate) fn host_regexp(pattern: &str) -> wire::Matcher {
    rule(Leaf::HostRegexp(pattern.to_owned()))
}

pub(crate) fn path(path: &str) -> wire::Matcher {
    rule(Leaf::Path(path.to_owned()))
}

pub(crate) fn path_prefix(prefix: &str) -> wire::Matcher {
    rule(Leaf::PathPrefix(prefix.to_owned()))
}

pub(crate) fn path_regexp(pattern: &str) -> wire::Matcher {
    rule(Leaf::PathRegexp(pattern.to_owned()))
}

pub(crate) fn method(method: &str) -> wire::Matcher {
    rule(Leaf::Method(method.to_owned()))
}

pub(crate) fn header(name: &str, value: &str) -> wire::Matcher {
    rule(Leaf::Header(pair(name, value)))
}

pub(crate) fn header_regexp(name: &str, pattern: &str) -> wire::Matcher {
    rule(Leaf::HeaderRegexp(pair(name, pattern)))
}

pub(crate) fn query(name: &str, value: &str) -> wire::Matcher {
    rule(Leaf::Query(pair(name, value)))
}

pub(crate) fn query_regexp(name: &str, pattern: &str) -> wire::Matcher {
    rule(Leaf::QueryRegexp(pair(name, pattern)))
}

pub(crate) fn client_ip(network: &str) -> wire::Matcher {
    rule(Leaf::ClientIp(network.to_owned()))
}

pub(crate) fn compiled(matcher: wire::Matcher) -> Matcher {
    Matcher::compile(&matcher).expect("a rule for tests")
}
