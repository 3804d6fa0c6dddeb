//! Replacement texts of regular expressions: Go's `$1` and `${name}`, for the
//! regex crate.
//!
//! The two differ in what a name is; the translation writes every reference in
//! braces and leaves out those that name no group, which stand for nothing.

use serde::{Serialize, Serializer};

use super::Pattern;

/// A replacement text in both syntaxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    text: String,
    translated: String,
    unknown: Vec<String>,
}

impl Replacement {
    /// Reads Go's syntax. Never fails: a `$` that starts no reference is a `$`.
    pub fn new(text: &str, pattern: &Pattern) -> Self {
        let mut translated = String::new();
        let mut unknown = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            translated.push_str(before);
            if let Some(tail) = after.strip_prefix('$') {
                translated.push_str("$$");
                rest = tail;
            } else if let Some((name, tail)) = reference(after) {
                if pattern.has_group(name) {
                    translated.push_str(&format!("${{{name}}}"));
                } else {
                    unknown.push(name.to_owned());
                }
                rest = tail;
            } else {
                translated.push_str("$$");
                rest = after;
            }
        }
        translated.push_str(rest);
        Self {
            text: text.to_owned(),
            translated,
            unknown,
        }
    }

    /// As the user wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In the regex crate's syntax.
    pub fn translated(&self) -> &str {
        &self.translated
    }

    /// References that name no group of the expression, in their order.
    pub fn unknown_groups(&self) -> &[String] {
        &self.unknown
    }
}

impl Serialize for Replacement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// The name of a reference, after its `$`, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (braced, text) = match text.strip_prefix('{') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let end = text
        .find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let rest = if braced {
        rest.strip_prefix('}')?
    } else {
        rest
    };
    (!name.is_empty()).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_writes_what_go_writes() {
        let pattern = Pattern::new("^/(?P<first>[a-z]+)/([a-z]+)$").unwrap();
        let regex = regex::Regex::new(pattern.translated()).unwrap();
        let rows = [
            ("/$2/$1", "/b/a"),
            ("/${2}x/${first}", "/bx/a"),
            ("/$1x", "/"),
            ("/$first-$2", "/a-b"),
            ("$$1", "$1"),
            ("$", "$"),
            ("$-${-}${1", "$-${-}${1"),
            ("/$9/${nope}/${01}", "///"),
            ("/$0", "//a/b"),
            ("", ""),
        ];
        for (text, expected) in rows {
            let replacement = Replacement::new(text, &pattern);
            let made = regex.replace_all("/a/b", replacement.translated());
            assert_eq!(made, expected, "{text} = {}", replacement.translated());
        }
    }

    #[test]
    fn references_to_nothing_are_told() {
        let pattern = Pattern::new("(a)").unwrap();
        assert_eq!(
            Replacement::new("$1 $1x ${2}", &pattern).unknown_groups(),
            ["1x", "2"]
        );
    }
}
