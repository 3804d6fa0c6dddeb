//! Flags of metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderName;

use super::super::flag::Assignment;
use super::super::{API_ENTRY_POINT, ConfigError, MetricsOptions, PrometheusOptions};
use super::Entry;
use crate::model::Diagnostic;

/// Labels that requests have without being asked.
const OWN_LABELS: [&str; 8] = [
    "code",
    "method",
    "protocol",
    "entrypoint",
    "router",
    "service",
    "le",
    "instance",
];

/// Reads a flag below `metrics`.
pub(super) fn assign(metrics: &mut MetricsOptions, it: &Assignment) -> Result<(), ConfigError> {
    let path = it.flag.path;
    if path == "metrics.addInternals" {
        metrics.add_internals = it.truth()?;
        return Ok(());
    }
    if path == "metrics.prometheus" {
        let on = it
            .truth()?
            .then(|| metrics.prometheus.take().unwrap_or_default());
        metrics.prometheus = on;
        return Ok(());
    }
    let prometheus = metrics.prometheus.get_or_insert_default();
    match path.strip_prefix("metrics.prometheus.").unwrap_or_default() {
        "entryPoint" => prometheus.entry_point.clone_from(&it.value),
        "manualRouting" => prometheus.manual_routing = it.truth()?,
        "buckets" => buckets(prometheus, it)?,
        "addEntryPointsLabels" => prometheus.add_entry_points_labels = it.truth()?,
        "addRoutersLabels" => prometheus.add_routers_labels = it.truth()?,
        "addServicesLabels" => prometheus.add_services_labels = it.truth()?,
        "headerLabels.*" => header_label(prometheus, it)?,
        _ => {}
    }
    Ok(())
}

/// Spells the entry point as it was named first, or tells that there is none.
pub(super) fn find_entry_point(
    prometheus: &mut PrometheusOptions,
    entries: &BTreeMap<String, Entry>,
    warnings: &mut Vec<Diagnostic>,
) {
    let wanted = prometheus.entry_point.to_lowercase();
    if prometheus.manual_routing || wanted == API_ENTRY_POINT {
        prometheus.entry_point = wanted;
        return;
    }
    if let Some(entry) = entries.get(&wanted) {
        prometheus.entry_point.clone_from(&entry.name);
        return;
    }
    prometheus.manual_routing = true;
    let name = &prometheus.entry_point;
    warnings.push(Diagnostic::error(
        format!("/metrics is not served: there is no entry point {name}"),
        format!(
            "add --entrypoints.{name}.address=:PORT, or leave the entry point to {API_ENTRY_POINT}"
        ),
    ));
}

fn buckets(prometheus: &mut PrometheusOptions, it: &Assignment) -> Result<(), ConfigError> {
    let most = fairway_metrics::MOST_BUCKETS;
    let expected = format!("up to {most} numbers of seconds above 0, as in 0.1,0.3,1.2,5");
    let time = |text: String| {
        let seconds = text.parse().ok()?;
        let time = Duration::try_from_secs_f64(seconds).ok()?;
        (!time.is_zero()).then_some(time)
    };
    let times: Option<Vec<Duration>> = it.items().map(time).collect();
    let times = times.filter(|it| !it.is_empty() && it.len() <= most);
    prometheus.buckets = times.ok_or_else(|| it.invalid(&expected))?;
    Ok(())
}

fn header_label(prometheus: &mut PrometheusOptions, it: &Assignment) -> Result<(), ConfigError> {
    let label = it.name();
    let mut characters = label.chars();
    let begins = characters.next().is_some_and(|it| it.is_ascii_alphabetic());
    let is_name = begins && characters.all(|it| it.is_ascii_alphanumeric() || it == '_');
    if !is_name || OWN_LABELS.contains(&label) {
        let own = OWN_LABELS.join(", ");
        let expected = format!("a label of letters, digits and _ that is none of {own}");
        return Err(it.invalid(&expected));
    }
    if HeaderName::try_from(it.value.as_str()).is_err() {
        return Err(it.invalid("the name of a header, as in X-Tenant"));
    }
    let labels = &mut prometheus.header_labels;
    labels.insert(label.to_owned(), it.value.clone());
    Ok(())
}
