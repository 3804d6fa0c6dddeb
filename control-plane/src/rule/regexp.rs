//! Regular expressions: users write Go's RE2 syntax, proxies run the regex crate.
//!
//! The two differ in what they call a digit, in braces, in class operators and
//! in a few escapes. The translation spells every difference out, so that an
//! expression means to a proxy what it meant to Traefik, and refuses what Go
//! refuses.

use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;
use serde::{Serialize, Serializer};

/// Go's limit of `{n,m}`.
const MAX_REPEAT: u32 = 1000;

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
        let translated = Translator::new(text).translate()?;
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

struct Translator<'a> {
    chars: Peekable<Chars<'a>>,
    out: String,
    /// What the last item was: decides what `*`, `+`, `?` and `{n}` may follow.
    last: Last,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing a repetition could apply to.
    Nothing,
    /// A repetition, to which no other may apply.
    Repeat,
    Item,
}

impl<'a> Translator<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            chars: text.chars().peekable(),
            out: String::new(),
            last: Last::Nothing,
        }
    }

    fn translate(mut self) -> Result<String, PatternError> {
        while let Some(c) = self.chars.next() {
            match c {
                '\\' => self.escape()?,
                '[' => {
                    self.class()?;
                    self.last = Last::Item;
                }
                '*' | '+' | '?' => {
                    let operator = c.to_string();
                    self.repeat(&operator)?;
                }
                '{' => match self.counts()? {
                    Some(operator) => self.repeat(&operator)?,
                    None => self.literal('{'),
                },
                '(' => self.group()?,
                '|' => {
                    self.out.push(c);
                    self.last = Last::Nothing;
                }
                ')' | '.' | '^' | '$' => {
                    self.out.push(c);
                    self.last = Last::Item;
                }
                c => self.literal(c),
            }
        }
        Ok(self.out)
    }

    fn literal(&mut self, c: char) {
        push_literal(&mut self.out, c);
        self.last = Last::Item;
    }

    fn repeat(&mut self, operator: &str) -> Result<(), PatternError> {
        match self.last {
            Last::Nothing => {
                return Err(fault(format!(
                    "there is nothing before `{operator}` to repeat"
                )));
            }
            Last::Repeat => {
                return Err(fault(format!("`{operator}` repeats a repetition")));
            }
            Last::Item => {}
        }
        self.out.push_str(operator);
        if self.chars.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        self.last = Last::Repeat;
        Ok(())
    }

    /// The rest of `{n}`, `{n,}` or `{n,m}`, taken off the input; `None`, and
    /// nothing taken, if the brace is a brace.
    fn counts(&mut self) -> Result<Option<String>, PatternError> {
        let mut ahead = self.chars.clone();
        let Some(low) = number(&mut ahead) else {
            return Ok(None);
        };
        let mut text = format!("{{{low}");
        let mut high = low.clone();
        if ahead.next_if_eq(&',').is_some() {
            text.push(',');
            if ahead.peek() != Some(&'}') {
                let Some(number) = number(&mut ahead) else {
                    return Ok(None);
                };
                text.push_str(&number);
                high = number;
            }
        }
        if ahead.next() != Some('}') {
            return Ok(None);
        }
        text.push('}');
        let bound = |digits: &str| {
            digits
                .parse()
                .ok()
                .filter(|&count: &u32| count <= MAX_REPEAT)
        };
        match (bound(&low), bound(&high)) {
            (Some(low), Some(high)) if low <= high => {}
            (Some(_), Some(_)) => {
                return Err(fault(format!(
                    "the counts of `{text}` are the wrong way round"
                )));
            }
            _ => {
                return Err(fault(format!(
                    "`{text}` repeats more than {MAX_REPEAT} times"
                )));
            }
        }
        self.chars = ahead;
        Ok(Some(text))
    }

    fn group(&mut self) -> Result<(), PatternError> {
        self.out.push('(');
        self.last = Last::Nothing;
        if self.chars.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        if self.chars.next_if_eq(&'P').is_some() {
            self.out.push('P');
        }
        if self.chars.peek() == Some(&'<') {
            return self.group_name();
        }
        loop {
            match self.chars.next() {
                Some(c @ ('i' | 'm' | 's' | 'U' | '-')) => self.out.push(c),
                Some(c @ (':' | ')')) => {
                    self.out.push(c);
                    return Ok(());
                }
                Some('=' | '!') => return Err(fault("look-ahead is not supported")),
                Some(c) => return Err(fault(format!("`(?…{c}` is not a known kind of group"))),
                None => return Err(fault("a group has no end")),
            }
        }
    }

    fn group_name(&mut self) -> Result<(), PatternError> {
        for c in self.chars.by_ref() {
            match c {
                '=' | '!' => return Err(fault("look-behind is not supported")),
                '<' | '_' | 'a'..='z' | 'A'..='Z' | '0'..='9' => self.out.push(c),
                '>' => {
                    self.out.push(c);
                    return Ok(());
                }
                c => return Err(fault(format!("`{c}` cannot be in the name of a group"))),
            }
        }
        Err(fault("the name of a group has no end"))
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        let Some(c) = self.chars.next() else {
            return Err(fault("it ends with a backslash"));
        };
        if c == 'Q' {
            self.quoted();
            return Ok(());
        }
        self.last = Last::Item;
        match c {
            'A' => self.out.push_str(r"\A"),
            'z' => self.out.push_str(r"\z"),
            'b' => self.out.push_str(r"(?-u:\b)"),
            'B' => self.out.push_str(r"(?-u:\B)"),
            'p' | 'P' => {
                let class = self.property(c)?;
                self.out.push_str(&class);
            }
            c => match perl_class(c) {
                Some(set) => self.out.extend(["[", set, "]"]),
                None => {
                    let c = self.escaped(c)?;
                    push_literal(&mut self.out, c);
                }
            },
        }
        Ok(())
    }

    /// The rest of `\Q…\E`.
    fn quoted(&mut self) {
        while let Some(c) = self.chars.next() {
            if c == '\\' && self.chars.next_if_eq(&'E').is_some() {
                return;
            }
            self.literal(c);
        }
    }

    /// The rest of `\pN`, `\p{Name}` or `\p{^Name}`.
    fn property(&mut self, letter: char) -> Result<String, PatternError> {
        let Some(first) = self.chars.next() else {
            return Err(fault(format!(r"`\{letter}` lacks the name of a class")));
        };
        if first != '{' {
            return Ok(format!(r"\{letter}{{{first}}}"));
        }
        let mut name: String = self.chars.by_ref().take_while(|&c| c != '}').collect();
        let mut negated = letter == 'P';
        if let Some(rest) = name.strip_prefix('^') {
            name = rest.to_owned();
            negated = !negated;
        }
        let letter = if negated { 'P' } else { 'p' };
        Ok(format!(r"\{letter}{{{name}}}"))
    }

    /// The character of an escape that starts with this character.
    fn escaped(&mut self, c: char) -> Result<char, PatternError> {
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => return self.hexadecimal(),
            '0' => return self.octal(0),
            // A single digit would be a back reference.
            '1'..='7' if self.chars.peek().is_some_and(|next| next.is_digit(8)) => {
                return self.octal(c.to_digit(8).unwrap_or(0));
            }
            '1'..='9' => {
                return Err(fault(format!(
                    r"back references (`\{c}`) are not supported"
                )));
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
            c => return Err(fault(format!(r"`\{c}` is not a known escape"))),
        })
    }

    fn octal(&mut self, first: u32) -> Result<char, PatternError> {
        let mut value = first;
        for _ in 0..2 {
            let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(8)) else {
                break;
            };
            self.chars.next();
            value = value * 8 + digit;
        }
        char::from_u32(value).ok_or_else(|| fault("an octal escape is not a character"))
    }

    fn hexadecimal(&mut self) -> Result<char, PatternError> {
        let digits: String = if self.chars.next_if_eq(&'{').is_some() {
            self.chars.by_ref().take_while(|&c| c != '}').collect()
        } else {
            self.chars.by_ref().take(2).collect()
        };
        let proper = digits.len() >= 2 || (digits.len() == 1 && self.chars.peek().is_some());
        let value = u32::from_str_radix(&digits, 16).ok().filter(|_| proper);
        value
            .and_then(char::from_u32)
            .ok_or_else(|| fault(r"`\x` needs two digits, or `\x{…}`"))
    }

    /// The rest of `[…]`.
    fn class(&mut self) -> Result<(), PatternError> {
        self.out.push('[');
        if self.chars.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(c) = self.chars.next() else {
                return Err(fault("a class has no closing `]`"));
            };
            match c {
                ']' if !first => break,
                '[' if self.chars.peek() == Some(&':') && self.posix_class()? => {}
                '\\' => self.class_escape()?,
                c => self.class_range(c)?,
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// `[:name:]`, copied if it is one.
    fn posix_class(&mut self) -> Result<bool, PatternError> {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        let rest: String = self.chars.clone().skip(1).collect();
        let Some((name, _)) = rest.split_once(":]") else {
            return Ok(false);
        };
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(fault(format!("`[:{name}:]` is not a known class")));
        }
        self.out.push_str(&format!("[:{name}:]"));
        self.chars.nth(name.chars().count() + 2);
        Ok(true)
    }

    fn class_escape(&mut self) -> Result<(), PatternError> {
        let Some(&c) = self.chars.peek() else {
            return Err(fault("it ends with a backslash"));
        };
        if c == 'p' || c == 'P' {
            self.chars.next();
            let class = self.property(c)?;
            self.out.push_str(&class);
            return Ok(());
        }
        if let Some(set) = perl_class(c) {
            self.chars.next();
            self.out.extend(["[", set, "]"]);
            return Ok(());
        }
        self.class_range('\\')
    }

    /// A character, or a range that starts with it.
    fn class_range(&mut self, c: char) -> Result<(), PatternError> {
        let low = self.class_character(c)?;
        push_class_literal(&mut self.out, low);
        let mut ahead = self.chars.clone();
        if ahead.next() != Some('-') || ahead.peek().is_none_or(|&next| next == ']') {
            return Ok(());
        }
        self.chars.next();
        let Some(c) = self.chars.next() else {
            return Ok(());
        };
        let high = self.class_character(c)?;
        if high < low {
            return Err(fault(format!(
                "the range `{low}-{high}` is the wrong way round"
            )));
        }
        self.out.push('-');
        push_class_literal(&mut self.out, high);
        Ok(())
    }

    fn class_character(&mut self, c: char) -> Result<char, PatternError> {
        if c != '\\' {
            return Ok(c);
        }
        match self.chars.next() {
            Some(c) => self.escaped(c),
            None => Err(fault("it ends with a backslash")),
        }
    }
}

/// Go's ASCII classes: the inside of a bracket expression.
fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        'D' => "^0-9",
        's' => r"\t\n\f\r ",
        'S' => r"^\t\n\f\r ",
        'w' => "0-9A-Za-z_",
        'W' => "^0-9A-Za-z_",
        _ => return None,
    })
}

fn number(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    (!digits.is_empty() && !leading_zero).then_some(digits)
}

fn push_literal(out: &mut String, c: char) {
    if matches!(
        c,
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$'
    ) {
        out.push('\\');
    }
    out.push(c);
}

fn push_class_literal(out: &mut String, c: char) {
    if matches!(c, '\\' | '[' | ']' | '^' | '-' | '&' | '~') {
        out.push('\\');
    }
    out.push(c);
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
