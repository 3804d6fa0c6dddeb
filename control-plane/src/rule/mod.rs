//! Traefik's rule language: which requests a router takes. Rules are in v3 syntax
//! unless they say v2; both become the same tree.
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
mod v2;
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

/// How a rule is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleSyntax {
    /// Traefik v3's: one value for each matcher, expressions on their own.
    #[default]
    V3,
    /// Traefik v2's: several values, and templates with braces.
    V2,
}

impl RuleSyntax {
    /// What a router's `ruleSyntax` says. As with Traefik, what is not `v2` is v3.
    #[must_use]
    pub fn of(word: &str) -> Self {
        if word == "v2" { Self::V2 } else { Self::V3 }
    }

    /// Its name in options.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V2 => "v2",
        }
    }
}

/// Reads a rule in v3 syntax.
///
/// # Errors
///
/// Anything Traefik v3 refuses, with the place and what would work.
pub fn parse(text: &str) -> Result<Matcher, RuleError> {
    parse_as(RuleSyntax::V3, text)
}

/// Reads a rule.
///
/// # Errors
///
/// Anything Traefik v3 refuses in this syntax, with the place and what would work.
pub fn parse_as(syntax: RuleSyntax, text: &str) -> Result<Matcher, RuleError> {
    let leaf = match syntax {
        RuleSyntax::V3 => table::leaf,
        RuleSyntax::V2 => v2::leaf,
    };
    matcher::resolve(expression::parse(text)?, leaf)
}
