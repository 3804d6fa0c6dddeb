//! Text into tokens, the way Go's scanner does it, for rules are Go expressions.
//!
//! What surprises most: a line break after a name, a string or `)` ends the
//! expression. Tokens that no rule has become [`TokenKind::Other`], so that the
//! parser, who knows what was expected, can complain.

use std::iter::Peekable;
use std::str::Chars;

use super::RuleError;

/// A token and where it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// In characters from 1.
    pub(super) column: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Name(String),
    /// A string literal without its quotes.
    Text(String),
    Open,
    Close,
    Comma,
    And,
    Or,
    Not,
    /// A line break where one ends the expression.
    Break,
    /// Any other character.
    Other(char),
    End,
}

struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    column: usize,
    /// The last token may end an expression.
    complete: bool,
}

/// Splits a text into tokens; the last one is [`TokenKind::End`].
pub(super) fn lex(text: &str) -> Result<Vec<Token>, RuleError> {
    let mut lexer = Lexer {
        chars: text.chars().peekable(),
        column: 1,
        complete: false,
    };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        lexer.complete = matches!(
            token.kind,
            TokenKind::Name(_) | TokenKind::Text(_) | TokenKind::Close
        );
        let end = token.kind == TokenKind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

/// Left over from the file that the rule stood in.
const STRAY_QUOTE: &str = "take it out: nothing stands behind it";

impl Lexer<'_> {
    fn token(&mut self) -> Result<Token, RuleError> {
        loop {
            let column = self.column;
            let Some(c) = self.bump() else {
                return Ok(Token {
                    kind: TokenKind::End,
                    column,
                });
            };
            let kind = match c {
                '\n' if self.complete => TokenKind::Break,
                ' ' | '\t' | '\r' | '\n' => continue,
                '/' if self.chars.peek() == Some(&'/') => {
                    self.skip_line();
                    continue;
                }
                '/' if self.chars.peek() == Some(&'*') => {
                    if self.skip_block(column)? && self.complete {
                        return Ok(Token {
                            kind: TokenKind::Break,
                            column,
                        });
                    }
                    continue;
                }
                '(' => TokenKind::Open,
                ')' => TokenKind::Close,
                ',' => TokenKind::Comma,
                '&' if self.bump_if('&') => TokenKind::And,
                '|' if self.bump_if('|') => TokenKind::Or,
                '!' if self.chars.peek() != Some(&'=') => TokenKind::Not,
                '`' => TokenKind::Text(self.raw(column)?),
                '"' => TokenKind::Text(self.interpreted(column)?),
                c if c == '_' || c.is_alphabetic() => TokenKind::Name(self.name(c)),
                c => TokenKind::Other(c),
            };
            return Ok(Token { kind, column });
        }
    }

    fn name(&mut self, first: char) -> String {
        let mut name = String::from(first);
        while let Some(&c) = self.chars.peek() {
            if c != '_' && !c.is_alphanumeric() {
                break;
            }
            name.push(c);
            self.bump();
        }
        name
    }

    /// The rest of a raw string: no escapes, carriage returns dropped.
    fn raw(&mut self, start: usize) -> Result<String, RuleError> {
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('`') => return Ok(text),
                Some('\r') => {}
                Some(c) => text.push(c),
                None => {
                    return Err(RuleError::new(
                        start,
                        "this back quote has no partner",
                        match text.as_str() {
                            "" => STRAY_QUOTE,
                            _ => "close the string with another back quote",
                        },
                    ));
                }
            }
        }
    }

    /// The rest of a double-quoted string, with Go's escapes.
    fn interpreted(&mut self, start: usize) -> Result<String, RuleError> {
        // Bytes: `\xHH` and octal escapes name bytes, not characters.
        let mut bytes = Vec::new();
        loop {
            let column = self.column;
            match self.bump() {
                Some('"') => break,
                Some('\\') => self.escape(column, &mut bytes)?,
                Some('\n') | None => {
                    return Err(RuleError::new(
                        start,
                        "this double quote has no partner on its line",
                        match bytes.as_slice() {
                            b"" => STRAY_QUOTE,
                            _ => "close the string with another double quote",
                        },
                    ));
                }
                Some(c) => push(&mut bytes, c),
            }
        }
        String::from_utf8(bytes).map_err(|_| {
            RuleError::new(
                start,
                "the escapes in this string do not make up UTF-8 text",
                "",
            )
        })
    }

    fn escape(&mut self, column: usize, bytes: &mut Vec<u8>) -> Result<(), RuleError> {
        let Some(c) = self.bump() else {
            return Err(RuleError::new(column, "the text ends inside an escape", ""));
        };
        match c {
            'a' => bytes.push(0x07),
            'b' => bytes.push(0x08),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(0x0b),
            '\\' => bytes.push(b'\\'),
            '"' => bytes.push(b'"'),
            'x' => bytes.push(self.byte(column, 0, 2, 16)?),
            '0'..='7' => bytes.push(self.byte(column, c.to_digit(8).unwrap_or(0), 2, 8)?),
            'u' => self.character(column, 4, bytes)?,
            'U' => self.character(column, 8, bytes)?,
            _ => {
                return Err(RuleError::new(
                    column,
                    format!("`\\{c}` is not an escape in a double-quoted string"),
                    "put the string in back quotes, where a backslash is a backslash",
                ));
            }
        }
        Ok(())
    }

    fn byte(&mut self, column: usize, first: u32, more: u32, radix: u32) -> Result<u8, RuleError> {
        let value = self.digits(column, first, more, radix)?;
        u8::try_from(value)
            .map_err(|_| RuleError::new(column, "this octal escape is above 255", ""))
    }

    fn character(
        &mut self,
        column: usize,
        digits: u32,
        bytes: &mut Vec<u8>,
    ) -> Result<(), RuleError> {
        let value = self.digits(column, 0, digits, 16)?;
        let c = char::from_u32(value)
            .ok_or_else(|| RuleError::new(column, "this escape is not a Unicode character", ""))?;
        push(bytes, c);
        Ok(())
    }

    fn digits(
        &mut self,
        column: usize,
        first: u32,
        count: u32,
        radix: u32,
    ) -> Result<u32, RuleError> {
        let mut value = first;
        for _ in 0..count {
            let digit = self.chars.peek().and_then(|c| c.to_digit(radix));
            let Some(digit) = digit else {
                return Err(RuleError::new(column, "this escape has too few digits", ""));
            };
            self.bump();
            value = value.wrapping_mul(radix).wrapping_add(digit);
        }
        Ok(value)
    }

    fn skip_line(&mut self) {
        // The line break itself stays: it may end the expression.
        while self.chars.peek().is_some_and(|&c| c != '\n') {
            self.bump();
        }
    }

    /// Skips a block comment; true if it spans lines.
    fn skip_block(&mut self, start: usize) -> Result<bool, RuleError> {
        self.bump();
        let mut lines = false;
        loop {
            match self.bump() {
                Some('*') if self.bump_if('/') => return Ok(lines),
                Some('\n') => lines = true,
                Some(_) => {}
                None => {
                    return Err(RuleError::new(
                        start,
                        "this comment has no end",
                        "close it with `*/`",
                    ));
                }
            }
        }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.column += 1;
        Some(c)
    }

    fn bump_if(&mut self, wanted: char) -> bool {
        let found = self.chars.peek() == Some(&wanted);
        if found {
            self.bump();
        }
        found
    }
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rule: &str) -> Result<String, RuleError> {
        match lex(rule)?.remove(0).kind {
            TokenKind::Text(text) => Ok(text),
            other => panic!("{rule}: {other:?}"),
        }
    }

    #[test]
    fn strings_are_unquoted_as_go_does_it() {
        let rows = [
            (r"`a\d`", r"a\d"),
            ("`a\r\nb`", "a\nb"),
            (r#""a\\b\"c""#, r#"a\b"c"#),
            (r#""\x61\141\u0061\U00000061""#, "aaaa"),
            (r#""\xc3\xa9""#, "é"),
            (r#""\a\b\f\n\r\t\v""#, "\u{7}\u{8}\u{c}\n\r\t\u{b}"),
            (r#""日本""#, "日本"),
        ];
        for (rule, expected) in rows {
            assert_eq!(text(rule).as_deref(), Ok(expected), "{rule}");
        }
    }

    #[test]
    fn bad_strings_are_refused() {
        let rows = [
            "`a",
            "\"a",
            "\"a\nb\"",
            r#""\d""#,
            r#""\'""#,
            r#""\x6""#,
            r#""\400""#,
            r#""\ud800""#,
            r#""\U00110000""#,
            r#""\xff""#,
            "/* a",
        ];
        for rule in rows {
            assert!(lex(rule).is_err(), "{rule}");
        }
    }

    #[test]
    fn a_line_break_ends_an_expression_only_where_one_can_end() {
        let breaks = |rule: &str| {
            lex(rule)
                .unwrap()
                .iter()
                .filter(|token| token.kind == TokenKind::Break)
                .count()
        };
        let rows = [
            ("A\n", 1),
            ("A\n\n\n", 1),
            ("\n\nA", 0),
            ("A // x\n", 1),
            ("A // x", 0),
            ("A /* x */ && B", 0),
            ("A /* \n */ && B", 1),
            ("A(\n)\n", 1),
            ("A &&\n B", 0),
            ("`a`\n", 1),
        ];
        for (rule, expected) in rows {
            assert_eq!(breaks(rule), expected, "{rule:?}");
        }
    }
}
