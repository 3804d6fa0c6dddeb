//! A report for people.

use super::{Finding, Report};
use crate::compile::{Object, Outcome, Router};
use crate::model::{Middleware, Service, Severity};

/// Findings first, since they are what one came for; then what results.
pub(super) fn report(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        out.push_str(&self::finding(finding));
        out.push('\n');
    }
    let entry_points = report.entry_points.iter();
    let entry_points: Vec<_> = entry_points
        .map(|(name, options)| format!("{name} {}", options.address))
        .collect();
    let entry_points = if entry_points.is_empty() {
        "none".to_owned()
    } else {
        entry_points.join(", ")
    };
    out.push_str(&format!(
        "entry points: {entry_points} ({})\n",
        report.entry_points_from
    ));
    if let Some(files) = &report.files {
        out.push_str(&format!("files: {}\n", files.display()));
    }
    let compiled = &report.compiled;
    section(
        &mut out,
        "routers",
        compiled.routers.iter().map(|(name, it)| router(name, it)),
    );
    section(
        &mut out,
        "services",
        compiled.services.iter().map(|(name, it)| service(name, it)),
    );
    let middlewares = compiled.middlewares.iter();
    section(
        &mut out,
        "middlewares",
        middlewares.map(|(name, it)| middleware(name, it)),
    );
    out.push_str(&format!(
        "\n{}, {}, {}\n",
        count(report.containers, "container"),
        count(report.count(Severity::Error), "error"),
        count(report.count(Severity::Warning), "warning"),
    ));
    out
}

/// One finding: its place, what is wrong, what would work.
pub(super) fn finding(finding: &Finding) -> String {
    let diagnostic = &finding.diagnostic;
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = String::new();
    match (&finding.file, finding.line()) {
        (Some(file), Some(line)) => out.push_str(&format!("{}:{line}: ", file.display())),
        _ => out.push_str(
            &diagnostic
                .container
                .as_deref()
                .map(|it| format!("{it}: "))
                .unwrap_or_default(),
        ),
    }
    out.push_str(&format!("{severity}: {}\n", diagnostic.message));
    let about = [
        finding
            .service
            .as_ref()
            .map(|name| format!("service {name}")),
        diagnostic.label.as_ref().map(|key| format!("label {key}")),
        diagnostic.object.as_ref().map(|id| id.to_string()),
    ];
    let about: Vec<_> = about.into_iter().flatten().collect();
    if !about.is_empty() {
        out.push_str(&format!("    in {}\n", about.join(", ")));
    }
    if !diagnostic.suggestion.is_empty() {
        out.push_str(&format!("    help: {}\n", diagnostic.suggestion));
    }
    out
}

fn section(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    out.push_str(&format!("\n{title}\n"));
    let before = out.len();
    for line in lines {
        out.push_str(&format!("  {line}\n"));
    }
    if out.len() == before {
        out.push_str("  none\n");
    }
}

fn router(name: &str, object: &Object<Router>) -> String {
    let Some(router) = &object.value else {
        return format!("{name}: not served");
    };
    let mut line = format!("{name}: {}", router.rule);
    if object.outcome == Outcome::Rejected {
        return line + ", not served";
    }
    line.push_str(&format!(" on {}", router.entry_points.join(", ")));
    if !router.middlewares.is_empty() {
        line.push_str(&format!(" through {}", router.middlewares.join(", ")));
    }
    format!("{line} -> {}, priority {}", router.service, router.priority)
}

fn service(name: &str, object: &Object<Service>) -> String {
    let Some(service) = &object.value else {
        return match object.outcome {
            Outcome::Rejected => format!("{name}: not served"),
            // Fairway's own.
            _ => name.to_owned(),
        };
    };
    let (kind, parts) = (service.type_name(), service.references().join(", "));
    if service.load_balancer().is_none() {
        return format!("{name}: {kind} of {parts}");
    }
    let servers: Vec<_> = service
        .servers()
        .iter()
        .map(|server| match server.weight {
            1 => server.url(),
            weight => format!("{} (weight {weight})", server.url()),
        })
        .collect();
    match service.unavailable() {
        Some(reason) => format!("{name}: no server, since {reason}"),
        None => format!("{name}: {}", servers.join(", ")),
    }
}

fn middleware(name: &str, object: &Object<Middleware>) -> String {
    match &object.value {
        Some(middleware) => format!("{name}: {}", middleware.type_name()),
        None => format!("{name}: not usable"),
    }
}

pub(super) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}
