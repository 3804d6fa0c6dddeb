//! `addPrefix`: puts a prefix before the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

/// Options of `addPrefix`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddPrefix {
    /// What to put before the path; not empty.
    pub prefix: String,
}

impl AddPrefix {
    pub(super) fn encode(&self) -> proto::AddPrefix {
        proto::AddPrefix {
            prefix: self.prefix.clone(),
        }
    }
}
