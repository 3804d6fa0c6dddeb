//! What is not served as its author wrote it, and what would work.

use super::ObjectId;

/// One thing a user should know about what they wrote. A value, not an error:
/// the rest of the configuration lives on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Diagnostic {
    /// How bad it is for the object.
    pub severity: Severity,
    /// Container (or file) that holds the cause, if there is one.
    pub container: Option<String>,
    /// Full key of the label that holds the cause, if there is one.
    pub label: Option<String>,
    /// Object concerned, if there is one.
    pub object: Option<ObjectId>,
    /// What is wrong: one sentence without a full stop, naming the value.
    pub message: String,
    /// What would work: one sentence without a full stop. Empty only where
    /// nothing can be advised.
    pub suggestion: String,
}

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Served, but a label was ignored or something was chosen for the user.
    Warning,
    /// Something is not served.
    Error,
}

impl Diagnostic {
    /// Something is not served.
    pub fn error(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self::new(Severity::Error, message.into(), suggestion.into())
    }

    /// Something was ignored or chosen.
    pub fn warning(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message.into(), suggestion.into())
    }

    /// Says which container holds the cause.
    #[must_use]
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.container = Some(name.into());
        self
    }

    /// Says which label holds the cause.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>) -> Self {
        self.label = Some(key.into());
        self
    }

    /// Says which object is concerned.
    #[must_use]
    pub fn object(mut self, id: ObjectId) -> Self {
        self.object = Some(id);
        self
    }

    fn new(severity: Severity, message: String, suggestion: String) -> Self {
        Self {
            severity,
            container: None,
            label: None,
            object: None,
            message,
            suggestion,
        }
    }
}
