//! A rule in its parts.

use serde_json::{Value, json};

use crate::rule::Matcher;

/// `{"and": […]}`, `{"or": […]}`, `{"not": …}` or a matcher with its arguments.
pub(in crate::api) fn tree(of: &Matcher) -> Value {
    let list = |parts: &[Matcher]| parts.iter().map(tree).collect::<Vec<_>>();
    let (name, arguments) = match of {
        Matcher::And(parts) => return json!({ "and": list(parts) }),
        Matcher::Or(parts) => return json!({ "or": list(parts) }),
        Matcher::Not(part) => return json!({ "not": tree(part) }),
        Matcher::Host(host) => ("Host", vec![host.as_str()]),
        Matcher::HostRegexp(pattern) => ("HostRegexp", vec![pattern.text()]),
        Matcher::Path(path) => ("Path", vec![path.as_str()]),
        Matcher::PathPrefix(prefix) => ("PathPrefix", vec![prefix.as_str()]),
        Matcher::PathRegexp(pattern) => ("PathRegexp", vec![pattern.text()]),
        Matcher::Method(method) => ("Method", vec![method.as_str()]),
        Matcher::Header { name, value } => ("Header", vec![name.as_str(), value]),
        Matcher::HeaderRegexp { name, pattern } => {
            ("HeaderRegexp", vec![name.as_str(), pattern.text()])
        }
        Matcher::Query { key, value } => ("Query", vec![key.as_str(), value]),
        Matcher::QueryRegexp { key, pattern } => {
            ("QueryRegexp", vec![key.as_str(), pattern.text()])
        }
        Matcher::ClientIp(range) => ("ClientIP", vec![range.as_str()]),
    };
    json!({ "matcher": name, "arguments": arguments })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::parse;

    #[test]
    fn a_rule_becomes_a_tree_of_its_parts() {
        let rule = "Host(`a.test`) && (PathPrefix(`/x`) || !Header(`X-A`, `1`))";
        let expected = json!({ "and": [
            { "matcher": "Host", "arguments": ["a.test"] },
            { "or": [
                { "matcher": "PathPrefix", "arguments": ["/x"] },
                { "not": { "matcher": "Header", "arguments": ["X-A", "1"] } },
            ]},
        ]});
        assert_eq!(tree(&parse(rule).unwrap()), expected);
    }
}
