//! `replacePath`: puts another path in place of the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

/// Options of `replacePath`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplacePath {
    /// The new path, percent-encoded; starts with `/`.
    pub path: String,
}

impl ReplacePath {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const PATH: &str = "replacePath.path";
        let path = fields.some_text(PATH).unwrap_or_else(|| "/".to_owned());
        if !path.starts_with('/') {
            let suggestion = format!("write {}=/{path}", fields.key(PATH));
            fields.reject(
                PATH,
                format!("the path {path} does not start with `/`"),
                suggestion,
            );
        }
        if !escapes_are_whole(&path) {
            fields.reject(
                PATH,
                format!("the path {path} has a `%` without two hexadecimal digits"),
                "write %25 for a percent sign",
            );
        }
        Some(Self { path })
    }

    pub(super) fn encode(&self) -> proto::ReplacePath {
        proto::ReplacePath {
            path: self.path.clone(),
        }
    }
}

fn escapes_are_whole(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
