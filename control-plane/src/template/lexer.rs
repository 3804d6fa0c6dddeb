//! A template's text as pieces: plain text, and the words between `{{` and `}}`.

use super::TemplateError;

/// Plain text or one action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// With the line it begins on.
    Action(Vec<Word>, usize),
}

/// One word of an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// `.Labels.x`; a lone dot has no names.
    Field(Vec<String>),
    /// `$item.x`; a lone dollar has no name.
    Variable(String, Vec<String>),
    /// `.x` of what stands in the parentheses before it.
    Access(Vec<String>),
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Comma,
    /// `if`, `upper`, `true`
    Name(String),
    Text(String),
    Number(i64),
    Pipe,
    Open,
    Close,
}

/// Cuts a template into pieces; `{{-` and `-}}` take the white space beside them.
pub(super) fn scan(template: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut trim_left = false;
    while let Some((text, after)) = rest.split_once("{{") {
        let (after, trim_right) = match after.strip_prefix('-') {
            Some(inner) if inner.starts_with(char::is_whitespace) => (inner, true),
            _ => (after, false),
        };
        push_text(&mut pieces, text, trim_left, trim_right);
        let before = template.len() - after.len();
        let line = 1 + template
            .get(..before)
            .unwrap_or_default()
            .matches('\n')
            .count();
        let (words, after) = action(after).map_err(|error| error.at(line))?;
        if !words.is_empty() {
            pieces.push(Piece::Action(words, line));
        }
        (rest, trim_left) = match after.strip_prefix('-') {
            Some(after) => (after.strip_prefix("}}").unwrap_or(after), true),
            None => (after.strip_prefix("}}").unwrap_or(after), false),
        };
    }
    push_text(&mut pieces, rest, trim_left, false);
    Ok(pieces)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, trim_left: bool, trim_right: bool) {
    let text = if trim_left { text.trim_start() } else { text };
    let text = if trim_right { text.trim_end() } else { text };
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// The words up to `}}` or `-}}`, and what is left from there.
fn action(text: &str) -> Result<(Vec<Word>, &str), TemplateError> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        let spaced = rest.starts_with(char::is_whitespace);
        rest = rest.trim_start();
        if rest.starts_with("}}") || (spaced && rest.starts_with("-}}")) {
            return Ok((words, rest));
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment
                .split_once("*/")
                .ok_or_else(|| unclosed("a comment"))?
                .1;
            continue;
        }
        let Some(first) = rest.chars().next() else {
            return Err(unclosed("{{"));
        };
        let (word, after) = word(first, rest)?;
        let is_closed = word == Word::Close;
        words.push(word);
        rest = after;
        if is_closed && has_field(rest) {
            let (names, after) = path(rest);
            words.push(Word::Access(names));
            rest = after;
        }
    }
}

fn word(first: char, text: &str) -> Result<(Word, &str), TemplateError> {
    let inner = text.get(first.len_utf8()..).unwrap_or_default();
    match first {
        '|' => Ok((Word::Pipe, inner)),
        '(' => Ok((Word::Open, inner)),
        ')' => Ok((Word::Close, inner)),
        '`' => inner
            .split_once('`')
            .map(|(text, after)| (Word::Text(text.to_owned()), after))
            .ok_or_else(|| unclosed("`")),
        '"' => quoted(inner),
        ',' => Ok((Word::Comma, inner)),
        '=' => Ok((Word::Assign, inner)),
        ':' if inner.starts_with('=') => {
            let after = inner.get(1..).unwrap_or_default();
            Ok((Word::Declare, after))
        }
        '$' => {
            let (name, after) = take(inner, is_of_name);
            let (names, after) = match has_field(after) {
                true => path(after),
                false => (Vec::new(), after),
            };
            Ok((Word::Variable(name.to_owned(), names), after))
        }
        '.' => {
            let (names, after) = path(text);
            Ok((Word::Field(names), after))
        }
        c if c.is_ascii_digit() || c == '-' || c == '+' => {
            let (digits, after) = take(text, |c| c.is_ascii_alphanumeric() || "+-._".contains(c));
            let number = digits.parse().map_err(|_| not_whole(digits))?;
            Ok((Word::Number(number), after))
        }
        c if c.is_alphabetic() || c == '_' => {
            let (name, after) = take(text, is_of_name);
            Ok((Word::Name(name.to_owned()), after))
        }
        c => Err(unexpected(&c.to_string())),
    }
}

fn quoted(text: &str) -> Result<(Word, &str), TemplateError> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Word::Text(value), text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                Some((_, c)) => return Err(unexpected(&format!("\\{c}"))),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err(unclosed("\""))
}

/// `.a.b`: the names.
fn path(text: &str) -> (Vec<String>, &str) {
    let (path, after) = take(text, |c| is_of_name(c) || c == '.');
    let names = path.split('.').filter(|name| !name.is_empty());
    (names.map(str::to_owned).collect(), after)
}

/// A field of what came before, and not a lone dot.
fn has_field(text: &str) -> bool {
    let name = text.strip_prefix('.');
    name.is_some_and(|name| name.starts_with(is_of_name))
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn take(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn unclosed(what: &str) -> TemplateError {
    TemplateError::new(format!("{what} is not closed"))
}

fn not_whole(digits: &str) -> TemplateError {
    TemplateError::new(format!(
        "{digits} is not a whole number, and templates have no others"
    ))
}

fn unexpected(what: &str) -> TemplateError {
    TemplateError::new(format!("{what} is not understood between {{{{ and }}}}"))
}
