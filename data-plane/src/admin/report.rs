//! The texts of the admin server.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use crate::Process;
use crate::counter::Counters;

/// Why the proxy is not ready.
pub(super) fn unready(process: &Process) -> String {
    if *process.draining.borrow() {
        "draining\n".to_owned()
    } else {
        "waiting for the first configuration\n".to_owned()
    }
}

/// Counters in Prometheus' text form.
pub(super) fn metrics(process: &Process) -> String {
    let sum = |pick: fn(&Counters) -> u64| -> u64 {
        process
            .workers
            .iter()
            .map(|worker| pick(&worker.counters))
            .sum()
    };
    let mut text = String::new();
    let mut line = |name: &str, kind: &str, value: u64| {
        let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
    };
    let open = u64::try_from(process.open_connections()).unwrap_or(u64::MAX);
    line("fairway_open_connections", "gauge", open);
    line(
        "fairway_connections_total",
        "counter",
        sum(|c| c.connections.load(Relaxed)),
    );
    line(
        "fairway_server_connections_total",
        "counter",
        sum(|c| c.server_connections.load(Relaxed)),
    );
    line(
        "fairway_retries_total",
        "counter",
        sum(|c| c.retries.load(Relaxed)),
    );
    line(
        "fairway_mirrored_requests_total",
        "counter",
        sum(|c| c.copies.load(Relaxed)),
    );
    line(
        "fairway_mirrored_requests_left_out_total",
        "counter",
        sum(|c| c.copies_left_out.load(Relaxed)),
    );
    line(
        "fairway_access_log_dropped_lines_total",
        "counter",
        process.access_log.dropped_lines(),
    );
    line(
        "fairway_trace_dropped_spans_total",
        "counter",
        process.spans.dropped_spans(),
    );
    line("fairway_ready", "gauge", u64::from(process.is_ready()));
    line(
        "fairway_control_plane_connected",
        "gauge",
        u64::from(process.status.borrow().connected),
    );
    text.push_str("# TYPE fairway_answers_total counter\n");
    let mut classes = [0_u64; 5];
    for worker in &process.workers {
        for (total, count) in classes.iter_mut().zip(worker.counters.answers()) {
            *total += count;
        }
    }
    for (class, total) in (1..).zip(classes) {
        let _ = writeln!(text, "fairway_answers_total{{class=\"{class}xx\"}} {total}");
    }
    text
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
