//! `addPrefix`: puts a prefix before the path.

use fairway_proto::discovery::v1 as wire;

use super::{Flow, MiddlewareError};
use crate::proxy::head::{Head, escape_path};

#[derive(Debug)]
pub(super) struct AddPrefix {
    /// Escaped, with a leading slash.
    prefix: String,
}

impl AddPrefix {
    pub(super) fn build(spec: &wire::AddPrefix) -> Result<Self, MiddlewareError> {
        if spec.prefix.is_empty() {
            return Err(MiddlewareError::Required { option: "prefix" });
        }
        let mut prefix = escape_path(&spec.prefix).map_err(|source| MiddlewareError::Path {
            option: "prefix",
            source,
        })?;
        if !prefix.starts_with('/') {
            prefix.insert(0, '/');
        }
        Ok(Self { prefix })
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        head.path.insert_str(0, &self.prefix);
        Flow::Continue
    }
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{build, run};
    use super::*;
    use crate::proxy::head::tests::head;

    fn add_prefix(prefix: &str) -> Kind {
        Kind::AddPrefix(wire::AddPrefix {
            prefix: prefix.to_owned(),
        })
    }

    #[test]
    fn the_prefix_comes_before_the_path_and_the_query_stays() {
        for (prefix, target, expected) in [
            ("/foo", "/bar?x=1", "/foo/bar?x=1"),
            ("foo", "/bar", "/foo/bar"),
            ("/foo", "/", "/foo/"),
            ("/a b", "/c%20d", "/a%20b/c%20d"),
            ("/a%20b", "/c", "/a%20b/c"),
        ] {
            let mut head = head("h", target);
            assert!(run([add_prefix(prefix)], &mut head).is_none());
            assert_eq!(head.target().unwrap().as_str(), expected);
        }
    }

    #[test]
    fn a_prefix_is_needed_and_must_be_a_path() {
        for (prefix, expected) in [
            ("", "`prefix` is required"),
            (
                "/100%",
                "`prefix`: the path has an incomplete percent escape",
            ),
        ] {
            assert_eq!(build(add_prefix(prefix)).unwrap_err().to_string(), expected);
        }
    }
}
