//! What a provider declares, one line for each thing.

use fairway_control::model::{Diagnostic, LoadBalancer, ProviderState, Severity, Strategy};
use fairway_control::rule::RuleSyntax;

/// The lines of a state.
pub(crate) fn lines(state: &ProviderState) -> Vec<String> {
    let config = &state.config;
    let mut lines = Vec::new();
    for (name, it) in &config.routers {
        let router = &it.value;
        let mut line = format!("router {name}: {} -> {}", router.rule, router.service);
        if router.rule_generated {
            line.push_str(", default rule");
        }
        if router.rule_syntax == RuleSyntax::V2 {
            line.push_str(", in v2 syntax");
        }
        if !router.entry_points.is_empty() {
            line.push_str(&format!(", on {}", router.entry_points.join(" ")));
        }
        if !router.middlewares.is_empty() {
            line.push_str(&format!(", through {}", router.middlewares.join(" ")));
        }
        if router.priority != 0 {
            line.push_str(&format!(", priority {}", router.priority));
        }
        lines.push(line + &origin(&it.containers));
    }
    for (name, it) in &config.services {
        let service = &it.value;
        let servers: Vec<String> = service
            .servers()
            .iter()
            .map(|server| match server.weight {
                1 => server.url(),
                weight => format!("{} weight {weight}", server.url()),
            })
            .collect();
        let mut line = match service.unavailable() {
            Some(reason) => format!("service {name}: unavailable, {reason}"),
            None => format!("service {name}: {}", servers.join(" ")),
        };
        match service.load_balancer() {
            Some(it) => line.push_str(&options(it)),
            None => line = format!("service {name}: {service:?}"),
        }
        lines.push(line + &origin(&it.containers));
    }
    for (name, it) in &config.middlewares {
        let json = serde_json::to_string(&it.value).unwrap();
        lines.push(format!(
            "middleware {name}: {json}{}",
            origin(&it.containers)
        ));
    }
    for (name, it) in &config.servers_transports {
        let transport = format!("{:?}", it.value);
        lines.push(format!(
            "servers transport {name}: {transport}{}",
            origin(&it.containers)
        ));
    }
    for (id, it) in &config.rejected {
        lines.push(format!(
            "rejected {id}: {}{}",
            it.value,
            origin(&it.containers)
        ));
    }
    lines.extend(state.diagnostics.iter().map(diagnostic));
    lines
}

/// Of a balancer, where they are not the usual ones.
fn options(it: &LoadBalancer) -> String {
    let mut line = String::new();
    if it.strategy != Strategy::Wrr {
        line.push_str(&format!(", {}", it.strategy.word()));
    }
    if let Some(cookie) = &it.sticky {
        line.push_str(&format!(", {cookie:?}"));
    }
    for server in it.servers.iter().filter(|it| !it.base_path.is_empty()) {
        line.push_str(&format!(", below {}", server.base_path));
    }
    if !it.pass_host_header {
        line.push_str(", server's Host");
    }
    if let Some(transport) = &it.servers_transport {
        line.push_str(&format!(", spoken to as {transport} says"));
    }
    if let Some(check) = &it.health_check {
        line.push_str(&format!(", {check:?}"));
    }
    if let Some(check) = &it.passive_health_check {
        line.push_str(&format!(", {check:?}"));
    }
    line
}

fn origin(containers: &[String]) -> String {
    format!(" ({})", containers.join(" "))
}

fn diagnostic(it: &Diagnostic) -> String {
    let severity = match it.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut line = severity.to_owned();
    if let Some(container) = &it.container {
        line.push_str(&format!(", container {container}"));
    }
    if let Some(label) = &it.label {
        line.push_str(&format!(", label {label}"));
    }
    if let Some(object) = &it.object {
        line.push_str(&format!(", {object}"));
    }
    format!("{line}: {} => {}", it.message, it.suggestion)
}
