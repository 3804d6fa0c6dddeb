//! Rules of `fixtures/rules.json`: which parse, which are refused and why.
//!
//! Which requests they match is the proxies' affair; a fixture says that, too, so
//! that both planes are held to one file. A request is GET of `/` at `example.com`
//! where it does not say otherwise.

use std::net::IpAddr;

use fairway_control::rule::{self, RuleSyntax};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    case: String,
    #[serde(default)]
    syntax: String,
    rule: String,
    #[serde(default)]
    refused: Option<String>,
    #[serde(default)]
    matches: Vec<Request>,
    #[serde(default)]
    passes_by: Vec<Request>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default)]
    #[allow(dead_code, reason = "read by the proxies' test")]
    method: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "read by the proxies' test")]
    host: Option<String>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "read by the proxies' test")]
    headers: Vec<(String, String)>,
    #[serde(default)]
    peer: Option<IpAddr>,
}

fn fixtures() -> Vec<Fixture> {
    serde_json::from_str(include_str!("fixtures/rules.json"))
        .unwrap_or_else(|error| panic!("fixtures/rules.json: {error}"))
}

#[test]
fn a_rule_parses_or_is_refused_as_its_fixture_says() {
    for Fixture {
        case,
        syntax,
        rule,
        refused,
        ..
    } in fixtures()
    {
        let syntax = RuleSyntax::of(&syntax);
        match (rule::parse_as(syntax, &rule), refused) {
            (Ok(matcher), None) => {
                let printed = matcher.to_string();
                assert_eq!(rule::parse(&printed), Ok(matcher), "{case}: {printed}");
            }
            (Err(error), Some(why)) => {
                assert!(error.message.contains(&why), "{case}: {error}");
                assert!(
                    !error.suggestion.ends_with('.'),
                    "{case}: {}",
                    error.suggestion
                );
            }
            (result, refused) => panic!("{case}: {result:?}, expected {refused:?}"),
        }
    }
}

#[test]
fn a_fixture_with_requests_can_be_sent_on_one_machine() {
    for fixture in fixtures() {
        for request in fixture.matches.iter().chain(&fixture.passes_by) {
            let target = request.target.as_deref().unwrap_or("/");
            assert!(
                target.starts_with('/') && target.is_ascii(),
                "{}",
                fixture.case
            );
            assert!(
                request.peer.is_none_or(|peer| peer.is_loopback()),
                "{}",
                fixture.case
            );
        }
    }
}
