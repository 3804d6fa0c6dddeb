//! Traefik's rule language (v3): which requests a router takes.
//!
//! Text becomes an [`expression::Expr`], that becomes a [`Matcher`], and that is
//! encoded for the proxies, which do the matching. Nothing here sees a request.

pub(crate) mod alternative;
pub(crate) mod expression;
mod lexer;
mod matcher;
mod regexp;
mod replacement;
mod table;
mod warning;

pub use matcher::Matcher;
pub use regexp::{Pattern, PatternError};
pub use replacement::Replacement;
pub use warning::{RuleWarning, warnings};

/// Why a rule, or another expression of the same form, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct RuleError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What would work, without a full stop; may be empty.
    pub suggestion: String,
}

impl RuleError {
    pub(crate) fn new(
        column: usize,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Self {
        Self {
            column,
            message: message.into(),
            suggestion: suggestion.into(),
        }
    }
}

/// Reads a rule.
///
/// # Errors
///
/// Anything Traefik v3 refuses, with the place and what would work.
pub fn parse(text: &str) -> Result<Matcher, RuleError> {
    matcher::resolve(expression::parse(text)?)
}
