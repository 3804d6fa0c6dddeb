//! `stripPrefix`: takes the first prefix that fits off the path.
//!
//! A prefix is text, not segments: `/stat` fits `/status`. It is compared with the
//! decoded path.

use fairway_proto::discovery::v1 as wire;
use http::{HeaderName, HeaderValue};

use super::{Answer, Flow, MiddlewareError};
use crate::proxy::head::{Head, is_clean, strip_decoded_prefix};

const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

#[derive(Debug)]
pub(super) struct StripPrefix {
    /// Each with its value for `X-Forwarded-Prefix`.
    prefixes: Box<[(String, HeaderValue)]>,
}

impl StripPrefix {
    pub(super) fn build(spec: &wire::StripPrefix) -> Result<Self, MiddlewareError> {
        let prefixes = spec.prefixes.iter().map(|prefix| prefix.trim());
        let prefixes = prefixes.filter(|prefix| !prefix.is_empty()).map(|prefix| {
            let value = HeaderValue::from_bytes(prefix.as_bytes()).map_err(|_| {
                MiddlewareError::HeaderValue {
                    name: X_FORWARDED_PREFIX.to_string(),
                }
            })?;
            Ok((prefix.to_owned(), value))
        });
        Ok(Self {
            prefixes: prefixes.collect::<Result<_, MiddlewareError>>()?,
        })
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        for (prefix, value) in &self.prefixes {
            if let Some(rest) = strip_decoded_prefix(&head.path, prefix.as_bytes()) {
                let rest = rest.len();
                return strip(head, rest, value.clone());
            }
        }
        Flow::Continue
    }
}

/// Leaves the last `rest` bytes of the escaped path, and says in `X-Forwarded-Prefix`
/// what was taken. Nothing left stays nothing, for a prefix that may be added next.
pub(super) fn strip(head: &mut Head, rest: usize, prefix: HeaderValue) -> Flow {
    head.path.drain(..head.path.len() - rest);
    head.headers.append(X_FORWARDED_PREFIX, prefix);
    if head.path.is_empty() {
        return Flow::Continue;
    }
    if !head.path.starts_with('/') {
        head.path.insert(0, '/');
    }
    // `/api../admin` without `/api` would climb out of what the rule allowed.
    if is_clean(&head.path) {
        Flow::Continue
    } else {
        Flow::Respond(Answer::unclean_path())
    }
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{run, values};
    use super::*;
    use crate::proxy::head::tests::head;

    fn strip_prefix(prefixes: &[&str]) -> Kind {
        let prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        Kind::StripPrefix(wire::StripPrefix { prefixes })
    }

    #[test]
    fn the_first_prefix_that_fits_is_taken_off() {
        for (prefixes, target, expected, forwarded) in [
            (
                &["/api"][..],
                "/api/flats/?x=1",
                "/flats/?x=1",
                Some("/api"),
            ),
            (&["/api"], "/api", "/", Some("/api")),
            (&["/api/"], "/api/flats", "/flats", Some("/api/")),
            (&["/stat"], "/status", "/us", Some("/stat")),
            (&["/a", "/a/b"], "/a/b/c", "/b/c", Some("/a")),
            (&["/x", " /a "], "/a/b/", "/b/", Some("/a")),
            (
                &["/foo bar"],
                "/foo%20bar/x%20y",
                "/x%20y",
                Some("/foo bar"),
            ),
            (&["/api"], "/other", "/other", None),
            (&["", "/api"], "/api/x", "/x", Some("/api")),
        ] {
            let mut head = head("h", target);
            assert!(
                run([strip_prefix(prefixes)], &mut head).is_none(),
                "{target}"
            );
            assert_eq!(head.target().unwrap().as_str(), expected);
            assert_eq!(
                values(&head.headers, "x-forwarded-prefix")
                    .first()
                    .map(String::as_str),
                forwarded
            );
        }
    }

    #[test]
    fn prefixes_of_a_chain_accumulate() {
        let mut head = head("h", "/a/b/c");
        run([strip_prefix(&["/a"]), strip_prefix(&["/b"])], &mut head);
        assert_eq!(values(&head.headers, "x-forwarded-prefix"), ["/a", "/b"]);
    }

    #[test]
    fn a_rest_that_could_climb_is_refused() {
        for target in ["/api../admin", "/api./x"] {
            let answer = run([strip_prefix(&["/api"])], &mut head("h", target)).unwrap();
            assert_eq!(answer.status, 400, "{target}");
            assert_eq!(answer.reason, "unclean_path");
            assert_eq!(answer.body, "Bad Request\n");
        }
    }
}
