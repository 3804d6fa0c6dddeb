//! `stripPrefix`: takes a prefix off the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

/// Options of `stripPrefix`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StripPrefix {
    /// The first that fits is taken off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
}

impl StripPrefix {
    pub(super) fn encode(&self) -> proto::StripPrefix {
        proto::StripPrefix {
            prefixes: self.prefixes.clone(),
        }
    }
}
