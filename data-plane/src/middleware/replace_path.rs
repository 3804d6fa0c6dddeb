//! `replacePath`: puts another path in place of the path; the query stays.

use fairway_proto::discovery::v1 as wire;
use http::{HeaderName, HeaderValue};

use super::{Answer, Flow, MiddlewareError};
use crate::proxy::head::{Head, escape_path};

const X_REPLACED_PATH: HeaderName = HeaderName::from_static("x-replaced-path");

#[derive(Debug)]
pub(super) struct ReplacePath {
    /// Escaped, with a leading slash.
    path: String,
}

impl ReplacePath {
    pub(super) fn build(spec: &wire::ReplacePath) -> Result<Self, MiddlewareError> {
        let mut path = escape_path(&spec.path).map_err(|source| MiddlewareError::Path {
            option: "path",
            source,
        })?;
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        Ok(Self { path })
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        replace(head, |path| {
            path.clear();
            path.push_str(&self.path);
        })
    }
}

/// Changes the path and says in `X-Replaced-Path` what it was.
pub(super) fn replace(head: &mut Head, change: impl FnOnce(&mut String)) -> Flow {
    let Ok(replaced) = HeaderValue::from_str(&head.path) else {
        return Flow::Respond(Answer::unclean_path());
    };
    head.headers.append(X_REPLACED_PATH, replaced);
    change(&mut head.path);
    Flow::Continue
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{build, run, values};
    use super::*;
    use crate::proxy::head::tests::head;

    fn replace_path(path: &str) -> Kind {
        Kind::ReplacePath(wire::ReplacePath {
            path: path.to_owned(),
        })
    }

    #[test]
    fn the_path_is_replaced_and_reported_and_the_query_stays() {
        for (path, target, expected, replaced) in [
            ("/", "/api/flats/?x=1", "/?x=1", "/api/flats/"),
            ("/foo bar", "/a%20b", "/foo%20bar", "/a%20b"),
            ("/a%2fb?c", "/x", "/a%2Fb%3Fc", "/x"),
            ("foo", "/x", "/foo", "/x"),
        ] {
            let mut head = head("h", target);
            assert!(run([replace_path(path)], &mut head).is_none());
            assert_eq!(head.target().unwrap().as_str(), expected);
            assert_eq!(values(&head.headers, "x-replaced-path"), [replaced]);
        }
    }

    #[test]
    fn a_path_with_a_broken_escape_is_an_error() {
        assert_eq!(
            build(replace_path("/%zz")).unwrap_err().to_string(),
            "`path`: the path has an incomplete percent escape"
        );
    }
}
