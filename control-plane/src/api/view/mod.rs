//! Objects as the API writes them, the same in lists and in `/api/rawdata`.

mod composition;
mod diagnostic;
mod health;
mod middleware;
mod observability;
mod router;
pub(super) mod rule;
mod service;

use std::borrow::Cow;

use serde::Serialize;

pub(super) use diagnostic::DiagnosticView;
pub(super) use middleware::MiddlewareView;
pub(super) use observability::ObservabilityView;
pub(super) use router::RouterView;
pub(super) use service::ServiceView;

use crate::compile::Object;

/// What all objects have.
#[derive(Debug, Serialize)]
pub(super) struct StateView<'a> {
    pub(super) name: &'a str,
    pub(super) provider: &'a str,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) error: Vec<Cow<'a, str>>,
    /// Those that declare it: what no other router tells.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    containers: &'a [String],
}

impl<'a> StateView<'a> {
    fn new<T>(name: &'a str, object: &'a Object<T>) -> Self {
        Self {
            name,
            provider: &object.provider,
            status: object.outcome.status(),
            error: object.errors.iter().map(Cow::from).collect(),
            containers: &object.containers,
        }
    }

    /// It is served, and something is wrong with it now.
    fn warn(&mut self, what: &'static str) {
        if self.status == "enabled" {
            self.status = "warning";
        }
        self.error.push(Cow::Borrowed(what));
    }
}

fn used_by<T>(object: &Object<T>) -> Vec<&str> {
    object.used_by.iter().map(String::as_str).collect()
}
