//! One measurement: some seconds of load, CPU time of the proxy before and after.
//!
//! What makes the load runs on core 1, as a program of its own.

mod h2load;
pub(crate) mod websocket;
mod wrk;

use std::process::Command;

use anyhow::{Context as _, ensure};

use super::peer::Running;

/// Seconds of load that count, after a warm-up of one.
const SECONDS: u32 = 4;

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// HTTP/1.1.
    Get {
        path: &'static str,
        connections: u32,
        /// Each request over a new connection.
        close: bool,
    },
    /// HTTP/2 with prior knowledge.
    Http2 {
        path: &'static str,
        connections: u32,
        streams: u32,
    },
    /// Short messages that come back, one under way on each socket.
    WebSocket { sockets: u32 },
}

/// What one measurement gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Microseconds of CPU, user and system, per request served.
    pub(crate) cpu_us: f64,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Milliseconds that one request in a hundred takes at least; 0: not measured.
    pub(crate) p99_ms: f64,
    /// Answers other than 2xx, and broken connections.
    pub(crate) failed: u64,
}

/// What a load has seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    requests: u64,
    rate: f64,
    p99_ms: f64,
    failed: u64,
}

/// Puts load on a running proxy.
pub(crate) fn measure(proxy: &Running, load: Load) -> anyhow::Result<Sample> {
    run(proxy, load, 1)?;
    let before = proxy.process.cpu_ns()?;
    let seen = run(proxy, load, SECONDS)?;
    let used = proxy.process.cpu_ns()? - before;
    ensure!(seen.requests > 0, "nothing was served");
    #[allow(clippy::cast_precision_loss, reason = "a few billion at most")]
    let cpu_us = used as f64 / 1000.0 / seen.requests as f64;
    Ok(Sample {
        cpu_us,
        rate: seen.rate,
        p99_ms: seen.p99_ms,
        failed: seen.failed,
    })
}

fn run(proxy: &Running, load: Load, seconds: u32) -> anyhow::Result<Seen> {
    match load {
        Load::Get {
            path,
            connections,
            close,
        } => wrk::run(proxy.address, path, connections, close, seconds),
        Load::Http2 {
            path,
            connections,
            streams,
        } => h2load::run(proxy.http2, path, connections, streams, seconds),
        Load::WebSocket { sockets } => websocket::run(proxy.address, sockets, seconds),
    }
}

/// What a program prints that runs on core 1.
fn output_of(program: &str, arguments: &[String]) -> anyhow::Result<String> {
    let output = Command::new("taskset")
        .args(["-c", "1", program])
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number at the beginning of a word, whatever its unit.
fn number(word: &str) -> Option<f64> {
    let end = word
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(word.len());
    word[..end].parse().ok()
}
