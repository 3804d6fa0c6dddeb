//! `addPrefix`: puts a prefix before the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

/// Options of `addPrefix`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddPrefix {
    /// What to put before the path; not empty.
    pub prefix: String,
}

impl AddPrefix {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        let Some(prefix) = fields.some_text("addPrefix.prefix") else {
            let suggestion = format!("write {}=/api", fields.key("addPrefix.prefix"));
            fields.reject("addPrefix.prefix", "addPrefix lacks its prefix", suggestion);
            return None;
        };
        Some(Self { prefix })
    }

    pub(super) fn encode(&self) -> proto::AddPrefix {
        proto::AddPrefix {
            prefix: self.prefix.clone(),
        }
    }
}
