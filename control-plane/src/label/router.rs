//! Options of a router.

use super::RouterLabels;
use super::fields::Fields;
use super::vocabulary::is_pending_value;
use crate::model::ObjectKind;

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
    let syntax = fields.text("ruleSyntax").unwrap_or_default();
    if is_pending_value(ObjectKind::Router, "ruleSyntax", syntax) {
        fields.reject(
            "ruleSyntax",
            "the rule syntax v2 is not available yet",
            "write the rule in v3 syntax and remove the label",
        );
    }
    RouterLabels {
        rule: fields.some_text("rule"),
        entry_points: fields.list("entryPoints"),
        middlewares: fields.list("middlewares"),
        service: fields.some_text("service"),
        priority,
    }
}
