//! Go's classes (`[…]`) into the regex crate's, item by item, so that nothing in
//! them can be taken for a set operation.

use super::translate::Translator;
use super::{PatternError, fault};

impl Translator<'_> {
    /// The rest of `[…]`.
    pub(super) fn class(&mut self) -> Result<(), PatternError> {
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
pub(super) fn perl_class(letter: char) -> Option<&'static str> {
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

fn push_class_literal(out: &mut String, c: char) {
    if matches!(c, '\\' | '[' | ']' | '^' | '-' | '&' | '~') {
        out.push('\\');
    }
    out.push(c);
}
