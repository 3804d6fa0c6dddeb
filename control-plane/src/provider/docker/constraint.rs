//! `--providers.docker.constraints`: an expression over a container's labels that
//! says whether it takes part.
//!
//! Read once at start, so that a mistake in it stops the process with a reason
//! instead of leaving it without a single container.

use std::collections::BTreeMap;

use regex::Regex;

use crate::rule::expression::{self, Call, Expr};
use crate::rule::{Pattern, RuleError};

/// A condition on labels: `Label` and `LabelRegex` joined by `&&`, `||`, `!` and
/// parentheses. A label that is absent reads as the empty string.
#[derive(Clone, Debug)]
pub struct Constraint {
    text: String,
    condition: Condition,
}

/// Why an expression is not a [`Constraint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// It does not follow the grammar.
    #[error("{0}")]
    Syntax(#[from] RuleError),
    /// A function that does not exist.
    #[error("column {column}: there is no function {name}; use Label or LabelRegex")]
    UnknownFunction {
        /// As written.
        name: String,
        /// Where, in characters from 1.
        column: usize,
    },
    /// A function with another number of arguments than two.
    #[error("column {column}: {name} takes a label and a value, as in {name}(`tier`, `web`)")]
    Arguments {
        /// The function.
        name: String,
        /// Where, in characters from 1.
        column: usize,
    },
    /// A regular expression that cannot be used.
    #[error("column {column}: {reason}")]
    Expression {
        /// Where the function stands, in characters from 1.
        column: usize,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Clone, Debug)]
enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Label { key: String, value: String },
    LabelRegex { key: String, pattern: Regex },
}

impl Constraint {
    /// Reads an expression; `None` if it is empty, which lets all take part.
    ///
    /// # Errors
    /// What is wrong with the expression, and where.
    pub fn parse(text: &str) -> Result<Option<Self>, ConstraintError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let condition = Condition::from_expr(expression::parse(text)?)?;
        Ok(Some(Self {
            text: text.to_owned(),
            condition,
        }))
    }

    /// Whether a container with these labels takes part.
    #[must_use]
    pub fn admits(&self, labels: &BTreeMap<String, String>) -> bool {
        self.condition.holds(labels)
    }
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Condition {
    fn from_expr(expr: Expr) -> Result<Self, ConstraintError> {
        let all = |parts: Vec<Expr>| -> Result<Vec<Self>, ConstraintError> {
            parts.into_iter().map(Self::from_expr).collect()
        };
        Ok(match expr {
            Expr::And(parts) => Self::And(all(parts)?),
            Expr::Or(parts) => Self::Or(all(parts)?),
            Expr::Not(part) => Self::Not(Box::new(Self::from_expr(*part)?)),
            Expr::Call(call) => Self::from_call(call)?,
        })
    }

    fn from_call(call: Call) -> Result<Self, ConstraintError> {
        let Call { name, args, column } = call;
        if name != "Label" && name != "LabelRegex" {
            return Err(ConstraintError::UnknownFunction { name, column });
        }
        let Ok([key, value]) = <[String; 2]>::try_from(args) else {
            return Err(ConstraintError::Arguments { name, column });
        };
        if name == "Label" {
            return Ok(Self::Label { key, value });
        }
        let refuse = |reason: String| ConstraintError::Expression { column, reason };
        let pattern = Pattern::new(&value).map_err(|error| refuse(error.to_string()))?;
        let pattern =
            Regex::new(pattern.translated()).map_err(|error| refuse(error.to_string()))?;
        Ok(Self::LabelRegex { key, pattern })
    }

    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let read = |key: &str| labels.get(key).map_or("", String::as_str);
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(labels)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(labels)),
            Self::Not(part) => !part.holds(labels),
            Self::Label { key, value } => read(key) == value,
            Self::LabelRegex { key, pattern } => pattern.is_match(read(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(text: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Constraint::parse(text).unwrap().unwrap().admits(&labels)
    }

    #[test]
    fn labels_decide() {
        let web = [("tier", "web"), ("env", "prod-eu")];
        for (text, expected) in [
            ("Label(`tier`, `web`)", true),
            ("Label(`tier`, `db`)", false),
            ("Label(`absent`, ``)", true),
            ("LabelRegex(`env`, `od-`)", true),
            ("LabelRegex(`env`, `^od-`)", false),
            ("Label(`tier`, `web`) && !LabelRegex(`env`, `^prod`)", false),
            (
                "Label(`tier`, `db`) || (Label(`tier`, `web`) && Label(\"env\", \"prod-eu\"))",
                true,
            ),
        ] {
            assert_eq!(admits(text, &web), expected, "{text}");
        }
    }

    #[test]
    fn an_empty_expression_admits_all() {
        assert_eq!(Constraint::parse("  ").unwrap(), None);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("Tag(`a`, `b`)", "use Label or LabelRegex"),
            ("Label(`a`)", "takes a label and a value"),
            ("LabelRegex(`a`, `(`)", "column"),
            ("Label(`a`, `b`", "column"),
        ] {
            let error = Constraint::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
