//! `replacePathRegex`: replaces what an expression matches in the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use super::pattern;
use crate::label::Fields;
use crate::rule::{Pattern, Replacement};

/// Options of `replacePathRegex`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplacePathRegex {
    /// What to look for in the escaped path.
    pub regex: Pattern,
    /// What to put there.
    pub replacement: Replacement,
}

impl ReplacePathRegex {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const REGEX: &str = "replacePathRegex.regex";
        const REPLACEMENT: &str = "replacePathRegex.replacement";
        let text = fields.some_text(REGEX).unwrap_or_default();
        if text.trim().is_empty() {
            let suggestion = format!("write {}=^/api/(.*)", fields.key(REGEX));
            fields.reject(REGEX, "replacePathRegex lacks its expression", suggestion);
            return None;
        }
        let regex = pattern(fields, REGEX, text.trim())?;
        let text = fields.some_text(REPLACEMENT).unwrap_or_default();
        let replacement = Replacement::new(text.trim(), &regex);
        for name in replacement.unknown_groups() {
            fields.remark(
                REPLACEMENT,
                format!("${{{name}}} names no group of the expression and stands for nothing"),
                "write ${1} for the first group in parentheses; a letter, digit or _ after $1 \
                 becomes part of the name",
            );
        }
        Some(Self { regex, replacement })
    }

    pub(super) fn encode(&self) -> proto::ReplacePathRegex {
        proto::ReplacePathRegex {
            regex: self.regex.translated().to_owned(),
            replacement: self.replacement.translated().to_owned(),
        }
    }
}
