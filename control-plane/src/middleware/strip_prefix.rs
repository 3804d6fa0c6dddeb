//! `stripPrefix`: takes a prefix off the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

/// Options of `stripPrefix`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StripPrefix {
    /// The first that fits is taken off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
}

impl StripPrefix {
    /// Reads the options; what is doubtful is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const PREFIXES: &str = "stripPrefix.prefixes";
        let mut prefixes = fields.list(PREFIXES);
        // An empty prefix fits every path, and hides those after it.
        prefixes.retain(|prefix| !prefix.is_empty());
        if prefixes.is_empty() {
            let suggestion = format!("write {}=/api", fields.key(PREFIXES));
            fields.remark(
                PREFIXES,
                "stripPrefix has no prefixes and does nothing",
                suggestion,
            );
        }
        for prefix in prefixes.iter().filter(|prefix| !prefix.starts_with('/')) {
            fields.remark(
                PREFIXES,
                format!("the prefix {prefix} fits no path, for paths start with `/`"),
                format!("write /{prefix}"),
            );
        }
        Some(Self { prefixes })
    }

    pub(super) fn encode(&self) -> proto::StripPrefix {
        proto::StripPrefix {
            prefixes: self.prefixes.clone(),
        }
    }
}
