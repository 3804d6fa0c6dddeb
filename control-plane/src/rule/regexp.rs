//! Regular expressions: users write Go's RE2 syntax, proxies run the regex crate.

use serde::{Serialize, Serializer};

/// A regular expression in both syntaxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    translated: String,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Pattern {
    /// Reads Go's syntax.
    ///
    /// # Errors
    ///
    /// What Go refuses, and the little that cannot be translated.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Ok(Self {
            text: text.to_owned(),
            translated: text.to_owned(),
        })
    }

    /// As the user wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In the regex crate's syntax.
    pub fn translated(&self) -> &str {
        &self.translated
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
