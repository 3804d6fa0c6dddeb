//! The texts of the admin server.

use std::fmt::Write;

use crate::Process;

/// Why the proxy is not ready.
pub(super) fn unready(process: &Process) -> String {
    if *process.draining.borrow() {
        "draining\n".to_owned()
    } else {
        "waiting for the first configuration\n".to_owned()
    }
}

/// The table in force, for people.
pub(super) fn config(process: &Process) -> String {
    let table = process.table.load();
    let status = process.status.borrow().clone();
    let mut text = String::new();
    let _ = writeln!(text, "version {}", table.version());
    let _ = writeln!(
        text,
        "control plane {} for {} s, last update {}",
        if status.connected {
            "connected"
        } else {
            "not connected"
        },
        status.since.elapsed().as_secs(),
        status.version
    );
    for entry_point in table.entry_points() {
        let _ = writeln!(
            text,
            "\nentrypoint {} {}",
            entry_point.name(),
            entry_point.address()
        );
        for route in table.routes(entry_point.name()) {
            let _ = writeln!(text, "  router {} priority {}", route.name, route.priority);
            let _ = writeln!(text, "    rule {}", route.rule);
            for middleware in &route.middlewares {
                let _ = writeln!(text, "    middleware {}", middleware.name());
            }
            let _ = writeln!(text, "    service {}", route.service.name);
        }
    }
    text.push('\n');
    for server in table.servers() {
        let authority = server.authority.to_str().unwrap_or_default();
        let _ = writeln!(text, "server {authority} container {}", server.container);
    }
    text
}
