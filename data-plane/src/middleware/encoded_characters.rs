//! `encodedCharacters`: refuses paths with escapes of reserved characters.
//!
//! The gate has refused `%2F`, `%5C` and `%00` before, whatever this allows.

use bytes::Bytes;
use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, StatusCode};

use super::{Answer, Flow};
use crate::proxy::head::Head;

#[derive(Debug)]
pub(super) struct EncodedCharacters {
    /// The digits of the escapes refused, upper-case as the path has them.
    refused: Vec<&'static str>,
}

impl EncodedCharacters {
    pub(super) fn build(spec: &wire::EncodedCharacters) -> Self {
        let characters = [
            (spec.allow_slash, "2F"),
            (spec.allow_back_slash, "5C"),
            (spec.allow_null_character, "00"),
            (spec.allow_semicolon, "3B"),
            (spec.allow_percent, "25"),
            (spec.allow_question_mark, "3F"),
            (spec.allow_hash, "23"),
        ];
        let refused = characters.into_iter().filter(|(allowed, _)| !allowed);
        Self {
            refused: refused.map(|(_, digits)| digits).collect(),
        }
    }

    pub(super) fn on_request(&self, head: &Head) -> Flow {
        let mut escapes = head.path.split('%').skip(1);
        let refused = |after: &str| self.refused.iter().any(|digits| after.starts_with(digits));
        if !escapes.any(refused) {
            return Flow::Continue;
        }
        Flow::Respond(Answer {
            status: StatusCode::BAD_REQUEST,
            reason: "encoded_character",
            headers: HeaderMap::new(),
            body: Bytes::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::run;
    use super::*;
    use crate::proxy::head::tests::head;

    #[test]
    fn an_escape_is_refused_unless_it_is_allowed() {
        let none = wire::EncodedCharacters::default();
        #[rustfmt::skip]
        let rows = [
            ("/a%3Bb", wire::EncodedCharacters { allow_semicolon: true, ..none }),
            ("/a%3bb", wire::EncodedCharacters { allow_semicolon: true, ..none }),
            ("/a%25b", wire::EncodedCharacters { allow_percent: true, ..none }),
            ("/%3Fb", wire::EncodedCharacters { allow_question_mark: true, ..none }),
            ("/a%23", wire::EncodedCharacters { allow_hash: true, ..none }),
        ];
        for (path, allowing) in rows {
            let answer = run([Kind::EncodedCharacters(none)], &mut head("h", path)).unwrap();
            assert_eq!(
                (answer.status.as_u16(), answer.body.len()),
                (400, 0),
                "{path}"
            );
            assert_eq!(answer.reason, "encoded_character");
            let answer = run([Kind::EncodedCharacters(allowing)], &mut head("h", path));
            assert!(answer.is_none(), "{path}");
        }
        for path in ["/a%20b", "/a?b=%2F%3B", "/%C3%BC", "/%253Bx"] {
            let percent = wire::EncodedCharacters {
                allow_percent: true,
                ..none
            };
            let answer = run([Kind::EncodedCharacters(percent)], &mut head("h", path));
            assert!(answer.is_none(), "{path}");
        }
    }

    #[test]
    fn what_a_middleware_before_it_wrote_is_looked_at() {
        for (path, expected) in [("/a%2Fb", true), ("/a%5Cb", true), ("/a%00b", true)] {
            let mut head = head("h", "/");
            head.path = path.to_owned();
            let spec = wire::EncodedCharacters::default();
            assert_eq!(
                run([Kind::EncodedCharacters(spec)], &mut head).is_some(),
                expected
            );
        }
    }
}
