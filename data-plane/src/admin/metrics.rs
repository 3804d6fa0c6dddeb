//! `/metrics`: this proxy's own numbers, under Traefik's names and ours.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use std::sync::atomic::Ordering::Relaxed;

use fairway_metrics::{Kind, Process as Usage, Text, write_requests};

use crate::Process;
use crate::balance::Standing;
use crate::counter::Counters;
use crate::routing::RouteTable;
use crate::stats::Ledger;

/// The page as of now.
pub(super) async fn page(process: &Process) -> String {
    process.collector.collect().await;
    let table = process.table.load_full();
    let mut text = Text::default();
    configuration(&mut text, process);
    {
        let mut ledger = process.collector.ledger();
        requests(&mut text, &ledger, &table);
        ledger.shown();
    }
    server_up(&mut text, &table);
    own(&mut text, process);
    let started = process.collector.started().as_secs_f64();
    Usage::now().write(&mut text, started);
    text.finish()
}

fn configuration(text: &mut Text, process: &Process) {
    let status = process.status.borrow().clone();
    let name = "traefik_config_reloads_total";
    let help = "Configurations that were put in service.";
    text.single(name, Kind::Counter, help, status.applied);
    let applied = status.applied_at.unwrap_or(UNIX_EPOCH);
    let since = applied.duration_since(UNIX_EPOCH);
    let name = "traefik_config_last_reload_success";
    let help = "When the last configuration was put in service, in Unix time.";
    let since = since.unwrap_or(Duration::ZERO).as_secs_f64();
    text.single(name, Kind::Gauge, help, since);
    let name = "fairway_config_version";
    text.family(name, Kind::Gauge, "Version of the configuration; always 1.");
    text.sample(name, [("version", status.version.as_str())], 1);
    let age = SystemTime::now().duration_since(applied);
    let name = "fairway_config_age_seconds";
    let help = "For how long this configuration has been in service.";
    let age = age.ok().filter(|_| status.applied > 0);
    let age = age.unwrap_or(Duration::ZERO).as_secs_f64();
    text.single(name, Kind::Gauge, help, age);
}

fn requests(text: &mut Text, ledger: &Ledger, table: &RouteTable) {
    let name = "traefik_open_connections";
    text.family(name, Kind::Gauge, "Connections of clients that are open.");
    for (entry_point, count) in ledger.open_connections() {
        let labels = [("entrypoint", entry_point.as_str()), ("protocol", "TCP")];
        text.sample(name, labels, count);
    }
    let shown = &table.metrics().shown;
    let series = ledger.series().map(|(it, entry)| (it, &entry.totals));
    write_requests(text, shown, ledger.bounds(), series);
    if shown.services {
        let name = "traefik_service_retries_total";
        text.family(name, Kind::Counter, "Requests that were sent again.");
        for (service, count) in ledger.retries() {
            text.sample(name, [("service", service.as_str())], count);
        }
    }
    let name = "fairway_proxy_answers_total";
    let help = "Answers of the proxy that no server gave, by reason code.";
    text.family(name, Kind::Counter, help);
    for (reason, count) in ledger.answers() {
        text.sample(name, [("reason", *reason)], count);
    }
    let name = "fairway_requests_coarse_total";
    let help = "Requests counted by class of answer only: there are too many kinds.";
    text.single(name, Kind::Counter, help, ledger.coarse());
}

/// Servers with a health check.
fn server_up(text: &mut Text, table: &RouteTable) {
    let name = "traefik_service_server_up";
    let help = "Whether a server passes its health check: 1 or 0.";
    text.family(name, Kind::Gauge, help);
    for balancer in table.balancers() {
        for server in balancer.servers() {
            if server.health.check().is_some() {
                let down = matches!(balancer.standing(server), Standing::Down(_));
                let labels = [("service", &*balancer.name), ("url", &*server.url)];
                text.sample(name, labels, u8::from(!down));
            }
        }
    }
}

/// What Traefik has no name for.
fn own(text: &mut Text, process: &Process) {
    let sum = |pick: fn(&Counters) -> u64| -> u64 {
        let workers = process.workers.iter();
        workers.map(|worker| pick(&worker.counters)).sum()
    };
    for (name, help, value) in [
        (
            "fairway_connections_total",
            "Connections of clients that were accepted.",
            sum(|it| it.connections.load(Relaxed)),
        ),
        (
            "fairway_server_connections_total",
            "Connections that were made to servers.",
            sum(|it| it.server_connections.load(Relaxed)),
        ),
        (
            "fairway_retries_total",
            "Requests that were sent again.",
            sum(|it| it.retries.load(Relaxed)),
        ),
        (
            "fairway_mirrored_requests_total",
            "Copies for mirrors that were answered.",
            sum(|it| it.copies.load(Relaxed)),
        ),
        (
            "fairway_mirrored_requests_left_out_total",
            "Copies for mirrors that were not sent: there was too much to do.",
            sum(|it| it.copies_left_out.load(Relaxed)),
        ),
        (
            "fairway_access_log_dropped_lines_total",
            "Lines of the access log that were dropped, as its sink was too slow.",
            process.access_log.dropped_lines(),
        ),
        (
            "fairway_trace_dropped_spans_total",
            "Spans that were dropped, as their receiver was too slow.",
            process.spans.dropped_spans(),
        ),
    ] {
        text.single(name, Kind::Counter, help, value);
    }
    let connected = process.status.borrow().connected;
    for (name, help, value) in [
        (
            "fairway_open_connections",
            "Connections of clients that are open.",
            process.open_connections(),
        ),
        (
            "fairway_ready",
            "Whether the proxy has a configuration and is not being stopped.",
            usize::from(process.is_ready()),
        ),
        (
            "fairway_control_plane_connected",
            "Whether the proxy has a stream to a control plane.",
            usize::from(connected),
        ),
    ] {
        text.single(name, Kind::Gauge, help, value);
    }
    let name = "fairway_answers_total";
    text.family(
        name,
        Kind::Counter,
        "Answers to clients, by class of status.",
    );
    let mut classes = [0_u64; 5];
    for worker in &process.workers {
        for (total, count) in classes.iter_mut().zip(worker.counters.answers()) {
            *total += count;
        }
    }
    for (class, total) in (1..).zip(classes) {
        text.sample(name, [("class", &*format!("{class}xx"))], total);
    }
}
