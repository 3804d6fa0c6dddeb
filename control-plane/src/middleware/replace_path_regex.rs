//! `replacePathRegex`: replaces what an expression matches in the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::rule::Pattern;

/// Options of `replacePathRegex`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplacePathRegex {
    /// What to look for in the escaped path.
    pub regex: Pattern,
    /// What to put there, in Go's syntax (`$1`, `${name}`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replacement: String,
}

impl ReplacePathRegex {
    pub(super) fn encode(&self) -> proto::ReplacePathRegex {
        proto::ReplacePathRegex {
            regex: self.regex.translated().to_owned(),
            replacement: self.replacement.clone(),
        }
    }
}
