//! Regular expressions from the wire, already in the `regex` crate's syntax.
//!
//! They are linear in the text whatever the pattern, and limited in size, so an
//! author can make his own routes slow to build but nobody's requests slow to match.

use regex::Regex;

/// A pattern that does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the regular expression `{pattern}` does not compile: {problem}")]
pub(crate) struct RegexpError {
    pattern: String,
    problem: String,
}

impl RegexpError {
    fn new(pattern: &str, error: &regex::Error) -> Self {
        // The crate draws the pattern with a caret under the fault, over several
        // lines; the sentence is in the last one.
        let text = error.to_string();
        let problem = text
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        Self {
            pattern: pattern.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

/// Over text.
pub(crate) fn compile(pattern: &str) -> Result<Regex, RegexpError> {
    Regex::new(pattern).map_err(|error| RegexpError::new(pattern, &error))
}

/// Over bytes that need not be UTF-8: header values, decoded query parameters.
pub(crate) fn compile_bytes(pattern: &str) -> Result<regex::bytes::Regex, RegexpError> {
    regex::bytes::Regex::new(pattern).map_err(|error| RegexpError::new(pattern, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_one_sentence_that_shows_the_pattern() {
        assert_eq!(
            compile("(a").unwrap_err().to_string(),
            "the regular expression `(a` does not compile: unclosed group"
        );
    }
}
