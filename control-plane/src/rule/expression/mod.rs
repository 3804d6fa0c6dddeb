//! The common form of rules and constraints: calls of names with string
//! arguments, joined by `&&`, `||`, `!` and parentheses.
//!
//! A subset of Go's expressions; everything else Go knows is refused. Knows no
//! matcher: which names exist and what they take is the caller's affair.

use super::RuleError;
use super::lexer::{Token, TokenKind, lex};

/// How deep parentheses and negations may nest. Bounds the stack.
const MAX_DEPTH: usize = 64;

/// An expression. Nothing is flattened or simplified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    /// `a && b && …`; at least two.
    And(Vec<Expr>),
    /// `a || b || …`; at least two.
    Or(Vec<Expr>),
    /// `!a`
    Not(Box<Expr>),
    /// `Name(…)`
    Call(Call),
}

/// `Name("argument", …)`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// As written.
    pub(crate) name: String,
    /// Unquoted arguments.
    pub(crate) args: Vec<String>,
    /// Where the name starts, in characters from 1.
    pub(crate) column: usize,
}

struct Parser<'a> {
    text: &'a str,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Expr, RuleError> {
    let tokens = lex(text)?.into_iter().peekable();
    let mut parser = Parser {
        text,
        tokens,
        depth: 0,
    };
    if parser.peek() == &TokenKind::End {
        return Err(RuleError::new(
            1,
            "it is empty",
            "write for instance Host(`example.com`)",
        ));
    }
    let expr = parser.or()?;
    parser.end()?;
    Ok(expr)
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Expr, RuleError> {
        let first = self.and()?;
        let mut parts = vec![first];
        while self.take_if(&TokenKind::Or) {
            parts.push(self.and()?);
        }
        Ok(join(parts, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, RuleError> {
        let first = self.operand()?;
        let mut parts = vec![first];
        while self.take_if(&TokenKind::And) {
            parts.push(self.operand()?);
        }
        Ok(join(parts, Expr::And))
    }

    fn operand(&mut self) -> Result<Expr, RuleError> {
        let token = self.take();
        if self.depth >= MAX_DEPTH {
            return Err(RuleError::new(
                token.column,
                format!("more than {MAX_DEPTH} parentheses or negations inside each other"),
                "write several routers with simpler rules",
            ));
        }
        self.depth += 1;
        let expr = match token.kind {
            TokenKind::Not => Expr::Not(Box::new(self.operand()?)),
            TokenKind::Open => {
                let expr = self.or()?;
                self.close(token.column)?;
                expr
            }
            TokenKind::Name(name) => Expr::Call(self.call(name, token.column)?),
            kind => return Err(self.not_an_operand(&kind, token.column)),
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn call(&mut self, name: String, column: usize) -> Result<Call, RuleError> {
        if !self.take_if(&TokenKind::Open) {
            return Err(self.no_arguments(&name, column));
        }
        let mut args = Vec::new();
        loop {
            let token = self.take();
            match token.kind {
                TokenKind::Close => break,
                TokenKind::Text(text) => args.push(text),
                _ => return Err(self.not_quoted(&name, &token)),
            }
            let token = self.take();
            match token.kind {
                TokenKind::Close => break,
                TokenKind::Comma => {}
                _ => return Err(self.after_argument(&name, &token)),
            }
        }
        Ok(Call { name, args, column })
    }

    fn close(&mut self, opened: usize) -> Result<(), RuleError> {
        let token = self.take();
        match token.kind {
            TokenKind::Close => Ok(()),
            TokenKind::End => Err(RuleError::new(
                opened,
                "this parenthesis has no partner",
                "close it with `)`, or take it out",
            )),
            _ => Err(self.after_operand(&token)),
        }
    }

    fn end(&mut self) -> Result<(), RuleError> {
        let token = self.take();
        match token.kind {
            TokenKind::End => Ok(()),
            TokenKind::Break if self.peek() == &TokenKind::End => Ok(()),
            _ => Err(self.after_operand(&token)),
        }
    }

    /// Complains of what stands where `&&`, `||` or the end should.
    fn after_operand(&mut self, token: &Token) -> RuleError {
        let column = token.column;
        match &token.kind {
            TokenKind::Break => self.line_break(column),
            TokenKind::Close => RuleError::new(
                column,
                "this parenthesis has no partner",
                "take the `)` out",
            ),
            TokenKind::Name(name) if name.eq_ignore_ascii_case("and") => {
                RuleError::new(column, format!("`{name}` is not an operator"), "write `&&`")
            }
            TokenKind::Name(name) if name.eq_ignore_ascii_case("or") => {
                RuleError::new(column, format!("`{name}` is not an operator"), "write `||`")
            }
            TokenKind::Other('&') => RuleError::new(column, "`&` is not an operator", "write `&&`"),
            TokenKind::Other('|') => RuleError::new(column, "`|` is not an operator", "write `||`"),
            kind => RuleError::new(
                column,
                format!("{} where `&&`, `||` or the end should be", describe(kind)),
                "join the parts with `&&` (all of them) or `||` (one of them)",
            ),
        }
    }

    fn not_an_operand(&mut self, kind: &TokenKind, column: usize) -> RuleError {
        match kind {
            TokenKind::End => RuleError::new(
                column,
                "the text ends where a matcher should be",
                "write a matcher there, such as Host(`example.com`), or take the operator out",
            ),
            TokenKind::Break => self.line_break(column),
            TokenKind::Text(text) => RuleError::new(
                column,
                "a string where a matcher should be",
                format!("write for instance Host({})", quote(text)),
            ),
            kind => RuleError::new(
                column,
                format!("{} where a matcher should be", describe(kind)),
                "write a matcher there, such as Host(`example.com`)",
            ),
        }
    }

    /// Complains of a name without `(`.
    fn no_arguments(&mut self, name: &str, column: usize) -> RuleError {
        if name.eq_ignore_ascii_case("not") {
            return RuleError::new(column, format!("`{name}` is not an operator"), "write `!`");
        }
        if self.peek() == &TokenKind::Other(':') {
            let rest: String = self
                .text
                .chars()
                .skip(column + name.chars().count())
                .collect();
            let value = rest
                .split([';', ',', '&', '|'])
                .next()
                .unwrap_or_default()
                .trim();
            return RuleError::new(
                column,
                format!("`{name}:` is the rule syntax of Traefik v1"),
                format!("write {name}({})", quote(value)),
            );
        }
        RuleError::new(
            column,
            format!("`{name}` has no arguments"),
            format!("write `{name}(…)` with the value in back quotes"),
        )
    }

    /// Complains of an argument that is not a string.
    fn not_quoted(&mut self, name: &str, token: &Token) -> RuleError {
        let column = token.column;
        match token.kind {
            TokenKind::End => RuleError::new(
                column,
                format!("the arguments of {name} have no end"),
                "close them with `)`",
            ),
            TokenKind::Comma => RuleError::new(
                column,
                format!("an argument of {name} is missing before the comma"),
                "take the comma out",
            ),
            _ => {
                let rest: String = self.text.chars().skip(column - 1).collect();
                let raw = rest.split([')', ',']).next().unwrap_or_default().trim();
                let value = raw.trim_matches(['\'', '‘', '’', '“', '”', '´']);
                RuleError::new(
                    column,
                    format!("the argument {raw} of {name} is not in back quotes"),
                    format!("write {name}({})", quote(value)),
                )
            }
        }
    }

    /// Complains of what stands where `,` or `)` should.
    fn after_argument(&mut self, name: &str, token: &Token) -> RuleError {
        let column = token.column;
        match token.kind {
            TokenKind::End => RuleError::new(
                column,
                format!("the arguments of {name} have no end"),
                "close them with `)`",
            ),
            TokenKind::Break => self.line_break(column),
            _ => RuleError::new(
                column,
                format!("{} inside the arguments of {name}", describe(&token.kind)),
                format!(
                    "{name} takes strings in back quotes; join several matchers with `&&` or `||`"
                ),
            ),
        }
    }

    fn line_break(&mut self, column: usize) -> RuleError {
        let next = describe(self.peek());
        RuleError::new(
            column,
            format!("the line break before {next} ends the rule"),
            "break lines after an operator, a comma or `(`, or write the rule on one line",
        )
    }

    fn peek(&mut self) -> &TokenKind {
        self.tokens
            .peek()
            .map_or(&TokenKind::End, |token| &token.kind)
    }

    fn take(&mut self) -> Token {
        let end = || Token {
            kind: TokenKind::End,
            column: self.text.chars().count() + 1,
        };
        self.tokens.next().unwrap_or_else(end)
    }

    fn take_if(&mut self, kind: &TokenKind) -> bool {
        self.tokens.next_if(|token| &token.kind == kind).is_some()
    }
}

/// A string literal that reads back as this text.
pub(crate) fn quote(text: &str) -> String {
    if !text.contains(['`', '\r']) {
        return format!("`{text}`");
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn join(mut parts: Vec<Expr>, all: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            all(parts)
        }
        None => all(parts),
    }
}

fn describe(kind: &TokenKind) -> String {
    match kind {
        TokenKind::Name(name) => format!("`{name}`"),
        TokenKind::Text(text) => format!("the string {}", quote(text)),
        TokenKind::Open => "`(`".to_owned(),
        TokenKind::Close => "`)`".to_owned(),
        TokenKind::Comma => "a comma".to_owned(),
        TokenKind::And => "`&&`".to_owned(),
        TokenKind::Or => "`||`".to_owned(),
        TokenKind::Not => "`!`".to_owned(),
        TokenKind::Break => "a line break".to_owned(),
        TokenKind::Other(c) => format!("`{c}`"),
        TokenKind::End => "the end".to_owned(),
    }
}

#[cfg(test)]
mod tests;
