//! wrk: HTTP/1.1 over connections that stay open, or one for each request.

use std::net::SocketAddr;

use anyhow::Context as _;

use super::{Seen, number, output_of};
use crate::workload::host_header;

pub(super) fn run(
    address: SocketAddr,
    path: &str,
    connections: u32,
    close: bool,
    seconds: u32,
) -> anyhow::Result<Seen> {
    let mut arguments = vec![
        "-t1".to_owned(),
        format!("-c{connections}"),
        format!("-d{seconds}s"),
        "--latency".to_owned(),
        "--timeout".to_owned(),
        "10s".to_owned(),
        "-H".to_owned(),
        host_header(),
    ];
    if close {
        arguments.extend(["-H", "Connection: close"].map(str::to_owned));
    }
    arguments.push(format!("http://{address}{path}"));
    let text = output_of("wrk", &arguments)?;
    read(&text).with_context(|| text.clone())
}

fn read(text: &str) -> Option<Seen> {
    let line = |start: &str| {
        let mut lines = text.lines().map(str::trim);
        lines.find_map(|line| line.strip_prefix(start))
    };
    let requests = text.lines().find(|line| line.contains("requests in"))?;
    let bad = line("Non-2xx or 3xx responses:").and_then(|rest| rest.trim().parse().ok());
    let socket = line("Socket errors:").map_or(0, |rest| {
        rest.split(|c: char| !c.is_ascii_digit())
            .filter_map(|word| word.parse::<u64>().ok())
            .sum()
    });
    Some(Seen {
        requests: requests.split_whitespace().next()?.parse().ok()?,
        rate: line("Requests/sec:")?.trim().parse().ok()?,
        p99_ms: milliseconds(line("99%")?.trim())?,
        failed: bad.unwrap_or(0_u64) + socket,
    })
}

/// `812.00us`, `1.25ms`, `2.01s`.
fn milliseconds(text: &str) -> Option<f64> {
    let value = number(text)?;
    Some(
        match text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "us" => value / 1000.0,
            "ms" => value,
            "s" => value * 1000.0,
            _ => return None,
        },
    )
}
