//! `stripPrefixRegex`: takes what the first fitting expression matches at the start
//! off the path.

use fairway_proto::discovery::v1 as wire;
use http::HeaderValue;
use regex::bytes::Regex;

use super::strip_prefix::strip;
use super::{Answer, Flow, MiddlewareError};
use crate::proxy::head::{Head, strip_decoded_prefix, unescape};
use crate::routing::regexp;

#[derive(Debug)]
pub(super) struct StripPrefixRegex {
    regexps: Box<[Regex]>,
}

impl StripPrefixRegex {
    pub(super) fn build(spec: &wire::StripPrefixRegex) -> Result<Self, MiddlewareError> {
        let regexps = spec
            .regex
            .iter()
            .map(|pattern| regexp::compile_bytes(pattern.trim()));
        Ok(Self {
            regexps: regexps.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        let decoded = unescape(&head.path);
        let at_start = |regexp: &Regex| {
            regexp
                .find(&decoded)
                .filter(|found| found.start() == 0 && !found.is_empty())
        };
        let Some(found) = self.regexps.iter().find_map(at_start) else {
            return Flow::Continue;
        };
        let rest = strip_decoded_prefix(&head.path, found.as_bytes()).map(str::len);
        let (Some(rest), Ok(prefix)) = (rest, HeaderValue::from_bytes(found.as_bytes())) else {
            // A decoded control character, which could not be reported.
            return Flow::Respond(Answer::unclean_path());
        };
        drop(decoded);
        strip(head, rest, prefix)
    }
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{build, run, values};
    use super::*;
    use crate::proxy::head::tests::head;

    fn strip_prefix_regex(patterns: &[&str]) -> Kind {
        let regex = patterns
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .collect();
        Kind::StripPrefixRegex(wire::StripPrefixRegex { regex })
    }

    #[test]
    fn what_matches_at_the_start_is_taken_off() {
        for (patterns, target, expected, forwarded) in [
            (
                &["/a/[a-z]+/"][..],
                "/a/bc/d?x=1",
                "/d?x=1",
                &["/a/bc/"][..],
            ),
            (&["^/[0-9]+"], "/12/x", "/x", &["/12"]),
            (&["/x", "/a"], "/a/x", "/x", &["/a"]),
            (&["/b"], "/a/b", "/a/b", &[]),
            (&["z*"], "/a", "/a", &[]),
            (&["/foo .ar"], "/foo%20bar/%20", "/%20", &["/foo bar"]),
            (&["/[^/]+"], "/caf%C3%A9/x", "/x", &["/café"]),
        ] {
            let mut head = head("h", target);
            assert!(
                run([strip_prefix_regex(patterns)], &mut head).is_none(),
                "{target}"
            );
            assert_eq!(head.target().unwrap().as_str(), expected);
            assert_eq!(values(&head.headers, "x-forwarded-prefix"), forwarded);
        }
    }

    #[test]
    fn what_could_climb_or_not_be_reported_is_refused() {
        for target in ["/api../admin", "/api%0a/x"] {
            let chain = [strip_prefix_regex(&["/api\n?"])];
            let answer = run(chain, &mut head("h", target)).unwrap();
            assert_eq!(
                (answer.status.as_u16(), answer.reason),
                (400, "unclean_path")
            );
        }
    }

    #[test]
    fn a_broken_expression_is_an_error() {
        assert!(matches!(
            build(strip_prefix_regex(&["("])),
            Err(MiddlewareError::Regexp(_))
        ));
    }
}
