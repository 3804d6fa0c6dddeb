//! `stripPrefixRegex`: takes what an expression matches off the start of the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::rule::Pattern;

/// Options of `stripPrefixRegex`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StripPrefixRegex {
    /// The first that matches at the start of the path counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regex: Vec<Pattern>,
}

impl StripPrefixRegex {
    pub(super) fn encode(&self) -> proto::StripPrefixRegex {
        let regex = self
            .regex
            .iter()
            .map(|it| it.translated().to_owned())
            .collect();
        proto::StripPrefixRegex { regex }
    }
}
