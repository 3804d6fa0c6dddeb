//! A router.

use serde::Serialize;

use super::{ObservabilityView, StateView};
use crate::compile::{Object, Outcome, Router};

/// One router.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct RouterView<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(in crate::api) entry_points: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(in crate::api) middlewares: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::api) service: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::api) rule: &'a str,
    /// Absent where nothing is known of the router but its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_syntax: Option<&'static str>,
    pub(in crate::api) priority: i64,
    /// The largest priorities do not fit the numbers of JavaScript.
    priority_str: String,
    observability: ObservabilityView,
    #[serde(flatten)]
    pub(in crate::api) state: StateView<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    using: &'a [String],
}

impl<'a> RouterView<'a> {
    pub(in crate::api) fn new(name: &'a str, object: &'a Object<Router>) -> Self {
        let value = object.value.as_ref();
        let entry_points = value.map_or(&[][..], |router| &router.entry_points);
        let priority = value.map_or(0, |router| router.priority);
        let served = object.outcome != Outcome::Rejected;
        Self {
            entry_points,
            middlewares: value.map_or(&[][..], |router| &router.middlewares),
            service: value.map_or("", |router| &router.service),
            rule: value.map_or("", |router| &router.rule),
            rule_syntax: value.map(|router| router.rule_syntax.word()),
            priority,
            priority_str: priority.to_string(),
            observability: ObservabilityView::of(value.map(|it| it.observability)),
            state: StateView::new(name, object),
            using: if served { entry_points } else { &[] },
        }
    }
}
