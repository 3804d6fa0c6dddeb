//! A report for programs: as `/api/rawdata`, with places.

use serde_json::{Map, Value, json};

use super::{Finding, Report};
use crate::api::rawdata;
use crate::model::Severity;

pub(super) fn report(report: &Report) -> String {
    let mut out = match rawdata::unserved(&report.compiled) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    // Nobody has asked the servers.
    if let Some(Value::Object(services)) = out.get_mut("services") {
        for service in services.values_mut().filter_map(Value::as_object_mut) {
            service.remove("serverStatus");
        }
    }
    let entry_points = report.entry_points.iter();
    let entry_points: Map<String, Value> = entry_points
        .map(|(name, options)| (name.clone(), json!({ "address": options.address })))
        .collect();
    out.insert("entryPoints".to_owned(), entry_points.into());
    out.insert(
        "diagnostics".to_owned(),
        report.findings.iter().map(finding).collect(),
    );
    print(&Value::Object(out))
}

pub(super) fn finding(finding: &Finding) -> Value {
    let diagnostic = &finding.diagnostic;
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), value);
        }
    };
    put("severity", Some(severity.into()));
    put(
        "file",
        finding
            .file
            .as_ref()
            .map(|file| file.display().to_string().into()),
    );
    put("line", finding.line().map(Into::into));
    put("service", finding.service.clone().map(Into::into));
    put("container", diagnostic.container.clone().map(Into::into));
    put("label", diagnostic.label.clone().map(Into::into));
    put(
        "object",
        diagnostic.object.as_ref().map(|id| id.to_string().into()),
    );
    put("message", Some(diagnostic.message.clone().into()));
    put("suggestion", Some(diagnostic.suggestion.clone().into()));
    Value::Object(out)
}

pub(super) fn print(value: &Value) -> String {
    // A value has no keys that are not text: printing it cannot fail.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
