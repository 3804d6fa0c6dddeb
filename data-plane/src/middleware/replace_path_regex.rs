//! `replacePathRegex`: replaces every match of an expression in the escaped path.

use std::borrow::Cow;

use fairway_proto::discovery::v1 as wire;
use http::StatusCode;
use regex::Regex;

use super::replace_path::replace;
use super::{Answer, Flow, MiddlewareError};
use crate::proxy::head::{Head, escape_path, is_clean};
use crate::routing::regexp;

#[derive(Debug)]
pub(super) struct ReplacePathRegex {
    regexp: Regex,
    /// With `${1}` and `${name}`.
    replacement: String,
}

impl ReplacePathRegex {
    pub(super) fn build(spec: &wire::ReplacePathRegex) -> Result<Self, MiddlewareError> {
        let regexp = regexp::compile(spec.regex.trim())?;
        Ok(Self {
            regexp,
            replacement: spec.replacement.trim().to_owned(),
        })
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        let Cow::Owned(made) = self.regexp.replace_all(&head.path, &self.replacement) else {
            return Flow::Continue;
        };
        let Ok(mut path) = escape_path(&made) else {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Flow::Respond(Answer::text(status, "internal", "Internal Server Error\n"));
        };
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        if !is_clean(&path) {
            return Flow::Respond(Answer::unclean_path());
        }
        replace(head, |old| *old = path)
    }
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{build, run, values};
    use super::*;
    use crate::proxy::head::tests::head;

    fn replace_path_regex(regex: &str, replacement: &str) -> Kind {
        let (regex, replacement) = (regex.to_owned(), replacement.to_owned());
        Kind::ReplacePathRegex(wire::ReplacePathRegex { regex, replacement })
    }

    #[test]
    fn every_match_is_replaced_in_the_escaped_path() {
        for (regex, replacement, target, expected, replaced) in [
            (
                "^/api/(.*)",
                "/${1}",
                "/api/flats/?x=1",
                "/flats/?x=1",
                Some("/api/flats/"),
            ),
            (
                " ^/api/(?P<rest>.*) ",
                " /v2/${rest} ",
                "/api/x",
                "/v2/x",
                Some("/api/x"),
            ),
            ("a", "b", "/a/a", "/b/b", Some("/a/a")),
            ("%20", "-", "/a%20b", "/a-b", Some("/a%20b")),
            ("^/api/", "", "/api/x", "/x", Some("/api/x")),
            ("^/a$", "/b c?d", "/a", "/b%20c%3Fd", Some("/a")),
            ("^/a$", "/a", "/a", "/a", Some("/a")),
            ("^/api", "/b", "/other", "/other", None),
        ] {
            let mut head = head("h", target);
            assert!(
                run([replace_path_regex(regex, replacement)], &mut head).is_none(),
                "{target}"
            );
            assert_eq!(head.target().unwrap().as_str(), expected);
            assert_eq!(
                values(&head.headers, "x-replaced-path")
                    .first()
                    .map(String::as_str),
                replaced
            );
        }
    }

    #[test]
    fn a_path_that_is_not_clean_or_not_a_path_is_not_passed_on() {
        for (replacement, status) in [
            ("/../b", 400),
            ("//b", 400),
            ("/%2e%2e/b", 400),
            ("/%z", 500),
        ] {
            let mut head = head("h", "/a");
            let answer = run([replace_path_regex("^/a$", replacement)], &mut head).unwrap();
            assert_eq!(answer.status, status, "{replacement}");
            assert_eq!(head.path, "/a");
        }
    }

    #[test]
    fn a_broken_expression_is_an_error() {
        assert!(matches!(
            build(replace_path_regex("(", "")),
            Err(MiddlewareError::Regexp(_))
        ));
    }
}
