//! One measurement: wrk for a few seconds, CPU time of the proxy before and after.

use std::process::Command;

use anyhow::{Context as _, ensure};

use super::peer::{self, Running};

/// Seconds of load that count, after a warm-up.
const SECONDS: u32 = 4;

/// What one measurement gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Microseconds of CPU, user and system, per request served.
    pub(crate) cpu_us: f64,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Answers other than 2xx and socket errors.
    pub(crate) failed: u64,
}

/// Puts load on a running proxy.
pub(crate) fn measure(proxy: &Running, connections: u32) -> anyhow::Result<Sample> {
    wrk(proxy, connections, 1)?;
    let before = proxy.process.cpu_ns()?;
    let (requests, rate, failed) = wrk(proxy, connections, SECONDS)?;
    let used = proxy.process.cpu_ns()? - before;
    ensure!(requests > 0, "nothing was served");
    #[allow(clippy::cast_precision_loss, reason = "a few billion at most")]
    let cpu_us = used as f64 / 1000.0 / requests as f64;
    Ok(Sample {
        cpu_us,
        rate,
        failed,
    })
}

/// Requests served, requests per second, failures.
fn wrk(proxy: &Running, connections: u32, seconds: u32) -> anyhow::Result<(u64, f64, u64)> {
    let url = format!("http://{}{}", proxy.address, peer::PATH);
    let host = format!("Host: {}", peer::HOST);
    let output = Command::new("taskset")
        .args(["-c", "1", "wrk", "-t1", "-c", &connections.to_string()])
        .args([
            "-d",
            &format!("{seconds}s"),
            "--timeout",
            "10s",
            "-H",
            &host,
            &url,
        ])
        .output()
        .context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |line: &str, at: usize| {
        line.split_whitespace()
            .nth(at)
            .and_then(|word| word.trim_end_matches(',').parse().ok())
    };
    let find = |start: &str| {
        text.lines()
            .map(str::trim)
            .find(|line| line.starts_with(start))
    };
    let requests = text.lines().find(|line| line.contains("requests in"));
    let requests = requests
        .and_then(|line| number(line, 0))
        .with_context(|| text.clone())?;
    let rate = find("Requests/sec:").and_then(|line| line.split_whitespace().nth(1));
    let rate = rate
        .and_then(|rate| rate.parse().ok())
        .with_context(|| text.clone())?;
    let bad = find("Non-2xx").and_then(|line| line.rsplit(' ').next()?.parse().ok());
    let socket = find("Socket errors:").map_or(0, |line| {
        line.split(|c: char| !c.is_ascii_digit())
            .filter_map(|word| word.parse::<u64>().ok())
            .sum()
    });
    Ok((requests, rate, bad.unwrap_or(0_u64) + socket))
}
