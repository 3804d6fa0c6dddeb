//! Options of a router.

use super::RouterLabels;
use super::fields::Fields;
use crate::model::{Observability, TraceVerbosity};
use crate::rule::RuleSyntax;

/// Highest priority a user's router can have; above are Fairway's own.
const MAX_PRIORITY: i64 = i64::MAX - 1000;

/// Reads a router; what is wrong is told to the fields.
pub(super) fn decode(fields: &mut Fields) -> RouterLabels {
    let priority = fields.integer("priority").unwrap_or_default();
    if priority > MAX_PRIORITY {
        fields.reject(
            "priority",
            format!("priority {priority} is above the highest one, {MAX_PRIORITY}"),
            "write a smaller number",
        );
    }
    RouterLabels {
        rule: fields.some_text("rule"),
        entry_points: fields.list("entryPoints"),
        middlewares: fields.list("middlewares"),
        service: fields.some_text("service"),
        priority,
        rule_syntax: fields.some_text("ruleSyntax").map(|it| RuleSyntax::of(&it)),
        observability: observability(fields),
    }
}

fn observability(fields: &mut Fields) -> Observability {
    let word = fields.some_text("observability.traceVerbosity");
    let trace_verbosity = word.as_deref().and_then(TraceVerbosity::of);
    if let (Some(word), None) = (&word, trace_verbosity) {
        fields.reject(
            "observability.traceVerbosity",
            format!("{word:?} is no verbosity of traces"),
            format!("write {}", TraceVerbosity::WORDS),
        );
    }
    Observability {
        access_logs: fields.boolean("observability.accessLogs"),
        metrics: fields.boolean("observability.metrics"),
        tracing: fields.boolean("observability.tracing"),
        trace_verbosity,
    }
}
