//! A diagnostic.

use serde::Serialize;

use crate::compile::Finding;
use crate::model::Severity;

/// One diagnostic.
#[derive(Debug, Serialize)]
pub(in crate::api) struct DiagnosticView<'a> {
    pub(in crate::api) severity: &'static str,
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::api) object: Option<String>,
    message: &'a str,
    suggestion: &'a str,
}

impl<'a> DiagnosticView<'a> {
    pub(in crate::api) fn new(finding: &'a Finding) -> Self {
        let Finding {
            provider,
            diagnostic,
        } = finding;
        Self {
            severity: match diagnostic.severity {
                Severity::Warning => "warning",
                Severity::Error => "error",
            },
            provider,
            container: diagnostic.container.as_deref(),
            label: diagnostic.label.as_deref(),
            object: diagnostic.object.as_ref().map(ToString::to_string),
            message: &diagnostic.message,
            suggestion: &diagnostic.suggestion,
        }
    }
}
