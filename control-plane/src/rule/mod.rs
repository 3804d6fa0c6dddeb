//! Traefik's rule language (v3): which requests a router takes.
//!
//! Text becomes an [`expression::Expr`], that becomes a [`Matcher`], and that is
//! encoded for the proxies, which do the matching. Nothing here sees a request.

pub(crate) mod expression;
mod matcher;
mod regexp;

pub use matcher::Matcher;
pub use regexp::{Pattern, PatternError};

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

/// Something legal in a rule that is hardly what its author meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleWarning {
    /// What happens, without a full stop.
    pub message: String,
    /// What would work, without a full stop.
    pub suggestion: String,
}

/// Reads a rule.
///
/// # Errors
///
/// Anything Traefik v3 refuses, with the place and what would work.
pub fn parse(text: &str) -> Result<Matcher, RuleError> {
    let _ = expression::parse(text)?;
    Ok(Matcher::And(Vec::new()))
}

/// What is legal in a rule but hardly meant.
pub fn warnings(matcher: &Matcher) -> Vec<RuleWarning> {
    let _ = matcher;
    Vec::new()
}
