//! Go's syntax into the regex crate's, outside classes.

use std::iter::Peekable;
use std::str::Chars;

use super::class::perl_class;
use super::{PatternError, fault};

/// Go's limit of `{n,m}`.
const MAX_REPEAT: u32 = 1000;

pub(super) struct Translator<'a> {
    pub(super) chars: Peekable<Chars<'a>>,
    pub(super) out: String,
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

/// Translates an expression. What comes out need not compile.
pub(super) fn translate(text: &str) -> Result<String, PatternError> {
    Translator::new(text).translate()
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
    pub(super) fn property(&mut self, letter: char) -> Result<String, PatternError> {
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
    pub(super) fn escaped(&mut self, c: char) -> Result<char, PatternError> {
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
