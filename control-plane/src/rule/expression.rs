//! The common form of rules and constraints: calls of names with string
//! arguments, joined by `&&`, `||`, `!` and parentheses.
//!
//! Knows no matcher: which names exist and what they take is the caller's affair.

use super::RuleError;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    /// `a && b && …`
    And(Vec<Expr>),
    /// `a || b || …`
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

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Expr, RuleError> {
    Ok(Expr::Call(Call {
        name: text.to_owned(),
        args: Vec::new(),
        column: 1,
    }))
}
