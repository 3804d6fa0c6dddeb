//! Regular expressions: users write Go's RE2 syntax, proxies run the regex crate.
//!
//! The two differ in what they call a digit, in braces, in class operators and
//! in a few escapes. The translation spells every difference out, so that an
//! expression means to a proxy what it meant to Traefik, and refuses what Go
//! refuses.

mod class;
mod translate;

use regex::Regex;
use serde::{Serialize, Serializer};

/// A regular expression in both syntaxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    translated: String,
    matches_empty: bool,
    /// Of the groups in order, from group 0.
    names: Vec<Option<String>>,
}

/// Why an expression cannot be used, without a full stop.
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
        let translated = translate::translate(text)?;
        let regex = Regex::new(&translated).map_err(|error| reason(&translated, &error))?;
        let matches_empty = regex.is_match("");
        let names = regex
            .capture_names()
            .map(|name| name.map(str::to_owned))
            .collect();
        Ok(Self {
            text: text.to_owned(),
            translated,
            matches_empty,
            names,
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

    /// There is a group of this number or name.
    pub(super) fn has_group(&self, group: &str) -> bool {
        match group.parse::<usize>() {
            // Go takes a number with a leading zero for a name.
            Ok(number) if group == "0" || !group.starts_with('0') => number < self.names.len(),
            _ => self.names.iter().flatten().any(|name| name == group),
        }
    }

    /// It matches the empty text (and then, unanchored, most texts).
    pub fn matches_empty(&self) -> bool {
        self.matches_empty
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// The one line of a compile error that says what is wrong.
fn reason(translated: &str, error: &regex::Error) -> PatternError {
    if let regex::Error::CompiledTooBig(_) = error {
        return fault("it is too big");
    }
    match regex_syntax::parse(translated) {
        Err(regex_syntax::Error::Parse(error)) => fault(error.kind().to_string()),
        Err(regex_syntax::Error::Translate(error)) => fault(error.kind().to_string()),
        _ => fault("it does not compile"),
    }
}

fn fault(message: impl Into<String>) -> PatternError {
    PatternError(message.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_expression_matches_what_go_matches() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            (r"^\d+$", &["7", "42"], &["", "٣", "a"]),
            (r"^\w$", &["a", "_", "7"], &["é", "-"]),
            (r"^\W$", &["é", "-"], &["a"]),
            (
                r"^\s$",
                &[" ", "\t", "\n", "\u{c}"],
                &["\u{b}", "\u{a0}", "x"],
            ),
            (r"^\S$", &["\u{b}", "\u{a0}"], &[" "]),
            (r"^[\d-]+$", &["1-2"], &["a"]),
            (r"^[^\D]$", &["1"], &["a", "٣"]),
            (r"\bfoo\b", &["a foo b", "éfoo"], &["afoo", "foo_"]),
            (r"a\Bb", &["ab"], &["a b"]),
            ("^/{path:(css|js)}$", &["/{path:css}"], &["/css"]),
            ("^a{2}$", &["aa"], &["a", "a{2}"]),
            ("^a{2,}b{0,1}$", &["aa", "aaab"], &["ab"]),
            ("^a{,2}$", &["a{,2}"], &["a", "aa"]),
            ("^a{02}$", &["a{02}"], &["aa"]),
            ("^a{ 2}$", &["a{ 2}"], &["aa"]),
            ("^{$", &["{"], &[""]),
            ("^}]$", &["}]"], &[""]),
            (r"^\Qa.b*\E+$", &["a.b*", "a.b**"], &["axb"]),
            (r"^\Q[a", &["[a"], &["a"]),
            ("^[a&&b]+$", &["a&b"], &["c"]),
            ("^[a~~]+$", &["a~"], &["c"]),
            ("^[--0]$", &["-", ".", "0"], &["a"]),
            ("^[a-b-c]+$", &["a-bc"], &["d"]),
            ("^[[]$", &["["], &["]"]),
            ("^[[a]]$", &["[]", "a]"], &["a"]),
            ("^[]a]+$", &["]a"], &["b"]),
            ("^[^]a]$", &["b"], &["]", "a"]),
            ("^[-a]+$", &["-a"], &["b"]),
            ("^[a-]+$", &["a-"], &["b"]),
            (r"^[\]\-\\]+$", &[r"]-\"], &["a"]),
            ("^[[:alpha:][:^alnum:]]+$", &["a-"], &["1"]),
            ("^[[:x]+$", &["[:x"], &["y"]),
            (r"^\<b\>$", &["<b>"], &["b"]),
            (r"^\x41\x{42}\103\0$", &["ABC\0"], &["abc"]),
            (r"^\-\_\/\#\ $", &["-_/# "], &[""]),
            (r"^\p{Greek}\pL\P{^Lu}$", &["αaA"], &["aaA", "αaa"]),
            ("(?i)^EXAMPLE$", &["Example"], &["example.com"]),
            ("(?i:a)b", &["Ab"], &["AB"]),
            ("(?s).", &["\n"], &[""]),
            (".", &["a"], &["\n"]),
            ("^a$", &["a"], &["a\n"]),
            ("(?m)^a$", &["b\na\nc"], &["ba"]),
            ("(?P<x>a)(?<y>b)", &["ab"], &["a"]),
            ("^(?U)a+", &["aa"], &[""]),
            ("", &["", "a"], &[]),
            ("^(a||b)$", &["", "a"], &["c"]),
            ("^[a-zA-Z-]+\\.com$", &["exa-mple.com"], &["1.com"]),
            ("#x y", &["#x y"], &["#xy"]),
            (r"^\z|\Aa", &["", "ab"], &["ba"]),
        ];
        for (text, yes, no) in rows {
            let pattern = Pattern::new(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let regex = Regex::new(pattern.translated()).unwrap();
            for sample in *yes {
                assert!(regex.is_match(sample), "{text} = {regex} on {sample:?}");
            }
            for sample in *no {
                assert!(
                    !regex.is_match(sample),
                    "{text} = {regex} not on {sample:?}"
                );
            }
        }
    }

    #[test]
    fn what_go_refuses_is_refused_with_a_reason() {
        let rows = [
            ("(a", "unclosed group"),
            ("a)", "unopened group"),
            ("[a", "closing `]`"),
            ("[]", "closing `]`"),
            ("[z-a]", "wrong way round"),
            ("[[:foo:]]", "`[:foo:]`"),
            (r"[\b]", r"`\b`"),
            ("*a", "nothing before `*`"),
            ("(+a)", "nothing before `+`"),
            ("a|{2}", "nothing before `{2}`"),
            ("a**", "repeats a repetition"),
            ("a*+", "repeats a repetition"),
            ("a+{2}", "repeats a repetition"),
            ("a{1001}", "1000"),
            ("a{1,1001}", "1000"),
            ("a{99999999999999999999}", "1000"),
            ("a{2,1}", "wrong way round"),
            (r"\C", r"`\C`"),
            (r"\1", "back references"),
            (r"\Z", r"`\Z`"),
            (r"\é", r"`\é`"),
            (r"\x{110000}", r"`\x`"),
            (r"\x4", r"`\x`"),
            (r"a\", "backslash"),
            ("(?=a)", "look-ahead"),
            ("(?<!a)", "look-behind"),
            ("(?x)a b", "`(?…x`"),
            ("(?u:a)", "`(?…u`"),
            ("(?P<a-b>c)", "name of a group"),
            (r"\p{Nope}", "Unicode"),
        ];
        for (text, message) in rows {
            let error = Pattern::new(text).expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn a_pattern_knows_whether_it_matches_nothing() {
        for (text, expected) in [("^[a-z]*$", true), ("a?", true), ("^a", false), ("", true)] {
            assert_eq!(
                Pattern::new(text).map(|it| it.matches_empty()),
                Ok(expected),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn translation_never_panics(text in any::<String>()) {
            let _ = Pattern::new(&text);
        }

        #[test]
        fn a_quoted_text_matches_itself(text in "[^\\\\]{0,20}") {
            let pattern = Pattern::new(&format!(r"^\Q{text}\E$")).unwrap();
            let regex = Regex::new(pattern.translated()).unwrap();
            prop_assert!(regex.is_match(&text));
        }

        /// Near the syntax, where random text never gets.
        #[test]
        fn what_is_translated_means_the_same_translated_again(
            text in r"([a-c.|&~-]|\[[a-c&~-]{1,3}\]|\(a\)|\\[dwsbQEx.]|[*+?]|\{[0-3]{0,2},?\}){0,8}",
        ) {
            if let Ok(pattern) = Pattern::new(&text) {
                prop_assert!(Regex::new(pattern.translated()).is_ok());
            }
        }
    }
}
