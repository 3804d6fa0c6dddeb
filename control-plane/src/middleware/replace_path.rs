//! `replacePath`: puts another path in place of the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

/// Options of `replacePath`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplacePath {
    /// The new path, percent-encoded; starts with `/`.
    pub path: String,
}

impl ReplacePath {
    pub(super) fn encode(&self) -> proto::ReplacePath {
        proto::ReplacePath {
            path: self.path.clone(),
        }
    }
}
