//! `encodedCharacters`: refuses paths with escapes of reserved characters.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

/// Options of `encodedCharacters`: which escapes may stand in a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EncodedCharacters {
    /// `%2F`
    pub allow_encoded_slash: bool,
    /// `%5C`
    pub allow_encoded_back_slash: bool,
    /// `%00`
    pub allow_encoded_null_character: bool,
    /// `%3B`
    pub allow_encoded_semicolon: bool,
    /// `%25`
    pub allow_encoded_percent: bool,
    /// `%3F`
    pub allow_encoded_question_mark: bool,
    /// `%23`
    pub allow_encoded_hash: bool,
}

impl EncodedCharacters {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Self {
        const REFUSED_BEFORE: [(&str, &str); 3] = [
            ("encodedCharacters.allowEncodedSlash", "%2F"),
            ("encodedCharacters.allowEncodedBackSlash", "%5C"),
            ("encodedCharacters.allowEncodedNullCharacter", "%00"),
        ];
        for (option, escape) in REFUSED_BEFORE {
            if fields.boolean(option) == Some(true) {
                fields.remark(
                    option,
                    format!("the entry points refuse {escape} before any middleware runs"),
                    "remove the label",
                );
            }
        }
        let allows = |option| fields.boolean(option).unwrap_or_default();
        Self {
            allow_encoded_slash: allows("encodedCharacters.allowEncodedSlash"),
            allow_encoded_back_slash: allows("encodedCharacters.allowEncodedBackSlash"),
            allow_encoded_null_character: allows("encodedCharacters.allowEncodedNullCharacter"),
            allow_encoded_semicolon: allows("encodedCharacters.allowEncodedSemicolon"),
            allow_encoded_percent: allows("encodedCharacters.allowEncodedPercent"),
            allow_encoded_question_mark: allows("encodedCharacters.allowEncodedQuestionMark"),
            allow_encoded_hash: allows("encodedCharacters.allowEncodedHash"),
        }
    }

    pub(super) fn encode(&self) -> proto::EncodedCharacters {
        proto::EncodedCharacters {
            allow_slash: self.allow_encoded_slash,
            allow_back_slash: self.allow_encoded_back_slash,
            allow_null_character: self.allow_encoded_null_character,
            allow_semicolon: self.allow_encoded_semicolon,
            allow_percent: self.allow_encoded_percent,
            allow_question_mark: self.allow_encoded_question_mark,
            allow_hash: self.allow_encoded_hash,
        }
    }
}
