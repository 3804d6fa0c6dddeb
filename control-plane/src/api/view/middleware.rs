//! A middleware, with its secrets redacted.

use serde::Serialize;
use serde_json::Value;

use super::{StateView, used_by};
use crate::compile::Object;
use crate::model::Middleware;
use crate::redact;

/// One middleware.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct MiddlewareView<'a> {
    /// `{"addPrefix": {…}}`.
    #[serde(flatten)]
    options: Option<Value>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(in crate::api) kind: Option<&'static str>,
    #[serde(flatten)]
    pub(in crate::api) state: StateView<'a>,
    used_by: Vec<&'a str>,
}

impl<'a> MiddlewareView<'a> {
    pub(in crate::api) fn new(name: &'a str, object: &'a Object<Middleware>) -> Self {
        let value = object.value.as_ref();
        Self {
            options: value
                .and_then(|options| serde_json::to_value(options).ok())
                .map(redact::json),
            kind: value.map(Middleware::type_name),
            state: StateView::new(name, object),
            used_by: used_by(object),
        }
    }
}
