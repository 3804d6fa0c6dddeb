//! `stripPrefixRegex`: takes what an expression matches off the start of the path.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

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
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const REGEX: &str = "stripPrefixRegex.regex";
        const COMMA: &str =
            "a comma always separates expressions here: write (v1|v2) instead of v{1,2}";
        let mut regex = Vec::new();
        for text in fields
            .list(REGEX)
            .into_iter()
            .filter(|text| !text.is_empty())
        {
            if text.matches('{').count() != text.matches('}').count() {
                fields.remark(
                    REGEX,
                    format!("{text} was taken for a whole expression"),
                    COMMA,
                );
            }
            match Pattern::new(&text) {
                Ok(pattern) => regex.push(pattern),
                Err(error) => {
                    let message = format!("the regular expression {text} cannot be used: {error}");
                    fields.reject(REGEX, message, COMMA);
                }
            }
        }
        if regex.is_empty() && !fields.has_mistakes() {
            let suggestion = format!("write {}=^/v[0-9]+", fields.key(REGEX));
            fields.remark(
                REGEX,
                "stripPrefixRegex has no expressions and does nothing",
                suggestion,
            );
        }
        Some(Self { regex })
    }

    pub(super) fn encode(&self) -> proto::StripPrefixRegex {
        let regex = self
            .regex
            .iter()
            .map(|it| it.translated().to_owned())
            .collect();
        proto::StripPrefixRegex { regex }
    }
}
