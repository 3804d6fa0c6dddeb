//! A router: which requests, through which middlewares, to which service.

use super::Observability;
use crate::rule::RuleSyntax;

/// A router as declared, with the provider's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Rule text as written or generated.
    pub rule: String,
    /// The rule came from the provider's default rule.
    pub rule_generated: bool,
    /// How the rule is written.
    pub rule_syntax: RuleSyntax,
    /// Entry points as named by the user; empty: the default ones.
    pub entry_points: Vec<String>,
    /// References to middlewares, outermost first; unqualified ones belong to
    /// the same provider.
    pub middlewares: Vec<String>,
    /// Reference to the service; unqualified: of the same provider.
    pub service: String,
    /// As set by the user; 0: length of the rule in bytes.
    pub priority: i64,
    /// What is told about its requests.
    pub observability: Observability,
}
