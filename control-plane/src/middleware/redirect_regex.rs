//! `redirectRegex`: sends the client to another URL, made from the one it asked for.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use super::pattern;
use crate::label::Fields;
use crate::rule::{Pattern, Replacement};

/// Options of `redirectRegex`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedirectRegex {
    /// What to look for in `scheme://host/path?query`.
    pub regex: Pattern,
    /// What to put there.
    pub replacement: Replacement,
    /// 301 or 308 instead of 302 or 307.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
}

impl RedirectRegex {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const REGEX: &str = "redirectRegex.regex";
        const REPLACEMENT: &str = "redirectRegex.replacement";
        let Some(text) = fields.some_text(REGEX) else {
            let suggestion = format!("write {}=^http://www\\.(.*)", fields.key(REGEX));
            fields.reject(REGEX, "redirectRegex lacks its expression", suggestion);
            return None;
        };
        let regex = pattern(fields, REGEX, &text)?;
        let text = fields.some_text(REPLACEMENT).unwrap_or_default();
        let replacement = Replacement::new(&text, &regex);
        for name in replacement.unknown_groups() {
            fields.remark(
                REPLACEMENT,
                format!("${{{name}}} names no group of the expression and stands for nothing"),
                "write ${1} for the first group in parentheses; a letter, digit or _ after $1 \
                 becomes part of the name",
            );
        }
        let permanent = fields.boolean("redirectRegex.permanent");
        Some(Self {
            regex,
            replacement,
            permanent: permanent.unwrap_or_default(),
        })
    }

    pub(super) fn encode(&self) -> proto::RedirectRegex {
        proto::RedirectRegex {
            regex: self.regex.translated().to_owned(),
            replacement: self.replacement.translated().to_owned(),
            permanent: self.permanent,
        }
    }
}
